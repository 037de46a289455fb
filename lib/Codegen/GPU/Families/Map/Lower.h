// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_LIB_CODEGEN_GPU_FAMILIES_MAP_LOWER_H
#define TEGULA_LIB_CODEGEN_GPU_FAMILIES_MAP_LOWER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

namespace tegula {

/// Replaces all linalg ops of the bufferized kernel by phases of loops; see Lower.cpp.
llvm::LogicalResult lowerGPUMapKernel(mlir::func::FuncOp kernel, sched::NVPTXMapAttr schedule);

} // namespace tegula

#endif
