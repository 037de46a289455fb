// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Movement ops that take tensors apart, join, repeat or pad them. Slices with known steps are views (extract_slice);
// joins are chains of insert_slice; the rest are generics.
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;
using arith::CmpIPredicate;

/// A view of `sizes` elements from `offsets` on, every `strides`-th; cast to `type`.
static Value buildView(OpBuilder &b, Location loc, Value x, ArrayRef<OpFoldResult> offsets,
                       ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides, RankedTensorType type) {
  return castTo(b, loc, buildSlice(b, loc, x, offsets, sizes, strides), type);
}

static Value extentValue(OpBuilder &b, Location loc, Value tensor, int64_t i) {
  return asValue(b, loc, getExtent(b, loc, tensor, i));
}

namespace {
struct ConcatLowering : Lowering<graph::ConcatOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ConcatOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    ValueRange inputs = adaptor.getInputs();
    if (!type || !llvm::all_of(inputs.getTypes(), llvm::IsaPred<RankedTensorType>))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    if (llvm::all_of(inputs, [&](Value input) { return movesHostScalars(op.getType(), input); })) {
      SmallVector<Value> scalars;
      for (Value input : inputs)
        llvm::append_range(scalars, extractScalars(rewriter, loc, input));
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, scalars);
      return success();
    }
    IndexMath math{rewriter, loc};
    int64_t axis = *graph::normalizeAxis(op.getAxis(), type.getRank());
    SmallVector<Value> extents, offsets;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      Value extent = extentValue(rewriter, loc, inputs[0], i);
      for (Value input : inputs.drop_front()) {
        Value other = extentValue(rewriter, loc, input, i);
        if (i == axis)
          extent = math.add(extent, other);
        else
          math.check(math.compare(CmpIPredicate::eq, extent, other), TEGULA_SHAPE_MISMATCH);
      }
      extents.push_back(extent);
    }
    SmallVector<OpFoldResult> result = resolveExtents(rewriter, loc, extents, type);
    Value joined = makeEmpty(rewriter, loc, result, type.getElementType());
    Value offset = math.constant(0);
    SmallVector<OpFoldResult> strides(type.getRank(), rewriter.getIndexAttr(1));
    for (Value input : inputs) {
      SmallVector<OpFoldResult> places(type.getRank(), rewriter.getIndexAttr(0));
      places[axis] = getAsOpFoldResult(offset);
      SmallVector<OpFoldResult> sizes = getExtents(rewriter, loc, input);
      if (isConstantIntValue(sizes[axis], 0))
        continue; // nothing to place; a slice that starts at the end would be out of bounds
      offset = math.add(offset, asValue(rewriter, loc, sizes[axis]));
      joined = tensor::InsertSliceOp::create(rewriter, loc, input, joined, places, sizes, strides);
    }
    rewriter.replaceOp(op, castTo(rewriter, loc, joined, type));
    return success();
  }
};

