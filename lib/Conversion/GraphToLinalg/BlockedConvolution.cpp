// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions on blocked channels: contractions whose innermost result loop runs over a block of output channels. In
// the Winograd domain they are three steps of one kernel, marked `exec.inner_step` and `exec.last_step`: the operand's
// transformation, a contraction for each position, and the transformation of the products into the result.
#include "tegula/Conversion/GraphToLinalg/Blocked.h"

#include "tegula/Conversion/GraphToLinalg/Contraction.h"
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Conversion/GraphToLinalg/Reductions.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

/// Adds [M / m, m] to [N, M / m, H, W, m].
static Value addBlockedBias(OpBuilder &b, Location loc, Value result, Value bias, Type graphType) {
  if (!bias)
    return result;
  auto type = cast<RankedTensorType>(result.getType());
  auto expanded = RankedTensorType::get({type.getDimSize(1), 1, 1, type.getDimSize(4)}, type.getElementType());
  bias = castTo(b, loc, bias, RankedTensorType::get({type.getDimSize(1), type.getDimSize(4)}, type.getElementType()));
  bias = tensor::ExpandShapeOp::create(b, loc, expanded, bias, ArrayRef<ReassociationIndices>{{0}, {1, 2, 3}});
  Type element = type.getElementType();
  return buildElementwise(b, loc, {result, bias}, {element, element}, graphType,
                          [](OpBuilder &nested, Location at, ValueRange v) -> Value {
                            if (isa<IntegerType>(v[0].getType()))
                              return arith::AddIOp::create(nested, at, v[0], v[1]);
                            return arith::AddFOp::create(nested, at, v[0], v[1]);
                          });
}

/// The matrices of Winograd's algorithm for tiles of m x m, as rows of m + 2: B^T, then A^T.
static ArrayRef<double> getOperandTransform(int64_t m) {
  static const double small[] = {1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 1, 0, -1};
  static const double large[] = {4, 0,  -5, 0, 1, 0, 0, -4, -4, 1,  1, 0, 0, 4, -4, -1, 1, 0,
                                 0, -2, -1, 2, 1, 0, 0, 2,  -1, -2, 1, 0, 0, 4, 0,  -5, 0, 1};
  return m == 2 ? ArrayRef<double>(small) : ArrayRef<double>(large);
}
static ArrayRef<double> getResultTransform(int64_t m) {
  static const double small[] = {1, 1, 1, 0, 0, 1, -1, -1};
  static const double large[] = {1, 1, 1, 1, 1, 0, 0, 1, -1, 2, -2, 0, 0, 1, 1, 4, 4, 0, 0, 1, -1, 8, -8, 1};
  return m == 2 ? ArrayRef<double>(small) : ArrayRef<double>(large);
}

/// Element (row, column) of a matrix with `columns` columns.
static Value pickElement(OpBuilder &b, Location loc, ArrayRef<double> matrix, int64_t columns, Value row,
                         Value column) {
  Value number = arith::MulIOp::create(b, loc, row, constantIndex(b, loc, columns));
  number = arith::AddIOp::create(b, loc, number, column);
  Value result = constantScalar(b, loc, 0, b.getF32Type());
  for (auto [i, value] : llvm::enumerate(matrix)) {
    if (value == 0)
      continue;
    Value isIt = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, number, constantIndex(b, loc, int64_t(i)));
    result = arith::SelectOp::create(b, loc, isIt, constantScalar(b, loc, value, b.getF32Type()), result);
  }
  return result;
}

