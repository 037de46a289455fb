// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Search/Search.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <set>
#include <vector>

using namespace tegula;
using namespace tegula::tuner;

namespace {

/// One proposal: the history sorted and indexed, and a stream of random bits that depends on seed and history length.
class Proposal {
public:
  Proposal(const SearchSpace &space, const SearchOptions &options, llvm::ArrayRef<Observation> history)
      : space(space), options(options) {
    for (const Observation &observation : history) {
      std::optional<uint64_t> index = space.indexOf(observation.configuration);
      if (!index || !tried.insert(*index).second)
        continue;
      if (observation.timeNs)
        good.push_back(&observation);
    }
    // Equal times stay in the order of the history, in which the pointers ascend.
    llvm::sort(good, [](const Observation *a, const Observation *b) {
      return *a->timeNs != *b->timeNs ? *a->timeNs < *b->timeNs : a < b;
    });
    state = mixBits(options.seed ^ mixBits(tried.size()));
  }

  std::optional<Configuration> make() {
    if (tried.size() >= space.count())
      return std::nullopt;
    if (options.start && isNew(*options.start))
      return options.start;
    if (options.strategy == SearchStrategy::Random || good.empty() || tried.size() < options.explorationTrials)
      return freshSample();
    if (std::optional<Configuration> step = untriedNeighbour(*good.front()))
      return step;
    // A local optimum: widen. The round robin keeps a fruitless branch from starving the others.
    switch (tried.size() % 3) {
    case 0:
      if (std::optional<Configuration> child = recombine())
        return child;
      break;
    case 1:
      for (const Observation *elite : llvm::ArrayRef<const Observation *>(good).drop_front().take_front(eliteCount))
        if (std::optional<Configuration> step = untriedNeighbour(*elite))
          return step;
      break;
    default:
      break;
    }
    return freshSample();
  }

private:
  static constexpr size_t eliteCount = 8;

  uint64_t random() { return state = mixBits(state); }
  uint64_t random(uint64_t bound) { return random() % bound; }

  bool isNew(const Configuration &configuration) const {
    std::optional<uint64_t> index = space.indexOf(configuration);
    return index && !tried.count(*index);
  }

  /// A uniform sample among the untried points.
  std::optional<Configuration> freshSample() {
    for (unsigned attempt = 0; attempt < 64; ++attempt) {
      std::optional<Configuration> point = space.sample(random());
      if (point && isNew(*point))
        return point;
    }
    // Nearly everything is tried: take the first untried point after a random one.
    uint64_t total = space.count();
    uint64_t first = random(total);
    for (uint64_t offset = 0; offset < total; ++offset)
      if (uint64_t index = (first + offset) % total; !tried.count(index))
        return space.at(index);
    return std::nullopt;
  }

  /// How much the knob has mattered so far: the best time with each of its values, worst over best of them.
  double influence(size_t knob) const {
    double smallest = 0, largest = 0;
    for (int64_t value : space.getKnobs()[knob].values) {
      // The history is sorted, so the first hit is the best with this value.
      auto hit = llvm::find_if(good, [&](const Observation *o) { return o->configuration[knob] == value; });
      if (hit == good.end())
        continue;
      double time = *(*hit)->timeNs;
      smallest = smallest == 0 ? time : std::min(smallest, time);
      largest = std::max(largest, time);
    }
    return smallest > 0 ? largest / smallest : 1;
  }

  /// An untried neighbour of `centre`: the most influential knob first, random among the steps of one knob.
  std::optional<Configuration> untriedNeighbour(const Observation &centre) {
    struct Step {
      double influence;
      uint64_t order;
      Configuration point;
    };
    std::vector<Step> steps;
    for (Configuration &neighbour : space.neighbours(centre.configuration)) {
      if (!isNew(neighbour))
        continue;
      size_t knob = 0;
      while (neighbour[knob] == centre.configuration[knob])
        ++knob;
      steps.push_back({influence(knob), random(), std::move(neighbour)});
    }
    if (steps.empty())
      return std::nullopt;
    auto best = std::min_element(steps.begin(), steps.end(), [](const Step &a, const Step &b) {
      return a.influence != b.influence ? a.influence > b.influence : a.order < b.order;
    });
    return best->point;
  }

  /// A child that takes each knob from one of two good parents, sometimes with one knob changed to any value.
  std::optional<Configuration> recombine() {
    size_t parents = std::min(good.size(), eliteCount);
    for (unsigned attempt = 0; attempt < 64; ++attempt) {
      const Configuration &mother = good[random(parents)]->configuration;
      const Configuration &father = good[random(parents)]->configuration;
      Configuration child = mother;
      for (size_t knob = 0; knob < child.size(); ++knob)
        if (random(2))
          child[knob] = father[knob];
      if (random(2)) {
        size_t knob = random(child.size());
        llvm::ArrayRef<int64_t> values = space.getKnobs()[knob].values;
        child[knob] = values[random(values.size())];
      }
      if (isNew(child))
        return child;
    }
    return std::nullopt;
  }

  const SearchSpace &space;
  const SearchOptions &options;
  std::set<uint64_t> tried;
  /// Measured points, fastest first.
  std::vector<const Observation *> good;
  uint64_t state;
};

} // namespace

std::optional<Configuration> Search::propose(llvm::ArrayRef<Observation> history) const {
  return Proposal(space, options, history).make();
}
