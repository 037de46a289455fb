// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Unique: the entries' places are sorted stably, so that equal entries are neighbors with the first occurrence in
// front; runs of equal entries get numbers (ascending, or by first occurrence); the host reads how many there are; then
// the results are filled in.
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;
using arith::CmpIPredicate;

namespace {
/// The operand as [outer, entries, inner]; entries compare over outer and inner.
struct Entries {
  Value tensor, outer, count, inner;
  Type element;

  Value load(const IndexMath &math, Value o, Value entry, Value i) const {
    return tensor::ExtractOp::create(math.b, math.loc, tensor, ValueRange{o, entry, i});
  }

  /// -1, 0 or 1 (i32): how entry `a` compares with entry `b`. NaN follows every number and equals NaN.
  Value compare(const IndexMath &math, Value a, Value b) const {
    Value zero = math.constant(0), one = math.constant(1);
    Value equal = constantScalar(math.b, math.loc, 0, math.b.getI32Type());
    auto outerLoop =
        scf::ForOp::create(math.b, math.loc, zero, outer, one, equal,
                           [&](OpBuilder &outerBuilder, Location outerLoc, Value o, ValueRange outerCarried) {
                             auto innerLoop = scf::ForOp::create(
                                 outerBuilder, outerLoc, zero, inner, one, outerCarried[0],
                                 [&](OpBuilder &nested, Location at, Value i, ValueRange carried) {
                                   IndexMath m{nested, at};
                                   Value order = compareScalars(m, load(m, o, a, i), load(m, o, b, i));
                                   Value decided = m.compare(CmpIPredicate::ne, carried[0], m.zeroLike(carried[0]));
                                   scf::YieldOp::create(nested, at, m.select(decided, carried[0], order));
                                 });
                             scf::YieldOp::create(outerBuilder, outerLoc, innerLoop.getResult(0));
                           });
    return outerLoop.getResult(0);
  }

  Value compareScalars(const IndexMath &m, Value x, Value y) const {
    Type i32 = m.b.getI32Type();
    Value less, greater;
    if (isa<FloatType>(x.getType())) {
      auto compareFloats = [&](arith::CmpFPredicate predicate, Value a, Value b) -> Value {
        return arith::CmpFOp::create(m.b, m.loc, predicate, a, b);
      };
      Value xIsNaN = compareFloats(arith::CmpFPredicate::UNO, x, x),
            yIsNaN = compareFloats(arith::CmpFPredicate::UNO, y, y);
      Value trueValue = arith::ConstantOp::create(m.b, m.loc, m.b.getBoolAttr(true));
      auto negate = [&](Value value) -> Value { return arith::XOrIOp::create(m.b, m.loc, value, trueValue); };
      less = m.logicalOr(compareFloats(arith::CmpFPredicate::OLT, x, y), m.logicalAnd(yIsNaN, negate(xIsNaN)));
      greater = m.logicalOr(compareFloats(arith::CmpFPredicate::OGT, x, y), m.logicalAnd(xIsNaN, negate(yIsNaN)));
    } else {
      bool isUnsigned = isUnsignedElement(element);
      less = m.compare(isUnsigned ? CmpIPredicate::ult : CmpIPredicate::slt, x, y);
      greater = m.compare(isUnsigned ? CmpIPredicate::ugt : CmpIPredicate::sgt, x, y);
    }
    Value minus = constantScalar(m.b, m.loc, -1, i32), plus = constantScalar(m.b, m.loc, 1, i32);
    return m.select(less, minus, m.select(greater, plus, constantScalar(m.b, m.loc, 0, i32)));
  }
};

Value loadPlace(const IndexMath &math, Value list, Value i) {
  return toIndex(math.b, math.loc, tensor::ExtractOp::create(math.b, math.loc, list, i));
}
Value storePlace(const IndexMath &math, Value list, Value i, Value place) {
  Value stored = arith::IndexCastOp::create(math.b, math.loc, math.b.getI64Type(), place);
  return tensor::InsertOp::create(math.b, math.loc, stored, list, i);
}

/// Places of the entries in ascending order, equal ones in the order of the operand: insertion into a sorted list.
Value sortEntries(const IndexMath &math, const Entries &entries) {
  OpBuilder &b = math.b;
  Value zero = math.constant(0), one = math.constant(1);
  Value empty = makeEmpty(b, math.loc, {getAsOpFoldResult(entries.count)}, b.getI64Type());
  auto loop = scf::ForOp::create(
      b, math.loc, zero, entries.count, one, empty, [&](OpBuilder &nested, Location at, Value i, ValueRange list) {
        auto shift = scf::ForOp::create(
            nested, at, zero, i, one, ValueRange{list[0], i},
            [&](OpBuilder &inside, Location place, Value j, ValueRange carried) {
              IndexMath m{inside, place};
              Value current = loadPlace(m, carried[0], j), order = entries.compare(m, carried[1], current);
              Value isEqual = m.compare(CmpIPredicate::eq, order, m.zeroLike(order));
              Value precedes = m.logicalOr(m.isNegative(order),
                                           m.logicalAnd(isEqual, m.compare(CmpIPredicate::slt, carried[1], current)));
              Value next = storePlace(m, carried[0], j, m.select(precedes, carried[1], current));
              scf::YieldOp::create(inside, place, ValueRange{next, m.select(precedes, current, carried[1])});
            });
        scf::YieldOp::create(nested, at, storePlace(IndexMath{nested, at}, shift.getResult(0), i, shift.getResult(1)));
      });
  keepInKernel(loop);
  return loop.getResult(0);
}

struct UniqueLowering : Lowering<graph::UniqueOp> {
  using Lowering::Lowering;