struct SplitLowering : Lowering<graph::SplitOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::SplitOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value x = adaptor.getX();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    if (!source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t axis = *graph::normalizeAxis(op.getAxis(), source.getRank()), count = op.getPieces().size();
    Value extent = extentValue(rewriter, loc, x, axis), zero = math.constant(0), offset = zero;
    Value piece;
    if (!adaptor.getSizes()) {
      Value pieces = math.constant(count);
      piece = math.div(math.add(extent, math.constant(count - 1)), pieces);
    }
    SmallVector<Value> results;
    SmallVector<OpFoldResult> strides(source.getRank(), rewriter.getIndexAttr(1));
    for (int64_t k = 0; k < count; ++k) {
      RankedTensorType type = resultTensor(op, k);
      if (!type)
        return rewriter.notifyMatchFailure(op, "unknown rank");
      Value rest = math.sub(extent, offset);
      Value size = piece ? math.min(piece, rest) : extractIndex(rewriter, loc, adaptor.getSizes(), k);
      if (!piece) {
        Value fits =
            math.logicalAnd(math.compare(CmpIPredicate::sge, size, zero), math.compare(CmpIPredicate::sle, size, rest));
        math.check(fits, TEGULA_SHAPE_MISMATCH);
      }
      SmallVector<Value> extents;
      for (int64_t i = 0; i < source.getRank(); ++i)
        extents.push_back(i == axis ? size : extentValue(rewriter, loc, x, i));
      SmallVector<OpFoldResult> offsets(source.getRank(), rewriter.getIndexAttr(0));
      offsets[axis] = getAsOpFoldResult(offset);
      if (movesHostScalars(op.getPieces()[k].getType(), x) && getConstantIndex(offsets[axis])) {
        SmallVector<Value> scalars = extractScalars(rewriter, loc, x);
        ArrayRef<Value> part(scalars);
        results.push_back(tensor::FromElementsOp::create(
            rewriter, loc, type, part.slice(*getConstantIndex(offsets[axis]), type.getNumElements())));
      } else {
        results.push_back(
            buildView(rewriter, loc, x, offsets, resolveExtents(rewriter, loc, extents, type), strides, type));
      }
      offset = math.add(offset, size);
    }
    math.check(math.compare(CmpIPredicate::eq, offset, extent), TEGULA_SHAPE_MISMATCH);
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct SliceLowering : Lowering<graph::SliceOp> {
  using Lowering::Lowering;

  /// One axis: where it starts, and how many elements it has.
  struct Range {
    Value start, count;
  };
  static Range buildRange(const IndexMath &math, Value start, Value end, Value step, Value extent) {
    Value zero = math.constant(0), one = math.constant(1);
    auto wrap = [&](Value place) { return math.select(math.isNegative(place), math.add(place, extent), place); };
    start = wrap(start);
    end = wrap(end);
    auto constantStep = getConstantIndex(getAsOpFoldResult(step));
    Range forward, backward;
    auto steps = [&](Value room, Value stride) {
      room = math.max(room, zero);
      if (constantStep == 1)
        return room;
      Value partial = math.compare(CmpIPredicate::ne, math.rem(room, stride), zero);
      return math.add(math.div(room, stride), math.select(partial, one, zero));
    };
    Value size = math.select(math.isNegative(step), math.sub(zero, step), step);
    size = math.select(math.compare(CmpIPredicate::eq, size, zero), one, size);
    if (!constantStep || *constantStep > 0) {
      forward.start = math.clamp(start, zero, extent);
      forward.count = steps(math.sub(math.clamp(end, zero, extent), forward.start), size);
    }
    if (!constantStep || *constantStep < 0) {
      Value last = math.max(math.sub(extent, one), zero);
      backward.start = math.clamp(start, zero, last);
      Value count = steps(math.sub(backward.start, math.clamp(end, math.constant(-1), last)), size);
      backward.count = math.select(math.compare(CmpIPredicate::eq, extent, zero), zero, count);
    }
    if (constantStep)
      return *constantStep > 0 ? forward : backward;
    Value isBackward = math.isNegative(step);
    return {math.select(isBackward, backward.start, forward.start),
            math.select(isBackward, backward.count, forward.count)};
  }

  LogicalResult matchAndRewrite(graph::SliceOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    auto startsType = dyn_cast<RankedTensorType>(adaptor.getStarts().getType());
    if (!type || !source || !startsType || !startsType.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "unknown rank, or an unknown number of starts");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t rank = source.getRank(), count = startsType.getNumElements();
    SmallVector<Value> whole;
    for (int64_t i = 0; i < rank; ++i)
      whole.push_back(extentValue(rewriter, loc, x, i));
    auto byAxes = [&](Value values, llvm::function_ref<Value(int64_t)> fallback) {
      return scatterByAxes(rewriter, loc, values, 0, adaptor.getAxes(), count, rank, fallback);
    };
    auto starts = byAxes(adaptor.getStarts(), [&](int64_t) { return math.constant(0); });
    auto ends = byAxes(adaptor.getEnds(), [&](int64_t i) { return whole[i]; });
    SmallVector<Value> steps(rank, math.constant(1));
    if (adaptor.getSteps())
      steps = byAxes(adaptor.getSteps(), [&](int64_t) { return math.constant(1); });

    SmallVector<OpFoldResult> offsets, strides;
    SmallVector<Value> extents;
    bool isView = true;
    for (int64_t i = 0; i < rank; ++i) {
      math.check(math.compare(CmpIPredicate::ne, steps[i], math.constant(0)), TEGULA_INVALID_VALUE);
      auto step = getConstantIndex(getAsOpFoldResult(steps[i]));
      isView &= step && *step > 0;
      Range range = ends[i] == whole[i] && getConstantIndex(getAsOpFoldResult(starts[i])) == 0 && step == 1
                        ? Range{math.constant(0), whole[i]}
                        : buildRange(math, starts[i], ends[i], steps[i], whole[i]);
      offsets.push_back(getAsOpFoldResult(range.start));
      strides.push_back(getAsOpFoldResult(steps[i]));
      extents.push_back(range.count);
    }
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);
    if (isHostScalars(op.getType()) && rank == 1) {
      SmallVector<Value> scalars;
      for (int64_t i = 0; i < type.getNumElements(); ++i) {
        Value place = math.add(asValue(rewriter, loc, offsets[0]), math.mul(math.constant(i), steps[0]));
        Value last = math.max(math.sub(whole[0], math.constant(1)), math.constant(0));
        if (!getConstantIndex(getAsOpFoldResult(place)))
          place = math.clamp(place, math.constant(0), last);
        scalars.push_back(extractAt(math, x, place));
      }
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, scalars);
      return success();
    }
    if (isView) {
      rewriter.replaceOp(op, buildView(rewriter, loc, x, offsets, sizes, strides, type));
      return success();
    }
    SmallVector<Value> first;
    for (OpFoldResult offset : offsets)
      first.push_back(asValue(rewriter, loc, offset));
    Value result = buildIndexed(rewriter, loc, sizes, type, {}, {},
                                [&](const IndexMath &inner, ValueRange, ValueRange indices) -> Value {
                                  SmallVector<Value> place;
                                  for (int64_t i = 0; i < rank; ++i)
                                    place.push_back(inner.add(first[i], inner.mul(indices[i], steps[i])));
                                  return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                                });
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct ExpandLowering : Lowering<graph::ExpandOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ExpandOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    if (!type || !source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Value one = math.constant(1);
    auto shapeType = dyn_cast<RankedTensorType>(adaptor.getShape().getType());
    if (!shapeType || !shapeType.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "unknown number of extents");
    int64_t length = shapeType.getNumElements(), rank = type.getRank();
    SmallVector<Value> extents;
    for (int64_t i = 0; i < rank; ++i) {
      int64_t own = i - (rank - source.getRank()), target = i - (rank - length);
      Value wanted = target >= 0 ? extractIndex(rewriter, loc, adaptor.getShape(), target) : one;
      if (own < 0 || (!source.isDynamicDim(own) && source.getDimSize(own) == 1)) {
        math.check(math.compare(CmpIPredicate::sge, wanted, math.constant(0)), TEGULA_INVALID_VALUE);
        extents.push_back(wanted);
        continue;
      }
      Value extent = extentValue(rewriter, loc, x, own);
      Value keeps = math.compare(CmpIPredicate::eq, wanted, one);
      Value broadcasts = math.compare(CmpIPredicate::eq, extent, one);
      Value isEqual = math.compare(CmpIPredicate::eq, wanted, extent);
      math.check(math.logicalOr(math.logicalOr(keeps, broadcasts), isEqual), TEGULA_SHAPE_MISMATCH);
      extents.push_back(math.select(broadcasts, wanted, extent));
    }
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);
    if (movesHostScalars(op.getType(), x)) {
      SmallVector<Value> scalars = extractScalars(rewriter, loc, x);
      if (scalars.size() == 1)
        scalars.resize(type.getNumElements(), scalars[0]);
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, scalars);
      return success();
    }
    auto [view, map] = broadcastOperand(rewriter, loc, x, sizes);
    rewriter.replaceOp(op, buildIndexed(rewriter, loc, sizes, type, view, map,
                                        [](const IndexMath &, ValueRange v, ValueRange) { return v[0]; }));
    return success();
  }
};

