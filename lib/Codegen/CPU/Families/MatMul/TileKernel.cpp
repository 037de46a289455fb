// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The register block in tile registers: MR x NR sums in tiles of 16 x 16, carried as values through the depth loop. For
// each tile of the depth: load a tile for each 16 rows and each 16 columns, and multiply each with each. Tiles can
// neither be copied nor be read by other instructions, so that sums reach the store through the scratch buffer, and no
// tile is live anywhere else: the loop calls nothing, and all tiles have one configuration.
//
// A packed panel of the right operand is what a tile wants as it is: NR groups of depths a row. The left one is packed
// in tiles that lie in one piece, because rows a power of two apart would share few cache sets.
//
#include "Emitter.h"

#include "mlir/Dialect/AMX/AMXDialect.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

Index Emitter::tileAddress(Index i, Index k) {
  int64_t width = shape.packing.depthUnit();
  Index rows = math.of(tileRows), unit = math.of(width);
  Index at = math.mul(math.floorDiv(i, rows), math.of(tileRows * shape.kc));
  at = math.add(at, math.mul(math.floorDiv(k, unit), math.of(tileRows * width)));
  return math.add(at, math.add(math.mul(math.rem(i, rows), unit), math.rem(k, unit)));
}

/// Rows beyond the last one stay as they are: nobody stores their sums.
void Emitter::packLhsTiles(Index row, Index rowCount, Index depth, Index depthCount) {
  int64_t width = shape.packing.depthUnit();
  auto tileRow = VectorType::get({width}, packedType());
  const Dependence &depths = lhs.dependence[Depth];
  bool neighbours = depths.kind == Dependence::Linear && IndexMath::isConstant(depths.step, 1);
  Index main = neighbours ? math.mul(math.floorDiv(depthCount, math.of(width)), math.of(width)) : math.of(0);
  loop(math.of(0), rowCount, 1, [&](Value i) {
    Index start = math.add(lhs.batchBase, term(lhs, Rows, math.add(row, i), row));
    auto address = [&](Index k) { return math.add(start, term(lhs, Depth, math.add(depth, k), depth)); };
    loop(math.of(0), main, width, [&](Value k) {
      Value x = vector::LoadOp::create(b, loc, tileRow, lhs.flat, math.value(address(k)));
      vector::StoreOp::create(b, loc, pack(x, info.lhs), packedLhs, math.value(tileAddress(i, k)));
    });
    loop(main, depthCount, width, [&](Value k) {
      Index target = tileAddress(i, k);
      vector::StoreOp::create(b, loc, zero(tileRow), packedLhs, math.value(target));
      loop(math.of(0), math.min(math.of(width), math.sub(depthCount, k)), 1, [&](Value u) {
        Value x = memref::LoadOp::create(b, loc, lhs.flat, math.value(address(math.add(k, u))));
        memref::StoreOp::create(b, loc, pack(x, info.lhs), packedLhs, math.value(math.add(target, u)));
      });
    });
    if (correctsBy(info.lhs))
      sumLhsTileRow(i, depthCount);
  });
}

/// What row `row` contributes to the correction, with the product of both zero points for each depth, into lhsSums.
void Emitter::sumLhsTileRow(Index row, Index depthCount) {
  VectorType type = vectorOf(b.getI32Type());
  auto bytesType = VectorType::get({shape.lanes * shape.packing.group}, packedType());
  int64_t step = bytesType.getNumElements();
  auto forOp = scf::ForOp::create(b, loc, math.constant(0), math.value(paddedDepth(depthCount)), math.constant(step),
                                  zero(type));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forOp.getBody());
    Value at = math.value(tileAddress(row, forOp.getInductionVar()));
    Value bytes = vector::LoadOp::create(b, loc, bytesType, packedLhs, at);
    Value sums = sumBytes(forOp.getRegionIterArg(0), bytes, info.lhs);
    scf::YieldOp::create(b, loc, sums);
  }
  auto word = [&](Value index) -> Value { return arith::IndexCastOp::create(b, loc, b.getI32Type(), index); };
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIntOp::create(b, loc, b.getI32Type(), value); };
  Value zeros =
      arith::MulIOp::create(b, loc, word(math.value(depthCount)), constant(shape.packing.operands[info.lhs].zeroPoint));
  Value total = arith::SubIOp::create(b, loc, reduceLanes(forOp.getResult(0)), zeros);
  Value factor = constant(-shape.packing.correctionBy(info.lhs));
  memref::StoreOp::create(b, loc, arith::MulIOp::create(b, loc, total, factor), lhsSums, math.value(row));
}

/// Zeros behind the last group of depths of a packed panel, to the end of its tiles.
void Emitter::fillDepth(const RhsSource &source) {
  int64_t group = shape.packing.group, width = shape.lanes * group;
  auto type = VectorType::get({width}, packedType());
  Index begin = math.mul(math.ceilDiv(source.depthCount, math.of(group)), math.of(shape.nr * group));
  Index end = math.mul(paddedDepth(source.depthCount), math.of(shape.nr));
  loop(begin, end, width, [&](Value at) {
    vector::StoreOp::create(b, loc, zero(type), packedRhs, math.value(math.add(source.destination, at)));
  });
}

void Emitter::computeTiles(Index packedRow, Index depthCount, const RhsPanel &panel) {
  int64_t rows = shape.mr / tileRows, columns = shape.nr / tileRows, width = shape.packing.depthUnit();
  bool isFloat = shape.packing.isFloat;
  auto operandType = amx::TileType::get({tileRows, width}, packedType());
  auto sumType = amx::TileType::get({tileRows, tileRows}, info.accumulator);
  Index lhsStart = math.mul(packedRow, math.of(shape.kc));
  Value lhsStride = math.constant(width), rhsStride = math.value(panel.step), scratchStride = math.constant(shape.nr);

  auto load = [&](Value flat, Index at, Value stride) -> Value {
    return amx::TileLoadOp::create(b, loc, operandType, flat, math.value(at), stride);
  };
  auto multiply = [&](Value left, Value right, Value sum) -> Value {
    if (isFloat)
      return amx::TileMulFOp::create(b, loc, sumType, left, right, sum);
    return amx::TileMulIOp::create(b, loc, sumType, left, right, sum, shape.packing.operands[info.lhs].isUnsigned,
                                   shape.packing.operands[info.rhs].isUnsigned);
  };
  Values sums;
  for (int64_t i = 0; i < rows * columns; ++i)
    sums.push_back(amx::TileZeroOp::create(b, loc, sumType));
  auto step = [&](MutableArrayRef<Value> carried, Index tile) {
    Index lhsAt = math.add(lhsStart, math.mul(tile, math.of(tileRows * width)));
    Index rhsAt = math.add(panel.base, math.mul(tile, math.mul(panel.step, math.of(tileGroups))));
    Values right(columns);
    for (int64_t i = 0; i < rows; ++i) {
      Value left = load(packedLhs, math.add(lhsAt, math.of(i * tileRows * shape.kc)), lhsStride);
      for (int64_t j = 0; j < columns; ++j) {
        if (i == 0)
          right[j] = load(packedRhs, math.add(rhsAt, math.of(j * width)), rhsStride);
        carried[i * columns + j] = multiply(left, right[j], carried[i * columns + j]);
      }
    }
  };
  accumulate(sums, math.ceilDiv(depthCount, math.of(width)), step);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      amx::TileStoreOp::create(b, loc, scratch, math.constant(i * tileRows * shape.nr + j * tileRows),
                               sums[i * columns + j], scratchStride);
}
