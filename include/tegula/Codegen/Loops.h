// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What families share when they turn linalg ops into scalar loops.
#ifndef TEGULA_CODEGEN_LOOPS_H
#define TEGULA_CODEGEN_LOOPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"

namespace tegula {

/// Linalg's index maps (affine.apply) become plain values, so that equal indices are the same value.
llvm::LogicalResult foldLoopIndices(mlir::func::FuncOp kernel);
/// The scf.for loops without loops in their bodies.
llvm::SmallVector<mlir::scf::ForOp> findInnermostLoops(mlir::func::FuncOp kernel);
/// An accumulator that the loop loads and stores at one place becomes a loop-carried value; returns the new loop.
/// Kernels' results alias nothing else that the loop touches (exec.kernel's contract).
mlir::scf::ForOp promoteAccumulators(mlir::scf::ForOp loop, mlir::IRRewriter &rewriter);
/// The whole body under `if grid_id == 0`; marks the kernel as serial (`exec.serial`), so that one worker is started.
void runOnFirstWorker(mlir::func::FuncOp kernel);

} // namespace tegula

#endif