/// [n0, n1] repeated [r0, r1] times is [r0, n0, r1, n1] with the repetitions broadcast.
struct TileLowering : Lowering<graph::TileOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::TileOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    if (!type || !source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    SmallVector<OpFoldResult> sizes;
    SmallVector<Value> extents;
    SmallVector<AffineExpr> expressions;
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      Value extent = extentValue(rewriter, loc, x, i), repeats = extractIndex(rewriter, loc, adaptor.getRepeats(), i);
      math.check(math.compare(CmpIPredicate::sge, repeats, math.constant(0)), TEGULA_INVALID_VALUE);
      groups.emplace_back();
      if (getConstantIndex(getAsOpFoldResult(repeats)) != 1) {
        groups.back().push_back(sizes.size());
        sizes.push_back(getAsOpFoldResult(repeats));
      }
      groups.back().push_back(sizes.size());
      expressions.push_back(rewriter.getAffineDimExpr(sizes.size()));
      sizes.push_back(getAsOpFoldResult(extent));
      extents.push_back(math.mul(extent, repeats));
    }
    resolveExtents(rewriter, loc, extents, type);
    if (isHostScalars(op.getType()) && movesHostScalars(op.getType(), x)) {
      SmallVector<Value> scalars, own = extractScalars(rewriter, loc, x);
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        scalars.push_back(own[i % own.size()]);
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, scalars);
      return success();
    }
    AffineMap map = AffineMap::get(sizes.size(), 0, expressions, rewriter.getContext());
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamic;
    dispatchIndexOpFoldResults(sizes, dynamic, shape);
    Value tiled = buildIndexed(rewriter, loc, sizes, RankedTensorType::get(shape, type.getElementType()), x, map,
                               [](const IndexMath &, ValueRange v, ValueRange) { return v[0]; });
    if (int64_t(sizes.size()) != type.getRank())
      tiled = tensor::CollapseShapeOp::create(rewriter, loc, tiled, groups);
    rewriter.replaceOp(op, castTo(rewriter, loc, tiled, type));
    return success();
  }
};

