// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/ElementwiseLowering.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/abi.h"

#include <limits>

using namespace mlir;
using namespace tegula;

template <typename FloatOp, typename IntegerOp>
static Value floatOrInteger(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  if (isa<FloatType>(element))
    return FloatOp::create(b, loc, v[0], v[1]);
  return IntegerOp::create(b, loc, v[0], v[1]);
}

template <typename FloatOp, typename SignedOp, typename UnsignedOp>
static Value bySignedness(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  if (isa<FloatType>(element))
    return FloatOp::create(b, loc, v[0], v[1]);
  if (isUnsignedElement(element))
    return UnsignedOp::create(b, loc, v[0], v[1]);
  return SignedOp::create(b, loc, v[0], v[1]);
}

template <typename IntegerOp> static Value binary(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  return IntegerOp::create(b, loc, v[0], v[1]);
}

template <typename MathOp> static Value unaryMath(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  return MathOp::create(b, loc, v[0]);
}

/// Division: an integer divisor of 0, and INT_MIN / -1, is a run-time error; the quotient is then of 1.
static Value divide(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  if (isa<FloatType>(element))
    return arith::DivFOp::create(b, loc, v[0], v[1]);
  Type type = v[1].getType();
  Value zero = constantScalar(b, loc, 0, type), one = constantScalar(b, loc, 1, type);
  Value nonZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, v[1], zero);
  exec::CheckOp::create(b, loc, nonZero, b.getI32IntegerAttr(TEGULA_INTEGER_DIVISION_BY_ZERO));
  Value divisor = arith::SelectOp::create(b, loc, nonZero, v[1], one);
  if (isUnsignedElement(element))
    return arith::DivUIOp::create(b, loc, v[0], divisor);
  Value lowest =
      arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth())));
  Value minusOne = constantScalar(b, loc, -1, type);
  Value isLowest = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, v[0], lowest);
  Value isMinusOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, divisor, minusOne);
  Value overflows = arith::AndIOp::create(b, loc, isLowest, isMinusOne);
  Value trueValue = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  Value fits = arith::XOrIOp::create(b, loc, overflows, trueValue);
  exec::CheckOp::create(b, loc, fits, b.getI32IntegerAttr(TEGULA_INTEGER_OVERFLOW));
  divisor = arith::SelectOp::create(b, loc, overflows, one, divisor);
  return arith::DivSIOp::create(b, loc, v[0], divisor);
}

template <arith::CmpFPredicate floatPredicate, arith::CmpIPredicate signedPredicate,
          arith::CmpIPredicate unsignedPredicate>
static Value compare(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  if (isa<FloatType>(element))
    return arith::CmpFOp::create(b, loc, floatPredicate, v[0], v[1]);
  return arith::CmpIOp::create(b, loc, isUnsignedElement(element) ? unsignedPredicate : signedPredicate, v[0], v[1]);
}

static Value negate(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  if (isa<FloatType>(element))
    return arith::NegFOp::create(b, loc, v[0]);
  return arith::SubIOp::create(b, loc, constantScalar(b, loc, 0, v[0].getType()), v[0]);
}

static Value absolute(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  if (isa<FloatType>(element))
    return math::AbsFOp::create(b, loc, v[0]);
  if (isUnsignedElement(element))
    return v[0];
  // Not math.absi, whose lowest operand is poison.
  Value zero = constantScalar(b, loc, 0, v[0].getType());
  return arith::MaxSIOp::create(b, loc, v[0], arith::SubIOp::create(b, loc, zero, v[0]));
}

static Value sign(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  Type type = v[0].getType();
  Value zero = constantScalar(b, loc, 0, type), one = constantScalar(b, loc, 1, type);
  if (isa<FloatType>(element)) {
    Value isPositive = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, v[0], zero);
    Value isNegative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, v[0], zero);
    Value rest = arith::SelectOp::create(b, loc, isNegative, constantScalar(b, loc, -1, type), v[0]); // 0 and NaN stay
    return arith::SelectOp::create(b, loc, isPositive, one, rest);
  }
  if (isUnsignedElement(element))
    return arith::MinUIOp::create(b, loc, v[0], one);
  return arith::MaxSIOp::create(b, loc, constantScalar(b, loc, -1, type), arith::MinSIOp::create(b, loc, v[0], one));
}

