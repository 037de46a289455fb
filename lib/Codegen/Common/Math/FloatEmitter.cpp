// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "FloatEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace tegula;

/// The type of `like` with another element type.
static Type withElement(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

static Value constantOf(OpBuilder &builder, Location loc, Type type, TypedAttr value) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(shaped, Attribute(value)));
  return arith::ConstantOp::create(builder, loc, value);
}

Value FloatEmitter::constant(double value, Value like) {
  return constantOf(builder, loc, like.getType(), builder.getFloatAttr(getElementTypeOrSelf(like), value));
}

Value FloatEmitter::integer(int64_t value, Value like) {
  return constantOf(builder, loc, like.getType(), builder.getIntegerAttr(getElementTypeOrSelf(like), value));
}

Value FloatEmitter::multiplyAdd(Value x, Value y, Value z) {
  Value product = arith::MulFOp::create(builder, loc, x, y, arith::FastMathFlags::contract);
  return arith::AddFOp::create(builder, loc, product, z, arith::FastMathFlags::contract);
}

Value FloatEmitter::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.back(), x);
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = multiplyAdd(sum, x, constant(coefficient, x));
  return sum;
}

Value FloatEmitter::opposite(Value condition) {
  return arith::XOrIOp::create(builder, loc, condition, integer(1, condition));
}

Value FloatEmitter::clamp(Value x, double low, double high) {
  x = choose(less(x, low), low, x);
  return choose(greater(x, high), high, x);
}

Value FloatEmitter::toDouble(Value x) {
  return arith::ExtFOp::create(builder, loc, withElement(x.getType(), builder.getF64Type()), x);
}

Value FloatEmitter::toSingle(Value x) {
  return arith::TruncFOp::create(builder, loc, withElement(x.getType(), builder.getF32Type()), x);
}

Value FloatEmitter::bits(Value x) {
  Type element = builder.getIntegerType(isSingle(x) ? 32 : 64);
  return arith::BitcastOp::create(builder, loc, withElement(x.getType(), element), x);
}

Value FloatEmitter::fromBits(Value x) {
  Type element = isSingle(x) ? Type(builder.getF32Type()) : builder.getF64Type();
  return arith::BitcastOp::create(builder, loc, withElement(x.getType(), element), x);
}

Value FloatEmitter::shiftLeft(Value x, int64_t count) {
  return arith::ShLIOp::create(builder, loc, x, integer(count, x));
}

Value FloatEmitter::shiftRight(Value x, int64_t count) {
  return arith::ShRUIOp::create(builder, loc, x, integer(count, x));
}

Value FloatEmitter::shiftRightSigned(Value x, int64_t count) {
  return arith::ShRSIOp::create(builder, loc, x, integer(count, x));
}

Value FloatEmitter::hasBit(Value x, int64_t mask) {
  Value masked = arith::AndIOp::create(builder, loc, x, integer(mask, x));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, masked, integer(0, x));
}

Value FloatEmitter::powerOfTwo(Value n) {
  int64_t bias = isSingle(n) ? 127 : 1023, mantissa = isSingle(n) ? 23 : 52;
  return fromBits(shiftLeft(addInteger(n, bias), mantissa));
}

Value FloatEmitter::scale(Value x, Value n) {
  auto vector = dyn_cast<VectorType>(x.getType());
  if (canScale && (!vector || (vector.getRank() == 1 && !vector.isScalable())))
    return LLVM::CallIntrinsicOp::create(builder, loc, x.getType(), builder.getStringAttr("llvm.ldexp"),
                                         ValueRange{x, n})
        .getResult(0);
  // Two halves of the exponent, because 2^n of a denormal result is no normal number, and neither is 2^128.
  Value half = shiftRightSigned(n, 1);
  return multiply(multiply(x, powerOfTwo(half)), powerOfTwo(subtractInteger(n, half)));
}
