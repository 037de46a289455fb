// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/LoopNest.h"

#include <gtest/gtest.h>

using namespace tegula;

enum { M, N, K };

/// C += A * B of 1,024 x 1,024 elements of four bytes.
static LoopNest makeProduct(llvm::ArrayRef<NestLoop> loops) {
  return LoopNest({1024, 1024, 1024}, loops,
                  {{4, {{{M, 1}}, {{K, 1}}}}, {4, {{{K, 1}}, {{N, 1}}}}, {8, {{{M, 1}}, {{N, 1}}}}});
}

TEST(LoopNest, NothingMovesWhereAllFits) { EXPECT_EQ(makeProduct({{M, 16}}).bytesAcross(64 << 20), 0); }

TEST(LoopNest, OperandsComeOnceWhereTheirBlocksFit) {
  // A panel of 16 rows and one column fit beside each other, but B is read again for each panel.
  double megabyte = 1 << 20;
  EXPECT_DOUBLE_EQ(makeProduct({{M, 16}, {N, 1}}).bytesAcross(128 << 10),
                   4 * megabyte + 64 * 4 * megabyte + 8 * megabyte);
  // A block of 256 x 256 of B stays while all rows pass; A comes for each block of columns, C for each of depths.
  EXPECT_DOUBLE_EQ(makeProduct({{N, 256}, {K, 256}, {M, 1}}).bytesAcross(512 << 10),
                   4 * 4 * megabyte + 4 * megabyte + 4 * 8 * megabyte);
}

TEST(LoopNest, ALargerCacheNeverMovesMore) {
  LoopNest nest = makeProduct({{N, 512}, {K, 256}, {M, 96}, {N, 32}, {M, 6}, {K, 1}});
  double before = nest.bytesAcross(1 << 10);
  for (double cache = 2 << 10; cache < 64 << 20; cache *= 1.3) {
    double bytes = nest.bytesAcross(cache);
    EXPECT_LE(bytes, before * (1 + 1e-9)) << cache;
    before = bytes;
  }
}

TEST(LoopNest, WindowsOverlap) {
  // Four places of a row, of three elements each, one further than the next: six elements, of which one is new.
  LoopNest nest({1000, 3}, {{0, 4}}, {{1, {{{0, 1}, {1, 1}}}}});
  EXPECT_DOUBLE_EQ(nest.footprint(0), 1002);
  EXPECT_DOUBLE_EQ(nest.footprint(1), 6);
  // Steps that leave gaps do not touch what lies there.
  EXPECT_DOUBLE_EQ(LoopNest({1000}, {}, {{1, {{{0, 8}}}}}).footprint(0), 1000);
}

TEST(LoopNest, BuffersStay) {
  enum { Block, Element };
  // Every block goes through the same kilobyte.
  NestOperand buffer{1, {{{Block, 1}}, {{Element, 1}}}, 1024};
  LoopNest nest({1000, 1024}, {{Block, 1}}, {buffer});
  EXPECT_EQ(nest.bytesAcross(4 << 10), 0);
  EXPECT_EQ(nest.footprint(0), 1024);
}

TEST(LoopNest, StreamsComeFromBeyondEachCache) {
  MachineModel machine;
  machine.l1Bytes = 1 << 10;
  machine.l2Bytes = 1 << 20;
  machine.l3Bytes = 1 << 30;
  KernelPart part;
  addStream(part, 64 << 20, machine);
  EXPECT_EQ(part.traffic[0], 64 << 20);
  EXPECT_EQ(part.traffic[1], 64 << 20);
  EXPECT_EQ(part.traffic[2], 0);
}
