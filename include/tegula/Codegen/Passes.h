// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CODEGEN_PASSES_H
#define TEGULA_CODEGEN_PASSES_H

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tegula {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "tegula/Codegen/Passes.h.inc"

/// Functions of f32, scalar or vector, become arithmetic: at most 2 ULP off, with C's results for special values.
void populateApproximateMathPatterns(mlir::RewritePatternSet &patterns);
} // namespace tegula

#endif
