// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops whose writes depend on the data: sequential loop nests with the result tensor carried along, each one kernel.
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;
using arith::CmpIPredicate;

static SmallVector<Value> extentValues(OpBuilder &b, Location loc, Value tensor) {
  SmallVector<Value> values;
  for (OpFoldResult extent : getExtents(b, loc, tensor))
    values.push_back(asValue(b, loc, extent));
  return values;
}

/// A nest over 0..extents that carries `tensor`; at least one loop, so that the writes are a kernel.
static Value buildNest(OpBuilder &b, Location loc, ArrayRef<Value> extents, Value tensor,
                       llvm::function_ref<Value(const IndexMath &, ValueRange, Value)> body) {
  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  SmallVector<Value> upper(extents);
  if (upper.empty())
    upper.push_back(one);
  SmallVector<Value> lower(upper.size(), zero), steps(upper.size(), one);
  auto nest = scf::buildLoopNest(
      b, loc, lower, upper, steps, tensor, [&](OpBuilder &nested, Location at, ValueRange indices, ValueRange carried) {
        Value next = body(IndexMath{nested, at}, indices.take_front(extents.size()), carried[0]);
        return scf::ValueVector{next};
      });
  for (scf::ForOp loop : nest.loops) // loops of one round go, so any of them may become the outermost
    keepInKernel(loop);
  return nest.results[0];
}

/// `old` combined with `fresh` (stored scalars) by a scatter's reduction.
static Value combine(const IndexMath &math, StringRef reduction, Type element, Value old, Value fresh) {
  if (reduction == "none")
    return fresh;
  OpBuilder &b = math.b;
  Location loc = math.loc;
  Type stored = fresh.getType(), compute = getComputeType(element);
  Value x = loadScalar(b, loc, old, element), y = loadScalar(b, loc, fresh, element);
  if (auto type = dyn_cast<FloatType>(compute)) {
    if (type != stored) {
      x = arith::ExtFOp::create(b, loc, type, x);
      y = arith::ExtFOp::create(b, loc, type, y);
    }
    Value result = reduction == "add"   ? Value(arith::AddFOp::create(b, loc, x, y))
                   : reduction == "mul" ? Value(arith::MulFOp::create(b, loc, x, y))
                   : reduction == "max" ? Value(arith::MaximumFOp::create(b, loc, x, y))
                                        : Value(arith::MinimumFOp::create(b, loc, x, y));
    return type != stored ? Value(arith::TruncFOp::create(b, loc, stored, result)) : result;
  }
  bool isUnsigned = isUnsignedElement(element);
  Value result;
  if (reduction == "add" || (reduction == "max" && element.isInteger(1)))
    result =
        element.isInteger(1) ? Value(arith::OrIOp::create(b, loc, x, y)) : Value(arith::AddIOp::create(b, loc, x, y));
  else if (reduction == "mul" || element.isInteger(1))
    result =
        element.isInteger(1) ? Value(arith::AndIOp::create(b, loc, x, y)) : Value(arith::MulIOp::create(b, loc, x, y));
  else if (reduction == "max")
    result = isUnsigned ? Value(arith::MaxUIOp::create(b, loc, x, y)) : Value(arith::MaxSIOp::create(b, loc, x, y));
  else
    result = isUnsigned ? Value(arith::MinUIOp::create(b, loc, x, y)) : Value(arith::MinSIOp::create(b, loc, x, y));
  return storeScalar(b, loc, result, element);
}

