// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packing of operand blocks in the accumulator type, or in groups of depths (DepthPacking.h). The right operand:
// panels of NR columns, one depth after the other. The left one: as it lies in memory, either rows of KC elements or
// panels of MR rows, one depth after the other. The micro-kernel knows no edges: it also computes rows and columns
// beyond them, from whatever stands there, and nobody stores these sums.
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
    result = vector::BroadcastOp::create(b, loc, VectorType::get(vector.getShape(), result.getType()), result);
  Type target = vector ? Type(VectorType::get(vector.getShape(), info.accumulator)) : info.accumulator;
  if (result.getType() != target)
    result = arith::ExtFOp::create(b, loc, target, result);
  return result;
}

/// How many rows ahead packing fetches.
static constexpr int64_t prefetchDepth = 8;

void Emitter::packRhs(Index column, Index columnCount, Index depth, Index depthCount) {
  loop(math.of(0), columnCount, shape.nr, [&](Value panel) {
    Index valid = math.min(math.of(shape.nr), math.sub(columnCount, panel));
    packRhsPanel(
        {math.add(column, panel), column, valid, depth, depthCount, math.mul(panel, paddedDepth(depthCount)), panel});
  });
}

void Emitter::packRhsPanel(const RhsSource &source) {
  fillRhsPanel(source);
  if (shape.packing.tiles)
    fillDepth(source);
  if (correctsBy(info.rhs))
    sumRhsPanel(source);
}

void Emitter::overDepths(Index begin, Index count, function_ref<void(Index, bool)> body) {
  Index group = math.of(shape.packing.group);
  Index main = math.mul(math.floorDiv(count, group), group);
  loop(begin, main, shape.packing.group, [&](Value k) { body(k, true); });
  if (shape.packing.group > 1)
    ifTrue(math.less(main, count), [&] { body(main, false); });
}

Value Emitter::loadGroup(Index k, Index count, bool whole, function_ref<Value(Index)> load) {
  Values rows;
  Index last = math.sub(count, math.of(1));
  for (int64_t i = 0; i < shape.packing.group; ++i) {
    Index at = math.add(k, math.of(i));
    if (whole || i == 0) {
      rows.push_back(load(at));
      continue;
    }
    // Beyond the last depth its address is read again, and zeros count.
    Value row = load(math.min(at, last));
    rows.push_back(arith::SelectOp::create(b, loc, math.less(at, count), row, zero(row.getType())));
  }
  return isa<VectorType>(rows[0].getType()) ? interleave(rows) : rows[0];
}

Index Emitter::rhsTerm(const RhsSource &source, Index j) {
  return math.add(rhs.batchBase, term(rhs, Columns, math.add(source.column, j), source.blockColumn));
}

Index Emitter::rhsAddress(const RhsSource &source, Index columnTerm, Index k) {
  return math.add(columnTerm, term(rhs, Depth, math.add(source.depth, k), source.depth));
}

Value Emitter::packedAddress(const RhsSource &source, Index k, Index j) {
  Index column = math.mul(j, math.of(shape.packing.group));
  return math.value(math.add(math.add(source.destination, math.mul(k, math.of(shape.nr))), column));
}

void Emitter::packElements(const RhsSource &source, Index k, bool whole, Index begin, Index end) {
  Index last = math.sub(source.depthCount, math.of(1));
  loop(begin, end, 1, [&](Value j) {
    Index columnTerm = rhsTerm(source, j), start = packedAddress(source, k, j);
    for (int64_t i = 0; i < shape.packing.group; ++i) {
      Index at = math.add(k, math.of(i)), from = whole || i == 0 ? at : math.min(at, last);
      Value x = memref::LoadOp::create(b, loc, rhs.flat, math.value(rhsAddress(source, columnTerm, from)));
      x = pack(x, info.rhs);
      if (!whole && i > 0)
        x = arith::SelectOp::create(b, loc, math.less(at, source.depthCount), x, zero(x.getType()));
      memref::StoreOp::create(b, loc, x, packedRhs, math.value(math.add(start, math.of(i))));
    }
  });
}

