// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From products to weights, row by row, and from sums to results.
//
#include "Emitter.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::attention;
using namespace tegula::matmul;

Value Emitter::carry(Index begin, Index end, Value start, function_ref<Value(Value, Index)> body) {
  if (IndexMath::same(begin, end))
    return start;
  auto forOp = scf::ForOp::create(b, loc, math.value(begin), math.value(end), math.constant(lanes), start);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(forOp.getBody());
  Value next = body(forOp.getRegionIterArgs()[0], Index(forOp.getInductionVar()));
  scf::YieldOp::create(b, loc, next);
  return forOp.getResult(0);
}

Value Emitter::loadAlong(const Operand &operand, Index at, Index step, std::optional<Index> count) {
  if (IndexMath::isConstant(step, 0))
    return loadStored(operand, at);
  auto type = VectorType::get({lanes}, operand.element);
  auto neighbours = [&]() -> Value {
    if (!count)
      return vector::LoadOp::create(b, loc, type, operand.flat, math.value(at));
    return vector::MaskedLoadOp::create(b, loc, type, operand.flat, math.value(at), maskOf(*count), zero(type));
  };
  if (IndexMath::isConstant(step, 1))
    return neighbours();
  auto ifOp = scf::IfOp::create(b, loc, type, math.equal(step, math.of(1)), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(ifOp.thenBlock());
  Value together = neighbours();
  scf::YieldOp::create(b, loc, together);
  b.setInsertionPointToEnd(ifOp.elseBlock());
  Value apart = zero(type);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    Index own = count ? math.min(math.of(lane), math.sub(*count, math.of(1))) : math.of(lane);
    Value x = loadStored(operand, math.add(at, math.mul(own, step)));
    apart = vector::InsertOp::create(b, loc, x, apart, lane);
  }
  scf::YieldOp::create(b, loc, apart);
  return ifOp.getResult(0);
}

Value Emitter::scoresOf(Value products, ArrayRef<Index> starts, Index column, std::optional<Index> count) {
  linalg::GenericOp map = kernel.scores;
  if (!map)
    return products;
  IRMapping mapping;
  const Index *start = starts.begin();
  for (OpOperand *operand : map.getDpsInputOperands()) {
    BlockArgument argument = map.getMatchingBlockArgument(operand);
    if (operand->getOperandNumber() == 0) {
      // Sums of integers are f32 already.
      for (Operation *user : argument.getUsers())
        if (kernel.isInteger && isa<arith::SIToFPOp>(user) && user->getResult(0).getType().isF32())
          mapping.map(user->getResult(0), products);
      mapping.map(argument, kernel.isInteger ? toIntegers(products) : products);
    } else if (map.isScalar(operand)) {
      mapping.map(argument, operand->get());
    } else {
      const Operand &own = scoreOperands[operand];
      Index step = stepOf(own, 1);
      mapping.map(argument, loadAlong(own, math.add(*start++, math.mul(column, step)), step, count));
    }
  }
  for (Operation &op : map.getBody()->without_terminator())
    if (op.getNumResults() == 0 || !mapping.contains(op.getResult(0)))
      cloneElementwise(b, loc, &op, mapping);
  return mapping.lookup(map.getBody()->getTerminator()->getOperand(0));
}

Value Emitter::reduce(Value lanesOfRow, function_ref<Value(Value, Value)> join) {
  for (int64_t size = lanes; size > 1; size /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < size / 2; ++lane) {
      low.push_back(lane);
      high.push_back(lane + size / 2);
    }
    lanesOfRow = join(vector::ShuffleOp::create(b, loc, lanesOfRow, lanesOfRow, low),
                      vector::ShuffleOp::create(b, loc, lanesOfRow, lanesOfRow, high));
  }
  return vector::ExtractOp::create(b, loc, lanesOfRow, 0);
}

/// The larger one; y where x is NaN, whose exponential makes a NaN of the row anyway.
Value Emitter::larger(Value x, Value y) {
  Value isLarger = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(b, loc, isLarger, x, y);
}

/// What is subtracted from scores of which `largest` is the largest. Where all are minus infinity so far, those that
/// follow decide: their differences to 0 are minus infinity, too.
Value Emitter::shiftFor(Value largest) {
  Value none = lowest(), zero = number(0);
  if (isa<VectorType>(largest.getType())) {
    none = broadcast(none);
    zero = broadcast(zero);
  }
  Value isNone = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, largest, none);
  return arith::SelectOp::create(b, loc, isNone, zero, largest);
}

SmallVector<Index> Emitter::startsOfScores(Index row, Index key) {
  SmallVector<Index> starts;
  for (auto &entry : scoreOperands)
    starts.push_back(addressOf(entry.second, math.add(firstRow, row), key));
  return starts;
}

/// Makes scores of the products of a row of the block, and finds the largest.
void Emitter::findLargest(Index row, Index key, Index keyCount, bool isOnly) {
  Index start = math.mul(row, math.of(schedule.getKeys())), main = roundDown(keyCount, lanes);
  SmallVector<Index> starts = startsOfScores(row, key);
  Value best = carry(math.of(0), main, broadcast(lowest()), [&](Value most, Index column) {
    Index at = math.add(start, column);
    Value score = scoresOf(loadVector(scores, at), starts, column, std::nullopt);
    if (kernel.scores)
      storeVector(score, scores, at);
    return larger(score, most);
  });
  best = carry(main, keyCount, best, [&](Value most, Index column) {
    Index at = math.add(start, column), count = math.sub(keyCount, column);
    Value score = scoresOf(loadVector(scores, at), starts, column, count);
    score = arith::SelectOp::create(b, loc, maskOf(count), score, broadcast(lowest()));
    storeVector(score, scores, at);
    return larger(score, most);
  });
  Value largest = reduce(best, [&](Value x, Value y) { return larger(x, y); });
  storeScalar(isOnly ? shiftFor(largest) : largest, shifts, row);
}

