// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/ElementwiseLowering.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Float arithmetic on one type with constants.
struct Floats {
  OpBuilder &b;
  Location loc;
  Type type;
  Value constant(double value) { return constantScalar(b, loc, value, type); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value subtract(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value multiply(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value divide(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value largest(Value x, Value y) { return arith::MaximumFOp::create(b, loc, x, y); }
  Value smallest(Value x, Value y) { return arith::MinimumFOp::create(b, loc, x, y); }
  Value negate(Value x) { return arith::NegFOp::create(b, loc, x); }
  Value absolute(Value x) { return math::AbsFOp::create(b, loc, x); }
  Value exponential(Value x) { return math::ExpOp::create(b, loc, x); }
  Value exponentialMinusOne(Value x) { return math::ExpM1Op::create(b, loc, x); }
  Value tanh(Value x) { return math::TanhOp::create(b, loc, x); }
  Value compare(arith::CmpFPredicate predicate, Value x, double y) {
    return arith::CmpFOp::create(b, loc, predicate, x, constant(y));
  }
  Value choose(Value condition, Value x, Value y) { return arith::SelectOp::create(b, loc, condition, x, y); }
};
} // namespace

static Value relu(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  Value zero = constantScalar(b, loc, 0, v[0].getType());
  if (isa<FloatType>(element))
    return arith::MaximumFOp::create(b, loc, v[0], zero);
  return arith::MaxSIOp::create(b, loc, v[0], zero);
}

/// exp of a negative number only: 1 / (1 + exp(-x)) or exp(x) / (1 + exp(x)).
static Value sigmoidOf(Floats f, Value x) {
  Value small = f.exponential(f.negate(f.absolute(x)));
  Value isNegative = f.compare(arith::CmpFPredicate::OLT, x, 0);
  return f.divide(f.choose(isNegative, small, f.constant(1)), f.add(f.constant(1), small));
}
static Value sigmoid(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  return sigmoidOf({b, loc, v[0].getType()}, v[0]);
}

/// max(x, 0) + log1p(exp(-|x|)).
static Value softplusOf(Floats f, Value x) {
  Value small = f.exponential(f.negate(f.absolute(x)));
  return f.add(f.largest(x, f.constant(0)), math::Log1pOp::create(f.b, f.loc, small));
}
static Value softplus(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  return softplusOf({b, loc, v[0].getType()}, v[0]);
}

static Value softsign(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  return f.divide(v[0], f.add(f.constant(1), f.absolute(v[0])));
}

static Value mish(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  return f.multiply(v[0], f.tanh(softplusOf(f, v[0])));
}

/// max(0, min(1, alpha * x + beta)).
static Value hardSigmoidOf(Floats f, Value x, double alpha, double beta) {
  Value line = f.add(f.multiply(x, f.constant(alpha)), f.constant(beta));
  return f.largest(f.smallest(line, f.constant(1)), f.constant(0));
}
static Value hardSigmoid(OpBuilder &b, Location loc, Operation *operation, Type, ValueRange v) {
  auto op = cast<graph::HardSigmoidOp>(operation);
  return hardSigmoidOf({b, loc, v[0].getType()}, v[0], op.getAlpha().convertToFloat(), op.getBeta().convertToFloat());
}
static Value hardSwish(OpBuilder &b, Location loc, Operation *, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  return f.multiply(v[0], hardSigmoidOf(f, v[0], 1.0 / 6, 0.5));
}

static Value leakyRelu(OpBuilder &b, Location loc, Operation *op, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  Value scaled = f.multiply(v[0], f.constant(cast<graph::LeakyReluOp>(op).getAlpha().convertToFloat()));
  return f.choose(f.compare(arith::CmpFPredicate::OLT, v[0], 0), scaled, v[0]);
}

static Value thresholdedRelu(OpBuilder &b, Location loc, Operation *op, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  double alpha = cast<graph::ThresholdedReluOp>(op).getAlpha().convertToFloat();
  return f.choose(f.compare(arith::CmpFPredicate::OGT, v[0], alpha), v[0], f.constant(0));
}

static Value elu(OpBuilder &b, Location loc, Operation *op, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  Value alpha = f.constant(cast<graph::EluOp>(op).getAlpha().convertToFloat());
  return f.choose(f.compare(arith::CmpFPredicate::OLT, v[0], 0), f.multiply(alpha, f.exponentialMinusOne(v[0])), v[0]);
}

static Value celu(OpBuilder &b, Location loc, Operation *op, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  Value alpha = f.constant(cast<graph::CeluOp>(op).getAlpha().convertToFloat()), zero = f.constant(0);
  Value curve = f.multiply(alpha, f.exponentialMinusOne(f.divide(v[0], alpha)));
  return f.add(f.largest(v[0], zero), f.smallest(curve, zero));
}

static Value selu(OpBuilder &b, Location loc, Operation *operation, Type, ValueRange v) {
  auto op = cast<graph::SeluOp>(operation);
  Floats f{b, loc, v[0].getType()};
  Value alpha = f.constant(op.getAlpha().convertToFloat()), gamma = f.constant(op.getGamma().convertToFloat());
  Value curve = f.multiply(alpha, f.exponentialMinusOne(v[0]));
  return f.multiply(gamma, f.choose(f.compare(arith::CmpFPredicate::OGT, v[0], 0), v[0], curve));
}

static Value swish(OpBuilder &b, Location loc, Operation *op, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  double alpha = cast<graph::SwishOp>(op).getAlpha().convertToFloat();
  Value scaled = alpha == 1 ? v[0] : f.multiply(f.constant(alpha), v[0]);
  return f.multiply(v[0], sigmoidOf(f, scaled));
}

static Value gelu(OpBuilder &b, Location loc, Operation *op, Type, ValueRange v) {
  Floats f{b, loc, v[0].getType()};
  Value half = f.multiply(f.constant(0.5), v[0]);
  if (cast<graph::GeluOp>(op).getTanh()) {
    Value cube = f.multiply(v[0], f.multiply(v[0], v[0]));
    Value inner = f.add(v[0], f.multiply(f.constant(0.044715), cube));
    Value curve = f.tanh(f.multiply(f.constant(0.7978845608028654), inner)); // sqrt(2 / pi)
    return f.multiply(half, f.add(f.constant(1), curve));
  }
  Value scaled = f.multiply(v[0], f.constant(0.7071067811865476)); // 1 / sqrt(2)
  if (f.type.isF64())
    return f.multiply(half, f.add(f.constant(1), math::ErfOp::create(b, loc, scaled)));
  // 1 + erf(x) = erfc(-x), which has digits left where erf is nearly -1.
  return f.multiply(half, math::ErfcOp::create(b, loc, f.negate(scaled)));
}

static Value shrink(OpBuilder &b, Location loc, Operation *operation, Type element, ValueRange v) {
  auto op = cast<graph::ShrinkOp>(operation);
  Type compute = isa<FloatType>(element) ? v[0].getType() : Type(b.getF32Type());
  Value x = castScalar(b, loc, v[0], element, compute);
  Floats f{b, loc, compute};
  double threshold = op.getThreshold().convertToFloat(), bias = op.getBias().convertToFloat();
  Value result =
      f.choose(f.compare(arith::CmpFPredicate::OGT, x, threshold), f.subtract(x, f.constant(bias)), f.constant(0));
  result = f.choose(f.compare(arith::CmpFPredicate::OLT, x, -threshold), f.add(x, f.constant(bias)), result);
  return isa<FloatType>(element) ? result : castScalar(b, loc, result, compute, element);
}

static Value prelu(OpBuilder &b, Location loc, Operation *, Type element, ValueRange v) {
  Value zero = constantScalar(b, loc, 0, v[0].getType());
  if (isa<FloatType>(element)) {
    Value isNegative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, v[0], zero);
    return arith::SelectOp::create(b, loc, isNegative, arith::MulFOp::create(b, loc, v[0], v[1]), v[0]);
  }
  if (isUnsignedElement(element))
    return v[0];
  Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, v[0], zero);
  return arith::SelectOp::create(b, loc, isNegative, arith::MulIOp::create(b, loc, v[0], v[1]), v[0]);
}

void tegula::populateActivationLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
#define LOWER(Op, ...) patterns.add<ElementwiseLowering<graph::Op>>(converter, context, __VA_ARGS__)
  LOWER(ReluOp, relu);
  LOWER(SigmoidOp, sigmoid);
  LOWER(SoftplusOp, softplus);
  LOWER(SoftsignOp, softsign);
  LOWER(MishOp, mish);
  LOWER(HardSwishOp, hardSwish);
  LOWER(LeakyReluOp, leakyRelu);
  LOWER(ThresholdedReluOp, thresholdedRelu);
  LOWER(EluOp, elu);
  LOWER(CeluOp, celu);
  LOWER(SeluOp, selu);
  LOWER(HardSigmoidOp, hardSigmoid);
  LOWER(SwishOp, swish);
  LOWER(GeluOp, gelu);
  LOWER(ShrinkOp, shrink);
  LOWER(PreluOp, prelu);
#undef LOWER
}
