// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Search/Search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

using namespace tegula;
using namespace tegula::tuner;

namespace {

SearchSpace tileSpace() {
  SearchSpace space("tiles");
  space.addKnob("tile_m", {4, 8, 16, 32, 64, 128, 256}).addKnob("tile_n", {4, 8, 16, 32, 64, 128, 256});
  space.addKnob("tile_k", {16, 32, 64, 128, 256, 512}).addKnob("unroll", {1, 2, 4, 8});
  space.addNamedKnob("order", {"mnk", "nmk", "kmn"});
  space.addConstraint("tile_m * tile_k + tile_k * tile_n <= 32768", {"tile_m", "tile_n", "tile_k"},
                      [](llvm::ArrayRef<int64_t> v) { return v[0] * v[2] + v[2] * v[1] <= 32768; });
  return space;
}

/// A machine with one optimum at (64, 32, 128, 4, nmk), a tiled landscape around it and a few points that crash.
std::optional<double> simulate(const Configuration &point) {
  if (point[3] == 8 && point[0] == 256)
    return std::nullopt;
  auto octaves = [](int64_t a, double b) { return std::abs(std::log2(a / b)); };
  return 1000 * (1 + 0.3 * octaves(point[0], 64)) * (1 + 0.25 * octaves(point[1], 32)) *
         (1 + 0.15 * octaves(point[2], 128)) * (1 + 0.1 * octaves(point[3], 4)) * (point[4] == 1 ? 1 : 1.2);
}

std::vector<Observation> drive(const SearchSpace &space, const SearchOptions &options, size_t trials) {
  Search search(space, options);
  std::vector<Observation> history;
  while (history.size() < trials) {
    std::optional<Configuration> point = search.propose(history);
    if (!point)
      break;
    EXPECT_TRUE(space.contains(*point)) << space.text(*point);
    history.push_back({*point, simulate(*point)});
  }
  return history;
}

double best(const std::vector<Observation> &history) {
  double result = INFINITY;
  for (const Observation &observation : history)
    if (observation.timeNs)
      result = std::min(result, *observation.timeNs);
  return result;
}

SearchOptions seeded(uint64_t seed, SearchStrategy strategy = SearchStrategy::Guided) {
  SearchOptions options;
  options.seed = seed;
  options.strategy = strategy;
  options.start = Configuration{4, 4, 16, 1, 0};
  return options;
}

TEST(Search, StartsWithTheDefault) {
  SearchSpace space = tileSpace();
  Search search(space, seeded(1));
  EXPECT_EQ(search.propose({}), seeded(1).start);
  // Also when other points were measured before.
  EXPECT_EQ(search.propose({{{8, 8, 32, 2, 1}, 100}}), seeded(1).start);
}

TEST(Search, ProposalsArePureInSeedAndHistory) {
  SearchSpace space = tileSpace();
  std::vector<Observation> whole = drive(space, seeded(5), 80);
  std::vector<Observation> again = drive(space, seeded(5), 80);
  std::vector<Observation> otherSeed = drive(space, seeded(6), 80);
  bool differs = false;
  for (size_t trial = 0; trial < whole.size(); ++trial) {
    EXPECT_EQ(whole[trial].configuration, again[trial].configuration) << trial;
    differs |= whole[trial].configuration != otherSeed[trial].configuration;
    // A search that is resumed from any prefix goes on as if nothing had happened.
    EXPECT_EQ(Search(space, seeded(5)).propose(llvm::ArrayRef<Observation>(whole).take_front(trial)),
              whole[trial].configuration);
  }
  EXPECT_TRUE(differs);
}

TEST(Search, NeverProposesAPointTwiceAndEndsWithTheSpace) {
  SearchSpace space("small");
  space.addKnob("tile_m", {4, 8, 16}).addKnob("tile_n", {4, 8, 16}).addKnob("tile_k", {16, 32});
  space.addKnob("unroll", {1, 2}).addNamedKnob("order", {"mnk", "nmk"});
  space.addConstraint("tile_m != tile_n", {"tile_m", "tile_n"}, [](llvm::ArrayRef<int64_t> v) { return v[0] != v[1]; });
  for (SearchStrategy strategy : {SearchStrategy::Guided, SearchStrategy::Random}) {
    SearchOptions options = seeded(3, strategy);
    options.start = Configuration{8, 4, 16, 1, 0};
    std::vector<Observation> history = drive(space, options, 1000);
    EXPECT_EQ(history.size(), space.count());
    std::set<uint64_t> distinct;
    for (const Observation &observation : history)
      distinct.insert(*space.indexOf(observation.configuration));
    EXPECT_EQ(distinct.size(), space.count());
  }
}

TEST(Search, GuidedFindsTheOptimumOfASmoothLandscape) {
  SearchSpace space = tileSpace();
  ASSERT_GT(space.count(), 2000u);
  unsigned found = 0;
  for (uint64_t seed = 0; seed < 10; ++seed)
    found += best(drive(space, seeded(seed), 100)) < 1000.5;
  EXPECT_GE(found, 9u);
}

TEST(Search, GuidedBeatsRandomFromTheWorstStart) {
  SearchSpace space = tileSpace();
  double guided = 0, random = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    guided += std::log(best(drive(space, seeded(seed), 64)));
    random += std::log(best(drive(space, seeded(seed, SearchStrategy::Random), 64)));
  }
  EXPECT_LT(guided, random - 6 * std::log(1.1));
}