/// Compares the largest scores of `lanes` rows with those of the blocks before.
void Emitter::compareLargest(Index row) {
  Value before = loadVector(maxima, row), largest = larger(loadVector(shifts, row), before);
  Value shift = shiftFor(largest);
  storeVector(largest, maxima, row);
  storeVector(shift, shifts, row);
  storeVector(math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, before, shift)), factors, row);
}

/// Makes exponentials of the scores of a row of the block, and sums them.
void Emitter::weigh(Index row, Index keyCount, bool isOnly) {
  Index start = math.mul(row, math.of(schedule.getKeys())), place = math.mul(row, math.of(lanes));
  Value shift = broadcast(loadScalar(shifts, row)), total = zeroVector();
  if (!isOnly) {
    Value factor = broadcast(loadScalar(factors, row));
    total = arith::MulFOp::create(b, loc, loadVector(totals, place), factor);
  }
  total = carry(math.of(0), keyCount, total, [&](Value sum, Index column) {
    Index at = math.add(start, column);
    Value exponential = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, loadVector(scores, at), shift));
    storeVector(exponential, scores, at);
    return arith::AddFOp::create(b, loc, sum, exponential).getResult();
  });
  storeVector(total, totals, place);
}

bool Emitter::masksResults() {
  // AVX has masked stores of 32 bits, AVX-512 of all integers.
  return lanes >= 8 && llvm::all_of(results, [&](auto &entry) {
           return IndexMath::isConstant(stepOf(entry.second, 1), 1) &&
                  (lanes >= 16 || entry.second.element.getIntOrFloatBitWidth() == 32);
         });
}

void Emitter::finish(Index row) {
  Index start = math.mul(row, math.of(paddedWidth));
  int64_t main = width / lanes * lanes;
  auto overColumns = [&](Value flat, function_ref<Value(Value)> scale) {
    auto type = VectorType::get({lanes}, elementOf(flat));
    auto load = [&](Index column) -> Value {
      return vector::LoadOp::create(b, loc, type, flat, math.value(math.add(start, column)));
    };
    loop(math.of(0), math.of(main), lanes,
         [&](Value column) { finishOne(row, Index(column), scale(load(Index(column)))); });
    if (main == width)
      return;
    if (masksResults())
      return finishOne(row, math.of(main), scale(load(math.of(main))), math.of(width - main));
    loop(math.of(main), math.of(width), 1, [&](Value column) {
      Value sum = memref::LoadOp::create(b, loc, flat, math.value(math.add(start, Index(column))));
      finishOne(row, Index(column), scale(sum));
    });
  };
  if (kernel.isInteger)
    return overColumns(integerSums, [](Value sum) { return sum; });
  Value total = reduce(loadVector(totals, math.mul(row, math.of(lanes))),
                       [&](Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); });
  Value inverse = arith::DivFOp::create(b, loc, number(1), total);
  // An empty sum is 0; one of nothing but minus infinity is NaN.
  if (!getConstantIntValue(keys))
    inverse = arith::SelectOp::create(b, loc, math.equal(keys, math.of(0)), number(0), inverse);
  Value factors = broadcast(inverse);
  overColumns(sums, [&](Value sum) {
    return arith::MulFOp::create(b, loc, sum, isa<VectorType>(sum.getType()) ? factors : inverse);
  });
}

/// Applies the steps behind to a vector or an element, and stores it.
void Emitter::finishOne(Index row, Index column, Value sum, std::optional<Index> count) {
  row = math.add(firstRow, row);
  bool isVector = isa<VectorType>(sum.getType());
  auto load = [&](OpOperand &operand) {
    const Operand &own = operands[&operand];
    Index at = addressOf(own, row, column);
    return isVector ? loadAlong(own, at, stepOf(own, 1), count) : loadStored(own, at);
  };
  auto define = [&](Value buffer, Value value) {
    if (isVector && !isa<VectorType>(value.getType()))
      value = broadcast(value);
    auto *entry = results.find(buffer);
    if (entry == results.end())
      return value;
    Operand &own = entry->second;
    Index at = addressOf(own, row, column), step = stepOf(own, 1);
    if (!isVector)
      storeScalar(value, own.flat, at);
    else if (count)
      vector::MaskedStoreOp::create(b, loc, own.flat, math.value(at), maskOf(*count), value);
    else if (IndexMath::isConstant(step, 1))
      storeVector(value, own.flat, at);
    else
      for (int64_t lane = 0; lane < lanes; ++lane)
        storeScalar(vector::ExtractOp::create(b, loc, value, lane), own.flat,
                    math.add(at, math.mul(math.of(lane), step)));
    return value;
  };
  applySteps(form, sum,
             {load, define, [&](Operation *op, IRMapping &mapping) { cloneElementwise(b, loc, op, mapping); }});
}
