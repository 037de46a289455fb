// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Softmax and normalizations: reductions, then one map that reads x once more. What a map can compute from a sum (mean,
// inverse deviation) it computes itself, outside its inner loop, so that no tiny kernels run in between.
#include "tegula/Conversion/GraphToLinalg/Reductions.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula;

static Value zeroOf(OpBuilder &b, Location loc, Type type) { return constantScalar(b, loc, 0, type); }

namespace {
enum class Slices { Softmax, LogSoftmax };

template <typename OpTy> struct SoftmaxLowering : Lowering<OpTy> {
  SoftmaxLowering(const TypeConverter &converter, MLIRContext *context, Slices kind)
      : Lowering<OpTy>(converter, context), kind(kind) {}
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value x = adaptor.getX();
    if (!isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "tensor of unknown rank");
    Location loc = op.getLoc();
    Type element = getElement(op.getX()), compute = getAccumulatorType(element);
    SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, x);
    ReductionSpace space = makeReductionSpace(rewriter, extents, op.getAxes());
    auto shifted = [&](OpBuilder &b, Location at, Value stored, Value maximum) -> Value {
      return arith::SubFOp::create(b, at, loadAccumulated(b, at, stored, element), maximum);
    };
    Value maximum = buildReduction(rewriter, loc, space, x, extremeValue(rewriter, loc, compute, false, false),
                                   [&](OpBuilder &b, Location at, ValueRange v, Value accumulated) -> Value {
                                     Value loaded = loadAccumulated(b, at, v[0], element);
                                     return arith::MaximumFOp::create(b, at, loaded, accumulated);
                                   });
    Value sum = buildReduction(rewriter, loc, space, {x, maximum}, zeroOf(rewriter, loc, compute),
                               [&](OpBuilder &b, Location at, ValueRange v, Value accumulated) -> Value {
                                 Value exponential = math::ExpOp::create(b, at, shifted(b, at, v[0], v[1]));
                                 return addReassociable(b, at, exponential, accumulated);
                               });
    Value result =
        buildMap(rewriter, loc, extents, {x, maximum, sum}, {space.operandMap, space.resultMap, space.resultMap},
                 getStorageType(element), [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                   Value value = shifted(b, at, v[0], v[1]);
                   if (kind == Slices::Softmax)
                     value = arith::DivFOp::create(b, at, math::ExpOp::create(b, at, value), v[2]);
                   else
                     value = arith::SubFOp::create(b, at, value, math::LogOp::create(b, at, v[2]));
                   return storeAccumulated(b, at, value, element);
                 });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, this->resultTensor(op)));
    return success();
  }
  Slices kind;
};

struct HardmaxLowering : Lowering<graph::HardmaxOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::HardmaxOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value x = adaptor.getX();
    if (!isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "tensor of unknown rank");
    Location loc = op.getLoc();
    Type element = getElement(op.getX()), compute = getAccumulatorType(element);
    ArrayRef<int64_t> axes = op.getAxes();
    SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, x);
    ReductionSpace space = makeReductionSpace(rewriter, extents, axes);
    Value position = buildArgReduction(rewriter, loc, x, element, axes, /*highest=*/true, /*selectLast=*/false);
    SmallVector<Value> axisExtents;
    for (int64_t axis : axes)
      axisExtents.push_back(asValue(rewriter, loc, extents[axis]));
    Value result = buildMap(rewriter, loc, extents, position, space.resultMap, getStorageType(element),
                            [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                              Value index = constantIndex(b, at, 0);
                              for (auto [axis, extent] : llvm::zip(axes, axisExtents)) {
                                Value scaled = arith::MulIOp::create(b, at, index, extent);
                                index = arith::AddIOp::create(b, at, scaled, linalg::IndexOp::create(b, at, axis));
                              }
                              index = arith::IndexCastOp::create(b, at, b.getI64Type(), index);
                              Value isIt = arith::CmpIOp::create(b, at, arith::CmpIPredicate::eq, index, v[0]);
                              Value value = arith::SelectOp::create(b, at, isIt, constantScalar(b, at, 1, compute),
                                                                    zeroOf(b, at, compute));
                              return storeAccumulated(b, at, value, element);
                            });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, resultTensor(op)));
    return success();
  }
};

/// What layer_norm and rms_norm have in common: operands, sums and their meaning.
struct Normalization {
  Normalization(OpBuilder &b, Location loc, Value x, Type element, int64_t axis, const APFloat &epsilon)
      : x(x), element(element), compute(getAccumulatorType(element)), extents(getExtents(b, loc, x)),
        axes(llvm::to_vector(llvm::seq<int64_t>(axis, extents.size()))), space(makeReductionSpace(b, extents, axes)),
        count(countReduced(b, loc, space)), epsilon(epsilon.convertToFloat()) {}

