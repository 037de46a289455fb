// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Candidates.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <limits>

using namespace tegula;
using namespace tegula::tuner;

/// Ranking more points than this costs more time than it finds better ones.
static constexpr uint64_t maxPoints = 4096;
/// From so many of the best points of the sample the cost model is followed to a local optimum.
static constexpr size_t climbs = 32;

size_t tegula::tuner::countDifferences(const Configuration &a, const Configuration &b) {
  size_t count = 0;
  for (auto [left, right] : llvm::zip_equal(a, b))
    count += left != right;
  return count;
}

Candidates::Candidates(const SearchSpace &space, const SearchOptions &options) : space(space) {
  if (options.only) {
    only.emplace();
    for (const Configuration &point : *options.only)
      if (std::optional<uint64_t> index = space.indexOf(point))
        only->insert(*index);
  }
  if (options.start && indexOf(*options.start))
    first.push_back(*options.start);
  if (options.strategy == SearchStrategy::Random)
    return;
  collect(options);
  if (!options.estimateNs) {
    std::set<uint64_t> chosen;
    for (const Configuration &point : first)
      chosen.insert(*indexOf(point));
    for (unsigned trial = 0; trial < options.explorationTrials; ++trial)
      if (std::optional<Configuration> point = sample(chosen, mixBits(options.seed ^ mixBits(trial)))) {
        chosen.insert(*indexOf(*point));
        first.push_back(*point);
      }
    return;
  }
  // Best first, and among neighbours only the best: sixteen variants of one idea would tell little.
  size_t wanted = first.size() + options.explorationTrials;
  for (size_t distance : {2, 1})
    for (const Configuration &point : points)
      if (first.size() < wanted &&
          llvm::all_of(first, [&](const Configuration &known) { return countDifferences(known, point) >= distance; }))
        first.push_back(point);
}

std::optional<uint64_t> Candidates::indexOf(const Configuration &point) const {
  std::optional<uint64_t> index = space.indexOf(point);
  return index && only && !only->count(*index) ? std::nullopt : index;
}

std::optional<Configuration> Candidates::sample(const std::set<uint64_t> &tried, uint64_t random) const {
  uint64_t total = count();
  if (total == 0)
    return std::nullopt;
  auto at = [&](uint64_t place) { return only ? *std::next(only->begin(), place) : place; };
  for (unsigned attempt = 0; attempt < 64; ++attempt) {
    random = mixBits(random);
    if (uint64_t index = at(random % total); !tried.count(index))
      return space.at(index);
  }
  // Nearly everything is tried: take the first untried point after a random one.
  for (uint64_t offset = 0; offset < total; ++offset)
    if (uint64_t index = at((random % total + offset) % total); !tried.count(index))
      return space.at(index);
  return std::nullopt;
}

/// Fills `points`, those with the smallest estimate first where there is one.
void Candidates::collect(const SearchOptions &options) {
  std::set<uint64_t> numbers;
  if (only) {
    numbers = *only;
  } else {
    uint64_t total = space.count();
    if (total <= maxPoints)
      for (uint64_t index = 0; index < total; ++index)
        numbers.insert(index);
    uint64_t random = mixBits(options.seed);
    while (numbers.size() < std::min(total, maxPoints))
      numbers.insert((random = mixBits(random)) % total);
  }
  struct Estimated {
    double ns;
    uint64_t index;
    bool operator<(const Estimated &other) const { return ns != other.ns ? ns < other.ns : index < other.index; }
  };
  std::set<Estimated> sorted;
  // What the model cannot tell comes last.
  auto estimate = [&](const Configuration &point) {
    double ns = options.estimateNs ? options.estimateNs(point) : 0;
    return std::isfinite(ns) ? ns : std::numeric_limits<double>::max();
  };
  for (uint64_t index : numbers)
    sorted.insert({estimate(*space.at(index)), index});
  if (options.estimateNs && !only && numbers.size() < space.count()) {
    std::vector<Estimated> starts;
    for (const Estimated &start :
         llvm::make_range(sorted.begin(), std::next(sorted.begin(), std::min(climbs, sorted.size()))))
      starts.push_back(start);
    for (Estimated current : starts)
      while (true) {
        Estimated best = current;
        for (const Configuration &neighbour : space.neighbours(*space.at(current.index))) {
          Estimated next{estimate(neighbour), *space.indexOf(neighbour)};
          sorted.insert(next);
          best = std::min(best, next);
        }
        if (best.index == current.index)
          break;
        current = best;
      }
  }
  for (const Estimated &estimated : sorted)
    points.push_back(*space.at(estimated.index));
}
