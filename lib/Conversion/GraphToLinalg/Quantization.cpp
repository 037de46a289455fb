// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Conversion/GraphToLinalg/Reductions.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"

#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Where the entry of a parameter (scale or zero point) for an element of x is.
struct Parameter {
  Value value;
  Type element;
  int64_t axis, block, rank; ///< `rank` of x
  AffineMap map = {};        ///< null: read by its index

  Parameter(OpBuilder &b, Location loc, Value given, Type element, int64_t axis, int64_t block, Value x)
      : value(given), element(element), axis(axis), block(block), rank(cast<RankedTensorType>(x.getType()).getRank()) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() > 1 || (type.getRank() == 1 && block != 0 && rank == 1)) {
      checkBlocks(b, loc, x);
      return;
    }
    SmallVector<AffineExpr> place(type.getRank(), b.getAffineConstantExpr(0));
    if (type.getRank() == 1 && type.getDimSize(0) != 1) {
      if (axis < rank) {
        auto [view, viewMap] = broadcastOperand(b, loc, value, getExtent(b, loc, x, axis));
        value = view;
        place[0] = viewMap.getResult(0).replaceDims(b.getAffineDimExpr(axis));
      } else { // one entry, or the run ends
        IndexMath math{b, loc};
        Value extent = asValue(b, loc, getExtent(b, loc, value, 0));
        math.check(math.compare(arith::CmpIPredicate::eq, extent, math.constant(1)), TEGULA_SHAPE_MISMATCH);
      }
    }
    map = AffineMap::get(rank, 0, place, b.getContext());
  }

  /// Every index that `read` computes is inside, or the run ends.
  void checkBlocks(OpBuilder &b, Location loc, Value x) const {
    IndexMath math{b, loc};
    for (int64_t i = 0; i < rank; ++i) {
      OpFoldResult entries = getExtent(b, loc, x, i);
      if (i == axis)
        entries = ceilDivIndex(b, loc, entries, block);
      math.check(math.compare(arith::CmpIPredicate::eq, asValue(b, loc, getExtent(b, loc, value, i)),
                              asValue(b, loc, entries)),
                 TEGULA_SHAPE_MISMATCH);
    }
  }

  /// The stored entry; `operand` is what the map gives.
  Value read(OpBuilder &b, Location loc, Value operand) const {
    if (map)
      return operand;
    SmallVector<Value> indices;
    for (int64_t i = 0; i < rank; ++i)
      indices.push_back(linalg::IndexOp::create(b, loc, i));
    indices[axis] = arith::DivUIOp::create(b, loc, indices[axis], constantIndex(b, loc, block));
    return tensor::ExtractOp::create(b, loc, value, indices);
  }
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
  SmallVector<Parameter> parameters;
  auto add = [&](Value graphValue, Value value) {
    parameters.emplace_back(rewriter, loc, value, getElement(graphValue), op.getAxis(), op.getBlockSize(),
                            adaptor.getX());
  };
  add(op.getScale(), adaptor.getScale());
  if (op.getZeroPoint())
    add(op.getZeroPoint(), adaptor.getZeroPoint());
  SmallVector<Value> operands{adaptor.getX()};
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(source.getRank())};
  for (const Parameter &parameter : parameters)
    if (parameter.map) {
      operands.push_back(parameter.value);
      maps.push_back(parameter.map);
    }
  SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, adaptor.getX());
  RankedTensorType type = getStorageTensor(op.getType());
  Value result = buildMap(rewriter, loc, extents, operands, maps, type.getElementType(),
                          [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                            Value values[2];
                            unsigned next = 1;
                            for (auto [i, parameter] : llvm::enumerate(parameters)) {
                              Value stored = parameter.read(b, at, parameter.map ? v[next++] : Value());
                              values[i] = loadFloat(b, at, stored, parameter.element);
                            }
                            return body(b, at, loadFloat(b, at, v[0], getElement(op.getX())), values[0], values[1]);
                          });
  rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
  return success();
}

/// `value`, rounded to the nearest integer, halves to even, plus `zeroPoint` (null for 0), as near as `element` holds
/// it; a NaN becomes the lowest value. All f32.
static Value roundAndClamp(OpBuilder &b, Location loc, Value value, Value zeroPoint, Type element) {
  auto number = [&](double constant) { return constantScalar(b, loc, constant, b.getF32Type()); };
  unsigned width = element.getIntOrFloatBitWidth();
  bool isUnsigned = isUnsignedElement(element);
  double low = isUnsigned ? 0 : -double(int64_t(1) << (width - 1));
  double high = double((int64_t(1) << (isUnsigned ? width : width - 1)) - 1);
  auto clamp = [&](Value from, Value least, Value most) -> Value {
    return arith::MinNumFOp::create(b, loc, arith::MaxNumFOp::create(b, loc, from, least), most);
  };
  Type storage = getStorageType(element), i32 = b.getI32Type();
  if (width > 16) {
    // Exact in f32 wherever the clamp does not decide.
    Value rounded = math::RoundEvenOp::create(b, loc, value);
    if (zeroPoint)
      rounded = arith::AddFOp::create(b, loc, rounded, zeroPoint);
    Value integer = arith::FPToSIOp::create(b, loc, i32, clamp(rounded, number(low), number(high)));
    return storage.isInteger(32) ? integer : Value(arith::TruncIOp::create(b, loc, storage, integer));
  }
  // Bounds are integers, so that clamping may come first. Numbers from 2^23 to 2^24 are integers: a sum among them is
  // rounded, and its lowest bits are the integer's, as those of 1.5 * 2^23 are zero.
  auto withoutZeroPoint = [&](double bound) -> Value {
    return zeroPoint ? arith::SubFOp::create(b, loc, number(bound), zeroPoint).getResult() : number(bound);
  };
  Value clamped = clamp(value, withoutZeroPoint(low), withoutZeroPoint(high));
  Value sum = arith::AddFOp::create(b, loc, clamped, number(1.5 * (1 << 23)));
  Value bits = arith::BitcastOp::create(b, loc, i32, sum);
  if (zeroPoint)
    bits = arith::AddIOp::create(b, loc, bits, arith::FPToSIOp::create(b, loc, i32, zeroPoint));
  return arith::TruncIOp::create(b, loc, storage, bits);
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
                   if (!isNarrowFloat(element))
                     return roundAndClamp(b, loc, quotient, zeroPoint, element);
                   if (zeroPoint)
                     quotient = arith::AddFOp::create(b, loc, quotient, zeroPoint);
                   return encodeNarrowFloat(b, loc, quotient, element, op.getSaturate());
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
