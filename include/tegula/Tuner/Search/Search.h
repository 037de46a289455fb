// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which point of a search space to try next. A proposal is a pure function of the options and the history, so that a
// search can be resumed after any interruption and driven in tests by recorded results.
//
// The guided strategy: first the start, then a uniform sample, then coordinate descent: the untried neighbours of the
// best point, the knobs that gained most first. When all neighbours of the best are tried, it alternates between
// children of two good points, neighbours of the next best points and fresh samples. No point is proposed twice.
//
#ifndef TEGULA_TUNER_SEARCH_SEARCH_H
#define TEGULA_TUNER_SEARCH_SEARCH_H

#include "tegula/Kernel/SearchSpace.h"

#include <cstdint>
#include <optional>

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
  /// Size of the uniform sample before the descent begins.
  unsigned explorationTrials = 16;
};

class Search {
public:
  /// `space` outlives the object.
  Search(const SearchSpace &space, SearchOptions options) : space(space), options(std::move(options)) {}

  /// The next point to try; nullopt when every legal point is in the history. History entries from outside the space
  /// are ignored; only the order of the history's good points may matter, never when they were measured.
  std::optional<Configuration> propose(llvm::ArrayRef<Observation> history) const;

private:
  const SearchSpace &space;
  SearchOptions options;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SEARCH_SEARCH_H
