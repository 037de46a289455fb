// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Conversion/GraphToLinalg/Reductions.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
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
} // namespace

/// A stored scalar as f32 (f64 does not occur).
static Value loadFloat(OpBuilder &b, Location loc, Value stored, Type element) {
  Value loaded = loadAccumulated(b, loc, stored, element);
  return castScalar(b, loc, loaded, isa<FloatType>(element) ? loaded.getType() : element, b.getF32Type());
}

namespace {
/// A scale or zero point as an op has it and as it was converted.
struct Given {
  Value graphValue, value;
  int64_t axis, block;
};
} // namespace

/// A map over `x`, of graph element type `from`, in place of `op`; its body gets x and what is given as f32, null for
/// what is absent.
static LogicalResult lower(Operation *op, Value x, Type from, ArrayRef<Given> given,
                           ConversionPatternRewriter &rewriter,
                           function_ref<Value(OpBuilder &, Location, Value, ArrayRef<Value>)> body) {
  auto source = dyn_cast<RankedTensorType>(x.getType());
  if (!source ||
      llvm::any_of(given, [](const Given &each) { return each.value && !isa<RankedTensorType>(each.value.getType()); }))
    return rewriter.notifyMatchFailure(op, "tensors of unknown rank");
  Location loc = op->getLoc();
  SmallVector<std::optional<Parameter>> parameters;
  SmallVector<Value> operands{x};
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(source.getRank())};
  for (const Given &each : given) {
    parameters.emplace_back();
    if (!each.value)
      continue;
    const Parameter &parameter =
        parameters.back().emplace(rewriter, loc, each.value, getElement(each.graphValue), each.axis, each.block, x);
    if (parameter.map) {
      operands.push_back(parameter.value);
      maps.push_back(parameter.map);
    }
  }
  SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, x);
  RankedTensorType type = getStorageTensor(op->getResult(0).getType());
  Value result = buildMap(rewriter, loc, extents, operands, maps, type.getElementType(),
                          [&](OpBuilder &b, Location at, ValueRange v) -> Value {
                            SmallVector<Value> values;
                            unsigned next = 1;
                            for (const std::optional<Parameter> &parameter : parameters) {
                              Value stored;
                              if (parameter)
                                stored = parameter->read(b, at, parameter->map ? v[next++] : Value());
                              values.push_back(stored ? loadFloat(b, at, stored, parameter->element) : Value());
                            }
                            return body(b, at, loadFloat(b, at, v[0], from), values);
                          });
  rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
  return success();
}

/// The integers of types up to this width are exact in f32, so that clamping may come before rounding.
static constexpr unsigned widestClampedFirst = 16;

namespace {
/// The integers of a type.
struct IntegerRange {
  double low, high;
  explicit IntegerRange(Type element) {
    unsigned width = element.getIntOrFloatBitWidth();
    bool isUnsigned = isUnsignedElement(element);
    low = isUnsigned ? 0 : -double(int64_t(1) << (width - 1));
    high = double((int64_t(1) << (isUnsigned ? width : width - 1)) - 1);
  }
};

/// Arithmetic on f32 in a map.
struct Rounding {
  OpBuilder &b;
  Location loc;

  Value number(double constant) const { return constantScalar(b, loc, constant, b.getF32Type()); }
  Value clamp(Value from, Value least, Value most) const {
    return arith::MinNumFOp::create(b, loc, arith::MaxNumFOp::create(b, loc, from, least), most);
  }

  /// `value`, clamped so that `zeroPoint` (null for 0) more is in `element`'s range, plus `rounder`, which makes it the
  /// nearest integer, halves to even.
  Value clampAndRound(Value value, Value zeroPoint, Type element) const {
    IntegerRange range(element);
    auto withoutZeroPoint = [&](double bound) -> Value {
      return zeroPoint ? arith::SubFOp::create(b, loc, number(bound), zeroPoint).getResult() : number(bound);
    };
    Value clamped = clamp(value, withoutZeroPoint(range.low), withoutZeroPoint(range.high));
    return arith::AddFOp::create(b, loc, clamped, number(rounder));
  }
  /// Numbers from 2^23 to 2^24 are integers: a sum among them is rounded, and its lowest bits are the integer's, as
  /// those of this are zero.
  static constexpr double rounder = 1.5 * (1 << 23);
};
} // namespace

/// `value`, rounded to the nearest integer, halves to even, plus `zeroPoint` (null for 0), as near as `element` holds
/// it; a NaN becomes the lowest value. All f32.
static Value roundAndClamp(OpBuilder &b, Location loc, Value value, Value zeroPoint, Type element) {
  Rounding rounding{b, loc};
  unsigned width = element.getIntOrFloatBitWidth();
  Type storage = getStorageType(element), i32 = b.getI32Type();
  if (width > widestClampedFirst) {
    // Exact in f32 wherever the clamp does not decide.
    IntegerRange range(element);
    Value rounded = math::RoundEvenOp::create(b, loc, value);
    if (zeroPoint)
      rounded = arith::AddFOp::create(b, loc, rounded, zeroPoint);
    Value clamped = rounding.clamp(rounded, rounding.number(range.low), rounding.number(range.high));
    Value integer = arith::FPToSIOp::create(b, loc, i32, clamped);
    return storage.isInteger(32) ? integer : Value(arith::TruncIOp::create(b, loc, storage, integer));
  }
  Value bits = arith::BitcastOp::create(b, loc, i32, rounding.clampAndRound(value, zeroPoint, element));
  if (zeroPoint)
    bits = arith::AddIOp::create(b, loc, bits, arith::FPToSIOp::create(b, loc, i32, zeroPoint));
  return arith::TruncIOp::create(b, loc, storage, bits);
}

