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
