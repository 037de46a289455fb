// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_MAP_LOWER_H
#define TEGULA_CODEGEN_CPU_FAMILIES_MAP_LOWER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

namespace tegula {

/// The extents that the schedule's `rows` and `columns` divide: of the loop around the innermost one, and of the
/// innermost one. 1: there are no two loops.
struct MapWalk {
  int64_t rows = 1, columns = 1;
  /// Whether the innermost loop is parallel and the one around it a reduction: sums are added to in memory.
  bool addsToMemory = false;
};
/// `op` is on tensors or buffers.
MapWalk findMapWalk(mlir::linalg::LinalgOp op);

/// Replaces all linalg ops of the bufferized kernel by scf.for loops for a machine with vectors of
/// `vectorBits` bits; see Lower.cpp.
llvm::LogicalResult lowerMapKernel(mlir::func::FuncOp kernel, sched::CPUMapAttr schedule, int64_t vectorBits);

} // namespace tegula

#endif