struct PadLowering : Lowering<graph::PadOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::PadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    auto padsType = dyn_cast<RankedTensorType>(adaptor.getPads().getType());
    if (!type || !source || !padsType || !padsType.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "unknown rank, or an unknown number of pads");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Value zero = math.constant(0), one = math.constant(1);
    int64_t rank = source.getRank(), count = padsType.getNumElements() / 2;
    auto none = [&](int64_t) { return zero; };
    auto low = scatterByAxes(rewriter, loc, adaptor.getPads(), 0, adaptor.getAxes(), count, rank, none);
    auto high = scatterByAxes(rewriter, loc, adaptor.getPads(), count, adaptor.getAxes(), count, rank, none);
    SmallVector<Value> whole, extents;
    for (int64_t i = 0; i < rank; ++i) {
      whole.push_back(extentValue(rewriter, loc, x, i));
      extents.push_back(math.add(math.add(whole[i], low[i]), high[i]));
      math.check(math.compare(CmpIPredicate::sge, extents[i], zero), TEGULA_SHAPE_MISMATCH);
    }
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);
    if (op.getMode() == "constant") {
      rewriter.replaceOp(op, padConstant(math, x, adaptor.getValue(), whole, low, high, type));
      return success();
    }
    for (int64_t i = 0; i < rank; ++i) {
      Value staysEmpty = math.compare(CmpIPredicate::eq, extents[i], zero);
      Value isFull = math.compare(CmpIPredicate::ne, whole[i], zero);
      math.check(math.logicalOr(isFull, staysEmpty), TEGULA_SHAPE_MISMATCH);
    }
    StringRef mode = op.getMode();
    Value result = buildIndexed(
        rewriter, loc, sizes, type, {}, {}, [&](const IndexMath &inner, ValueRange, ValueRange indices) -> Value {
          SmallVector<Value> place;
          for (int64_t i = 0; i < rank; ++i) {
            if (getConstantIndex(getAsOpFoldResult(low[i])) == 0 && getConstantIndex(getAsOpFoldResult(high[i])) == 0) {
              place.push_back(indices[i]);
              continue;
            }
            Value position = inner.sub(indices[i], low[i]), last = inner.sub(whole[i], one);
            auto modulo = [&](Value value, Value divisor) {
              Value remainder = inner.rem(value, divisor);
              return inner.select(inner.isNegative(remainder), inner.add(remainder, divisor), remainder);
            };
            if (mode == "edge") {
              position = inner.clamp(position, zero, last);
            } else if (mode == "wrap") {
              position = modulo(position, whole[i]);
            } else {
              Value period = inner.max(inner.mul(last, inner.constant(2)), one);
              position = modulo(position, period);
              position = inner.select(inner.compare(CmpIPredicate::sgt, position, last), inner.sub(period, position),
                                      position);
            }
            place.push_back(position);
          }
          return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
        });
    rewriter.replaceOp(op, result);
    return success();
  }

  /// Negative pads crop first.
  static Value padConstant(const IndexMath &math, Value x, Value value, ArrayRef<Value> whole, ArrayRef<Value> low,
                           ArrayRef<Value> high, RankedTensorType type) {
    OpBuilder &b = math.b;
    Location loc = math.loc;
    Value zero = math.constant(0);
    auto source = cast<RankedTensorType>(x.getType());
    int64_t rank = source.getRank();
    SmallVector<OpFoldResult> offsets, sizes, strides(rank, b.getIndexAttr(1)), lowPads, highPads;
    bool crops = false, pads = false;
    for (int64_t i = 0; i < rank; ++i) {
      Value cropLow = math.sub(zero, math.min(low[i], zero)), cropHigh = math.sub(zero, math.min(high[i], zero));
      Value offset = math.min(cropLow, whole[i]);
      offsets.push_back(getAsOpFoldResult(offset));
      sizes.push_back(getAsOpFoldResult(math.max(math.sub(math.sub(whole[i], offset), cropHigh), zero)));
      crops |= getConstantIndex(getAsOpFoldResult(cropLow)) != 0 || getConstantIndex(getAsOpFoldResult(cropHigh)) != 0;
      lowPads.push_back(getAsOpFoldResult(math.max(low[i], zero)));
      highPads.push_back(getAsOpFoldResult(math.max(high[i], zero)));
      pads |= getConstantIndex(lowPads.back()) != 0 || getConstantIndex(highPads.back()) != 0;
    }
    if (crops)
      x = buildSlice(b, loc, x, offsets, sizes, strides);
    if (!pads)
      return castTo(b, loc, x, type);
    source = cast<RankedTensorType>(x.getType());
    SmallVector<int64_t> shape;
    for (int64_t i = 0; i < rank; ++i) {
      auto before = getConstantIndex(lowPads[i]), after = getConstantIndex(highPads[i]);
      shape.push_back(before && after && !source.isDynamicDim(i) ? source.getDimSize(i) + *before + *after
                                                                 : ShapedType::kDynamic);
    }
    Type element = type.getElementType();
    Value fill = value ? extractScalars(b, loc, value)[0] : constantScalar(b, loc, 0, element);
    Value padded = tensor::PadOp::create(b, loc, RankedTensorType::get(shape, element), x, lowPads, highPads, fill);
    return castTo(b, loc, padded, type);
  }
};
} // namespace

void tegula::populateAssemblyLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConcatLowering, SplitLowering, SliceLowering, ExpandLowering, TileLowering, PadLowering>(
      converter, patterns.getContext());
}
