// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The points of a space that a search ranks: all of a small space, or a uniform sample and the points that the cost
// model likes better from there on. They depend on the options alone.
//
#ifndef TEGULA_TUNER_SEARCH_CANDIDATES_H
#define TEGULA_TUNER_SEARCH_CANDIDATES_H

#include "tegula/Tuner/Search/Search.h"

#include <set>

namespace tegula::tuner {

class Candidates {
public:
  Candidates(const SearchSpace &space, const SearchOptions &options);

  /// Whether the point may be proposed, and its number in the space.
  std::optional<uint64_t> indexOf(const Configuration &point) const;
  /// How many points may be proposed.
  uint64_t count() const { return only ? only->size() : space.count(); }
  /// A point that is not among `tried`, about uniformly distributed; nullopt when there is none.
  std::optional<Configuration> sample(const std::set<uint64_t> &tried, uint64_t random) const;

  const std::vector<Configuration> &ranked() const { return points; }
  /// The start and the points that the cost model likes best, no two of them alike.
  const std::vector<Configuration> &firstTrials() const { return first; }

private:
  void collect(const SearchOptions &options);

  const SearchSpace &space;
  /// Numbers of the only points there are.
  std::optional<std::set<uint64_t>> only;
  std::vector<Configuration> points, first;
};

/// In how many knobs two points differ.
size_t countDifferences(const Configuration &a, const Configuration &b);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SEARCH_CANDIDATES_H
