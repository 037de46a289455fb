// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Search/Search.h"

#include "Candidates.h"
#include "Ranking.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <set>

using namespace tegula;
using namespace tegula::tuner;

/// What a search remembers between proposals; all of it follows from the options and the history.
struct Search::State {
  State(const SearchSpace &space, SearchOptions options)
      : space(space), options(std::move(options)), candidates(space, this->options), ranking(space, this->options) {}

  const SearchSpace &space;
  SearchOptions options;
  Candidates candidates;
  Ranking ranking;
  /// How many trials the ranking has learned from, whether they were enough, and what it says of the candidates.
  size_t learned = 0;
  bool hasLearned = false;
  std::vector<double> scores;
};

namespace {

/// One proposal: the history sorted and indexed, and a stream of random bits that depends on seed and history length.
class Proposal {
public:
  Proposal(const SearchSpace &space, const SearchOptions &options, const Candidates &candidates,
           llvm::ArrayRef<Observation> history)
      : space(space), candidates(candidates) {
    for (const Observation &observation : history)
      if (std::optional<uint64_t> index = candidates.indexOf(observation.configuration))
        if (tried.insert(*index).second)
          inOrder.push_back(&observation);
    for (const Observation *observation : inOrder)
      if (observation->timeNs)
        good.push_back(observation);
    // Equal times stay in the order of the history, in which the pointers ascend.
    llvm::sort(good, [](const Observation *a, const Observation *b) {
      return *a->timeNs != *b->timeNs ? *a->timeNs < *b->timeNs : a < b;
    });
    state = mixBits(options.seed ^ mixBits(tried.size()));
  }

  bool isComplete() const { return tried.size() >= candidates.count(); }
  size_t countTried() const { return tried.size(); }
  llvm::ArrayRef<const Observation *> distinctHistory() const { return inOrder; }

  /// The start and the favourites of the cost model, those that are left.
  std::optional<Configuration> firstTrial() {
    for (const Configuration &point : candidates.firstTrials())
      if (isNew(point))
        return point;
    return std::nullopt;
  }

  /// A uniform sample among the untried points.
  std::optional<Configuration> freshSample() { return candidates.sample(tried, random()); }

  /// Member `place` of a generation, by a ranking that knows the trials before it.
  std::optional<Configuration> rankedPoint(const Ranking &ranking, llvm::ArrayRef<double> candidateScores,
                                           size_t place) {
    if (place == generationSize - 1 || good.empty())
      return freshSample();
    std::vector<Configuration> points;
    std::set<Configuration> seen;
    auto add = [&](const Configuration &point) {
      if (isNew(point) && seen.insert(point).second)
        points.push_back(point);
    };
    for (const Configuration &neighbour : space.neighbours(good.front()->configuration))
      add(neighbour);
    bool isStep = place == generationSize - 2 && !points.empty();
    if (!isStep) {
      for (const Observation *elite : elites())
        for (const Configuration &neighbour : space.neighbours(elite->configuration))
          add(neighbour);
      for (unsigned child = 0; child < 64; ++child)
        if (std::optional<Configuration> point = recombine())
          add(*point);
    }
    std::vector<double> scores = ranking.score(points);
    if (!isStep)
      for (auto [point, score] : llvm::zip_equal(candidates.ranked(), candidateScores))
        if (isNew(point)) {
          points.push_back(point);
          scores.push_back(score);
        }
    if (points.empty())
      return freshSample();
    // Unlike what this generation has tried: eight variants of one guess would tell little if it is wrong.
    auto generation = distinctHistory().take_back(place);
    auto isAlike = [&](const Configuration &point) {
      return llvm::any_of(
          generation, [&](const Observation *member) { return countDifferences(member->configuration, point) < 2; });
    };
    std::optional<size_t> best, bestUnlike;
    for (size_t number = 0; number < points.size(); ++number) {
      if (!best || scores[number] < scores[*best])
        best = number;
      if ((!bestUnlike || scores[number] < scores[*bestUnlike]) && !isAlike(points[number]))
        bestUnlike = number;
    }
    return points[!isStep && bestUnlike ? *bestUnlike : *best];
  }

  /// Coordinate descent from the best point, wider at a local optimum.
  std::optional<Configuration> descend() {
    if (good.empty())
      return freshSample();
    if (std::optional<Configuration> step = untriedNeighbour(*good.front()))
      return step;
    // The round robin keeps a fruitless branch from starving the others.
    switch (tried.size() % 3) {
    case 0:
      if (std::optional<Configuration> child = recombine())
        return child;
      break;
    case 1:
      for (const Observation *elite : elites().drop_front())
        if (std::optional<Configuration> step = untriedNeighbour(*elite))
          return step;
      break;
    default:
      break;
    }
    return freshSample();
  }

  static constexpr size_t generationSize = 8;

private:
  uint64_t random() { return state = mixBits(state); }
  uint64_t random(uint64_t bound) { return random() % bound; }

  bool isNew(const Configuration &configuration) const {
    std::optional<uint64_t> index = candidates.indexOf(configuration);
    return index && !tried.count(*index);
  }

  llvm::ArrayRef<const Observation *> elites() const { return llvm::ArrayRef<const Observation *>(good).take_front(8); }

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
    for (unsigned attempt = 0; attempt < 64; ++attempt) {
      const Configuration &mother = elites()[random(elites().size())]->configuration;
      const Configuration &father = elites()[random(elites().size())]->configuration;
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
  const Candidates &candidates;
  std::set<uint64_t> tried;
  /// Each point once, as the history has them; and the measured ones, fastest first.
  std::vector<const Observation *> inOrder, good;
  uint64_t state;
};

} // namespace

Search::Search(const SearchSpace &space, SearchOptions options)
    : state(std::make_unique<State>(space, std::move(options))) {}
Search::~Search() = default;

std::optional<Configuration> Search::propose(llvm::ArrayRef<Observation> history) const {
  Proposal proposal(state->space, state->options, state->candidates, history);
  if (proposal.isComplete())
    return std::nullopt;
  if (std::optional<Configuration> point = proposal.firstTrial())
    return point;
  if (state->options.strategy == SearchStrategy::Random)
    return proposal.freshSample();
  // Generations are counted from the end of the first trials, or from 0 where the history holds others in their place.
  size_t first = state->candidates.firstTrials().size(), trials = proposal.countTried();
  size_t place = (trials - std::min(first, trials)) % Proposal::generationSize;
  if (state->learned != trials - place) {
    state->learned = trials - place;
    state->hasLearned = state->ranking.learn(proposal.distinctHistory().drop_back(place));
    if (state->hasLearned)
      state->scores = state->ranking.score(state->candidates.ranked());
  }
  return state->hasLearned ? proposal.rankedPoint(state->ranking, state->scores, place) : proposal.descend();
}
