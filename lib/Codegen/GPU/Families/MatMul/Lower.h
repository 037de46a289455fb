// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_LIB_CODEGEN_GPU_FAMILIES_MATMUL_LOWER_H
#define TEGULA_LIB_CODEGEN_GPU_FAMILIES_MATMUL_LOWER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

namespace tegula {

/// Bytes of shared memory that a block of this schedule takes, for elements of `elementBytes` bytes.
int64_t getSharedBytes(sched::NVPTXMatMulAttr schedule, int64_t elementBytes);

/// Replaces the contraction and the elementwise ops after it by one phase; see Lower.cpp.
llvm::LogicalResult lowerGPUMatMulKernel(mlir::func::FuncOp kernel, sched::NVPTXMatMulAttr schedule);

} // namespace tegula

#endif