namespace {
struct ScatterElementsLowering : Lowering<graph::ScatterElementsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ScatterElementsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), indices = adaptor.getIndices(), updates = adaptor.getUpdates();
    if (!type || !isa<RankedTensorType>(x.getType()) || !isa<RankedTensorType>(indices.getType()) ||
        !isa<RankedTensorType>(updates.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t axis = *graph::normalizeAxis(op.getAxis(), type.getRank());
    SmallVector<Value> whole = extentValues(rewriter, loc, x), extents = extentValues(rewriter, loc, indices);
    Value anyEmpty = math.compare(CmpIPredicate::ne, whole[axis], math.constant(0));
    for (auto [i, extent] : llvm::enumerate(extents)) {
      Value other = asValue(rewriter, loc, getExtent(rewriter, loc, updates, i));
      math.check(math.compare(CmpIPredicate::eq, extent, other), TEGULA_SHAPE_MISMATCH);
      if (int64_t(i) != axis)
        math.check(math.compare(CmpIPredicate::sle, extent, whole[i]), TEGULA_SHAPE_MISMATCH);
      anyEmpty = math.logicalOr(anyEmpty, math.compare(CmpIPredicate::eq, extent, math.constant(0)));
    }
    math.check(anyEmpty, TEGULA_INDEX_OUT_OF_RANGE);
    Type element = getElement(op.getX());
    Value result = buildNest(rewriter, loc, extents, x, [&](const IndexMath &inner, ValueRange at, Value tensor) {
      Value index = tensor::ExtractOp::create(inner.b, inner.loc, indices, at);
      Value fresh = tensor::ExtractOp::create(inner.b, inner.loc, updates, at);
      SmallVector<Value> place(at);
      place[axis] = inner.checkedIndex(toIndex(inner.b, inner.loc, index), whole[axis]);
      Value old =
          op.getReduction() == "none" ? fresh : Value(tensor::ExtractOp::create(inner.b, inner.loc, tensor, place));
      Value combined = combine(inner, op.getReduction(), element, old, fresh);
      return Value(tensor::InsertOp::create(inner.b, inner.loc, combined, tensor, place));
    });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};

struct ScatterNDLowering : Lowering<graph::ScatterNDOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ScatterNDOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), indices = adaptor.getIndices(), updates = adaptor.getUpdates();
    auto indexType = dyn_cast<RankedTensorType>(indices.getType());
    auto updateType = dyn_cast<RankedTensorType>(updates.getType());
    if (!type || !isa<RankedTensorType>(x.getType()) || !indexType || !updateType)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    // The ranks tell the length of index tuples.
    int64_t lead = indexType.getRank() - 1, length = lead + type.getRank() - updateType.getRank();
    if (length < 0 || length > type.getRank())
      return rewriter.notifyMatchFailure(op, "no length of index tuples leads to updates of this rank");
    SmallVector<Value> whole = extentValues(rewriter, loc, x), asked = extentValues(rewriter, loc, indices);
    math.check(math.compare(CmpIPredicate::eq, asked[lead], math.constant(length)), TEGULA_SHAPE_MISMATCH);
    SmallVector<Value> extents(asked.begin(), asked.begin() + lead);
    extents.append(whole.begin() + length, whole.end());
    Value isSafe = math.compare(CmpIPredicate::eq, math.constant(0), math.constant(0));
    for (int64_t k = 0; k < length; ++k)
      isSafe = math.logicalAnd(isSafe, math.compare(CmpIPredicate::ne, whole[k], math.constant(0)));
    for (auto [i, extent] : llvm::enumerate(extents)) {
      Value other = asValue(rewriter, loc, getExtent(rewriter, loc, updates, i));
      math.check(math.compare(CmpIPredicate::eq, extent, other), TEGULA_SHAPE_MISMATCH);
      isSafe = math.logicalOr(isSafe, math.compare(CmpIPredicate::eq, extent, math.constant(0)));
    }
    math.check(isSafe, TEGULA_INDEX_OUT_OF_RANGE);
    Type element = getElement(op.getX());
    Value result = buildNest(rewriter, loc, extents, x, [&](const IndexMath &inner, ValueRange at, Value tensor) {
      SmallVector<Value> tuple(at.begin(), at.begin() + lead), place;
      tuple.push_back(nullptr);
      for (int64_t k = 0; k < length; ++k) {
        tuple.back() = inner.constant(k);
        Value index = tensor::ExtractOp::create(inner.b, inner.loc, indices, tuple);
        place.push_back(inner.checkedIndex(toIndex(inner.b, inner.loc, index), whole[k]));
      }
      place.append(at.begin() + lead, at.end());
      Value fresh = tensor::ExtractOp::create(inner.b, inner.loc, updates, at);
      Value old =
          op.getReduction() == "none" ? fresh : Value(tensor::ExtractOp::create(inner.b, inner.loc, tensor, place));
      Value combined = combine(inner, op.getReduction(), element, old, fresh);
      return Value(tensor::InsertOp::create(inner.b, inner.loc, combined, tensor, place));
    });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};