static Value reciprocal(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  return arith::DivFOp::create(b, loc, constantScalar(b, loc, 1, v[0].getType()), v[0]);
}

static Value complement(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Type type = v[0].getType();
  Value ones =
      arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, APInt::getAllOnes(type.getIntOrFloatBitWidth())));
  return arith::XOrIOp::create(b, loc, v[0], ones);
}

// The inverse hyperbolic functions by their logarithms, in forms that keep precision near 0 and do not square what is
// large.
static Value inverseHyperbolicSine(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Type type = v[0].getType();
  Value one = constantScalar(b, loc, 1, type);
  Value x = math::AbsFOp::create(b, loc, v[0]);
  Value isLarge = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, constantScalar(b, loc, 1e9, type));
  // log(2 |x|), or log1p(|x| + x^2 / (1 + sqrt(x^2 + 1)))
  Value large =
      arith::AddFOp::create(b, loc, math::LogOp::create(b, loc, x), constantScalar(b, loc, 0.69314718055994531, type));
  Value square = arith::MulFOp::create(b, loc, x, x);
  Value root = math::SqrtOp::create(b, loc, arith::AddFOp::create(b, loc, square, one));
  Value quotient = arith::DivFOp::create(b, loc, square, arith::AddFOp::create(b, loc, one, root));
  Value small = math::Log1pOp::create(b, loc, arith::AddFOp::create(b, loc, x, quotient));
  return math::CopySignOp::create(b, loc, arith::SelectOp::create(b, loc, isLarge, large, small), v[0]);
}

static Value inverseHyperbolicCosine(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Type type = v[0].getType();
  Value isLarge = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, v[0], constantScalar(b, loc, 1e9, type));
  // log(2 x), or with t = x - 1 log1p(t + sqrt(2 t + t^2)), which is NaN below 1
  Value large = arith::AddFOp::create(b, loc, math::LogOp::create(b, loc, v[0]),
                                      constantScalar(b, loc, 0.69314718055994531, type));
  Value t = arith::SubFOp::create(b, loc, v[0], constantScalar(b, loc, 1, type));
  Value sum = arith::AddFOp::create(b, loc, t, constantScalar(b, loc, 2, type));
  Value root = math::SqrtOp::create(b, loc, arith::MulFOp::create(b, loc, t, sum));
  Value small = math::Log1pOp::create(b, loc, arith::AddFOp::create(b, loc, t, root));
  Value isInDomain = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, t, constantScalar(b, loc, 0, type));
  Value nan = constantScalar(b, loc, std::numeric_limits<double>::quiet_NaN(), type);
  small = arith::SelectOp::create(b, loc, isInDomain, small, nan); // below -1 the product is positive again
  return arith::SelectOp::create(b, loc, isLarge, large, small);
}

static Value inverseHyperbolicTangent(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Type type = v[0].getType();
  Value x = math::AbsFOp::create(b, loc, v[0]);
  // log1p(2 |x| / (1 - |x|)) / 2
  Value twice = arith::AddFOp::create(b, loc, x, x);
  Value rest = arith::SubFOp::create(b, loc, constantScalar(b, loc, 1, type), x);
  Value logarithm = math::Log1pOp::create(b, loc, arith::DivFOp::create(b, loc, twice, rest));
  Value half = arith::MulFOp::create(b, loc, logarithm, constantScalar(b, loc, 0.5, type));
  return math::CopySignOp::create(b, loc, half, v[0]);
}

