// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "../../../tools/tegula/Report.h"
#include "gtest/gtest.h"
#include <limits>

using namespace tegula::tool;

TEST(Report, PercentilesByNearestRank) {
  std::vector<double> samples;
  for (int value = 100; value >= 1; --value)
    samples.push_back(value);
  Statistics statistics = summarize(samples);
  EXPECT_EQ(statistics.n, 100u);
  EXPECT_EQ(statistics.min, 1);
  EXPECT_EQ(statistics.mean, 50.5);
  EXPECT_EQ(statistics.p50, 50);
  EXPECT_EQ(statistics.p90, 90);
  EXPECT_EQ(statistics.p95, 95);
  EXPECT_EQ(statistics.p99, 99);
}

TEST(Report, FewSamples) {
  Statistics one = summarize({7});
  EXPECT_EQ(one.p50, 7);
  EXPECT_EQ(one.p99, 7);
  Statistics three = summarize({3, 1, 2});
  EXPECT_EQ(three.p50, 2);
  EXPECT_EQ(three.p90, 3);
  EXPECT_EQ(summarize({}).n, 0u);
}

TEST(Report, JsonHasNoInfinity) {
  EXPECT_EQ(jsonNumber(std::numeric_limits<double>::infinity()), llvm::json::Value(nullptr));
  EXPECT_EQ(jsonNumber(std::numeric_limits<double>::quiet_NaN()), llvm::json::Value(nullptr));
  EXPECT_EQ(jsonNumber(0.5), llvm::json::Value(0.5));
}
