// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Resize goes axis by axis: two small tables per axis hold the neighbors of each result position and their weights; a
// map sums a few neighbors, a generic with one reduction dimension more of them. Nearest neighbors need the index
// tables only. Positions are computed in f64, as rounding decides which neighbor is nearest.
#include "tegula/Conversion/GraphToLinalg/FloatMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <cmath>
#include <functional>

using namespace mlir;
using namespace tegula;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// Neighbors that a map sums: those of linear and cubic interpolation.
static constexpr int64_t maxMappedTaps = 4;

namespace {
/// One resized axis; floats are f64 values of the host.
struct Axis {
  int64_t dimension;
  Value extent, resized;   // index
  Value scale, start, end; // f64; start and end of the region of interest, or null
  double knownScale = 0;   // 0 when computed at run time
};

struct ResizeLowering : Lowering<graph::ResizeOp> {
  using Lowering::Lowering;

  /// Where result position `position` lies in the operand, in f64.
  static Value locate(graph::ResizeOp op, const IndexMath &math, const Axis &axis, Value position) {
    FloatMath f(math, math.b.getF64Type());
    Value i = f.fromIndex(position), n = f.fromIndex(axis.extent), one = f.constant(1), half = f.constant(0.5);
    Value width = f.mul(axis.scale, n), isOne = f.compare(CmpFPredicate::OEQ, width, one);
    StringRef mode = op.getCoordinates();
    Value halfPixel = f.sub(f.div(f.add(i, half), axis.scale), half);
    Value safeWidth = f.select(isOne, f.constant(2), width);
    Value last = f.sub(n, one);
    if (mode == "asymmetric")
      return f.div(i, axis.scale);
    if (mode == "align_corners")
      return f.select(isOne, f.constant(0), f.div(f.mul(i, last), f.sub(safeWidth, one)));
    if (mode == "pytorch_half_pixel")
      return f.select(isOne, f.constant(-0.5), halfPixel);
    if (mode == "half_pixel_symmetric") {
      Value adjustment = f.div(f.fromIndex(axis.resized), width);
      Value offset = f.mul(f.mul(n, half), f.sub(one, adjustment));
      return f.add(offset, halfPixel);
    }
    if (mode == "tf_crop_and_resize") {
      Value span = f.mul(f.sub(axis.end, axis.start), last);
      Value inner = f.select(isOne, f.mul(span, half), f.div(f.mul(i, span), f.sub(safeWidth, one)));
      return f.add(inner, f.mul(axis.start, last));
    }
    return halfPixel;
  }

  static Value isOutside(const IndexMath &math, const Axis &axis, Value x) {
    FloatMath f(math, math.b.getF64Type());
    Value last = f.sub(f.fromIndex(axis.extent), f.constant(1));
    return math.logicalOr(f.compare(CmpFPredicate::OLT, x, f.constant(0)), f.compare(CmpFPredicate::OGT, x, last));
  }

  static Value lastOf(const IndexMath &math, const Axis &axis) {
    return math.max(math.sub(axis.extent, math.constant(1)), math.constant(0));
  }

  LogicalResult matchAndRewrite(graph::ResizeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    if (!type || !source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    SmallVector<Value> extents;
    SmallVector<Axis> axes = buildAxes(op, adaptor, math, extents);
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);
    for (Axis &axis : axes) {
      axis.resized = asValue(rewriter, loc, sizes[axis.dimension]);
      // An empty operand has no elements to interpolate.
      math.check(math.logicalOr(math.compare(CmpIPredicate::ne, axis.extent, math.constant(0)),
                                math.compare(CmpIPredicate::eq, axis.resized, math.constant(0))),
                 TEGULA_SHAPE_MISMATCH);
    }
    // Axes that stay as they are: extent and scale are the same, and nothing is cropped.
    llvm::erase_if(axes, [&](const Axis &axis) { return axis.knownScale == 1 && !axis.start; });
    if (axes.empty()) {
      rewriter.replaceOp(op, castTo(rewriter, loc, x, type));
      return success();
    }
    if (op.getMode() == "nearest") {
      rewriter.replaceOp(op, resizeNearest(op, math, x, axes, sizes, type));
      return success();
    }
    Type element = getElement(op.getX()), compute = getInterpolationType(element);
    Value current = x;
    Type currentElement = element;
    orderAxes(axes);
    for (const Axis &axis : axes) {
      current = resizeAxis(op, math, current, currentElement, compute, axis);
      currentElement = compute;
    }
    // Rounding to the element type, and what lies outside the region of interest.
    current = castTo(rewriter, loc, current, RankedTensorType::get(type.getShape(), compute));
    Value result =
        buildIndexed(rewriter, loc, sizes, type, current, rewriter.getMultiDimIdentityMap(type.getRank()),
                     [&](const IndexMath &inner, ValueRange v, ValueRange at) {
                       FloatMath f(inner, compute);
                       return storeFloat(f,
                                         f.select(anyOutside(op, inner, axes, at),
                                                  f.constant(op.getExtrapolationValue().convertToFloat()), v[0]),
                                         element);
                     });
    rewriter.replaceOp(op, result);
    return success();
  }

