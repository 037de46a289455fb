// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel for few rows when both operands are contiguous along the depth (a vector times a transposed matrix):
// packing would cost more than the product, so vectors run along the depth and each sum is reduced at the end.
//
#include "Emitter.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

bool Emitter::usesDotKernel() {
  auto isOne = [](const Access &access, GroupKind group) {
    const Dependence &dependence = access.dependence[group];
    return dependence.kind == Dependence::Linear && IndexMath::isConstant(dependence.step, 1);
  };
  return !shape.packRhs && !shape.packLhs && isOne(lhs, Depth) && isOne(rhs, Depth) && !isOne(rhs, Columns);
}

/// Sums of `shape.mr` rows from `row` on and the columns of `source`, into the scratch buffer.
void Emitter::computeDots(Index row, Index rowEnd, Index blockRow, const RhsSource &source) {
  // As many columns together as the registers hold: sums, one vector of each column, one of the left operand.
  int64_t registers = shape.lanes * int64_t(info.accumulator.getIntOrFloatBitWidth()) >= 512 ? 32 : 16;
  int64_t width = 8;
  while (width > 1 && (shape.mr * width + width + 1 > registers || shape.nr % width != 0))
    width /= 2;
  bool isFloat = isa<FloatType>(info.accumulator);
  auto multiplyAdd = [&](Value left, Value right, Value sum) -> Value {
    if (!isFloat)
      return arith::AddIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, left, right));
    if (isa<VectorType>(sum.getType()))
      return vector::FMAOp::create(b, loc, left, right, sum);
    return arith::AddFOp::create(b, loc, sum, arith::MulFOp::create(b, loc, left, right));
  };

  Values lhsRows;
  Index lastRow = math.sub(rowEnd, math.of(1)), lastColumn = math.sub(source.valid, math.of(1));
  for (int64_t i = 0; i < shape.mr; ++i) {
    Index at = math.add(lhs.batchBase, term(lhs, Rows, math.min(math.add(row, math.of(i)), lastRow), blockRow));
    lhsRows.push_back(math.value(math.add(at, source.depth)));
  }
  Index main = math.mul(math.floorDiv(source.depthCount, math.of(shape.lanes)), math.of(shape.lanes));
  loop(math.of(0), source.valid, width, [&](Value column) {
    Values columns;
    for (int64_t j = 0; j < width; ++j) {
      Index at = rhsTerm(source, math.min(math.add(column, math.of(j)), lastColumn));
      columns.push_back(math.value(math.add(at, source.depth)));
    }
    auto sumOver = [&](Index begin, Index end, int64_t step, Values sums, bool vectors) {
      auto forOp = scf::ForOp::create(b, loc, math.value(begin), math.value(end), math.constant(step), sums);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(forOp.getBody());
      Values carried(forOp.getRegionIterArgs());
      auto fetch = [&](const Access &access, Value start, unsigned operand) {
        Index at = math.add(start, forOp.getInductionVar());
        Value x = vectors ? loadVector(access.element, access.flat, at, nullptr)
                          : memref::LoadOp::create(b, loc, access.flat, math.value(at)).getResult();
        return convert(x, operand);
      };
      Values right;
      for (Value start : columns)
        right.push_back(fetch(rhs, start, info.rhs));
      for (int64_t i = 0; i < shape.mr; ++i) {
        Value left = fetch(lhs, lhsRows[i], info.lhs);
        for (int64_t j = 0; j < width; ++j)
          carried[i * width + j] = multiplyAdd(left, right[j], carried[i * width + j]);
      }
      scf::YieldOp::create(b, loc, carried);
      return Values(forOp.getResults());
    };
    Values sums(shape.mr * width, zero(vectorOf(info.accumulator)));
    sums = sumOver(math.of(0), main, shape.lanes, sums, true);
    for (Value &sum : sums)
      sum = reduceLanes(sum);
    sums = sumOver(main, source.depthCount, 1, sums, false);
    for (int64_t i = 0; i < shape.mr; ++i)
      for (int64_t j = 0; j < width; ++j)
        memref::StoreOp::create(b, loc, sums[i * width + j], scratch,
                                math.value(math.add(column, math.of(i * shape.nr + j))));
  });
}

/// The sum of all lanes, by halves: the order is fixed, so that equal inputs give equal bits.
Value Emitter::reduceLanes(Value vector) {
  bool isFloat = isa<FloatType>(info.accumulator);
  for (int64_t size = shape.lanes; size > 1; size /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < size / 2; ++lane) {
      low.push_back(lane);
      high.push_back(lane + size / 2);
    }
    Value first = vector::ShuffleOp::create(b, loc, vector, vector, low);
    Value second = vector::ShuffleOp::create(b, loc, vector, vector, high);
    vector = isFloat ? arith::AddFOp::create(b, loc, first, second).getResult()
                     : arith::AddIOp::create(b, loc, first, second).getResult();
  }
  return vector::ExtractOp::create(b, loc, vector, 0);
}
