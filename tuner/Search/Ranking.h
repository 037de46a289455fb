// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the history tells of the points that were not tried: how much slower they are than the cost model says, learned
// by trees, and how likely one is among the best tenth. Failures count as slow ones for the second question only.
//
#ifndef TEGULA_TUNER_SEARCH_RANKING_H
#define TEGULA_TUNER_SEARCH_RANKING_H

#include "tegula/Tuner/CostModel/BoostedTrees.h"
#include "tegula/Tuner/Search/Search.h"

#include <map>

namespace tegula::tuner {

class Ranking {
public:
  Ranking(const SearchSpace &space, const SearchOptions &options) : space(space), options(options) {}

  /// Learns from the history anew; false when there is too little to learn from, or no trees in this build.
  bool learn(llvm::ArrayRef<const Observation *> history);
  /// One score for each point, smaller is better; after learn() was true.
  std::vector<double> score(llvm::ArrayRef<Configuration> points) const;

private:
  /// What is known of a point without a measurement.
  struct Description {
    std::vector<float> row;
    double logEstimate;
  };
  const Description &describe(const Configuration &point) const;
  std::vector<float> rowsOf(llvm::ArrayRef<const Configuration *> points) const;

  const SearchSpace &space;
  const SearchOptions &options;
  std::optional<BoostedTrees> times, chances;
  mutable std::map<Configuration, Description> known;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SEARCH_RANKING_H
