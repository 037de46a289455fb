// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/FloatMath.h"

#include <cmath>

using namespace mlir;
using namespace tegula;
using arith::CmpFPredicate;

Type tegula::getInterpolationType(Type element) {
  return element.isF64() ? element : Type(Float32Type::get(element.getContext()));
}

Value tegula::loadFloat(const FloatMath &f, Value stored, Type element) {
  if (isa<FloatType>(element))
    return f.convert(stored);
  return isUnsignedElement(element) ? Value(arith::UIToFPOp::create(f.b, f.loc, f.type, stored))
                                    : Value(arith::SIToFPOp::create(f.b, f.loc, f.type, stored));
}

Value tegula::storeFloat(const FloatMath &f, Value value, Type element) {
  Type stored = getStorageType(element);
  if (auto type = dyn_cast<FloatType>(stored))
    return type == f.type ? value : Value(arith::TruncFOp::create(f.b, f.loc, type, value));
  bool isUnsigned = isUnsignedElement(element);
  unsigned width = stored.getIntOrFloatBitWidth();
  // The largest float below the type's limit, so that the conversion never overflows.
  unsigned precision = f.type.isF64() ? 53 : 24, magnitude = width - !isUnsigned;
  double most = magnitude <= precision ? std::ldexp(1.0, magnitude) - 1
                                       : std::ldexp(1.0, magnitude) - std::ldexp(1.0, magnitude - precision);
  double least = isUnsigned ? 0 : -std::ldexp(1.0, magnitude);
  value = math::RoundEvenOp::create(f.b, f.loc, value);
  value = f.select(f.compare(CmpFPredicate::UNO, value, value), f.constant(0), value);
  value = f.min(f.max(value, f.constant(least)), f.constant(most));
  return isUnsigned ? Value(arith::FPToUIOp::create(f.b, f.loc, stored, value))
                    : Value(arith::FPToSIOp::create(f.b, f.loc, stored, value));
}