  Value mean(OpBuilder &b, Location loc, Value sum) const {
    return arith::DivFOp::create(b, loc, sum, indexAs(b, loc, count, compute));
  }
  /// 1 / sqrt(sum / count + epsilon).
  Value inverseRoot(OpBuilder &b, Location loc, Value squares) const {
    Value shifted = arith::AddFOp::create(b, loc, mean(b, loc, squares), constantScalar(b, loc, epsilon, compute));
    return arith::DivFOp::create(b, loc, constantScalar(b, loc, 1, compute), math::SqrtOp::create(b, loc, shifted));
  }
  Value load(OpBuilder &b, Location loc, Value stored) const { return loadAccumulated(b, loc, stored, element); }
  /// x - mean, or x where there is no `sum`.
  Value centered(OpBuilder &b, Location loc, Value stored, Value sum) const {
    Value loaded = load(b, loc, stored);
    return sum ? Value(arith::SubFOp::create(b, loc, loaded, mean(b, loc, sum))) : loaded;
  }
  Value sum(OpBuilder &b, Location loc) const {
    return buildReduction(b, loc, space, x, zeroOf(b, loc, compute),
                          [&](OpBuilder &nested, Location at, ValueRange v, Value accumulated) -> Value {
                            return addReassociable(nested, at, load(nested, at, v[0]), accumulated);
                          });
  }
  Value sumOfSquares(OpBuilder &b, Location loc, Value sum) const {
    SmallVector<Value> operands{x};
    if (sum)
      operands.push_back(sum);
    return buildReduction(b, loc, space, operands, zeroOf(b, loc, compute),
                          [&](OpBuilder &nested, Location at, ValueRange v, Value accumulated) -> Value {
                            Value value = centered(nested, at, v[0], sum ? v[1] : Value());
                            Value square = arith::MulFOp::create(nested, at, value, value);
                            return addReassociable(nested, at, square, accumulated);
                          });
  }
  /// centered * inverse root * scale + bias; `sum`, `scale` and `bias` may be null.
  Value apply(OpBuilder &b, Location loc, Value sum, Value squares, Value scale, Type scaleElement, Value bias,
              Type resultElement) const {
    SmallVector<Value> operands{x, squares};
    SmallVector<AffineMap> maps{space.operandMap, space.resultMap};
    if (sum) {
      operands.push_back(sum);
      maps.push_back(space.resultMap);
    }
    for (Value operand : {scale, bias})
      if (operand) {
        auto [view, map] = broadcastOperand(b, loc, operand, extents);
        operands.push_back(view);
        maps.push_back(map);
      }
    return buildMap(b, loc, extents, operands, maps, getStorageType(resultElement),
                    [&](OpBuilder &nested, Location at, ValueRange v) -> Value {
                      unsigned next = 2;
                      Value value = centered(nested, at, v[0], sum ? v[next++] : Value());
                      value = arith::MulFOp::create(nested, at, value, inverseRoot(nested, at, v[1]));
                      auto loadParameter = [&](Value stored) {
                        Value loaded = loadAccumulated(nested, at, stored, scaleElement);
                        return castScalar(nested, at, loaded, loaded.getType(), compute);
                      };
                      if (scale)
                        value = arith::MulFOp::create(nested, at, value, loadParameter(v[next++]));
                      if (bias)
                        value = arith::AddFOp::create(nested, at, value, loadParameter(v[next++]));
                      Type stored = getAccumulatorType(resultElement);
                      value = castScalar(nested, at, value, compute, stored);
                      return storeAccumulated(nested, at, value, resultElement);
                    });
  }

  Value x;
  Type element, compute;
  SmallVector<OpFoldResult> extents;
  SmallVector<int64_t> axes;
  ReductionSpace space;
  Value count;
  double epsilon;
};

struct LayerNormLowering : Lowering<graph::LayerNormOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::LayerNormOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value x = adaptor.getX();
    if (!isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "tensor of unknown rank");
    Location loc = op.getLoc();
    Type element = getElement(op.getX());
    Normalization norm(rewriter, loc, x, element, op.getAxis(), op.getEpsilon());
    Value sum = norm.sum(rewriter, loc), squares = norm.sumOfSquares(rewriter, loc, sum);
    Value y = norm.apply(rewriter, loc, sum, squares, adaptor.getScale(), element, adaptor.getBias(), element);
    // The statistics as results; nothing is left of them when nobody asks.
    auto statistic = [&](Value sums, unsigned result, auto finish) -> Value {
      Type stash = getElement(op->getResult(result));
      AffineMap map = rewriter.getMultiDimIdentityMap(norm.space.resultExtents.size());
      Value small = buildMap(rewriter, loc, norm.space.resultExtents, sums, map, getStorageType(stash),
                             [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                               Value value = finish(b, at, v[0]);
                               value = castScalar(b, at, value, norm.compute, getAccumulatorType(stash));
                               return storeAccumulated(b, at, value, stash);
                             });
      Value kept = keepDimensions(rewriter, loc, small, norm.axes, norm.extents.size());
      auto type = getStorageTensor(op->getResult(result).getType());
      return castTo(rewriter, loc, kept, type ? Type(type) : kept.getType());
    };
    Value mean = statistic(sum, 1, [&](OpBuilder &b, Location at, Value v) { return norm.mean(b, at, v); });
    Value inverse =
        statistic(squares, 2, [&](OpBuilder &b, Location at, Value v) { return norm.inverseRoot(b, at, v); });
    rewriter.replaceOp(op, {castTo(rewriter, loc, y, resultTensor(op)), mean, inverse});
    return success();
  }
};

struct RmsNormLowering : Lowering<graph::RmsNormOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::RmsNormOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value x = adaptor.getX();
    if (!isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "tensor of unknown rank");
    Location loc = op.getLoc();
    Type element = getElement(op.getX());
    Type scaleElement = op.getScale() ? getElement(op.getScale()) : element;
    Normalization norm(rewriter, loc, x, element, op.getAxis(), op.getEpsilon());
    Value squares = norm.sumOfSquares(rewriter, loc, nullptr);
    Value y =
        norm.apply(rewriter, loc, nullptr, squares, adaptor.getScale(), scaleElement, nullptr, getElement(op.getY()));
    rewriter.replaceOp(op, castTo(rewriter, loc, y, resultTensor(op)));
    return success();
  }
};
} // namespace

void tegula::populateSoftmaxLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<SoftmaxLowering<graph::SoftmaxOp>>(converter, context, Slices::Softmax);
  patterns.add<SoftmaxLowering<graph::LogSoftmaxOp>>(converter, context, Slices::LogSoftmax);
  patterns.add<HardmaxLowering, LayerNormLowering, RmsNormLowering>(converter, context);
}