void Emitter::fillRhsPanel(const RhsSource &source) {
  const Dependence &columns = rhs.dependence[Columns], &depths = rhs.dependence[Depth];
  Index lanes = math.of(shape.lanes);
  bool neighbours = columns.kind == Dependence::Linear && IndexMath::isConstant(columns.step, 1);
  bool deep = depths.kind == Dependence::Linear && IndexMath::isConstant(depths.step, 1);
  if (deep && !neighbours)
    return loop(math.of(0), source.valid, shape.lanes, [&](Value chunk) { packTransposed(source, chunk); });
  if (columns.kind == Dependence::Table)
    return packRuns(source);

  auto byElements = [&](Index begin) {
    overDepths(math.of(0), source.depthCount,
               [&](Index k, bool whole) { packElements(source, k, whole, begin, source.valid); });
  };
  if (columns.kind == Dependence::None || columns.kind == Dependence::Blocks)
    return byElements(math.of(0));
  auto copy = [&](Index k, bool whole, Index j, Value mask) {
    Value packed = loadGroup(k, source.depthCount, whole, [&](Index at) {
      return pack(loadVector(rhs.element, rhs.flat, rhsAddress(source, rhsTerm(source, j), at), mask), info.rhs);
    });
    vector::StoreOp::create(b, loc, packed, packedRhs, packedAddress(source, k, j));
  };
  Value contiguous = math.equal(columns.step, math.of(1));
  ifTrue(
      math.logicalAnd(contiguous, math.equal(source.valid, math.of(shape.nr))),
      [&] {
        overDepths(math.of(0), source.depthCount, [&](Index k, bool whole) {
          // Rows lie far apart, so the hardware does not see them coming.
          if (rhs.dependence[Depth].kind == Dependence::Linear)
            for (int64_t i = 0; i < shape.packing.group; ++i) {
              Index ahead = math.add(k, math.of(prefetchDepth + i));
              prefetch(rhs, rhsAddress(source, rhsTerm(source, math.of(0)), ahead), shape.nr, /*isWrite=*/false);
            }
          for (int64_t i = 0; i < shape.vectors; ++i)
            copy(k, whole, math.of(i * shape.lanes), nullptr);
        });
      },
      [&] {
        if (!masksElement(rhs.element))
          return byElements(math.of(0));
        ifTrue(
            contiguous,
            [&] {
              loop(math.of(0), source.valid, shape.lanes, [&](Value chunk) {
                Value mask = maskOf(math.min(lanes, math.sub(source.valid, chunk)));
                overDepths(math.of(0), source.depthCount, [&](Index k, bool whole) { copy(k, whole, chunk, mask); });
              });
            },
            [&] { byElements(math.of(0)); });
      });
}

/// Columns whose elements are neighbours along the depth: squares of `lanes` columns and depths are transposed in
/// registers. Beyond the last column it is repeated.
void Emitter::packTransposed(const RhsSource &source, Index chunk) {
  Values terms;
  Index last = math.sub(source.valid, math.of(1));
  for (int64_t j = 0; j < shape.lanes; ++j)
    terms.push_back(math.value(rhsTerm(source, math.min(math.add(chunk, math.of(j)), last))));
  // With groups, the elements of the square are groups.
  int64_t group = shape.packing.group;
  Index side = math.of(shape.lanes * group);
  Index main = math.mul(math.floorDiv(source.depthCount, side), side);
  auto type = VectorType::get({shape.lanes * group}, rhs.element);
  loop(math.of(0), main, shape.lanes * group, [&](Value k) {
    Values square;
    for (Value term : terms) {
      Value at = math.value(rhsAddress(source, term, k));
      Value column = pack(vector::LoadOp::create(b, loc, type, rhs.flat, at), info.rhs);
      square.push_back(group > 1 ? toWords(column) : column);
    }
    transposeSquare(b, loc, square);
    for (int64_t u = 0; u < shape.lanes; ++u) {
      Value row = group > 1 ? fromWords(square[u]) : square[u];
      vector::StoreOp::create(b, loc, row, packedRhs, packedAddress(source, math.add(k, math.of(u * group)), chunk));
    }
  });
  Index end = math.min(math.add(chunk, math.of(shape.lanes)), source.valid);
  overDepths(main, source.depthCount, [&](Index k, bool whole) { packElements(source, k, whole, chunk, end); });
}

/// Columns with a table of offsets: runs of neighbours, at most a vector long, are copied for all depths. In a strided
/// convolution the elements of a run lie a constant step apart.
void Emitter::packRuns(const RhsSource &source) {
  Index lanes = math.of(shape.lanes);
  int64_t step = 1;
  if (auto known = getConstantIntValue(rhs.steps[info.columns.back()]); known && *known == 2)
    step = 2;
  auto copyRun = [&](Index begin, Index run) {
    Index columnTerm = rhsTerm(source, begin);
    auto copy = [&](bool whole) {
      // The last element of a run of step 2 is element 2 * run - 2: two vectors that overlap by one element reach it
      // and nothing behind it.
      Value mask = whole ? Value() : maskOf(run), second;
      if (step == 2 && !whole) {
        Index reach = math.sub(math.mul(run, math.of(2)), math.of(1));
        mask = maskOf(reach);
        second = maskOf(math.max(math.of(0), math.sub(reach, math.of(shape.lanes - 1))));
      }
      int64_t group = shape.packing.group;
      Value stored = whole ? Value() : maskOf(math.mul(run, math.of(group)), shape.lanes * group);
      auto load = [&](Index k) -> Value {
        Index from = rhsAddress(source, columnTerm, k);
        Value x = loadVector(rhs.element, rhs.flat, from, mask);
        if (step == 2) {
          Value y = loadVector(rhs.element, rhs.flat, math.add(from, math.of(shape.lanes - 1)), second);
          SmallVector<int64_t> even;
          for (int64_t lane = 0; lane < shape.lanes; ++lane)
            even.push_back(2 * lane < shape.lanes ? 2 * lane : 2 * lane + 1);
          x = vector::ShuffleOp::create(b, loc, x, y, even);
        }
        return pack(x, info.rhs);
      };
      overDepths(math.of(0), source.depthCount, [&](Index k, bool wholeGroup) {
        Value x = loadGroup(k, source.depthCount, wholeGroup, load);
        Value at = packedAddress(source, k, begin);
        if (stored)
          vector::MaskedStoreOp::create(b, loc, packedRhs, at, stored, x);
        else
          vector::StoreOp::create(b, loc, x, packedRhs, at);
      });
    };
    auto byElements = [&] {
      overDepths(math.of(0), source.depthCount,
                 [&](Index k, bool wholeGroup) { packElements(source, k, wholeGroup, begin, math.add(begin, run)); });
    };
    ifTrue(
        math.equal(run, lanes), [&] { copy(true); },
        [&] {
          if (!masksElement(rhs.element))
            return byElements();
          ifTrue(math.equal(run, math.of(1)), byElements, [&] { copy(false); });
        });
  };

  auto whileOp = scf::WhileOp::create(b, loc, TypeRange{b.getIndexType()}, ValueRange{math.constant(0)});
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&whileOp.getBefore(), {}, b.getIndexType(), loc);
  Value begin = whileOp.getBefore().getArgument(0);
  scf::ConditionOp::create(b, loc, math.less(begin, source.valid), begin);
  b.createBlock(&whileOp.getAfter(), {}, b.getIndexType(), loc);
  begin = whileOp.getAfter().getArgument(0);
  Index run = math.min(countNeighbours(rhs, math.add(source.column, begin), source.blockColumn, step),
                       math.sub(source.valid, begin));
  copyRun(begin, run);
  scf::YieldOp::create(b, loc, math.value(math.add(begin, run)));
}

