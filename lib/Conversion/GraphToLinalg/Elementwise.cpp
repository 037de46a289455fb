// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/Lowering.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Body of one op: graph element type of the first operand, computed scalars in and out.
using OpBody = Value (*)(OpBuilder &, Location, Operation *, Type, ValueRange);

template <typename OpTy>
struct ElementwiseLowering : Lowering<OpTy> {
  ElementwiseLowering(const TypeConverter &converter, MLIRContext *context, OpBody body)
      : Lowering<OpTy>(converter, context), body(body) {}
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!this->resultTensor(op))
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    SmallVector<Type> elements;
    for (Value operand : op->getOperands())
      elements.push_back(getElement(operand));
    rewriter.replaceOp(op, buildElementwise(rewriter, op.getLoc(), adaptor.getOperands(), elements, op.getType(),
                                            [&](OpBuilder &b, Location loc, ValueRange arguments) {
                                              return body(b, loc, op, elements[0], arguments);
                                            }));
    return success();
  }
  OpBody body;
};
} // namespace

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

template <typename MathOp>
static Value unaryMath(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
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
  Value lowest = arith::ConstantOp::create(
      b, loc, b.getIntegerAttr(type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth())));
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

static Value relu(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  Value zero = constantScalar(b, loc, 0, v[0].getType());
  if (isa<FloatType>(element))
    return arith::MaximumFOp::create(b, loc, v[0], zero);
  return arith::MaxSIOp::create(b, loc, v[0], zero);
}

static Value negate(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  if (isa<FloatType>(element))
    return arith::NegFOp::create(b, loc, v[0]);
  return arith::SubIOp::create(b, loc, constantScalar(b, loc, 0, v[0].getType()), v[0]);
}

static Value sigmoid(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Value one = constantScalar(b, loc, 1, v[0].getType());
  Value exponential = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, v[0]));
  return arith::DivFOp::create(b, loc, one, arith::AddFOp::create(b, loc, one, exponential));
}

static Value castBody(OpBuilder &b, Location loc, Operation *op, Type element, ValueRange v) {
  return castScalar(b, loc, v[0], element, getElement(op->getResult(0)));
}

static Value where(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  return arith::SelectOp::create(b, loc, v[0], v[1], v[2]);
}

void tegula::populateElementwiseLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
#define LOWER(Op, ...) patterns.add<ElementwiseLowering<graph::Op>>(converter, context, __VA_ARGS__)
  LOWER(AddOp, floatOrInteger<arith::AddFOp, arith::AddIOp>);
  LOWER(SubOp, floatOrInteger<arith::SubFOp, arith::SubIOp>);
  LOWER(MulOp, floatOrInteger<arith::MulFOp, arith::MulIOp>);
  LOWER(DivOp, divide);
  LOWER(MaxOp, bySignedness<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>);
  LOWER(MinOp, bySignedness<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>);
  LOWER(EqualOp, compare<arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, arith::CmpIPredicate::eq>);
  LOWER(LessOp, compare<arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, arith::CmpIPredicate::ult>);
  LOWER(GreaterOp, compare<arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, arith::CmpIPredicate::ugt>);
  LOWER(ReluOp, relu);
  LOWER(NegOp, negate);
  LOWER(ExpOp, unaryMath<math::ExpOp>);
  LOWER(TanhOp, unaryMath<math::TanhOp>);
  LOWER(SigmoidOp, sigmoid);
  LOWER(CastOp, castBody);
  LOWER(WhereOp, where);
#undef LOWER
}