  static Entries viewEntries(graph::UniqueOp op, const IndexMath &math, Value x) {
    OpBuilder &b = math.b;
    auto type = cast<RankedTensorType>(x.getType());
    int64_t rank = type.getRank();
    Value one = math.constant(1);
    Entries entries{nullptr, one, one, one, getElement(op.getX())};
    ReassociationIndices groups[3];
    int64_t axis = op.getAxis() ? *graph::normalizeAxis(*op.getAxis(), rank) : -1;
    for (int64_t i = 0; i < rank; ++i) {
      int64_t part = axis < 0 ? 1 : i < axis ? 0 : i == axis ? 1 : 2;
      Value &extent = part == 0 ? entries.outer : part == 1 ? entries.count : entries.inner;
      extent = math.mul(extent, asValue(b, math.loc, getExtent(b, math.loc, x, i)));
      groups[part].push_back(i);
    }
    SmallVector<ReassociationIndices> present;
    for (const ReassociationIndices &group : groups)
      if (!group.empty())
        present.push_back(group);
    Value joined = x;
    if (int64_t(present.size()) != rank)
      joined = tensor::CollapseShapeOp::create(b, math.loc, x, present);
    // Absent parts become dimensions of 1.
    SmallVector<ReassociationIndices> expansion;
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(1), b.getIndexAttr(1), b.getIndexAttr(1)};
    int64_t next = 0;
    ReassociationIndices pending;
    for (int64_t part = 0; part < 3; ++part) {
      pending.push_back(part);
      if (groups[part].empty())
        continue;
      sizes[part] = getExtent(b, math.loc, joined, next++);
      expansion.push_back(pending);
      pending.clear();
    }
    if (!expansion.empty())
      expansion.back().append(pending.begin(), pending.end());
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamic;
    dispatchIndexOpFoldResults(sizes, dynamic, shape);
    entries.tensor =
        present.size() == 3
            ? joined
            : Value(tensor::ExpandShapeOp::create(b, math.loc, RankedTensorType::get(shape, type.getElementType()),
                                                  joined, expansion, sizes));
    return entries;
  }

