// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Kernel/SearchSpace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>

using namespace tegula;

namespace {

SearchSpace matmulSpace() {
  SearchSpace space("cpu_matmul");
  space.addKnob("micro_m", {1, 2, 4, 6, 8}).addKnob("micro_n", {16, 32, 48, 64});
  space.addNamedKnob("threads", {"m", "mn"}).addKnob("unroll", {1, 2, 4});
  space.addConstraint("micro_m * micro_n <= 256", {"micro_m", "micro_n"},
                      [](llvm::ArrayRef<int64_t> v) { return v[0] * v[1] <= 256; });
  space.addConstraint("unroll <= micro_m", {"unroll", "micro_m"},
                      [](llvm::ArrayRef<int64_t> v) { return v[0] <= v[1]; });
  return space;
}

/// The legal points by brute force, in lexicographic order.
std::vector<Configuration> filteredProduct(const SearchSpace &space) {
  std::vector<Configuration> product{{}};
  for (const Knob &knob : space.getKnobs()) {
    std::vector<Configuration> next;
    for (const Configuration &prefix : product)
      for (int64_t value : knob.values) {
        next.push_back(prefix);
        next.back().push_back(value);
      }
    product = std::move(next);
  }
  std::vector<Configuration> legal;
  for (const Configuration &point : product)
    if (space.contains(point))
      legal.push_back(point);
  return legal;
}

TEST(SearchSpace, PointsAreMadeOfNamedValues) {
  SearchSpace space = matmulSpace();
  EXPECT_EQ(space.values("unroll"), (llvm::ArrayRef<int64_t>{1, 2, 4}));
  Configuration point = space.point({{"unroll", 2}, {"micro_m", 6}, {"micro_n", 32}});
  EXPECT_EQ(point, (Configuration{6, 32, 0, 2}));
  EXPECT_TRUE(space.contains(point));
  EXPECT_FALSE(space.contains(space.point({{"micro_m", 8}, {"micro_n", 64}, {"unroll", 1}})));
}

TEST(SearchSpace, CountsEnumeratesAndIndexesWhatTheConstraintsAllow) {
  SearchSpace space = matmulSpace();
  std::vector<Configuration> expected = filteredProduct(space);
  ASSERT_LT(expected.size(), 120u);
  EXPECT_EQ(space.count(), expected.size());

  std::vector<Configuration> enumerated;
  space.enumerate([&](const Configuration &point) {
    enumerated.push_back(point);
    return true;
  });
  EXPECT_EQ(enumerated, expected);
  for (size_t index = 0; index < expected.size(); ++index) {
    EXPECT_EQ(space.at(index), expected[index]);
    EXPECT_EQ(space.indexOf(expected[index]), index);
  }
  EXPECT_EQ(space.at(expected.size()), std::nullopt);
  EXPECT_EQ(space.indexOf({8, 64, 0, 1}), std::nullopt);
}

TEST(SearchSpace, EnumerationStopsWhenToldTo) {
  SearchSpace space = matmulSpace();
  unsigned visited = 0;
  space.enumerate([&](const Configuration &) { return ++visited < 3; });
  EXPECT_EQ(visited, 3u);
}

TEST(SearchSpace, CountsAHugeProductQuickly) {
  SearchSpace space("huge");
  for (char knob = 'a'; knob < 'j'; ++knob)
    space.addKnob(llvm::StringRef(&knob, 1), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  space.addConstraint("a != b", {"a", "b"}, [](llvm::ArrayRef<int64_t> v) { return v[0] != v[1]; });
  space.addConstraint("h + i <= 10", {"h", "i"}, [](llvm::ArrayRef<int64_t> v) { return v[0] + v[1] <= 10; });
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(space.count(), 90u * 100000u * 45u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  uint64_t middle = space.count() / 2;
  EXPECT_EQ(space.indexOf(*space.at(middle)), middle);
}

TEST(SearchSpace, SamplesUniformlyAndReproducibly) {
  SearchSpace space = matmulSpace();
  std::map<uint64_t, unsigned> hits;
  unsigned perPoint = 200;
  for (uint64_t seed = 0; seed < space.count() * perPoint; ++seed) {
    std::optional<Configuration> point = space.sample(seed);
    ASSERT_TRUE(point && space.contains(*point));
    ++hits[*space.indexOf(*point)];
  }
  EXPECT_EQ(hits.size(), space.count());
  // Six standard deviations of a Poisson count of mean 200.
  for (auto [index, count] : hits) {
    EXPECT_GT(count, perPoint - 85) << "point " << index;
    EXPECT_LT(count, perPoint + 85) << "point " << index;
  }
  EXPECT_EQ(space.sample(7), space.sample(7));
}

TEST(SearchSpace, AnEmptySpaceHasNoSample) {
  SearchSpace space("empty");
  space.addKnob("a", {1, 2}).addConstraint("a > 2", {"a"}, [](llvm::ArrayRef<int64_t> v) { return v[0] > 2; });
  EXPECT_EQ(space.count(), 0u);
  EXPECT_EQ(space.sample(0), std::nullopt);
}

TEST(SearchSpace, NeighboursStepOneKnobOverIllegalValues) {
  SearchSpace space("steps");
  space.addKnob("a", {1, 2, 3, 4, 5}).addNamedKnob("b", {"x", "y", "z"});
  space.addConstraint("a != 3", {"a"}, [](llvm::ArrayRef<int64_t> v) { return v[0] != 3; });
  llvm::SmallVector<Configuration, 16> expected = {{1, 1}, {4, 1}, {2, 0}, {2, 2}};
  EXPECT_EQ(space.neighbours({2, 1}), expected);
  expected = {{2, 0}, {1, 1}, {1, 2}};
  EXPECT_EQ(space.neighbours({1, 0}), expected);
}

TEST(SearchSpace, ConfigurationTextRoundTrips) {
  SearchSpace space = matmulSpace();
  space.enumerate([&](const Configuration &point) {
    llvm::Expected<Configuration> parsed = space.parse(space.text(point));
    EXPECT_TRUE(static_cast<bool>(parsed));
    if (!parsed) {
      llvm::consumeError(parsed.takeError());
      return false;
    }
    EXPECT_EQ(*parsed, point);
    return true;
  });
  EXPECT_EQ(space.text({6, 32, 1, 2}), "micro_m = 6, micro_n = 32, threads = mn, unroll = 2");
  EXPECT_EQ(space.value({6, 32, 1, 2}, "micro_n"), 32);
  EXPECT_EQ(space.word({6, 32, 1, 2}, "threads"), "mn");
}

TEST(SearchSpace, ParsingNamesWhatIsWrong) {
  SearchSpace space = matmulSpace();
  auto messageOf = [&](llvm::StringRef text) {
    llvm::Expected<Configuration> parsed = space.parse(text);
    return parsed ? std::string() : llvm::toString(parsed.takeError());
  };
  EXPECT_EQ(messageOf("micro_k = 1"), "space 'cpu_matmul': expected a knob of the space, but got 'micro_k'");
  EXPECT_EQ(messageOf("micro_m = six"),
            "space 'cpu_matmul': expected knob 'micro_m' to be one of 1, 2, 4, 6, 8, but got 'six'");
  EXPECT_EQ(messageOf("threads = k"), "space 'cpu_matmul': expected knob 'threads' to be one of m, mn, but got 'k'");
  EXPECT_EQ(messageOf("micro_m = 1, micro_m = 1"),
            "space 'cpu_matmul': expected one value for knob 'micro_m', but got a second one");
  EXPECT_EQ(messageOf("micro_m = 1"), "space 'cpu_matmul': expected a value for knob 'micro_n', but got none");
  EXPECT_EQ(messageOf("micro_m = 3, micro_n = 16, threads = m, unroll = 1"),
            "space 'cpu_matmul': expected knob 'micro_m' to be one of 1, 2, 4, 6, 8, but got 3");
  EXPECT_EQ(messageOf("micro_m = 8, micro_n = 64, threads = m, unroll = 1"),
            "space 'cpu_matmul': expected micro_m * micro_n <= 256, but got micro_m = 8, micro_n = 64, threads = m, "
            "unroll = 1");
}

TEST(SearchSpace, TheHashCoversKnobsConstraintsAndVersion) {
  std::set<std::string> hashes;
  hashes.insert(matmulSpace().hash());
  EXPECT_EQ(matmulSpace().hash(), matmulSpace().hash());
  EXPECT_EQ(matmulSpace().hash().size(), 16u);
  SearchSpace more = matmulSpace();
  hashes.insert(more.addKnob("prefetch", {0, 4}).hash());
  SearchSpace tighter = matmulSpace();
  tighter.addConstraint("micro_m > 1", {"micro_m"}, [](llvm::ArrayRef<int64_t> v) { return v[0] > 1; });
  hashes.insert(tighter.hash());
  hashes.insert(SearchSpace("cpu_matmul").hash());
  hashes.insert(SearchSpace("cpu_matmul", 2).hash());
  EXPECT_EQ(hashes.size(), 5u);
  EXPECT_EQ(tighter.canonicalText(), "space cpu_matmul 1\n"
                                     "knob micro_m = 1, 2, 4, 6, 8\n"
                                     "knob micro_n = 16, 32, 48, 64\n"
                                     "knob threads = m, mn\n"
                                     "knob unroll = 1, 2, 4\n"
                                     "constraint micro_m * micro_n <= 256 over micro_m micro_n\n"
                                     "constraint unroll <= micro_m over unroll micro_m\n"
                                     "constraint micro_m > 1 over micro_m\n");
}

} // namespace