/// `value` (its map is `from`) transformed along two dimensions into a tensor of `extents`: the sum over two reduction
/// loops, the last ones, of `side` each, of coefficients that `coefficient` gives for the first and for the second
/// dimension.
static linalg::GenericOp buildTransform(OpBuilder &b, Location loc, Value value, ArrayRef<OpFoldResult> extents,
                                        ArrayRef<AffineExpr> from, int64_t side,
                                        function_ref<Value(OpBuilder &, Location, int64_t)> coefficient) {
  int64_t rank = extents.size();
  // As in linalg's pools, a tensor that nobody reads says how long the reduction loops are.
  SmallVector<OpFoldResult> sides(2, b.getIndexAttr(side));
  Value window = makeEmpty(b, loc, sides, cast<RankedTensorType>(value.getType()).getElementType());
  AffineMap windowMap =
      AffineMap::get(rank + 2, 0, {b.getAffineDimExpr(rank), b.getAffineDimExpr(rank + 1)}, b.getContext());
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  Value init = makeFilled(b, loc, extents, constantScalar(b, loc, 0, element));
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.append(2, utils::IteratorType::reduction);
  AffineMap to = AffineMap::getMultiDimIdentityMap(rank + 2, b.getContext()).getMajorSubMap(rank);
  return linalg::GenericOp::create(
      b, loc, init.getType(), ValueRange{value, window}, init,
      ArrayRef{AffineMap::get(rank + 2, 0, from, b.getContext()), windowMap, to}, iterators,
      [&](OpBuilder &nested, Location at, ValueRange v) {
        Value factor = arith::MulFOp::create(nested, at, coefficient(nested, at, 0), coefficient(nested, at, 1));
        Value product = arith::MulFOp::create(nested, at, factor, v[0]);
        linalg::YieldOp::create(nested, at, arith::AddFOp::create(nested, at, v[2], product).getResult());
      });
}

/// The convolution by tiles of m x m without padding: `x` is [N, C / c, H, W, c], `weight` [t, t, M / m, C / c, c, m].
static Value buildWinograd(OpBuilder &b, Location loc, Value x, Value weight, ArrayRef<OpFoldResult> pads,
                           ArrayRef<OpFoldResult> counts, int64_t m) {
  auto type = cast<RankedTensorType>(weight.getType());
  ArrayRef<int64_t> shape = type.getShape();
  int64_t t = m + 2;
  auto attribute = [&](int64_t value) -> OpFoldResult { return b.getIndexAttr(value); };
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  auto index = [&](OpBuilder &nested, Location at, int64_t loop) -> Value {
    return linalg::IndexOp::create(nested, at, loop);
  };
  // Whole tiles: more zeros behind the image than the convolution asks for.
  SmallVector<OpFoldResult> tiles, behind;
  for (int64_t i : {0, 1}) {
    tiles.push_back(ceilDivIndex(b, loc, counts[i], m));
    OpFoldResult needed = addIndices(b, loc, mulIndices(b, loc, tiles[i], attribute(m)), attribute(2));
    behind.push_back(subIndices(b, loc, needed, addIndices(b, loc, getExtent(b, loc, x, i + 2), pads[i])));
  }
  x = padSpatial(b, loc, x, pads, behind, constantScalar(b, loc, 0, type.getElementType()));

  // Loops: position, n, tile, block of c, c | place in the tile.
  OpFoldResult batch = getExtent(b, loc, x, 0);
  auto operand = buildTransform(
      b, loc, x, {attribute(t), attribute(t), batch, tiles[0], tiles[1], attribute(shape[3]), attribute(shape[4])},
      {d(2), d(5), d(3) * m + d(7), d(4) * m + d(8), d(6)}, t, [&](OpBuilder &nested, Location at, int64_t i) {
        return pickElement(nested, at, getOperandTransform(m), t, index(nested, at, i), index(nested, at, 7 + i));
      });
  // Loops: position, block of m, n, tile, m | block of c, c.
  auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(9, 0, results, b.getContext()); };
  SmallVector<utils::IteratorType> iterators(7, utils::IteratorType::parallel);
  iterators.append(2, utils::IteratorType::reduction);
  Type element = type.getElementType();
  Value products = buildContraction(
      b, loc, {operand.getResult(0), weight}, {element, element},
      {attribute(t), attribute(t), attribute(shape[2]), batch, tiles[0], tiles[1], attribute(shape[5])},
      {map({d(0), d(1), d(3), d(4), d(5), d(7), d(8)}), map({d(0), d(1), d(2), d(7), d(8), d(6)}),
       map({d(0), d(1), d(2), d(3), d(4), d(5), d(6)})},
      iterators, element);
  // Loops: n, block of m, row, column, m | position.
  auto result =
      buildTransform(b, loc, products, {batch, attribute(shape[2]), counts[0], counts[1], attribute(shape[5])},
                     {d(5), d(6), d(1), d(0), d(2).floorDiv(m), d(3).floorDiv(m), d(4)}, t,
                     [&](OpBuilder &nested, Location at, int64_t i) {
                       Value row =
                           arith::RemUIOp::create(nested, at, index(nested, at, 2 + i), constantIndex(nested, at, m));
                       return pickElement(nested, at, getResultTransform(m), t, row, index(nested, at, 5 + i));
                     });
  operand->setAttr("exec.inner_step", b.getStringAttr("winograd_operand"));
  products.getDefiningOp()->setAttr("exec.inner_step", b.getStringAttr("winograd_products"));
  result->setAttr("exec.last_step", b.getStringAttr("winograd"));
  return result.getResult(0);
}

