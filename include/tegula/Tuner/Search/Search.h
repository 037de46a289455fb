// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which point of a search space to try next. A proposal is a pure function of the options and the history, so that a
// search can be resumed after any interruption and driven in tests by recorded results.
//
// The guided strategy: first the default and the points that the cost model likes best; then generations of eight. A
// generation is chosen by trees that have learned from the history how far the cost model is off: most are the points
// that they rank first, one is a step from the best point, one a uniform sample. Without learned trees a generation is
// coordinate descent: the untried neighbours of the best point, the knobs that gained most first; at a local optimum
// children of two good points, neighbours of the next best points and fresh samples in turns. No point is proposed
// twice.
//
#ifndef TEGULA_TUNER_SEARCH_SEARCH_H
#define TEGULA_TUNER_SEARCH_SEARCH_H

#include "tegula/Kernel/SearchSpace.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace tegula::tuner {

/// What is known about a point: its time in nanoseconds, or that it failed.
struct Observation {
  Configuration configuration;
  std::optional<double> timeNs;
};

enum class SearchStrategy {
  Guided,
  /// Uniform samples after the start: the yardstick for every other strategy.
  Random,
};

struct SearchOptions {
  uint64_t seed = 0;
  SearchStrategy strategy = SearchStrategy::Guided;
  /// The first proposal; normally the analytic default. Empty: none.
  std::optional<Configuration> start;
  /// Nanoseconds that the cost model expects of a point; positive. Without it the points of the cost model are uniform
  /// samples, and the trees learn the time itself.
  std::function<double(const Configuration &)> estimateNs;
  /// Numbers that describe a point to the trees, beside its knobs; always as many.
  std::function<std::vector<float>(const Configuration &)> describe;
  /// Where it is given, no other points exist: those that a replay has measurements of.
  std::optional<std::vector<Configuration>> only;
  /// How many points of the cost model are tried before the first generation.
  unsigned explorationTrials = 16;
};

class Search {
public:
  /// `space` outlives the object.
  Search(const SearchSpace &space, SearchOptions options);
  ~Search();

  /// The next point to try; nullopt when every legal point is in the history. History entries from outside the space
  /// are ignored. What was learned is kept between calls, which changes nothing but their cost.
  std::optional<Configuration> propose(llvm::ArrayRef<Observation> history) const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SEARCH_SEARCH_H