/// An integer divisor of 0 is a run-time error; a divisor of -1 leaves 0 (and INT_MIN % -1 must not be computed).
static Value modulo(OpBuilder &b, Location loc, Operation *op, Type element, ValueRange v) {
  bool truncate = cast<graph::ModOp>(op).getTruncate();
  Type type = v[0].getType();
  Value zero = constantScalar(b, loc, 0, type);
  if (isa<FloatType>(element)) {
    Value remainder = arith::RemFOp::create(b, loc, v[0], v[1]);
    if (truncate)
      return remainder;
    // The divisor's sign: shift a remainder of the other sign by one divisor, and give a zero the divisor's sign.
    Value isZero = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, remainder, zero);
    Value left = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, remainder, zero);
    Value right = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, v[1], zero);
    Value differs = arith::XOrIOp::create(b, loc, left, right);
    Value shifted = arith::AddFOp::create(b, loc, remainder, v[1]);
    Value result = arith::SelectOp::create(b, loc, differs, shifted, remainder);
    Value signedZero = math::CopySignOp::create(b, loc, zero, v[1]);
    return arith::SelectOp::create(b, loc, isZero, signedZero, result);
  }
  Value one = constantScalar(b, loc, 1, type);
  Value nonZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, v[1], zero);
  exec::CheckOp::create(b, loc, nonZero, b.getI32IntegerAttr(TEGULA_INTEGER_DIVISION_BY_ZERO));
  Value divisor = arith::SelectOp::create(b, loc, nonZero, v[1], one);
  if (isUnsignedElement(element))
    return arith::RemUIOp::create(b, loc, v[0], divisor);
  Value isMinusOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, divisor, constantScalar(b, loc, -1, type));
  divisor = arith::SelectOp::create(b, loc, isMinusOne, one, divisor);
  Value remainder = arith::RemSIOp::create(b, loc, v[0], divisor);
  if (truncate)
    return remainder;
  Value isNotZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, remainder, zero);
  Value bits = arith::XOrIOp::create(b, loc, remainder, divisor);
  Value differs = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, bits, zero);
  Value shifts = arith::AndIOp::create(b, loc, isNotZero, differs);
  return arith::SelectOp::create(b, loc, shifts, arith::AddIOp::create(b, loc, remainder, divisor), remainder);
}

/// LLVM's shifts are poison from the width on, so the amount is replaced first.
static Value shift(OpBuilder &b, Location loc, Operation *operation, Type element, ValueRange v) {
  auto op = cast<graph::ShiftOp>(operation);
  Type type = v[0].getType();
  int64_t width = element.getIntOrFloatBitWidth();
  Value inRange = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, v[1], constantScalar(b, loc, width, type));
  bool isArithmetic = op.getRight() && !isUnsignedElement(element);
  Value last = constantScalar(b, loc, width - 1, type), zero = constantScalar(b, loc, 0, type);
  // An arithmetic shift by width - 1 leaves only the sign, which is what is left of more.
  Value amount = arith::SelectOp::create(b, loc, inRange, v[1], isArithmetic ? last : zero);
  Value result;
  if (!op.getRight())
    result = arith::ShLIOp::create(b, loc, v[0], amount);
  else if (isArithmetic)
    result = arith::ShRSIOp::create(b, loc, v[0], amount);
  else
    result = arith::ShRUIOp::create(b, loc, v[0], amount);
  if (!op.getTotal())
    exec::CheckOp::create(b, loc, inRange, b.getI32IntegerAttr(TEGULA_SHIFT_OUT_OF_RANGE));
  else if (!isArithmetic)
    result = arith::SelectOp::create(b, loc, inRange, result, zero);
  return result;
}