/// Per row: a list of the best k so far, in order; an element that beats the last one is inserted. Ties go to the lower
/// index, so the order is total.
struct TopKLowering : Lowering<graph::TopKOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::TopKOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op, 0), indexType = resultTensor(op, 1);
    Value x = adaptor.getX();
    if (!type || !indexType || !isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t rank = type.getRank(), axis = *graph::normalizeAxis(op.getAxis(), rank);
    SmallVector<Value> whole = extentValues(rewriter, loc, x);
    Value zero = math.constant(0), one = math.constant(1), k = extractIndex(rewriter, loc, adaptor.getK(), 0);
    math.check(
        math.logicalAnd(math.compare(CmpIPredicate::sge, k, zero), math.compare(CmpIPredicate::sle, k, whole[axis])),
        TEGULA_INVALID_VALUE);
    SmallVector<Value> extents(whole), outer;
    extents[axis] = k;
    for (int64_t i = 0; i < rank; ++i)
      if (i != axis)
        outer.push_back(whole[i]);
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);
    k = asValue(rewriter, loc, sizes[axis]);
    Value count = math.select(math.compare(CmpIPredicate::eq, k, zero), zero, whole[axis]);
    Value last = math.max(math.sub(k, one), zero);
    Type i64 = rewriter.getI64Type(), element = getElement(op.getX());
    Value empty = makeEmpty(rewriter, loc, sizes, i64);

    auto placeOf = [&](ValueRange row, Value index) {
      SmallVector<Value> place(row.begin(), row.begin() + axis);
      place.push_back(index);
      place.append(row.begin() + axis, row.end());
      return place;
    };
    // Whether element `a` of the row precedes element `b` (both index values).
    auto precedes = [&](const IndexMath &inner, ValueRange row, Value a, Value b) -> Value {
      Value first = tensor::ExtractOp::create(inner.b, inner.loc, x, placeOf(row, a));
      Value second = tensor::ExtractOp::create(inner.b, inner.loc, x, placeOf(row, b));
      Value isBetter, isEqual;
      if (isa<FloatType>(first.getType())) {
        isBetter = arith::CmpFOp::create(
            inner.b, inner.loc, op.getLargest() ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, first, second);
        isEqual = arith::CmpFOp::create(inner.b, inner.loc, arith::CmpFPredicate::OEQ, first, second);
      } else {
        bool isUnsigned = isUnsignedElement(element);
        isBetter = inner.compare(op.getLargest() ? (isUnsigned ? CmpIPredicate::ugt : CmpIPredicate::sgt)
                                                 : (isUnsigned ? CmpIPredicate::ult : CmpIPredicate::slt),
                                 first, second);
        isEqual = inner.compare(CmpIPredicate::eq, first, second);
      }
      return inner.logicalOr(isBetter, inner.logicalAnd(isEqual, inner.compare(CmpIPredicate::slt, a, b)));
    };
    auto load = [&](const IndexMath &inner, Value list, ValueRange row, Value j) {
      Value index = tensor::ExtractOp::create(inner.b, inner.loc, list, placeOf(row, j));
      return toIndex(inner.b, inner.loc, index);
    };
    auto store = [&](const IndexMath &inner, Value list, ValueRange row, Value j, Value index) -> Value {
      Value stored = arith::IndexCastOp::create(inner.b, inner.loc, i64, index);
      return tensor::InsertOp::create(inner.b, inner.loc, stored, list, placeOf(row, j));
    };
    SmallVector<Value> loops(outer);
    loops.push_back(count);
    Value indices =
        buildNest(rewriter, loc, loops, empty, [&](const IndexMath &inner, ValueRange at, Value list) -> Value {
          ValueRange row = at.drop_back();
          Value candidate = at.back();
          Value hasRoom = inner.compare(CmpIPredicate::slt, candidate, k);
          // Positions of the list that hold nothing yet are not looked at.
          auto enters = scf::IfOp::create(
              inner.b, inner.loc, hasRoom,
              [&](OpBuilder &b, Location l) {
                scf::YieldOp::create(b, l, Value(arith::ConstantOp::create(b, l, b.getBoolAttr(true))));
              },
              [&](OpBuilder &b, Location l) {
                IndexMath m{b, l};
                scf::YieldOp::create(b, l, precedes(m, row, candidate, load(m, list, row, last)));
              });
          auto inserted = scf::IfOp::create(
              inner.b, inner.loc, enters.getResult(0),
              [&](OpBuilder &b, Location l) {
                Value filled = IndexMath{b, l}.min(candidate, last);
                auto shift = scf::ForOp::create(
                    b, l, zero, filled, one, ValueRange{list, candidate},
                    [&](OpBuilder &nested, Location place, Value j, ValueRange carried) {
                      IndexMath m{nested, place};
                      Value current = load(m, carried[0], row, j);
                      Value swaps = precedes(m, row, carried[1], current);
                      Value next = store(m, carried[0], row, j, m.select(swaps, carried[1], current));
                      scf::YieldOp::create(nested, place, ValueRange{next, m.select(swaps, current, carried[1])});
                    });
                scf::YieldOp::create(b, l, store(IndexMath{b, l}, shift.getResult(0), row, filled, shift.getResult(1)));
              },
              [&](OpBuilder &b, Location l) { scf::YieldOp::create(b, l, list); });
          return inserted.getResult(0);
        });
    Value values = buildIndexed(rewriter, loc, sizes, type, indices, rewriter.getMultiDimIdentityMap(rank),
                                [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                                  SmallVector<Value> place(at);
                                  place[axis] = toIndex(inner.b, inner.loc, v[0]);
                                  return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                                });
    rewriter.replaceOp(op, {values, castTo(rewriter, loc, indices, indexType)});
    return success();
  }
};
} // namespace

