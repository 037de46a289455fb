// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/Select.h"

#include <gtest/gtest.h>

using namespace tegula::tuner;

namespace {

Contender contender(double ns, bool isDefault = false) { return {{ns + 90, ns - 1, ns, ns + 1, ns - 1}, isDefault}; }

TEST(Select, TakesTheSmallestMedian) {
  std::optional<Selection> selection = choose({contender(2000, true), contender(1000), contender(1500)});
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->contender, 1u);
  EXPECT_EQ(selection->reason, "fastest of 3: 1 us, default 2 us");
}

TEST(Select, TheDefaultWinsATie) {
  std::optional<Selection> selection = choose({contender(1000), contender(1009, true)});
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->contender, 1u);
  EXPECT_EQ(selection->reason, "default within the noise of the fastest of 2: 1 us, default 1.009 us");
  EXPECT_EQ(choose({contender(1000), contender(1012, true)})->contender, 0u);
  EXPECT_EQ(choose({contender(1000, true), contender(1012)})->reason, "default is the fastest of 2: 1 us");
}

/// 40 samples, evenly spread over `noise` around `ns`.
Contender spread(double ns, double noise) {
  Contender contender;
  for (int i = 0; i < 40; ++i)
    contender.samplesNs.push_back(ns * (1 + noise * (i - 19.5) / 20));
  return contender;
}

TEST(Select, WhatIsSurelySlowerIsNoTie) {
  // Apart by less than 1 %, but by more than their noise.
  Contender slow = spread(1005, 0.001), fast = spread(1000, 0.001);
  slow.isDefault = true;
  EXPECT_LT(ratioNoise(slow.samplesNs, fast.samplesNs), 0.001);
  std::optional<Selection> selection = choose({slow, fast});
  EXPECT_EQ(selection->contender, 1u);
  EXPECT_TRUE(selection->isResolved);
}

TEST(Select, ATieGoesToThePreviousChoiceThenToTheCostModel) {
  Contender fast = spread(1000, 0.02), second = spread(1002, 0.02), third = spread(1003, 0.02);
  fast.estimateNs = 900;
  second.estimateNs = 800;
  EXPECT_EQ(choose({fast, second, third})->contender, 1u);
  EXPECT_EQ(choose({fast, second, third})->reason,
            "favourite of the cost model within the noise of the fastest of 3: 1 us, chosen 1.002 us");
  third.isPrevious = true;
  EXPECT_EQ(choose({fast, second, third})->contender, 2u);
  second.isDefault = true;
  EXPECT_EQ(choose({fast, second, third})->contender, 1u);
}

TEST(Select, NoiseBeyondTheBandIsUnresolved) {
  Contender fast = spread(1000, 0.3), slow = spread(1020, 0.3), far = spread(2000, 0.3);
  EXPECT_GT(ratioNoise(slow.samplesNs, fast.samplesNs), widestBand);
  EXPECT_FALSE(choose({fast, slow})->isResolved);
  EXPECT_TRUE(choose({fast, far})->isResolved) << "nothing could make that one the fastest";
  EXPECT_EQ(choose({slow, fast})->contender, 1u) << "more than 1 % apart is no tie";
  // A pure function.
  EXPECT_EQ(ratioNoise(slow.samplesNs, fast.samplesNs), ratioNoise(slow.samplesNs, fast.samplesNs));
}

TEST(Select, IgnoresContendersWithoutSamples) {
  EXPECT_FALSE(choose({}));
  EXPECT_FALSE(choose(Contender{{}, true}));
  EXPECT_EQ(choose({Contender{{}, true}, contender(5)})->contender, 1u);
}

TEST(Select, Medians) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), 0);
}

TEST(Select, DurationsHaveReadableUnits) {
  EXPECT_EQ(durationText(512), "512 ns");
  EXPECT_EQ(durationText(102130), "102.1 us");
  EXPECT_EQ(durationText(3.25e6), "3.25 ms");
  EXPECT_EQ(durationText(1.7e9), "1.7 s");
}

} // namespace
