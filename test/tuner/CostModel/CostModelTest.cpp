// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Tuner/CostModel/CostModel.h"

#include "../Fixtures.h"

#include <cmath>

using namespace tegula;
using namespace tegula::tuner;
using namespace tegula::tuner::test;

/// A machine in round numbers: one instruction a nanosecond, a latency of four.
static MachinePeaks makePeaks() {
  MachinePeaks peaks;
  peaks.instructions[{Instruction::MultiplyAdd32, 256}] = {1, 4};
  peaks.instructions[{Instruction::MultiplyAdd32, 512}] = {1, 4};
  peaks.instructions[{Instruction::Simple, 512}] = {1, 4};
  peaks.cycleNs = 1;
  peaks.elementLoadNs = 0.5;
  peaks.readBytesPerNs = {64, 32, 16, 8};
  peaks.cacheBytes = {32 << 10, 1 << 20, 32 << 20};
  peaks.callNs = 2;
  peaks.handOverNs = 100;
  return peaks;
}

/// 1,000 loops of 1,000 rounds of 16 chains.
static KernelFeatures makeFeatures() {
  KernelFeatures features;
  features.items = 10;
  KernelPart &part = features.parts.emplace_back();
  part.name = "products";
  part.instruction = Instruction::MultiplyAdd32;
  part.vectorBits = 512;
  part.loops.push_back({1000, 1000, 4, 16, 16, 4, 4, 0, 16});
  return features;
}

TEST(CostModel, ArithmeticBoundsWhatStaysInRegisters) {
  CostBreakdown cost = estimateCost(makeFeatures(), makePeaks(), 1);
  EXPECT_EQ(cost.bound, CostBreakdown::Bound::Compute);
  EXPECT_DOUBLE_EQ(cost.computeNs, 16e6);
  EXPECT_GT(cost.totalNs, cost.computeNs);
  EXPECT_LT(cost.totalNs, 1.1 * cost.computeNs);
}

TEST(CostModel, FewChainsWaitForEachOther) {
  KernelFeatures features = makeFeatures();
  features.parts[0].loops[0].chains = 2;
  EXPECT_DOUBLE_EQ(estimateCost(features, makePeaks(), 1).computeNs, 32e6);
}

TEST(CostModel, LoadsBoundSmallRegisterBlocks) {
  KernelFeatures features = makeFeatures();
  features.parts[0].loops[0].vectorLoads = 20;
  EXPECT_DOUBLE_EQ(estimateCost(features, makePeaks(), 1).computeNs, 22e6);
}

TEST(CostModel, MemoryBoundsWhatComesFromThere) {
  KernelFeatures features = makeFeatures();
  for (double &traffic : features.parts[0].traffic)
    traffic = 800e6;
  CostBreakdown cost = estimateCost(features, makePeaks(), 1);
  EXPECT_EQ(cost.bound, CostBreakdown::Bound::Memory);
  EXPECT_DOUBLE_EQ(cost.trafficNs[2], 100e6);
  EXPECT_GT(cost.totalNs, 100e6);
}

TEST(CostModel, MoreWorkNeverCostsLess) {
  double before = estimateCost(makeFeatures(), makePeaks(), 1).totalNs;
  using Change = void (*)(KernelFeatures &);
  const Change changes[] = {
      [](KernelFeatures &f) { f.parts[0].loops[0].runs *= 2; },
      [](KernelFeatures &f) { f.parts[0].loops[0].rounds *= 2; },
      [](KernelFeatures &f) { f.parts[0].loops[0].instructions *= 2; },
      [](KernelFeatures &f) { f.parts[0].loops[0].vectorLoads *= 2; },
      [](KernelFeatures &f) { f.parts[0].loops[0].elementLoads *= 2; },
      [](KernelFeatures &f) { f.parts[0].loops[0].before = 8; },
      [](KernelFeatures &f) { f.parts[0].loops[0].after = 32; },
      [](KernelFeatures &f) { f.parts[0].loops[0].unroll = 1; },
      [](KernelFeatures &f) { f.parts[0].traffic[0] = 1e6; },
      [](KernelFeatures &f) { f.parts[0].traffic[1] = 1e6; },
      [](KernelFeatures &f) { f.parts[0].traffic[2] = 1e6; },
      [](KernelFeatures &f) { f.parts.push_back(f.parts[0]); },
  };
  for (size_t number = 0; number < std::size(changes); ++number) {
    KernelFeatures features = makeFeatures();
    changes[number](features);
    EXPECT_GE(estimateCost(features, makePeaks(), 1).totalNs, before) << "change " << number;
  }
}

