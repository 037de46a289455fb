// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batch normalization is a multiplication and an addition per element, with factor and shift computed once per channel.
#include "tegula/Conversion/GraphToLinalg/Lowering.h"

using namespace mlir;
using namespace tegula;

/// An elementwise op over `extents` whose operands have these maps; loaded floats widen to `compute`, the result
/// becomes `to`.
static Value buildMapped(OpBuilder &b, Location loc, ValueRange operands, ArrayRef<AffineMap> operandMaps,
                         ArrayRef<OpFoldResult> extents, Type compute, Type to, ScalarBody body) {
  Value empty = makeEmpty(b, loc, extents, to);
  SmallVector<AffineMap> maps(operandMaps);
  maps.push_back(b.getMultiDimIdentityMap(extents.size()));
  return linalg::GenericOp::create(b, loc, empty.getType(), operands, empty, maps,
                                   SmallVector<utils::IteratorType>(extents.size(), utils::IteratorType::parallel),
                                   [&](OpBuilder &nested, Location at, ValueRange v) {
                                     SmallVector<Value> widened;
                                     for (Value value : v.drop_back())
                                       widened.push_back(castScalar(nested, at, value, value.getType(), compute));
                                     Value result = body(nested, at, widened);
                                     linalg::YieldOp::create(nested, at,
                                                             castScalar(nested, at, result, result.getType(), to));
                                   })
      .getResult(0);
}

namespace {
struct BatchNormLowering : Lowering<graph::BatchNormOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::BatchNormOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Type compute = getComputeType(getElement(op.getX()));
    double epsilon = op.getEpsilon().convertToDouble();
    int64_t rank = type.getRank();
    AffineMap identity = rewriter.getMultiDimIdentityMap(1);
    SmallVector<OpFoldResult> channels{getExtent(rewriter, loc, adaptor.getScale(), 0)};
    Value factor =
        buildMapped(rewriter, loc, {adaptor.getScale(), adaptor.getVariance()}, {identity, identity}, channels, compute,
                    compute, [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                      Value variance = arith::AddFOp::create(b, at, v[1], constantScalar(b, at, epsilon, compute));
                      return arith::DivFOp::create(b, at, v[0], math::SqrtOp::create(b, at, variance).getResult());
                    });
    Value shift =
        buildMapped(rewriter, loc, {adaptor.getBias(), adaptor.getMean(), factor}, {identity, identity, identity},
                    channels, compute, compute, [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                      Value offset = arith::MulFOp::create(b, at, v[1], v[2]);
                      return arith::SubFOp::create(b, at, v[0], offset);
                    });
    AffineExpr channel = rank > 1 ? rewriter.getAffineDimExpr(1) : rewriter.getAffineConstantExpr(0);
    AffineMap perChannel = AffineMap::get(rank, 0, channel);
    Value result = buildMapped(rewriter, loc, {adaptor.getX(), factor, shift},
                               {rewriter.getMultiDimIdentityMap(rank), perChannel, perChannel},
                               getExtents(rewriter, loc, adaptor.getX()), compute, type.getElementType(),
                               [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                                 Value product = arith::MulFOp::create(b, at, v[0], v[1]);
                                 return arith::AddFOp::create(b, at, product, v[2]);
                               });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};

struct LocalResponseNormLowering : Lowering<graph::LocalResponseNormOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::LocalResponseNormOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    Type compute = getComputeType(getElement(op.getX()));
    int64_t rank = type.getRank(), size = op.getSize();
    SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, x);

    // Sums of squares over a window of channels: the padded operand at c + k.
    SmallVector<OpFoldResult> low(rank, rewriter.getIndexAttr(0)), high = low;
    low[1] = rewriter.getIndexAttr((size - 1) / 2);
    high[1] = rewriter.getIndexAttr(size / 2);
    SmallVector<int64_t> paddedShape(cast<RankedTensorType>(x.getType()).getShape());
    if (!ShapedType::isDynamic(paddedShape[1]))
      paddedShape[1] += size - 1;
    Value padded = tensor::PadOp::create(rewriter, loc, RankedTensorType::get(paddedShape, type.getElementType()), x,
                                         low, high, constantScalar(rewriter, loc, 0, type.getElementType()));
    Value window = makeEmpty(rewriter, loc, {rewriter.getIndexAttr(size)}, rewriter.getI8Type());
    SmallVector<AffineExpr> source, result;
    for (int64_t i = 0; i < rank; ++i) {
      result.push_back(rewriter.getAffineDimExpr(i));
      source.push_back(result.back());
    }
    AffineExpr neighbour = rewriter.getAffineDimExpr(rank);
    source[1] = source[1] + neighbour;
    SmallVector<AffineMap> maps;
    MLIRContext *context = rewriter.getContext();
    for (ArrayRef<AffineExpr> map : {ArrayRef(source), ArrayRef(neighbour), ArrayRef(result)})
      maps.push_back(AffineMap::get(rank + 1, 0, map, context));
    SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    Value filled = makeFilled(rewriter, loc, extents, constantScalar(rewriter, loc, 0, compute));
    Value sums =
        linalg::GenericOp::create(rewriter, loc, filled.getType(), ValueRange{padded, window}, filled, maps, iterators,
                                  [&](OpBuilder &b, Location at, ValueRange v) {
                                    Value wide = castScalar(b, at, v[0], v[0].getType(), compute);
                                    Value square = arith::MulFOp::create(b, at, wide, wide);
                                    Value sum = arith::AddFOp::create(b, at, v[2], square);
                                    linalg::YieldOp::create(b, at, sum);
                                  })
            .getResult(0);
    double scale = op.getAlpha().convertToDouble() / double(size), bias = op.getBias().convertToDouble(),
           beta = op.getBeta().convertToDouble();
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    Value normalized =
        buildMapped(rewriter, loc, {x, sums}, {identity, identity}, extents, compute, type.getElementType(),
                    [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                      Value base = arith::MulFOp::create(b, at, v[1], constantScalar(b, at, scale, compute));
                      base = arith::AddFOp::create(b, at, base, constantScalar(b, at, bias, compute));
                      Value power = math::PowFOp::create(b, at, base, constantScalar(b, at, beta, compute));
                      return arith::DivFOp::create(b, at, v[0], power);
                    });
    rewriter.replaceOp(op, castTo(rewriter, loc, normalized, type));
    return success();
  }
};
} // namespace

void tegula::populateNormalizationLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<BatchNormLowering, LocalResponseNormLowering>(converter, patterns.getContext());
}
