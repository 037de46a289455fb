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