/// x / scale, both f32, rounded to `precision`.
static Value divide(OpBuilder &b, Location loc, Value x, Value scale, Type precision) {
  Value quotient = arith::DivFOp::create(b, loc, x, scale);
  if (precision.isF32())
    return quotient;
  Value rounded = arith::TruncFOp::create(b, loc, precision, quotient);
  return arith::ExtFOp::create(b, loc, b.getF32Type(), rounded);
}

/// The op whose integers only `op` reads, which has the same zero point: they need not be made.
static graph::QuantizeOp findUnreadIntegers(graph::DequantizeOp op) {
  auto quantize = op.getX().getDefiningOp<graph::QuantizeOp>();
  if (!quantize || !quantize->hasOneUse() || !isa<IntegerType>(getElement(quantize.getY())) ||
      getElement(quantize.getY()).getIntOrFloatBitWidth() > widestClampedFirst)
    return {};
  Value own = op.getZeroPoint(), other = quantize.getZeroPoint();
  auto isZero = [](Value value) {
    auto integers = graph::getConstantIntegers(value);
    return !value || (integers && llvm::all_of(*integers, [](int64_t integer) { return integer == 0; }));
  };
  bool isSame = own && other
                    ? own == other && op.getAxis() == quantize.getAxis() && op.getBlockSize() == quantize.getBlockSize()
                    : isZero(own) && isZero(other);
  return isSame ? quantize : graph::QuantizeOp();
}

namespace {
struct QuantizeLowering : Lowering<graph::QuantizeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::QuantizeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type element = getElement(op.getY());
    int64_t axis = op.getAxis(), block = op.getBlockSize();
    return lower(
        op, adaptor.getX(), getElement(op.getX()),
        {{op.getScale(), adaptor.getScale(), axis, block}, {op.getZeroPoint(), adaptor.getZeroPoint(), axis, block}},
        rewriter, [&](OpBuilder &b, Location loc, Value x, ArrayRef<Value> given) -> Value {
          Value zeroPoint = given[1], value = divide(b, loc, x, given[0], op.getPrecision());
          if (!isNarrowFloat(element))
            return roundAndClamp(b, loc, value, zeroPoint, element);
          if (zeroPoint)
            value = arith::AddFOp::create(b, loc, value, zeroPoint);
          return encodeNarrowFloat(b, loc, value, element, op.getSaturate());
        });
  }
};

struct DequantizeLowering : Lowering<graph::DequantizeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::DequantizeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (graph::QuantizeOp quantize = findUnreadIntegers(op))
      return lowerPair(quantize, op, adaptor, rewriter);
    int64_t axis = op.getAxis(), block = op.getBlockSize();
    return lower(
        op, adaptor.getX(), getElement(op.getX()),
        {{op.getScale(), adaptor.getScale(), axis, block}, {op.getZeroPoint(), adaptor.getZeroPoint(), axis, block}},
        rewriter, [&](OpBuilder &b, Location loc, Value x, ArrayRef<Value> given) -> Value {
          if (Value zeroPoint = given[1])
            x = arith::SubFOp::create(b, loc, x, zeroPoint);
          return scale(b, loc, x, given[0], op);
        });
  }

private:
  static Value scale(OpBuilder &b, Location loc, Value x, Value scale, graph::DequantizeOp op) {
    return storeAccumulated(b, loc, arith::MulFOp::create(b, loc, x, scale), getElement(op.getY()));
  }

  /// The rounded quotient without its zero point is what is scaled.
  static LogicalResult lowerPair(graph::QuantizeOp quantize, graph::DequantizeOp op, OpAdaptor adaptor,
                                 ConversionPatternRewriter &rewriter) {
    auto converted = [&](Value value) { return value ? rewriter.getRemappedValue(value) : Value(); };
    Type element = getElement(quantize.getY());
    int64_t axis = quantize.getAxis(), block = quantize.getBlockSize();
    return lower(op, converted(quantize.getX()), getElement(quantize.getX()),
                 {{quantize.getScale(), converted(quantize.getScale()), axis, block},
                  {quantize.getZeroPoint(), converted(quantize.getZeroPoint()), axis, block},
                  {op.getScale(), adaptor.getScale(), int64_t(op.getAxis()), int64_t(op.getBlockSize())}},
                 rewriter, [&](OpBuilder &b, Location loc, Value x, ArrayRef<Value> given) -> Value {
                   Rounding rounding{b, loc};
                   Value quotient = divide(b, loc, x, given[0], quantize.getPrecision());
                   Value sum = rounding.clampAndRound(quotient, given[1], element);
                   Value rounded = arith::SubFOp::create(b, loc, sum, rounding.number(Rounding::rounder));
                   return scale(b, loc, rounded, given[2], op);
                 });
  }
};
} // namespace

void tegula::populateQuantizationLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<QuantizeLowering, DequantizeLowering>(converter, patterns.getContext());
}
