// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums of products of bf16 in vectors of f32: the instruction that multiplies and sums pairs of neighboring elements.
//
#ifndef TEGULA_CODEGEN_COMMON_BFLOATDOT_H
#define TEGULA_CODEGEN_COMMON_BFLOATDOT_H

#include "tegula/Codegen/Common/Contraction.h"

namespace tegula {

/// Whether the contraction sums products of bf16 in f32 and may do so with emitBFloatDot: the product is marked `afn`,
/// since that takes denormals for zeros.
bool allowsBFloatDot(const ContractionInfo &info);

/// `sum`, a vector of f32, plus for each lane the two products of the bf16 of `left` and `right` that lie there
/// (vdpbf16ps). Denormal operands and sums count as zeros; each of the two additions is rounded to nearest even.
/// Without the instruction, by two multiply-adds.
mlir::Value emitBFloatDot(mlir::OpBuilder &b, mlir::Location loc, mlir::Value sum, mlir::Value left, mlir::Value right,
                          bool hasInstruction);

} // namespace tegula

#endif