/// Square and multiply over the exponent's bits; wraps.
static Value integerPower(OpBuilder &b, Location loc, Value base, Value exponent, bool isUnsignedExponent) {
  Type type = base.getType(), exponentType = exponent.getType();
  Value zero = constantScalar(b, loc, 0, exponentType), one = constantScalar(b, loc, 1, type);
  Value lower = constantIndex(b, loc, 0), step = constantIndex(b, loc, 1);
  Value upper = constantIndex(b, loc, exponentType.getIntOrFloatBitWidth());
  auto loop = scf::ForOp::create(b, loc, lower, upper, step, ValueRange{one, base, exponent},
                                 [&](OpBuilder &nested, Location at, Value, ValueRange state) {
                                   Value lowBit = arith::TruncIOp::create(nested, at, nested.getI1Type(), state[2]);
                                   Value product = arith::MulIOp::create(nested, at, state[0], state[1]);
                                   Value result = arith::SelectOp::create(nested, at, lowBit, product, state[0]);
                                   Value square = arith::MulIOp::create(nested, at, state[1], state[1]);
                                   Value rest = arith::ShRUIOp::create(nested, at, state[2],
                                                                       constantScalar(nested, at, 1, exponentType));
                                   scf::YieldOp::create(nested, at, ValueRange{result, square, rest});
                                 });
  Value power = loop.getResult(0);
  if (isUnsignedExponent)
    return power;
  // 1 / base^|exponent| truncated: only 1 and -1 leave anything.
  Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, exponent, zero);
  Value isOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, base, one);
  Value minusOne = constantScalar(b, loc, -1, type);
  Value isMinusOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, base, minusOne);
  Value odd = arith::TruncIOp::create(b, loc, b.getI1Type(), exponent);
  Value alternating = arith::SelectOp::create(b, loc, odd, minusOne, one);
  Value inverse = arith::SelectOp::create(b, loc, isMinusOne, alternating, constantScalar(b, loc, 0, type));
  inverse = arith::SelectOp::create(b, loc, isOne, one, inverse);
  return arith::SelectOp::create(b, loc, isNegative, inverse, power);
}

static Value power(OpBuilder &b, Location loc, Operation *op, Type element, ValueRange v) {
  Type exponentElement = getElement(op->getOperand(1));
  if (isa<FloatType>(element))
    return math::PowFOp::create(b, loc, v[0], castScalar(b, loc, v[1], exponentElement, v[0].getType()));
  if (isa<IntegerType>(exponentElement))
    return integerPower(b, loc, v[0], v[1], isUnsignedElement(exponentElement));
  Type wide = b.getF64Type();
  Value base = castScalar(b, loc, v[0], element, wide);
  Value result = math::PowFOp::create(b, loc, base, castScalar(b, loc, v[1], exponentElement, wide));
  return castScalar(b, loc, result, wide, element);
}

static Value isNan(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, v[0], v[0]);
}

static Value isInf(OpBuilder &b, Location loc, Operation *operation, Type, ValueRange v) {
  auto op = cast<graph::IsInfOp>(operation);
  double infinity = std::numeric_limits<double>::infinity();
  auto is = [&](double value) -> Value {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, v[0],
                                 constantScalar(b, loc, value, v[0].getType()));
  };
  Value result = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  if (op.getPositive())
    result = is(infinity);
  if (op.getNegative())
    result = arith::OrIOp::create(b, loc, result, is(-infinity));
  return result;
}

static Value castBody(OpBuilder &b, Location loc, Operation *operation, Type element, ValueRange v) {
  auto op = cast<graph::CastOp>(operation);
  return castScalar(b, loc, v[0], element, getElement(op.getY()), op.getSaturate(), op.getRoundMode());
}

namespace {
/// Ops that move stored bits: no loading, no rounding. Bools of a condition are loaded all the same.
struct WhereLowering : Lowering<graph::WhereOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::WhereOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    rewriter.replaceOp(op, buildElementwise(rewriter, op.getLoc(), adaptor.getOperands(),
                                            {getElement(op.getCondition()), Type(), Type()}, type,
                                            [](OpBuilder &b, Location loc, ValueRange v) -> Value {
                                              return arith::SelectOp::create(b, loc, v[0], v[1], v[2]);
                                            }));
    return success();
  }
};