/// Whether a stored scalar is not zero; NaN is not.
static Value isNonZero(const IndexMath &math, Value stored) {
  if (isa<FloatType>(stored.getType()))
    return arith::CmpFOp::create(math.b, math.loc, arith::CmpFPredicate::UNE, stored, math.zeroLike(stored));
  return math.compare(CmpIPredicate::ne, stored, math.zeroLike(stored));
}

/// The places of the non-zero elements among the first `length` of a one-dimensional tensor, as i64 [count]: a kernel
/// counts, the host reads the count, a second kernel fills.
static Value compactPositions(const IndexMath &math, Value flat, Value length, Value &count) {
  OpBuilder &b = math.b;
  Location loc = math.loc;
  Type i64 = b.getI64Type();
  Value whole = asValue(b, loc, getExtent(b, loc, flat, 0));
  Value start = makeFilled(b, loc, {}, constantScalar(b, loc, 0, i64));
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(1), AffineMap::get(1, 0, b.getContext())};
  bool isPartial = length != whole;
  auto sum = linalg::GenericOp::create(
      b, loc, start.getType(), flat, start, maps, utils::IteratorType::reduction,
      [&](OpBuilder &nested, Location at, ValueRange v) {
        IndexMath inner{nested, at};
        Value counts = isNonZero(inner, v[0]);
        if (isPartial)
          counts = inner.logicalAnd(counts,
                                    inner.compare(CmpIPredicate::slt, linalg::IndexOp::create(nested, at, 0), length));
        Value one = arith::ExtUIOp::create(nested, at, i64, counts);
        linalg::YieldOp::create(nested, at, Value(arith::AddIOp::create(nested, at, v[1], one)));
      });
  count = toIndex(b, loc, tensor::ExtractOp::create(b, loc, sum.getResult(0), ValueRange()));
  Value empty = makeEmpty(b, loc, {getAsOpFoldResult(count)}, i64), zero = math.constant(0), one = math.constant(1);
  auto loop =
      scf::ForOp::create(b, loc, zero, length, one, ValueRange{empty, zero},
                         [&](OpBuilder &nested, Location at, Value i, ValueRange carried) {
                           Value element = tensor::ExtractOp::create(nested, at, flat, i);
                           auto branch = scf::IfOp::create(
                               nested, at, isNonZero(IndexMath{nested, at}, element),
                               [&](OpBuilder &inside, Location l) {
                                 Value place = arith::IndexCastOp::create(inside, l, i64, i);
                                 Value filled = tensor::InsertOp::create(inside, l, place, carried[0], carried[1]);
                                 Value next = arith::AddIOp::create(inside, l, carried[1], one);
                                 scf::YieldOp::create(inside, l, ValueRange{filled, next});
                               },
                               [&](OpBuilder &inside, Location l) { scf::YieldOp::create(inside, l, carried); });
                           scf::YieldOp::create(nested, at, branch.getResults());
                         });
  keepInKernel(loop);
  return loop.getResult(0);
}

