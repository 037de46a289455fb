// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/Reductions.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Where the parameter (scale or zero point) of an element is.
struct Granularity {
  template <typename OpTy>
  explicit Granularity(OpTy op)
      : axis(op.getAxis()), block(op.getBlockSize()), type(cast<RankedTensorType>(op.getScale().getType())),
        rank(cast<RankedTensorType>(op.getX().getType()).getRank()) {
    isSingle = type.getRank() == 0 || (type.getRank() == 1 && type.getDimSize(0) == 1 && block == 0);
  }
  /// Blocked parameters are read by their index; the others are operands with this map.
  bool isOperand() const { return isSingle || block == 0; }
  AffineMap getMap(Builder &b, Value parameter) const {
    int64_t parameterRank = cast<RankedTensorType>(parameter.getType()).getRank();
    SmallVector<AffineExpr> place(parameterRank, isSingle ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(axis));
    return AffineMap::get(rank, 0, place, b.getContext());
  }
  Value read(OpBuilder &b, Location loc, Value parameter) const {
    SmallVector<Value> indices;
    for (int64_t i = 0; i < rank; ++i)
      indices.push_back(linalg::IndexOp::create(b, loc, i));
    indices[axis] = arith::DivUIOp::create(b, loc, indices[axis], constantIndex(b, loc, block));
    return tensor::ExtractOp::create(b, loc, parameter, indices);
  }

  int64_t axis, block;
  RankedTensorType type;
  int64_t rank;
  bool isSingle;
};

using QuantizationBody = function_ref<Value(OpBuilder &, Location, Value, Value, Value)>;
} // namespace

/// A stored scalar as f32 (f64 does not occur).
static Value loadFloat(OpBuilder &b, Location loc, Value stored, Type element) {
  Value loaded = loadAccumulated(b, loc, stored, element);
  return castScalar(b, loc, loaded, isa<FloatType>(element) ? loaded.getType() : element, b.getF32Type());
}

/// A map over x whose body gets x, scale and zero point (null when absent) as f32.
template <typename OpTy>
static LogicalResult lower(OpTy op, typename OpTy::Adaptor adaptor, ConversionPatternRewriter &rewriter,
                           QuantizationBody body) {
  auto source = dyn_cast<RankedTensorType>(adaptor.getX().getType());
  if (!source || !isa<RankedTensorType>(op.getScale().getType()))
    return rewriter.notifyMatchFailure(op, "tensors of unknown rank");
  Location loc = op.getLoc();
  Granularity granularity(op);
  SmallVector<Value> parameters{adaptor.getScale()};
  SmallVector<Type> elements{getElement(op.getScale())};
  if (op.getZeroPoint()) {
    parameters.push_back(adaptor.getZeroPoint());
    elements.push_back(getElement(op.getZeroPoint()));
  }
  SmallVector<Value> operands{adaptor.getX()};
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(source.getRank())};
  if (granularity.isOperand())
    for (Value parameter : parameters) {
      operands.push_back(parameter);
      maps.push_back(granularity.getMap(rewriter, parameter));
    }
  SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, adaptor.getX());
  RankedTensorType type = getStorageTensor(op.getType());
  Value result = buildMap(rewriter, loc, extents, operands, maps, type.getElementType(),
                          [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                            Value values[2];
                            for (auto [i, parameter] : llvm::enumerate(parameters)) {
                              Value stored = granularity.isOperand() ? v[i + 1] : granularity.read(b, at, parameter);
                              values[i] = loadFloat(b, at, stored, elements[i]);
                            }
                            return body(b, at, loadFloat(b, at, v[0], getElement(op.getX())), values[0], values[1]);
                          });
  rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
  return success();
}

namespace {
struct QuantizeLowering : Lowering<graph::QuantizeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::QuantizeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type element = getElement(op.getY()), precision = op.getPrecision();
    return lower(op, adaptor, rewriter,
                 [&](OpBuilder &b, Location loc, Value x, Value scale, Value zeroPoint) -> Value {
                   Value quotient = arith::DivFOp::create(b, loc, x, scale);
                   if (!precision.isF32()) {
                     Value rounded = arith::TruncFOp::create(b, loc, precision, quotient);
                     quotient = arith::ExtFOp::create(b, loc, b.getF32Type(), rounded);
                   }
                   auto addZeroPoint = [&](Value value) {
                     return zeroPoint ? Value(arith::AddFOp::create(b, loc, value, zeroPoint)) : value;
                   };
                   if (isNarrowFloat(element))
                     return encodeNarrowFloat(b, loc, addZeroPoint(quotient), element, op.getSaturate());
                   // Exact in f32 wherever the clamp does not decide; a NaN becomes the lowest value.
                   Value value = addZeroPoint(math::RoundEvenOp::create(b, loc, quotient));
                   unsigned width = element.getIntOrFloatBitWidth();
                   bool isUnsigned = isUnsignedElement(element);
                   double low = isUnsigned ? 0 : -double(int64_t(1) << (width - 1));
                   double high = double((int64_t(1) << (isUnsigned ? width : width - 1)) - 1);
                   value = arith::MaxNumFOp::create(b, loc, value, constantScalar(b, loc, low, b.getF32Type()));
                   value = arith::MinNumFOp::create(b, loc, value, constantScalar(b, loc, high, b.getF32Type()));
                   Value integer = arith::FPToSIOp::create(b, loc, b.getI32Type(), value);
                   Type storage = getStorageType(element);
                   return storage.isInteger(32) ? integer : Value(arith::TruncIOp::create(b, loc, storage, integer));
                 });
  }
};

struct DequantizeLowering : Lowering<graph::DequantizeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::DequantizeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type element = getElement(op.getY());
    return lower(op, adaptor, rewriter,
                 [&](OpBuilder &b, Location loc, Value x, Value scale, Value zeroPoint) -> Value {
                   if (zeroPoint)
                     x = arith::SubFOp::create(b, loc, x, zeroPoint);
                   Value product = arith::MulFOp::create(b, loc, x, scale);
                   return storeAccumulated(b, loc, product, element);
                 });
  }
};
} // namespace

void tegula::populateQuantizationLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<QuantizeLowering, DequantizeLowering>(converter, patterns.getContext());
}