  /// Axes that shrink go first, the others from the innermost one outwards: neighbors along rows are gathered one by
  /// one, so that axis is resized while there are few rows.
  static void orderAxes(MutableArrayRef<Axis> axes) {
    auto shrinks = [](const Axis &axis) { return axis.knownScale > 0 && axis.knownScale < 1; };
    llvm::sort(axes, [&](const Axis &left, const Axis &right) {
      if (shrinks(left) != shrinks(right))
        return shrinks(left);
      return shrinks(left) ? left.dimension < right.dimension : left.dimension > right.dimension;
    });
  }

  static Value anyOutside(graph::ResizeOp op, const IndexMath &math, ArrayRef<Axis> axes, ValueRange at) {
    Value outside = math.b.createOrFold<arith::ConstantOp>(math.loc, math.b.getBoolAttr(false));
    if (op.getCoordinates() == "tf_crop_and_resize")
      for (const Axis &axis : axes)
        outside = math.logicalOr(outside, isOutside(math, axis, locate(op, math, axis, at[axis.dimension])));
    return outside;
  }

  static SmallVector<Axis> buildAxes(graph::ResizeOp op, OpAdaptor adaptor, const IndexMath &math,
                                     SmallVectorImpl<Value> &extents) {
    OpBuilder &b = math.b;
    Location loc = math.loc;
    FloatMath f(math, b.getF64Type());
    Value x = adaptor.getX();
    int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
    for (OpFoldResult extent : getExtents(b, loc, x))
      extents.push_back(asValue(b, loc, extent));
    SmallVector<int64_t> dimensions = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (op.getAxes()) {
      dimensions.clear();
      ArrayRef<int64_t> given = *op.getAxes();
      for (int64_t axis : given)
        dimensions.push_back(*graph::normalizeAxis(axis, rank));
    }
    auto floatAt = [&](Value tensor, int64_t i) { return f.convert(extractAt(math, tensor, math.constant(i))); };
    SmallVector<Axis> axes;
    auto known = op.getScales() ? graph::getConstantFloats(op.getScales()) : std::nullopt;
    Value shared;
    for (auto [k, dimension] : llvm::enumerate(dimensions)) {
      Axis axis{dimension, extents[dimension], nullptr, nullptr, nullptr, nullptr};
      if (op.getScales()) {
        axis.scale = floatAt(adaptor.getScales(), k);
        axis.knownScale = known && k < known->size() ? (*known)[k] : 0;
        math.check(f.compare(CmpFPredicate::OGT, axis.scale, f.constant(0)), TEGULA_INVALID_VALUE);
        axis.resized =
            axis.knownScale == 1 ? axis.extent : f.toIndexValue(f.floor(f.mul(f.fromIndex(axis.extent), axis.scale)));
      } else {
        axis.resized = extractIndex(b, loc, adaptor.getSizes(), k);
        axis.scale = f.div(f.fromIndex(axis.resized), f.fromIndex(axis.extent));
        auto from = getConstantIndex(getAsOpFoldResult(axis.extent)),
             to = getConstantIndex(getAsOpFoldResult(axis.resized));
        if (from && to && *from > 0)
          axis.knownScale = double(*to) / double(*from);
        shared = !shared                                ? axis.scale
                 : op.getAspectPolicy() == "not_larger" ? f.min(shared, axis.scale)
                                                        : f.max(shared, axis.scale);
      }
      if (op.getRoi() && op.getCoordinates() == "tf_crop_and_resize") {
        axis.start = floatAt(adaptor.getRoi(), k);
        axis.end = floatAt(adaptor.getRoi(), dimensions.size() + k);
      }
      axes.push_back(axis);
    }
    for (Axis &axis : axes) {
      if (op.getSizes() && op.getAspectPolicy() != "stretch") {
        axis.scale = shared;
        axis.knownScale = 0;
        axis.resized = f.toIndexValue(f.add(f.mul(shared, f.fromIndex(axis.extent)), f.constant(0.5)));
      }
      math.check(math.compare(CmpIPredicate::sge, axis.resized, math.constant(0)), TEGULA_INVALID_VALUE);
      extents[axis.dimension] = axis.resized;
    }
    return axes;
  }