TEST(Search, TheFavouritesOfTheCostModelComeFirst) {
  SearchSpace space = tileSpace();
  SearchOptions options = seeded(1);
  // A model that is right but for the unroll, which it thinks should be 1.
  options.estimateNs = [](const Configuration &point) {
    Configuration wrong = point;
    wrong[3] = point[3] == 1 ? 4 : 1;
    return simulate(wrong).value_or(1e9);
  };
  std::vector<Observation> history = drive(space, options, 17);
  EXPECT_EQ(history[0].configuration, *options.start);
  EXPECT_EQ(history[1].configuration, (Configuration{64, 32, 128, 1, 1})) << "what the model likes best";
  for (size_t i = 1; i < history.size(); ++i)
    for (size_t j = 1; j < i; ++j) {
      size_t differences = 0;
      for (size_t knob = 0; knob < 5; ++knob)
        differences += history[i].configuration[knob] != history[j].configuration[knob];
      EXPECT_GE(differences, 2u) << i << " " << j;
    }
  // The trials correct it soon.
  EXPECT_LT(best(drive(space, options, 40)), 1000.5);
}

TEST(Search, ClimbsTheCostModelOfALargeSpace) {
  SearchSpace space("large");
  llvm::SmallVector<int64_t> values;
  for (int64_t value = 1; value <= 100; ++value)
    values.push_back(value);
  for (const char *knob : {"a", "b", "c", "d"})
    space.addKnob(knob, values);
  SearchOptions options;
  options.estimateNs = [](const Configuration &point) {
    double sum = 1;
    for (int64_t value : point)
      sum += std::abs(double(value) - 37);
    return sum;
  };
  EXPECT_EQ(Search(space, options).propose({}), (Configuration{37, 37, 37, 37}));
}

TEST(Search, KnowsOnlyTheRecordedPoints) {
  SearchSpace space = tileSpace();
  for (SearchStrategy strategy : {SearchStrategy::Guided, SearchStrategy::Random}) {
    SearchOptions options = seeded(3, strategy);
    options.only.emplace();
    std::set<Configuration> recorded{*options.start};
    for (uint64_t seed = 0; recorded.size() < 100; ++seed)
      recorded.insert(*space.sample(seed));
    options.only->assign(recorded.begin(), recorded.end());
    std::vector<Observation> history = drive(space, options, 1000);
    EXPECT_EQ(history.size(), recorded.size());
    for (const Observation &observation : history)
      EXPECT_TRUE(recorded.count(observation.configuration)) << space.text(observation.configuration);
  }
  SearchOptions nothing = seeded(3);
  nothing.only.emplace();
  EXPECT_EQ(Search(space, nothing).propose({}), std::nullopt);
}

TEST(Search, SurvivesASpaceWhereEverythingFails) {
  SearchSpace space = tileSpace();
  Search search(space, seeded(1));
  std::vector<Observation> history;
  for (unsigned trial = 0; trial < 100; ++trial) {
    std::optional<Configuration> point = search.propose(history);
    ASSERT_TRUE(point);
    history.push_back({*point, std::nullopt});
  }
}

TEST(Search, AnEmptySpaceHasNoProposal) {
  SearchSpace space("empty");
  space.addKnob("a", {1}).addConstraint("a > 1", {"a"}, [](llvm::ArrayRef<int64_t> v) { return v[0] > 1; });
  EXPECT_EQ(Search(space, SearchOptions()).propose({}), std::nullopt);
}

} // namespace