void Emitter::packLhs(Index row, Index rowCount, Index depth, Index depthCount) {
  if (shape.packing.tiles)
    return packLhsTiles(row, rowCount, depth, depthCount);
  auto address = [&](Index i, Index k) {
    Index at = math.add(lhs.batchBase, term(lhs, Rows, math.add(row, i), row));
    return math.add(at, term(lhs, Depth, math.add(depth, k), depth));
  };
  auto element = [&](Index i, Index k) {
    return pack(memref::LoadOp::create(b, loc, lhs.flat, math.value(address(i, k))), info.lhs);
  };
  if (lhsByRows()) {
    const Dependence &depths = lhs.dependence[Depth];
    bool neighbours = depths.kind == Dependence::Linear && IndexMath::isConstant(depths.step, 1);
    Index main =
        neighbours ? math.mul(math.floorDiv(depthCount, math.of(shape.lanes)), math.of(shape.lanes)) : math.of(0);
    loop(math.of(0), rowCount, 1, [&](Value i) {
      Index target = math.mul(i, math.of(shape.kc));
      if (shape.packing.group > 1) {
        // Zeros behind the last depth, to the end of its vector.
        Index tail = math.mul(math.floorDiv(depthCount, math.of(shape.lanes)), math.of(shape.lanes));
        ifTrue(math.less(tail, depthCount), [&] {
          Value none = zero(vectorOf(packedType()));
          vector::StoreOp::create(b, loc, none, packedLhs, math.value(math.add(target, tail)));
        });
      }
      loop(math.of(0), main, shape.lanes, [&](Value k) {
        if (lhs.dependence[Rows].kind == Dependence::Linear)
          prefetch(lhs, math.add(address(i, k), lhs.dependence[Rows].step), 1, /*isWrite=*/false);
        Value x = pack(loadVector(lhs.element, lhs.flat, address(i, k), nullptr), info.lhs);
        vector::StoreOp::create(b, loc, x, packedLhs, math.value(math.add(target, k)));
      });
      loop(main, depthCount, 1, [&](Value k) {
        memref::StoreOp::create(b, loc, element(i, k), packedLhs, math.value(math.add(target, k)));
      });
      if (correctsBy(info.lhs))
        sumLhsRow(i, depthCount);
    });
    return;
  }
  auto rowsType = VectorType::get({shape.mr}, lhs.element);
  loop(math.of(0), rowCount, shape.mr, [&](Value panel) {
    Index valid = math.min(math.of(shape.mr), math.sub(rowCount, panel));
    Index destination = math.mul(panel, depthCount);
    auto target = [&](Index k, Index i) {
      return math.value(math.add(math.add(destination, math.mul(k, math.of(shape.mr))), i));
    };
    ifTrue(
        math.equal(valid, math.of(shape.mr)),
        [&] {
          loop(math.of(0), depthCount, 1, [&](Value k) {
            Value x = vector::LoadOp::create(b, loc, rowsType, lhs.flat, math.value(address(panel, k)));
            vector::StoreOp::create(b, loc, convert(x, info.lhs), packedLhs, target(k, math.of(0)));
          });
        },
        [&] {
          loop(math.of(0), depthCount, 1, [&](Value k) {
            loop(math.of(0), valid, 1, [&](Value i) {
              memref::StoreOp::create(b, loc, element(math.add(panel, i), k), packedLhs, target(k, i));
            });
          });
        });
  });
}
