// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of f32, at most 2 ULP off, with C's results for infinities, NaN, zeros and denormals. exp, tanh and erf,
// which models compute most, work in f32; the others in f64, which leaves no room for error and costs twice the
// vectors. ApproximateMathTest measures all of them on every kind of number.
//
#ifndef TEGULA_LIB_CODEGEN_COMMON_MATH_FUNCTIONS_H
#define TEGULA_LIB_CODEGEN_COMMON_MATH_FUNCTIONS_H

#include "FloatEmitter.h"

namespace tegula::functions {

using mlir::Value;

// Of f64, as parts of functions of f32: relative error below 2^-35.
/// e^x; x is clamped to [-130, 130].
Value exponentialOfDouble(FloatEmitter &emit, Value x);
/// Natural logarithm of a normal number or infinity; -inf for 0, NaN for negative numbers.
Value logarithmOfDouble(FloatEmitter &emit, Value x);

Value exponential(FloatEmitter &emit, Value x);
Value exponentialOfTwo(FloatEmitter &emit, Value x);
Value exponentialMinusOne(FloatEmitter &emit, Value x);
Value hyperbolicTangent(FloatEmitter &emit, Value x);
Value hyperbolicSine(FloatEmitter &emit, Value x);
Value hyperbolicCosine(FloatEmitter &emit, Value x);

Value logarithm(FloatEmitter &emit, Value x);
Value logarithmOfTwo(FloatEmitter &emit, Value x);
Value logarithmOfTen(FloatEmitter &emit, Value x);
Value logarithmOfOnePlus(FloatEmitter &emit, Value x);
Value inverseHyperbolicSine(FloatEmitter &emit, Value x);
Value inverseHyperbolicCosine(FloatEmitter &emit, Value x);
Value inverseHyperbolicTangent(FloatEmitter &emit, Value x);
Value power(FloatEmitter &emit, Value x, Value y);

Value sine(FloatEmitter &emit, Value x);
Value cosine(FloatEmitter &emit, Value x);
Value tangent(FloatEmitter &emit, Value x);
Value inverseSine(FloatEmitter &emit, Value x);
Value inverseCosine(FloatEmitter &emit, Value x);
Value inverseTangent(FloatEmitter &emit, Value x);

Value errorFunction(FloatEmitter &emit, Value x);
Value complementaryErrorFunction(FloatEmitter &emit, Value x);
/// Of f64, at most 3 ULP off: LLVM has no intrinsic for it.
Value errorFunctionOfDouble(FloatEmitter &emit, Value x);

} // namespace tegula::functions

#endif
