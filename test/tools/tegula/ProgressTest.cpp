// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "../../../tools/tegula/Progress.h"

#include <gtest/gtest.h>

using namespace tegula::tool;

TEST(Progress, LineShowsBarPercentageAndText) {
  EXPECT_EQ(progressLine(0, "start", 80), "[------------------------]   0 %  start");
  EXPECT_EQ(progressLine(0.5, "half", 80), "[############------------]  50 %  half");
  EXPECT_EQ(progressLine(7, "more than all", 80), "[########################] 100 %  more than all");
}

TEST(Progress, LineIsCutAtTheWidth) {
  EXPECT_EQ(progressLine(1, "a text that is far too long for it", 40), "[########################] 100 %  a text");
}