/// The convolution with `x` padded already: `weight` is [M / m, C / c, KH, KW, c, m].
static Value buildDirect(OpBuilder &b, Location loc, Value x, Value weight, ArrayRef<int64_t> strides,
                         ArrayRef<int64_t> dilations, ArrayRef<OpFoldResult> counts) {
  auto type = cast<RankedTensorType>(weight.getType());
  Type element = type.getElementType();
  // Loops: n, block of m, row, column, m | block of c, kernel row, kernel column, c.
  SmallVector<OpFoldResult> extents{getExtent(b, loc, x, 0), b.getIndexAttr(type.getDimSize(0)), counts[0], counts[1],
                                    b.getIndexAttr(type.getDimSize(5))};
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(9, 0, results, b.getContext()); };
  SmallVector<AffineMap> maps{
      map({d(0), d(5), d(2) * strides[0] + d(6) * dilations[0], d(3) * strides[1] + d(7) * dilations[1], d(8)}),
      map({d(1), d(5), d(6), d(7), d(8), d(4)}), map({d(0), d(1), d(2), d(3), d(4)})};
  SmallVector<utils::IteratorType> iterators(5, utils::IteratorType::parallel);
  iterators.append(4, utils::IteratorType::reduction);
  return buildContraction(b, loc, {x, weight}, {element, element}, extents, maps, iterators, element);
}

/// `x` [..., c] as [..., c / g, g].
static Value splitChannels(OpBuilder &b, Location loc, Value x, int64_t group) {
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= group;
  shape.push_back(group);
  return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), x,
                                       ArrayRef<ReassociationIndices>{{0}, {1}, {2}, {3}, {4, 5}});
}

/// An affine map over as many loops as `iterators` has.
static AffineMap mapOver(OpBuilder &b, ArrayRef<utils::IteratorType> iterators, ArrayRef<AffineExpr> results) {
  return AffineMap::get(iterators.size(), 0, results, b.getContext());
}

/// What the convolutions of groups share: five loops of the result, `summed` more, and sums of `x` - `offset` times
/// `weight`; `element` is the element type of x in the graph.
static Value buildGroupedSums(OpBuilder &b, Location loc, Value x, Value weight, Type element, int64_t offset,
                              ArrayRef<OpFoldResult> extents, int64_t summed, ArrayRef<AffineExpr> xMap,
                              ArrayRef<AffineExpr> weightMap) {
  SmallVector<utils::IteratorType> iterators(5, utils::IteratorType::parallel);
  iterators.append(summed, utils::IteratorType::reduction);
  AffineMap result = AffineMap::getMultiDimIdentityMap(iterators.size(), b.getContext()).getMajorSubMap(5);
  return buildContraction(b, loc, {x, weight}, {element, cast<RankedTensorType>(weight.getType()).getElementType()},
                          extents, {mapOver(b, iterators, xMap), mapOver(b, iterators, weightMap), result}, iterators,
                          element.isBF16() ? Type(b.getF32Type()) : b.getI32Type(), {offset, 0});
}

/// The same of 8-bit values or of bf16: `weight` is [M / m, C / c, KH, KW, c / g, m, g].
static Value buildGroupedDirect(OpBuilder &b, Location loc, Value x, Value weight, graph::BlockedConvOp op,
                                ArrayRef<OpFoldResult> counts) {
  auto type = cast<RankedTensorType>(weight.getType());
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
  // Loops: n, block of m, row, column, m | block of c, kernel row, kernel column, group of channels, channel in it.
  SmallVector<OpFoldResult> extents{getExtent(b, loc, x, 0), b.getIndexAttr(type.getDimSize(0)), counts[0], counts[1],
                                    b.getIndexAttr(type.getDimSize(5))};
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  return buildGroupedSums(
      b, loc, splitChannels(b, loc, x, type.getDimSize(6)), weight, getElement(op.getX()), op.getXOffset(), extents, 5,
      {d(0), d(5), d(2) * strides[0] + d(6) * dilations[0], d(3) * strides[1] + d(7) * dilations[1], d(8), d(9)},
      {d(1), d(5), d(6), d(7), d(8), d(4), d(9)});
}