namespace {
struct NonZeroLowering : Lowering<graph::NonZeroOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::NonZeroOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto source = dyn_cast<RankedTensorType>(adaptor.getX().getType());
    if (!type || !source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Value x = adaptor.getX(), flat = flatten(rewriter, loc, x), count;
    Value positions = compactPositions(math, flat, asValue(rewriter, loc, getExtent(rewriter, loc, flat, 0)), count);
    SmallVector<Value> whole = extentValues(rewriter, loc, x);
    SmallVector<Value> extents{math.constant(source.getRank()), count};
    AffineMap map = AffineMap::get(2, 0, rewriter.getAffineDimExpr(1), rewriter.getContext());
    rewriter.replaceOp(
        op, buildIndexed(rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, positions, map,
                         [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                           // The coordinates from the last on; row `at[0]` takes its own.
                           Value rest = toIndex(inner.b, inner.loc, v[0]), result = inner.constant(0);
                           for (int64_t d = source.getRank() - 1; d >= 0; --d) {
                             Value safe = inner.max(whole[d], inner.constant(1));
                             Value coordinate = d ? inner.rem(rest, safe) : rest;
                             rest = d ? inner.div(rest, safe) : rest;
                             result = inner.select(inner.compare(CmpIPredicate::eq, at[0], inner.constant(d)),
                                                   coordinate, result);
                           }
                           return arith::IndexCastOp::create(inner.b, inner.loc, inner.b.getI64Type(), result);
                         }));
    return success();
  }
};

struct CompressLowering : Lowering<graph::CompressOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::CompressOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), condition = adaptor.getCondition();
    if (!type || !isa<RankedTensorType>(x.getType()) || !isa<RankedTensorType>(condition.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    if (!op.getAxis())
      x = flatten(rewriter, loc, x);
    int64_t axis = op.getAxis() ? *graph::normalizeAxis(*op.getAxis(), type.getRank()) : 0;
    SmallVector<Value> extents = extentValues(rewriter, loc, x);
    Value asked = asValue(rewriter, loc, getExtent(rewriter, loc, condition, 0));
    auto known = getConstantIndex(getAsOpFoldResult(asked)), own = getConstantIndex(getAsOpFoldResult(extents[axis]));
    Value length = known && own && *known <= *own ? asked : math.min(asked, extents[axis]);
    Value positions = compactPositions(math, condition, length, extents[axis]);
    AffineMap map = AffineMap::get(type.getRank(), 0, rewriter.getAffineDimExpr(axis), rewriter.getContext());
    rewriter.replaceOp(op, buildIndexed(rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, positions,
                                        map, [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                                          SmallVector<Value> place(at);
                                          place[axis] = toIndex(inner.b, inner.loc, v[0]);
                                          return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                                        }));
    return success();
  }
};
} // namespace

void tegula::populateScatterLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ScatterElementsLowering, ScatterNDLowering, TopKLowering, NonZeroLowering, CompressLowering>(
      converter, patterns.getContext());
}
