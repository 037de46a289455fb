// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the register block to memory: add the sums of earlier depth blocks, and either put the sum aside or apply the
// elementwise steps and store the results. Whole register blocks go straight from registers; others, and those with
// many steps, through a small buffer, row by row.
//
#include "Emitter.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

/// Above this many step ops in the whole register block the rows are handled in a loop: code size.
static constexpr int64_t maxInlineOps = 256;

Index Emitter::address(const Access &access, const Tile &tile, Index row, Index column) {
  Index at = math.add(access.batchBase, term(access, Rows, row, tile.blockRow));
  return math.add(at, term(access, Columns, column, tile.blockColumn));
}

Value Emitter::load(const Access &access, const Tile &tile, Index row, Index column, Value mask, bool vector) {
  Index at = address(access, tile, row, column);
  if (vector && access.dependence[Columns].kind != Dependence::None)
    return loadVector(access.element, access.flat, at, mask);
  // The same for all columns: stays a scalar until it meets a vector.
  return memref::LoadOp::create(b, loc, access.flat, math.value(at));
}

void Emitter::store(const Access &access, const Tile &tile, Index row, Index column, Value value, Value mask) {
  Value at = math.value(address(access, tile, row, column));
  if (!isa<VectorType>(value.getType()))
    memref::StoreOp::create(b, loc, value, access.flat, at);
  else if (mask)
    vector::MaskedStoreOp::create(b, loc, access.flat, at, mask, value);
  else
    vector::StoreOp::create(b, loc, value, access.flat, at);
}

Value Emitter::addPartial(const Tile &tile, Index row, Index column, Value sum, Value mask) {
  Value earlier = load(*partial, tile, row, column, mask, isa<VectorType>(sum.getType()));
  if (isa<FloatType>(info.accumulator))
    return arith::AddFOp::create(b, loc, sum, earlier);
  return arith::AddIOp::create(b, loc, sum, earlier);
}

void Emitter::finish(const Tile &tile, Index row, Index column, Value sum, Value mask) {
  auto vector = dyn_cast<VectorType>(sum.getType());
  if (info.resultType != info.accumulator)
    sum = arith::TruncFOp::create(b, loc, vector ? Type(vectorOf(info.resultType)) : info.resultType, sum);
  auto define = [&](Value buffer, Value value) {
    if (vector && !isa<VectorType>(value.getType()))
      value = vector::BroadcastOp::create(b, loc, vectorOf(value.getType()), value);
    if (auto *entry = results.find(buffer); entry != results.end())
      store(entry->second, tile, row, column, value, mask);
    return value;
  };
  applySteps(form, sum,
             {[&](OpOperand &operand) { return load(operands[&operand], tile, row, column, mask, bool(vector)); },
              define, [&](Operation *op, IRMapping &mapping) { cloneElementwise(b, loc, op, mapping); }});
}