  static Value resizeNearest(graph::ResizeOp op, const IndexMath &math, Value x, ArrayRef<Axis> axes,
                             ArrayRef<OpFoldResult> sizes, RankedTensorType type) {
    OpBuilder &b = math.b;
    Type i64 = b.getI64Type();
    SmallVector<Value> tables;
    SmallVector<AffineMap> maps;
    for (const Axis &axis : axes) {
      OpFoldResult size = getAsOpFoldResult(axis.resized);
      auto known = getConstantIndex(size);
      auto tableType = RankedTensorType::get({known ? *known : ShapedType::kDynamic}, i64);
      tables.push_back(
          buildIndexed(b, math.loc, size, tableType, {}, {}, [&](const IndexMath &inner, ValueRange, ValueRange at) {
            FloatMath f(inner, b.getF64Type());
            Value place = locate(op, inner, axis, at[0]), half = f.constant(0.5);
            StringRef mode = op.getNearestMode();
            Value rounded = mode == "floor"               ? f.floor(place)
                            : mode == "ceil"              ? f.ceil(place)
                            : mode == "round_prefer_ceil" ? f.floor(f.add(place, half))
                                                          : f.ceil(f.sub(place, half));
            Value index = inner.clamp(f.toIndexValue(rounded), inner.constant(0), lastOf(inner, axis));
            return Value(arith::IndexCastOp::create(inner.b, inner.loc, i64, index));
          }));
      maps.push_back(AffineMap::get(sizes.size(), 0, b.getAffineDimExpr(axis.dimension), b.getContext()));
    }
    Type element = getElement(op.getX());
    bool crops = op.getCoordinates() == "tf_crop_and_resize";
    return buildIndexed(b, math.loc, sizes, type, tables, maps,
                        [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                          SmallVector<Value> place(at);
                          for (auto [axis, index] : llvm::zip(axes, v))
                            place[axis.dimension] = toIndex(inner.b, inner.loc, index);
                          Value value = tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                          if (!crops)
                            return value;
                          FloatMath f(inner, getInterpolationType(element));
                          Value fill = storeFloat(f, f.constant(op.getExtrapolationValue().convertToFloat()), element);
                          return inner.select(anyOutside(op, inner, axes, at), fill, value);
                        });
  }

