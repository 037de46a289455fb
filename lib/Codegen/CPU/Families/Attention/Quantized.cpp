// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of bytes. Their products are multiplied as f32 numbers, whose sums are exact as long as they are short:
// along a query always, along the keys within a block, behind which they are added as integers. Weights are quantized,
// so that the largest score and the sum of a whole row come first. Where there are several blocks of keys, the products
// are computed again for the weights.
//
#include "Emitter.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::attention;
using namespace tegula::matmul;

Value Emitter::factorOf(Value x, const IntegerFactor &integer) {
  auto typeOf = [&](Type element) -> Type {
    auto type = dyn_cast<VectorType>(x.getType());
    return type ? Type(VectorType::get(type.getShape(), element)) : element;
  };
  Type i32 = typeOf(b.getI32Type());
  Value wide = integer.isUnsigned ? arith::ExtUIOp::create(b, loc, i32, x).getResult()
                                  : arith::ExtSIOp::create(b, loc, i32, x).getResult();
  Value real = arith::SIToFPOp::create(b, loc, typeOf(b.getF32Type()), wide);
  if (integer.zeroPoint == 0)
    return real;
  Value zeroPoint = number(double(integer.zeroPoint));
  if (isa<VectorType>(real.getType()))
    zeroPoint = broadcast(zeroPoint);
  return arith::SubFOp::create(b, loc, real, zeroPoint);
}

Value Emitter::toIntegers(Value sums) {
  return arith::FPToSIOp::create(b, loc, VectorType::get({lanes}, b.getI32Type()), sums);
}

void Emitter::emitQuantized() {
  auto quantize = [&](Index keyCount) {
    loop(math.of(0), rowCount, 1, [&](Value row) { quantizeWeights(Index(row), keyCount); });
  };
  auto known = getConstantIntValue(keys);
  Index block = math.of(schedule.getKeys());
  if (known && *known <= schedule.getKeys()) {
    emitKeys(math.of(0), keys, /*isOnly=*/true);
    quantize(keys);
    multiplyBlock(math.of(0), keys, /*isOnly=*/true);
  } else {
    startRows();
    overBlocks([&](Index key, Index keyCount) { emitKeys(key, keyCount, /*isOnly=*/false); });
    overBlocks([&](Index key, Index keyCount) {
      emitIf(b, loc, math.less(block, keys), [&] {
        multiplyQueries(key, keyCount);
        loop(math.of(0), rowCount, 1, [&](Value row) { weighAgain(Index(row), key, keyCount); });
      });
      quantize(keyCount);
      multiplyBlock(key, keyCount, /*isOnly=*/false);
    });
  }
  loop(math.of(0), rowCount, 1, [&](Value row) { finish(Index(row)); });
}

/// Makes exponentials of the products of a row of the block, whose largest score is known.
void Emitter::weighAgain(Index row, Index key, Index keyCount) {
  Index start = math.mul(row, math.of(schedule.getKeys())), main = roundDown(keyCount, lanes);
  SmallVector<Index> starts = startsOfScores(row, key);
  Value shift = broadcast(loadScalar(shifts, row));
  auto weigh = [&](Index column, std::optional<Index> count) {
    Index at = math.add(start, column);
    Value score = scoresOf(loadVector(scores, at), starts, column, count);
    storeVector(math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, score, shift)), scores, at);
  };
  loop(math.of(0), main, lanes, [&](Value column) { weigh(Index(column), std::nullopt); });
  loop(main, keyCount, lanes, [&](Value column) { weigh(Index(column), math.sub(keyCount, Index(column))); });
}

/// Makes factors of the exponentials of a row of the block: the map of the weights, from the exponential on.
void Emitter::quantizeWeights(Index row, Index keyCount) {
  linalg::GenericOp map = kernel.weights;
  Index start = math.mul(row, math.of(schedule.getKeys()));
  Value total = broadcast(reduce(loadVector(totals, math.mul(row, math.of(lanes))),
                                 [&](Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }));
  Block *body = map.getBody();
  Operation *difference = *body->getArgument(0).user_begin(), *exponential = *difference->user_begin();
  loop(math.of(0), keyCount, lanes, [&](Value column) {
    Index at = math.add(start, Index(column));
    IRMapping mapping;
    mapping.map(exponential->getResult(0), loadVector(scores, at));
    mapping.map(body->getArgument(2), total);
    for (Operation &op : body->without_terminator())
      if (&op != difference && &op != exponential)
        cloneElementwise(b, loc, &op, mapping);
    Value weight = mapping.lookup(body->getTerminator()->getOperand(0));
    storeVector(factorOf(weight, kernel.weight), scores, at);
  });
}