/// Each channel of 8-bit values by itself: `weight` is [C / c, KH, KW / g, c, g].
static Value buildIntegerDepthwise(OpBuilder &b, Location loc, Value x, Value weight, graph::BlockedDepthwiseConvOp op,
                                   ArrayRef<OpFoldResult> counts) {
  auto type = cast<RankedTensorType>(weight.getType());
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
  // Loops: n, block, row, column, channel | kernel row, group of kernel columns, column in it.
  SmallVector<OpFoldResult> extents{getExtent(b, loc, x, 0), b.getIndexAttr(type.getDimSize(0)), counts[0], counts[1],
                                    b.getIndexAttr(type.getDimSize(3))};
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  AffineExpr column = d(3) * strides[1] + d(6) * (dilations[1] * type.getDimSize(4)) + d(7) * dilations[1];
  return buildGroupedSums(b, loc, x, weight, getElement(op.getX()), op.getXOffset(), extents, 3,
                          {d(0), d(1), d(2) * strides[0] + d(5) * dilations[0], column, d(4)},
                          {d(1), d(5), d(6), d(4), d(7)});
}

/// A map that reads each position of the window, a slice of the padded `x`, as an operand of its own: `weight` is
/// [C / c, KH, KW, c].
static Value buildDepthwise(OpBuilder &b, Location loc, Value x, Value weight, ArrayRef<int64_t> strides,
                            ArrayRef<int64_t> dilations, ArrayRef<OpFoldResult> counts) {
  auto type = cast<RankedTensorType>(weight.getType());
  ArrayRef<int64_t> shape = type.getShape();
  auto attribute = [&](int64_t value) -> OpFoldResult { return b.getIndexAttr(value); };
  SmallVector<OpFoldResult> extents{getExtent(b, loc, x, 0), attribute(shape[0]), counts[0], counts[1],
                                    attribute(shape[3])};
  SmallVector<OpFoldResult> sizes = extents, ones(5, attribute(1));
  for (int64_t i : {0, 1}) {
    OpFoldResult last = mulIndices(b, loc, subIndices(b, loc, counts[i], attribute(1)), attribute(strides[i]));
    sizes[i + 2] = maxIndices(b, loc, addIndices(b, loc, last, attribute(1)), attribute(0));
  }
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  auto constant = [&](int64_t value) { return b.getAffineConstantExpr(value); };
  for (int64_t row = 0; row < shape[1]; ++row)
    for (int64_t column = 0; column < shape[2]; ++column) {
      SmallVector<OpFoldResult> offsets(5, attribute(0));
      offsets[2] = attribute(row * dilations[0]);
      offsets[3] = attribute(column * dilations[1]);
      operands.push_back(buildSlice(b, loc, x, offsets, sizes, ones));
      operands.push_back(weight);
      maps.push_back(AffineMap::get(5, 0, {d(0), d(1), d(2) * strides[0], d(3) * strides[1], d(4)}, b.getContext()));
      maps.push_back(AffineMap::get(5, 0, {d(1), constant(row), constant(column), d(4)}, b.getContext()));
    }
  return buildMap(b, loc, extents, operands, maps, type.getElementType(),
                  [&](OpBuilder &nested, Location at, ValueRange v) {
                    Value sum;
                    for (unsigned i = 0; i < v.size(); i += 2) {
                      Value product = arith::MulFOp::create(nested, at, v[i], v[i + 1]);
                      sum = sum ? Value(arith::AddFOp::create(nested, at, sum, product)) : product;
                    }
                    return sum;
                  });
}

/// `x` with the window's padding; of integers, the bits of `padding`.
static Value padOperand(OpBuilder &b, Location loc, Value x, const LoweredWindow &window, int64_t padding) {
  Type element = cast<RankedTensorType>(x.getType()).getElementType();
  return padWindow(b, loc, x, window, constantScalar(b, loc, int8_t(padding), element));
}

/// Replaces `op`, whose kernel has the extents `kernel`, by what `build` makes of the window, and the bias.
template <typename OpTy>
static LogicalResult lowerConvolution(OpTy op, typename OpTy::Adaptor adaptor, ConversionPatternRewriter &rewriter,
                                      ArrayRef<int64_t> kernel, function_ref<Value(const LoweredWindow &)> build) {
  RankedTensorType type = getStorageTensor(op.getType());
  if (!type || !isa<RankedTensorType>(adaptor.getX().getType()))
    return rewriter.notifyMatchFailure(op, "unknown rank");
  Location loc = op.getLoc();
  LoweredWindow window =
      lowerWindow(rewriter, loc, adaptor.getX(), getAsIndexOpFoldResult(rewriter.getContext(), kernel), op.getStrides(),
                  op.getDilations(), op.getPads(), op.getAutoPad(), /*ceilMode=*/false, type);
  Value result = castTo(rewriter, loc, build(window), type);
  rewriter.replaceOp(op, addBlockedBias(rewriter, loc, result, adaptor.getBias(), op.getType()));
  return success();
}