struct BitcastLowering : Lowering<graph::BitcastOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::BitcastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Type from = getElement(op.getX()), to = getElement(op.getY());
    Type element = type.getElementType();
    Value x = adaptor.getX();
    rewriter.replaceOp(op, buildElementwise(rewriter, op.getLoc(), x, Type(), type,
                                            [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
                                              if (isSubByteInteger(to) || isSubByteInteger(from))
                                                return extendBits(b, loc, v[0], to);
                                              if (v[0].getType() == element)
                                                return v[0];
                                              return arith::BitcastOp::create(b, loc, element, v[0]);
                                            }));
    return success();
  }
  /// Between sub-byte types only the extension in the byte differs.
  static Value extendBits(OpBuilder &b, Location loc, Value byte, Type to) {
    Value low = arith::TruncIOp::create(b, loc, b.getIntegerType(to.getIntOrFloatBitWidth()), byte);
    if (to.isSignlessInteger())
      return arith::ExtSIOp::create(b, loc, b.getI8Type(), low);
    return arith::ExtUIOp::create(b, loc, b.getI8Type(), low);
  }
};
} // namespace

void tegula::populateElementwiseLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<WhereLowering, BitcastLowering>(converter, context);
#define LOWER(Op, ...) patterns.add<ElementwiseLowering<graph::Op>>(converter, context, __VA_ARGS__)
  LOWER(AddOp, floatOrInteger<arith::AddFOp, arith::AddIOp>);
  LOWER(SubOp, floatOrInteger<arith::SubFOp, arith::SubIOp>);
  LOWER(MulOp, floatOrInteger<arith::MulFOp, arith::MulIOp>);
  LOWER(DivOp, divide);
  LOWER(ModOp, modulo);
  LOWER(PowOp, power);
  LOWER(ShiftOp, shift);
  LOWER(MaxOp, bySignedness<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>);
  LOWER(MinOp, bySignedness<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>);
  LOWER(AndOp, binary<arith::AndIOp>);
  LOWER(OrOp, binary<arith::OrIOp>);
  LOWER(XorOp, binary<arith::XOrIOp>);
  LOWER(NotOp, complement);
  LOWER(EqualOp, compare<arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, arith::CmpIPredicate::eq>);
  LOWER(LessOp, compare<arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, arith::CmpIPredicate::ult>);
  LOWER(LessOrEqualOp, compare<arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, arith::CmpIPredicate::ule>);
  LOWER(GreaterOp, compare<arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, arith::CmpIPredicate::ugt>);
  LOWER(GreaterOrEqualOp, compare<arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge, arith::CmpIPredicate::uge>);
  LOWER(IsNanOp, isNan);
  LOWER(IsInfOp, isInf);
  LOWER(NegOp, negate);
  LOWER(AbsOp, absolute);
  LOWER(SignOp, sign);
  LOWER(ReciprocalOp, reciprocal);
  LOWER(CeilOp, unaryMath<math::CeilOp>);
  LOWER(FloorOp, unaryMath<math::FloorOp>);
  LOWER(RoundOp, unaryMath<math::RoundEvenOp>);
  LOWER(SqrtOp, unaryMath<math::SqrtOp>);
  LOWER(ExpOp, unaryMath<math::ExpOp>);
  LOWER(LogOp, unaryMath<math::LogOp>);
  LOWER(ErfOp, unaryMath<math::ErfOp>);
  LOWER(SinOp, unaryMath<math::SinOp>);
  LOWER(CosOp, unaryMath<math::CosOp>);
  LOWER(TanOp, unaryMath<math::TanOp>);
  LOWER(AsinOp, unaryMath<math::AsinOp>);
  LOWER(AcosOp, unaryMath<math::AcosOp>);
  LOWER(AtanOp, unaryMath<math::AtanOp>);
  LOWER(SinhOp, unaryMath<math::SinhOp>);
  LOWER(CoshOp, unaryMath<math::CoshOp>);
  LOWER(TanhOp, unaryMath<math::TanhOp>);
  LOWER(AsinhOp, inverseHyperbolicSine);
  LOWER(AcoshOp, inverseHyperbolicCosine);
  LOWER(AtanhOp, inverseHyperbolicTangent);
  LOWER(CastOp, castBody);
#undef LOWER
}