  LogicalResult matchAndRewrite(graph::UniqueOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<RankedTensorType> types;
    for (unsigned i = 0; i < 4; ++i)
      types.push_back(resultTensor(op, i));
    Value x = adaptor.getX();
    if (llvm::is_contained(types, nullptr) || !isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Entries entries = viewEntries(op, math, x);
    Value zero = math.constant(0), one = math.constant(1), n = entries.count;
    Type i64 = rewriter.getI64Type();
    Value order = sortEntries(math, entries);

    // Number of the run that each entry belongs to, runs in ascending order; then how many runs there are.
    Value empty = makeEmpty(rewriter, loc, {getAsOpFoldResult(n)}, i64);
    Value start = makeFilled(rewriter, loc, {}, constantScalar(rewriter, loc, 0, i64));
    auto numbers = scf::ForOp::create(
        rewriter, loc, zero, n, one, ValueRange{empty, start},
        [&](OpBuilder &nested, Location at, Value i, ValueRange carried) {
          IndexMath m{nested, at};
          Value own = loadPlace(m, order, i), before = loadPlace(m, order, m.max(m.sub(i, one), zero));
          Value different = entries.compare(m, own, before);
          Value starts = m.logicalOr(m.compare(CmpIPredicate::eq, i, zero),
                                     m.compare(CmpIPredicate::ne, different, m.zeroLike(different)));
          Value runs = toIndex(nested, at, tensor::ExtractOp::create(nested, at, carried[1], ValueRange()));
          runs = m.add(runs, m.select(starts, one, zero));
          Value stored = arith::IndexCastOp::create(nested, at, i64, runs);
          Value next = storePlace(m, carried[0], own, m.sub(runs, one));
          scf::YieldOp::create(
              nested, at, ValueRange{next, tensor::InsertOp::create(nested, at, stored, carried[1], ValueRange())});
        });
    keepInKernel(numbers);
    Value inverse = numbers.getResult(0);
    Value distinct =
        toIndex(rewriter, loc, tensor::ExtractOp::create(rewriter, loc, numbers.getResult(1), ValueRange()));
    OpFoldResult size = getAsOpFoldResult(distinct);

    if (!op.getSorted()) {
      // Renumber runs in the order of their first entries.
      Value unset = makeFilled(rewriter, loc, size, constantScalar(rewriter, loc, -1, i64));
      auto renumbered = scf::ForOp::create(
          rewriter, loc, zero, n, one, ValueRange{unset, makeEmpty(rewriter, loc, {getAsOpFoldResult(n)}, i64), zero},
          [&](OpBuilder &nested, Location at, Value i, ValueRange carried) {
            IndexMath m{nested, at};
            Value run = loadPlace(m, inverse, i), known = loadPlace(m, carried[0], run), isNew = m.isNegative(known);
            Value number = m.select(isNew, carried[2], known);
            Value map = storePlace(m, carried[0], run, number);
            Value next = m.add(carried[2], m.select(isNew, one, zero));
            scf::YieldOp::create(nested, at, ValueRange{map, storePlace(m, carried[1], i, number), next});
          });
      keepInKernel(renumbered);
      inverse = renumbered.getResult(1);
    }
    // First places and counts; from the last entry on, so that the first one stays.
    Value counted = makeFilled(rewriter, loc, size, constantScalar(rewriter, loc, 0, i64));
    auto filled =
        scf::ForOp::create(rewriter, loc, zero, n, one, ValueRange{makeEmpty(rewriter, loc, size, i64), counted},
                           [&](OpBuilder &nested, Location at, Value i, ValueRange carried) {
                             IndexMath m{nested, at};
                             Value entry = m.sub(m.sub(n, one), i), number = loadPlace(m, inverse, entry);
                             Value firsts = storePlace(m, carried[0], number, entry);
                             Value counts =
                                 storePlace(m, carried[1], number, m.add(loadPlace(m, carried[1], number), one));
                             scf::YieldOp::create(nested, at, ValueRange{firsts, counts});
                           });
    keepInKernel(filled);
    Value firsts = filled.getResult(0);

    SmallVector<Value> extents;
    int64_t axis = 0;
    if (op.getAxis()) {
      for (OpFoldResult extent : getExtents(rewriter, loc, x))
        extents.push_back(asValue(rewriter, loc, extent));
      axis = *graph::normalizeAxis(*op.getAxis(), extents.size());
      extents[axis] = distinct;
    } else {
      extents = {distinct};
    }
    AffineMap map = AffineMap::get(extents.size(), 0, rewriter.getAffineDimExpr(axis), rewriter.getContext());
    Value y = buildIndexed(rewriter, loc, resolveExtents(rewriter, loc, extents, types[0]), types[0], firsts, map,
                           [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                             Value entry = toIndex(inner.b, inner.loc, v[0]);
                             if (!op.getAxis())
                               return entries.load(inner, inner.constant(0), entry, inner.constant(0));
                             SmallVector<Value> place(at);
                             place[axis] = entry;
                             return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                           });
    auto checked = [&](Value tensor, RankedTensorType type) {
      resolveExtents(rewriter, loc, asValue(rewriter, loc, getExtent(rewriter, loc, tensor, 0)), type);
      return castTo(rewriter, loc, tensor, type);
    };
    rewriter.replaceOp(
        op, {y, checked(firsts, types[1]), checked(inverse, types[2]), checked(filled.getResult(1), types[3])});
    return success();
  }
};
} // namespace

void tegula::populateUniqueLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<UniqueLowering>(converter, patterns.getContext());
}