namespace {
struct BlockedConvLowering : Lowering<graph::BlockedConvOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::BlockedConvOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value x = adaptor.getX(), weight = adaptor.getWeight();
    auto type = cast<RankedTensorType>(weight.getType());
    if (int64_t tile = op.getWinograd())
      return lowerConvolution(op, adaptor, rewriter, {3, 3}, [&](const LoweredWindow &window) {
        return buildWinograd(rewriter, loc, x, weight, window.padBegin, window.counts, tile);
      });
    return lowerConvolution(op, adaptor, rewriter, type.getShape().slice(2, 2), [&](const LoweredWindow &window) {
      Value padded = padOperand(rewriter, loc, x, window, op.getXPadding());
      if (type.getRank() == 7)
        return buildGroupedDirect(rewriter, loc, padded, weight, op, window.counts);
      return buildDirect(rewriter, loc, padded, weight, op.getStrides(), op.getDilations(), window.counts);
    });
  }
};

struct BlockedDepthwiseConvLowering : Lowering<graph::BlockedDepthwiseConvOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::BlockedDepthwiseConvOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value weight = adaptor.getWeight();
    auto type = cast<RankedTensorType>(weight.getType());
    SmallVector<int64_t> kernel(type.getShape().slice(1, 2));
    bool isInteger = type.getRank() == 5;
    if (isInteger)
      kernel[1] *= type.getDimSize(4);
    return lowerConvolution(op, adaptor, rewriter, kernel, [&](const LoweredWindow &window) {
      Value padded = padOperand(rewriter, loc, adaptor.getX(), window, op.getXPadding());
      if (isInteger)
        return buildIntegerDepthwise(rewriter, loc, padded, weight, op, window.counts);
      return buildDepthwise(rewriter, loc, padded, weight, op.getStrides(), op.getDilations(), window.counts);
    });
  }
};

struct BlockChannelsLowering : Lowering<graph::BlockChannelsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::BlockChannelsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto source = dyn_cast<RankedTensorType>(adaptor.getX().getType());
    if (!type || !source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    auto split = RankedTensorType::get(
        {source.getDimSize(0), type.getDimSize(1), type.getDimSize(4), source.getDimSize(2), source.getDimSize(3)},
        type.getElementType());
    Value x = tensor::ExpandShapeOp::create(rewriter, loc, split, adaptor.getX(),
                                            ArrayRef<ReassociationIndices>{{0}, {1, 2}, {3}, {4}});
    rewriter.replaceOp(op, castTo(rewriter, loc, buildTranspose(rewriter, loc, x, {0, 1, 3, 4, 2}), type));
    return success();
  }
};

struct UnblockChannelsLowering : Lowering<graph::UnblockChannelsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::UnblockChannelsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto source = dyn_cast<RankedTensorType>(adaptor.getX().getType());
    if (!type || !source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    Value x = buildTranspose(rewriter, loc, adaptor.getX(), {0, 1, 4, 2, 3});
    x = tensor::CollapseShapeOp::create(rewriter, loc, x, ArrayRef<ReassociationIndices>{{0}, {1, 2}, {3}, {4}});
    SmallVector<OpFoldResult> sizes = getExtents(rewriter, loc, x), offsets(4, rewriter.getIndexAttr(0)),
                              ones(4, rewriter.getIndexAttr(1));
    int64_t channels = op.getChannels();
    if (!isConstantIntValue(sizes[1], channels)) {
      sizes[1] = rewriter.getIndexAttr(channels);
      x = buildSlice(rewriter, loc, x, offsets, sizes, ones);
    }
    rewriter.replaceOp(op, castTo(rewriter, loc, x, type));
    return success();
  }
};
} // namespace

void tegula::populateBlockedConvolutionLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<BlockedConvLowering, BlockedDepthwiseConvLowering, BlockChannelsLowering, UnblockChannelsLowering>(
      converter, patterns.getContext());
}
