// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packing of operand blocks into panels in the accumulator type. A panel of the right operand holds NR columns, one depth
// after the other; a panel of the left one MR rows likewise. Panels at the edges are filled up with zeros, so that the
// micro-kernel knows no edges.
//
#include "Emitter.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

Value Emitter::convert(Value x, unsigned operand) {
  linalg::GenericOp op = info.op;
  BlockArgument argument = op.getBody()->getArgument(operand);
  Operation *sum = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  Value product = sum->getOperand(0) == op.getBody()->getArgument(2) ? sum->getOperand(1) : sum->getOperand(0);
  // The factor that the argument flows into; the other factor may be a function of nothing but constants.
  auto reaches = [&](Value value) {
    SmallVector<Value> work{value};
    while (!work.empty()) {
      Value next = work.pop_back_val();
      if (next == argument)
        return true;
      if (Operation *definition = next.getDefiningOp(); definition && definition->getBlock() == op.getBody())
        llvm::append_range(work, definition->getOperands());
    }
    return false;
  };
  Operation *multiply = product.getDefiningOp();
  unsigned mine = reaches(multiply->getOperand(0)) && (operand == 0 || !reaches(multiply->getOperand(1))) ? 0 : 1;
  if (!reaches(multiply->getOperand(mine)))
    mine = operand;

  IRMapping mapping;
  mapping.map(argument, x);
  std::function<Value(Value)> clone = [&](Value value) -> Value {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    Operation *definition = value.getDefiningOp();
    if (!definition || definition->getBlock() != op.getBody())
      return value;
    for (Value input : definition->getOperands())
      mapping.map(input, clone(input));
    return cloneElementwise(b, loc, definition, mapping);
  };
  Value result = clone(multiply->getOperand(mine));
  auto vector = dyn_cast<VectorType>(x.getType());
  if (vector && !isa<VectorType>(result.getType()))
    result = vector::BroadcastOp::create(b, loc, vectorOf(result.getType()), result);
  Type target = vector ? Type(vectorOf(info.accumulator)) : info.accumulator;
  if (result.getType() != target)
    result = arith::ExtFOp::create(b, loc, target, result);
  return result;
}

void Emitter::packRhs(Index column, Index columnCount, Index depth, Index depthCount) {
  loop(math.of(0), columnCount, shape.nr, [&](Value panel) {
    Index valid = math.min(math.of(shape.nr), math.sub(columnCount, panel));
    packRhsPanel(math.add(column, panel), column, valid, depth, depthCount, math.mul(panel, depthCount));
  });
}

void Emitter::packRhsPanel(Index column, Index blockStart, Index valid, Index depth, Index depthCount,
                           Index destination) {
  // The address of element (depth + k, column + j), and where it goes.
  auto source = [&](Index k, Index j) {
    Index at = math.add(rhs.batchBase, term(rhs, Depth, math.add(depth, k), depth));
    return math.add(at, term(rhs, Columns, math.add(column, j), blockStart));
  };
  auto target = [&](Index k, Index j) { return math.add(math.add(destination, math.mul(k, math.of(shape.nr))), j); };
  auto put = [&](Value vector, Index k, Index j) {
    vector::StoreOp::create(b, loc, vector, packedRhs, math.value(target(k, j)));
  };
  auto copyVector = [&](Index k, Index j) {
    put(convert(loadVector(rhs.element, rhs.flat, source(k, j), nullptr), info.rhs), k, j);
  };

  auto byChunks = [&] {
    loop(math.of(0), math.of(shape.nr), shape.lanes, [&](Value chunk) {
      Index here = math.max(math.of(0), math.min(math.of(shape.lanes), math.sub(valid, chunk)));
      Value contiguous = isContiguous(rhs, math.add(column, chunk), blockStart, here, shape.lanes);
      Value full = math.logicalAnd(contiguous, math.equal(here, math.of(shape.lanes)));
      ifTrue(
          full, [&] { loop(math.of(0), depthCount, 1, [&](Value k) { copyVector(k, chunk); }); },
          [&] {
            auto byElements = [&] {
              loop(math.of(0), depthCount, 1, [&](Value k) {
                loop(math.of(0), here, 1, [&](Value lane) {
                  Index j = math.add(chunk, lane);
                  Value x = memref::LoadOp::create(b, loc, rhs.flat, math.value(source(k, j)));
                  memref::StoreOp::create(b, loc, convert(x, info.rhs), packedRhs, math.value(target(k, j)));
                });
                loop(here, math.of(shape.lanes), 1, [&](Value lane) {
                  memref::StoreOp::create(b, loc, zero(info.accumulator), packedRhs,
                                          math.value(target(k, math.add(chunk, lane))));
                });
              });
            };
            if (!shape.masked || rhs.element.getIntOrFloatBitWidth() < 32)
              return byElements();
            ifTrue(
                contiguous,
                [&] {
                  Value mask = maskOf(here);
                  loop(math.of(0), depthCount, 1, [&](Value k) {
                    Value x = convert(loadVector(rhs.element, rhs.flat, source(k, chunk), mask), info.rhs);
                    put(arith::SelectOp::create(b, loc, mask, x, zero(vectorOf(info.accumulator))), k, chunk);
                  });
                },
                byElements);
          });
    });
  };
  Value whole = math.equal(valid, math.of(shape.nr));
  const Dependence &dependence = rhs.dependence[Columns];
  whole = math.logicalAnd(whole, isContiguous(rhs, column, blockStart, math.of(shape.nr), shape.nr));
  if (dependence.kind == Dependence::None)
    whole = math.truth(false);
  ifTrue(
      whole,
      [&] {
        loop(math.of(0), depthCount, 1, [&](Value k) {
          for (int64_t i = 0; i < shape.vectors; ++i)
            copyVector(k, math.of(i * shape.lanes));
        });
      },
      byChunks);
}

void Emitter::packLhs(Index row, Index rowCount, Index depth, Index depthCount) {
  loop(math.of(0), rowCount, shape.mr, [&](Value panel) {
    Index valid = math.min(math.of(shape.mr), math.sub(rowCount, panel));
    Index destination = math.mul(panel, depthCount);
    auto put = [&](Value value, Index k, Index i) {
      Index at = math.add(math.add(destination, math.mul(k, math.of(shape.mr))), i);
      memref::StoreOp::create(b, loc, value, packedLhs, math.value(at));
    };
    auto copy = [&](Index k, Index i, Index rowTerm) {
      Index at = math.add(rowTerm, term(lhs, Depth, math.add(depth, k), depth));
      put(convert(memref::LoadOp::create(b, loc, lhs.flat, math.value(at)), info.lhs), k, i);
    };
    auto rowTerm = [&](Index i) {
      return math.add(lhs.batchBase, term(lhs, Rows, math.add(math.add(row, panel), i), row));
    };
    const Dependence &rows = lhs.dependence[Rows];
    if (rows.kind == Dependence::Linear && IndexMath::isConstant(rows.step, 1)) {
      loop(math.of(0), depthCount, 1,
           [&](Value k) { loop(math.of(0), valid, 1, [&](Value i) { copy(k, i, rowTerm(i)); }); });
    } else {
      loop(math.of(0), valid, 1, [&](Value i) {
        Index start = rowTerm(i);
        loop(math.of(0), depthCount, 1, [&](Value k) { copy(k, i, start); });
      });
    }
    loop(valid, math.of(shape.mr), 1, [&](Value i) {
      loop(math.of(0), depthCount, 1, [&](Value k) { put(zero(info.accumulator), k, i); });
    });
  });
}
