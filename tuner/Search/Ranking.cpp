// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Ranking.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>

using namespace tegula;
using namespace tegula::tuner;

static constexpr size_t fewestExamples = 8;
static constexpr unsigned rounds = 60;
/// A point that is surely among the best tenth counts as this much faster than one that surely is not, in the natural
/// logarithm of the time.
static constexpr double chanceWeight = 0.1;

const Ranking::Description &Ranking::describe(const Configuration &point) const {
  auto [entry, isNew] = known.try_emplace(point);
  Description &description = entry->second;
  if (!isNew)
    return description;
  for (auto [knob, value] : llvm::zip_equal(space.getKnobs(), point))
    description.row.push_back(knob.isNamed() || value < 0 ? float(value) : std::log2(1 + float(value)));
  if (options.describe)
    llvm::append_range(description.row, options.describe(point));
  double logEstimate = options.estimateNs ? std::log(options.estimateNs(point)) : 0;
  // Beyond any time where the model cannot tell.
  description.logEstimate = std::isfinite(logEstimate) ? logEstimate : 100;
  return description;
}

std::vector<float> Ranking::rowsOf(llvm::ArrayRef<const Configuration *> points) const {
  std::vector<float> rows;
  for (const Configuration *point : points)
    llvm::append_range(rows, describe(*point).row);
  return rows;
}

bool Ranking::learn(llvm::ArrayRef<const Observation *> history) {
  std::vector<double> good;
  for (const Observation *observation : history)
    if (observation->timeNs)
      good.push_back(*observation->timeNs);
  if (!BoostedTrees::isAvailable() || good.size() < fewestExamples)
    return false;
  llvm::sort(good);
  double best = good.front(), tenth = good[good.size() / 10];
  TrainingSet timeSet, chanceSet;
  std::vector<const Configuration *> all, measured;
  for (const Observation *observation : history) {
    all.push_back(&observation->configuration);
    chanceSet.targets.push_back(observation->timeNs && *observation->timeNs <= tenth);
    if (!observation->timeNs)
      continue;
    measured.push_back(&observation->configuration);
    timeSet.targets.push_back(
        float(std::log(*observation->timeNs) - std::log(best) - describe(observation->configuration).logEstimate));
    // Where the fast ones are matters more than how slow the slow ones are.
    timeSet.weights.push_back(float(best / *observation->timeNs));
  }
  timeSet.rows = rowsOf(measured);
  chanceSet.rows = rowsOf(all);
  timeSet.columns = chanceSet.columns = describe(*all.front()).row.size();
  // The trees start from zero: what all estimates have in common is no news.
  float middle = 0;
  for (float target : timeSet.targets)
    middle += target / float(timeSet.targets.size());
  for (float &target : timeSet.targets)
    target -= middle;
  times = llvm::cantFail(BoostedTrees::fit(timeSet, BoostedTrees::Objective::Regression, rounds));
  chances = llvm::cantFail(BoostedTrees::fit(chanceSet, BoostedTrees::Objective::Classification, rounds / 2));
  return true;
}

std::vector<double> Ranking::score(llvm::ArrayRef<Configuration> points) const {
  if (points.empty())
    return {};
  std::vector<const Configuration *> addresses;
  for (const Configuration &point : points)
    addresses.push_back(&point);
  std::vector<float> rows = rowsOf(addresses);
  size_t columns = rows.size() / points.size();
  std::vector<float> time = llvm::cantFail(times->predict(rows, columns));
  std::vector<float> chance = llvm::cantFail(chances->predict(rows, columns));
  std::vector<double> scores;
  for (auto [place, point] : llvm::enumerate(points))
    scores.push_back(describe(point).logEstimate + time[place] - chanceWeight * chance[place]);
  return scores;
}