  /// Tables of [resized, taps]: the neighbors of each position, clamped to the border, and their weights; then the sum.
  static Value resizeAxis(graph::ResizeOp op, const IndexMath &math, Value x, Type element, Type compute,
                          const Axis &axis) {
    OpBuilder &b = math.b;
    Location loc = math.loc;
    bool isCubic = op.getMode() == "cubic";
    double reach = isCubic ? 2 : 1, coefficient = op.getCubicCoefficient().convertToFloat();
    FloatMath host(math, b.getF64Type());
    // The kernel is `stretch` times narrower than the distance of neighbors; first neighbor relative to floor(x).
    Value stretch = host.constant(1);
    if (op.getAntialias())
      stretch =
          axis.knownScale ? host.constant(std::min(1.0, axis.knownScale)) : host.min(axis.scale, host.constant(1));
    Value first = math.add(host.toIndexValue(host.floor(host.div(host.constant(-reach), stretch))), math.constant(1));
    Value taps = math.sub(math.constant(2), math.mul(first, math.constant(2)));
    if (auto known = getConstantIndex(getAsOpFoldResult(first)); !op.getAntialias() || (known && axis.knownScale)) {
      int64_t begin = op.getAntialias() ? *known : 1 - int64_t(reach);
      first = math.constant(begin);
      taps = math.constant(2 - 2 * begin);
    }
    SmallVector<OpFoldResult> tableSizes{getAsOpFoldResult(axis.resized), getAsOpFoldResult(taps)};
    SmallVector<int64_t> tableShape;
    SmallVector<Value> dynamic;
    dispatchIndexOpFoldResults(tableSizes, dynamic, tableShape);
    Type i64 = b.getI64Type();

    auto neighbor = [&](const IndexMath &inner, Value position, Value tap) {
      FloatMath f(inner, b.getF64Type());
      Value place = f.floor(locate(op, inner, axis, position));
      return inner.add(f.toIndexValue(place), inner.add(first, tap));
    };
    auto weight = [&](const IndexMath &inner, Value position, Value tap) {
      FloatMath f(inner, b.getF64Type());
      Value place = locate(op, inner, axis, position), ratio = f.sub(place, f.floor(place));
      Value distance = f.mul(f.sub(f.fromIndex(inner.add(first, tap)), ratio), stretch);
      Value result =
          isCubic ? f.cubicKernel(distance, coefficient) : f.max(f.sub(f.constant(1), f.abs(distance)), f.constant(0));
      if (!op.getExcludeOutside())
        return result;
      Value index = neighbor(inner, position, tap);
      Value inside = inner.logicalAnd(inner.compare(CmpIPredicate::sge, index, inner.constant(0)),
                                      inner.compare(CmpIPredicate::slt, index, axis.extent));
      return f.select(inside, result, f.constant(0));
    };
    Value indices =
        buildIndexed(b, loc, tableSizes, RankedTensorType::get(tableShape, i64), {}, {},
                     [&](const IndexMath &inner, ValueRange, ValueRange at) -> Value {
                       Value index = inner.clamp(neighbor(inner, at[0], at[1]), inner.constant(0), lastOf(inner, axis));
                       return arith::IndexCastOp::create(inner.b, inner.loc, i64, index);
                     });
    bool normalizes = op.getAntialias() || op.getExcludeOutside();
    Value weights = buildIndexed(b, loc, tableSizes, RankedTensorType::get(tableShape, compute), {}, {},
                                 [&](const IndexMath &inner, ValueRange, ValueRange at) -> Value {
                                   FloatMath f(inner, b.getF64Type());
                                   Value own = weight(inner, at[0], at[1]);
                                   if (normalizes) {
                                     auto sum = scf::ForOp::create(
                                         inner.b, inner.loc, inner.constant(0), taps, inner.constant(1), f.constant(0),
                                         [&](OpBuilder &nested, Location place, Value tap, ValueRange carried) {
                                           IndexMath inside{nested, place};
                                           Value next = arith::AddFOp::create(nested, place, carried[0],
                                                                              weight(inside, at[0], tap));
                                           scf::YieldOp::create(nested, place, next);
                                         });
                                     Value total = sum.getResult(0);
                                     Value isZero = f.compare(CmpFPredicate::OEQ, total, f.constant(0));
                                     own = f.div(own, f.select(isZero, f.constant(1), total));
                                   }
                                   return FloatMath(inner, compute).convert(own);
                                 });

    // y[..., o, ...] = sum over t of weights[o, t] * x[..., indices[o, t], ...]
    SmallVector<OpFoldResult> sizes = getExtents(b, loc, x);
    int64_t rank = sizes.size();
    sizes[axis.dimension] = getAsOpFoldResult(axis.resized);
    auto product = [&](const IndexMath &inner, SmallVector<Value> place, Value index, Value factor) {
      FloatMath f(inner, compute);
      place[axis.dimension] = toIndex(inner.b, inner.loc, index);
      return f.mul(loadFloat(f, tensor::ExtractOp::create(inner.b, inner.loc, x, place), element), factor);
    };
    if (auto known = getConstantIndex(tableSizes[1]); known && *known <= maxMappedTaps) {
      SmallVector<Value> tables;
      SmallVector<AffineMap> maps;
      for (int64_t tap = 0; tap < *known; ++tap)
        for (Value own : {indices, weights}) {
          tables.push_back(own);
          maps.push_back(AffineMap::get(rank, 0, {b.getAffineDimExpr(axis.dimension), b.getAffineConstantExpr(tap)},
                                        b.getContext()));
        }
      SmallVector<int64_t> shape(cast<RankedTensorType>(x.getType()).getShape());
      shape[axis.dimension] = tableShape[0];
      return buildIndexed(b, loc, sizes, RankedTensorType::get(shape, compute), tables, maps,
                          [&](const IndexMath &inner, ValueRange v, ValueRange at) {
                            Value sum;
                            for (unsigned i = 0; i < v.size(); i += 2) {
                              Value next = product(inner, SmallVector<Value>(at), v[i], v[i + 1]);
                              sum = sum ? FloatMath(inner, compute).add(sum, next) : next;
                            }
                            return sum;
                          });
    }
    AffineMap table =
        AffineMap::get(rank + 1, 0, {b.getAffineDimExpr(axis.dimension), b.getAffineDimExpr(rank)}, b.getContext());
    AffineMap result = AffineMap::get(rank + 1, 0, b.getMultiDimIdentityMap(rank).getResults(), b.getContext());
    SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    Value init = makeFilled(b, loc, sizes, constantScalar(b, loc, 0, compute));
    return linalg::GenericOp::create(b, loc, init.getType(), ValueRange{indices, weights}, init,
                                     ArrayRef{table, table, result}, iterators,
                                     [&](OpBuilder &nested, Location at, ValueRange v) {
                                       IndexMath inner{nested, at};
                                       SmallVector<Value> place;
                                       for (int64_t i = 0; i < rank; ++i)
                                         place.push_back(linalg::IndexOp::create(nested, at, i));
                                       Value value = product(inner, place, v[0], v[1]);
                                       linalg::YieldOp::create(nested, at, FloatMath(inner, compute).add(v[2], value));
                                     })
        .getResult(0);
  }
};
} // namespace

void tegula::populateResamplingLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ResizeLowering>(converter, patterns.getContext());
}
