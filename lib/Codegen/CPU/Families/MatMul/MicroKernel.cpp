// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The register block: MR x NR sums in one-dimensional vectors, carried as values through the depth loop. For each
// depth: load the NR columns of the right panel, then for each row broadcast one element of the left panel and
// multiply-add.
//
#include "Emitter.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

/// One depth: `k` counts from the start of the block that starts at `depth`.
void Emitter::multiplyAdd(MutableArrayRef<Value> sums, ValueRange lhsRows, Index lhsPacked, Index k, Index depth,
                          const RhsPanel &panel) {
  Values columns;
  int64_t group = shape.packing.group;
  Index columnStart = math.add(panel.base, math.mul(k, panel.step));
  for (int64_t j = 0; j < shape.vectors; ++j) {
    Index at = math.add(columnStart, panel.vectors.empty() ? math.of(j * shape.lanes * group) : panel.vectors[j]);
    if (group > 1)
      columns.push_back(vector::LoadOp::create(b, loc, VectorType::get({shape.lanes * group}, packedType()), panel.flat,
                                               math.value(at)));
    else if (panel.packed)
      columns.push_back(loadVector(info.accumulator, panel.flat, at, nullptr));
    else
      columns.push_back(convert(loadVector(rhs.element, panel.flat, at, nullptr), info.rhs));
  }
  int64_t lhsRowStep = lhsByRows() ? shape.kc / group : 1;
  Index lhsStart = shape.packLhs ? math.add(lhsPacked, math.mul(k, math.of(lhsByRows() ? 1 : shape.mr)))
                                 : term(lhs, Depth, math.add(depth, k), depth);
  VectorType type = vectorOf(group > 1 ? b.getI32Type() : info.accumulator);
  for (int64_t i = 0; i < shape.mr; ++i) {
    Value element;
    if (shape.packLhs)
      element = memref::LoadOp::create(b, loc, group > 1 ? lhsWords : packedLhs,
                                       math.value(math.add(lhsStart, math.of(i * lhsRowStep))));
    else
      element = convert(memref::LoadOp::create(b, loc, lhs.flat, math.value(math.add(lhsRows[i], lhsStart))), info.lhs);
    Value row = vector::BroadcastOp::create(b, loc, type, element);
    Value groups = group > 1 ? fromWords(row) : row;
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value &sum = sums[i * shape.vectors + j];
      if (group > 1)
        sum = dot(sum, groups, columns[j]);
      else if (isa<FloatType>(info.accumulator))
        sum = vector::FMAOp::create(b, loc, row, columns[j], sum);
      else
        sum = arith::AddIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, row, columns[j]));
    }
  }
}

void Emitter::accumulate(Values &sums, Index count, function_ref<void(MutableArrayRef<Value>, Index)> step) {
  auto depthLoop = [&](Index begin, Index end, int64_t unroll) {
    auto forOp = scf::ForOp::create(b, loc, math.value(begin), math.value(end), math.constant(unroll), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forOp.getBody());
    Values carried(forOp.getRegionIterArgs());
    for (int64_t u = 0; u < unroll; ++u)
      step(carried, math.add(forOp.getInductionVar(), math.of(u)));
    scf::YieldOp::create(b, loc, carried);
    sums.assign(forOp.result_begin(), forOp.result_end());
  };
  Index main = math.mul(math.floorDiv(count, math.of(shape.unroll)), math.of(shape.unroll));
  depthLoop(math.of(0), main, shape.unroll);
  if (shape.unroll > 1 && !IndexMath::same(main, count))
    depthLoop(main, count, 1);
}

SmallVector<Value> Emitter::computeTile(Index row, Index rowEnd, Index blockRow, Index packedRow, Index depth,
                                        Index depthCount, const RhsPanel &panel) {
  Values lhsRows;
  // Depths are counted in groups from here on.
  int64_t group = shape.packing.group;
  Index lhsPacked = math.mul(packedRow, lhsByRows() ? math.of(shape.kc / group) : depthCount);
  depthCount = math.ceilDiv(depthCount, math.of(group));
  if (!shape.packLhs) {
    // Rows beyond the edge repeat the last one: memory that exists, sums that nobody stores.
    Index last = math.sub(rowEnd, math.of(1));
    for (int64_t i = 0; i < shape.mr; ++i) {
      Index clamped = math.min(math.add(row, math.of(i)), last);
      lhsRows.push_back(math.value(math.add(lhs.batchBase, term(lhs, Rows, clamped, blockRow))));
    }
  }
  Values sums(shape.mr * shape.vectors, zero(vectorOf(info.accumulator)));
  for (int64_t i = 0; i < shape.mr; ++i)
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value &sum = sums[i * shape.vectors + j];
      if (correctsBy(info.lhs)) {
        Value own = memref::LoadOp::create(b, loc, lhsSums, math.value(math.add(packedRow, math.of(i))));
        sum = vector::BroadcastOp::create(b, loc, sum.getType(), own);
      } else if (correctsBy(info.rhs)) {
        sum = loadVector(info.accumulator, rhsSums, math.add(panel.sums, math.of(j * shape.lanes)), nullptr);
      }
    }
  accumulate(sums, depthCount, [&](MutableArrayRef<Value> carried, Index k) {
    multiplyAdd(carried, lhsRows, lhsPacked, k, depth, panel);
  });
  return sums;
}
