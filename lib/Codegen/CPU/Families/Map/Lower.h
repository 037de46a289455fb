// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_MAP_LOWER_H
#define TEGULA_CODEGEN_CPU_FAMILIES_MAP_LOWER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

namespace tegula {

/// Replaces all linalg ops of the bufferized kernel by scf.for loops for a machine with vectors of
/// `vectorBits` bits; see Lower.cpp.
llvm::LogicalResult lowerMapKernel(mlir::func::FuncOp kernel, sched::CPUMapAttr schedule, int64_t vectorBits);

} // namespace tegula

#endif