void Emitter::storeOne(const Tile &tile, Index row, Index column, Value sum, Value mask) {
  if (!getConstantIntValue(tile.first)) {
    auto ifOp = scf::IfOp::create(b, loc, sum.getType(), tile.first, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(ifOp.thenBlock());
    scf::YieldOp::create(b, loc, sum);
    b.setInsertionPointToEnd(ifOp.elseBlock());
    Value total = addPartial(tile, row, column, sum, mask);
    scf::YieldOp::create(b, loc, total);
    sum = ifOp.getResult(0);
  }
  ifTrue(
      tile.last, [&] { finish(tile, row, column, sum, mask); }, [&] { store(*partial, tile, row, column, sum, mask); });
}

void Emitter::storeRegisters(const Tile &tile, ValueRange sums) {
  auto at = [&](int64_t i) {
    return std::pair(math.add(tile.row, math.of(i / shape.vectors)),
                     math.add(tile.column, math.of(i % shape.vectors * shape.lanes)));
  };
  Values totals(sums);
  if (!getConstantIntValue(tile.first)) {
    auto ifOp = scf::IfOp::create(b, loc, sums.getTypes(), tile.first, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(ifOp.thenBlock());
    scf::YieldOp::create(b, loc, sums);
    b.setInsertionPointToEnd(ifOp.elseBlock());
    for (size_t i = 0; i < totals.size(); ++i)
      totals[i] = addPartial(tile, at(i).first, at(i).second, totals[i], nullptr);
    scf::YieldOp::create(b, loc, totals);
    totals.assign(ifOp.result_begin(), ifOp.result_end());
  }
  ifTrue(
      tile.last,
      [&] {
        for (size_t i = 0; i < totals.size(); ++i)
          finish(tile, at(i).first, at(i).second, totals[i], nullptr);
      },
      [&] {
        for (size_t i = 0; i < totals.size(); ++i)
          store(*partial, tile, at(i).first, at(i).second, totals[i], nullptr);
      });
}

Value Emitter::correct(const Tile &tile, Index i, Index j, Value sum) {
  if (!shape.packing.tiles)
    return sum;
  auto vector = dyn_cast<VectorType>(sum.getType());
  if (correctsBy(info.lhs)) {
    Value own = memref::LoadOp::create(b, loc, lhsSums, math.value(math.add(tile.lhsSums, i)));
    if (vector)
      own = vector::BroadcastOp::create(b, loc, vector, own);
    sum = arith::AddIOp::create(b, loc, sum, own);
  }
  if (correctsBy(info.rhs)) {
    Index at = math.add(tile.rhsSums, j);
    Value own = vector ? loadVector(info.accumulator, rhsSums, at, nullptr)
                       : memref::LoadOp::create(b, loc, rhsSums, math.value(at)).getResult();
    sum = arith::AddIOp::create(b, loc, sum, own);
  }
  return sum;
}

void Emitter::storeRows(const Tile &tile) {
  loop(math.of(0), tile.rowCount, 1, [&](Value i) {
    Index row = math.add(tile.row, i), scratchRow = math.mul(i, math.of(shape.nr));
    loop(math.of(0), tile.columnCount, shape.lanes, [&](Value j) {
      Index column = math.add(tile.column, j), scratchAt = math.add(scratchRow, j);
      Index count = math.min(math.of(shape.lanes), math.sub(tile.columnCount, j));
      auto byElements = [&] {
        loop(math.of(0), count, 1, [&](Value lane) {
          Value sum = memref::LoadOp::create(b, loc, scratch, math.value(math.add(scratchAt, lane)));
          sum = correct(tile, i, math.add(j, lane), sum);
          storeOne(tile, row, math.add(column, lane), sum, nullptr);
        });
      };
      auto vector = [&] { return correct(tile, i, j, loadVector(info.accumulator, scratch, scratchAt, nullptr)); };
      Value whole = math.logicalAnd(tile.contiguous, math.equal(count, math.of(shape.lanes)));
      ifTrue(
          whole, [&] { storeOne(tile, row, column, vector(), nullptr); },
          [&] {
            if (!shape.masked)
              return byElements();
            ifTrue(tile.contiguous, [&] { storeOne(tile, row, column, vector(), maskOf(count)); }, byElements);
          });
    });
  });
}

void Emitter::prefetchTile(const Tile &tile) {
  // What the store will touch, on the way while the sums are computed; an address beyond an edge does no harm.
  const Access *target = partialInWorkspace ? nullptr : partial;
  if (!target && !results.empty())
    target = &results.front().second;
  if (!target || target->dependence[Columns].kind == Dependence::None)
    return;
  Index last = math.sub(math.add(tile.row, tile.rowCount), math.of(1));
  for (int64_t i = 0; i < shape.mr; ++i) {
    Index row = target->dependence[Rows].kind == Dependence::Table ? math.min(math.add(tile.row, math.of(i)), last)
                                                                   : math.add(tile.row, math.of(i));
    prefetch(*target, address(*target, tile, row, tile.column), shape.nr, /*isWrite=*/true);
  }
}

void Emitter::storeTile(const Tile &tile, ValueRange sums) {
  auto throughScratch = [&] {
    for (size_t i = 0; i < sums.size(); ++i)
      vector::StoreOp::create(b, loc, sums[i], scratch, math.constant(i * shape.lanes));
    storeRows(tile);
  };
  int64_t ops = 0;
  for (Operation *step : form.steps)
    if (auto generic = dyn_cast<linalg::GenericOp>(step))
      ops += generic.getBody()->getOperations().size();
  if (ops * int64_t(sums.size()) > maxInlineOps)
    return throughScratch();
  Value whole =
      math.logicalAnd(math.equal(tile.rowCount, math.of(shape.mr)), math.equal(tile.columnCount, math.of(shape.nr)));
  ifTrue(math.logicalAnd(whole, tile.contiguous), [&] { storeRegisters(tile, sums); }, throughScratch);
}