TEST(CostModel, WorkersShareWholeItems) {
  KernelFeatures features = makeFeatures();
  double one = estimateCost(features, makePeaks(), 1).totalNs;
  EXPECT_NEAR(estimateCost(features, makePeaks(), 2).totalNs, one / 2 + 100, 2);
  CostBreakdown four = estimateCost(features, makePeaks(), 4); // three items of ten
  EXPECT_NEAR(four.totalNs, one * 0.3 + 100, 2);
  EXPECT_NEAR(four.imbalanceNs, one * 0.05, 2);
  features.items = 1;
  EXPECT_GE(estimateCost(features, makePeaks(), 2).totalNs, one);
}

TEST(CostModel, BreakdownAddsUp) {
  KernelFeatures features = makeFeatures();
  features.parts[0].traffic[0] = 100e6;
  KernelPart packing = features.parts[0];
  packing.isPacking = true;
  features.parts.push_back(packing);
  CostBreakdown cost = estimateCost(features, makePeaks(), 1);
  double sum = cost.computeNs + cost.trafficNs[0] + cost.trafficNs[1] + cost.trafficNs[2] + cost.packingNs +
               cost.overheadNs + cost.imbalanceNs;
  EXPECT_LE(cost.totalNs, sum);
  EXPECT_GT(cost.packingNs, 0);
  EXPECT_NE(costText(cost).find("bound by compute: compute 16 ms, l2 6.25 ms"), std::string::npos) << costText(cost);
  llvm::json::Object object = costJSON(cost);
  EXPECT_EQ(object.getNumber("total_ns"), cost.totalNs);
  EXPECT_EQ(object.getNumber("packing_ns"), cost.packingNs);
  EXPECT_EQ(object.getString("bound"), "compute");
}

TEST(MachinePeaks, TextAndBack) {
  MachinePeaks peaks = makePeaks();
  peaks.instructions[{Instruction::ByteDot, 512}] = {1.0 / 3, 1e-9};
  EXPECT_TRUE(valueOf(parsePeaks(peaksText(peaks))) == peaks);
  peaks.handOverNs = 101;
  EXPECT_FALSE(valueOf(parsePeaks(peaksText(peaks))) == makePeaks());
}

TEST(MachinePeaks, RefusesOtherText) {
  EXPECT_NE(message(parsePeaks("{}")), "");
  EXPECT_NE(message(parsePeaks("nothing")), "");
  auto without = [](llvm::StringRef key) {
    llvm::json::Value value = llvm::cantFail(llvm::json::parse(peaksText(makePeaks())));
    value.getAsObject()->erase(key);
    std::string text;
    llvm::raw_string_ostream(text) << value;
    return message(parsePeaks(text));
  };
  for (const char *key :
       {"instructions", "cycle_ns", "element_load_ns", "read_bytes_per_ns", "cache_bytes", "call_ns", "hand_over_ns"})
    EXPECT_NE(without(key).find(key), std::string::npos) << without(key);
  MachinePeaks peaks = makePeaks();
  peaks.readBytesPerNs[2] = 0;
  EXPECT_NE(message(parsePeaks(peaksText(peaks))), "");
}

TEST(MachinePeaks, OtherWidthsAndInstructions) {
  MachinePeaks peaks = makePeaks();
  EXPECT_EQ(peaks.rate(Instruction::MultiplyAdd32, 1024).throughputNs, 2);
  EXPECT_EQ(peaks.rate(Instruction::MultiplyAdd32, 128).throughputNs, 1);
  EXPECT_EQ(peaks.rate(Instruction::ByteDot, 512).throughputNs, 1);
  EXPECT_EQ(peaks.rate(Instruction::Tile, 512).throughputNs, 16);
}

TEST(MachinePeaks, AreMeasuredOnceForADatabase) {
  TemporaryFolder folder;
  auto database = valueOf(Database::open(folder.file("a.db"), Database::Mode::ReadWrite));
  Device device{"key", "class", "{}"};
  MachinePeaks first = valueOf(findPeaks(*database, device));
  EXPECT_GT(first.cycleNs, 0.1); // 10 GHz
  EXPECT_LT(first.cycleNs, 10);
  EXPECT_GE(first.readBytesPerNs[0], first.readBytesPerNs[3]);
  EXPECT_GE(first.rate(Instruction::MultiplyAdd32, 128).latencyNs, 0.9 * first.cycleNs);
  EXPECT_TRUE(valueOf(findPeaks(*database, device)) == first);
  // Text of another version is measured again.
  ASSERT_EQ(message(database->setCalibration("key", R"({"schema": 99})")), "");
  MachinePeaks again = valueOf(findPeaks(*database, device));
  EXPECT_NE(peaksText(again), R"({"schema": 99})");
  EXPECT_EQ(valueOf(database->calibration("key")), peaksText(again));
}
