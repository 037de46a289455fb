// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phases of a GPU kernel: functions in its exec.kernel with the kernel's arguments, launched one after the other.
// The first has the kernel's name. Each has the attribute `exec.block`, the threads of a block in x, y and z, and a
// host function `<phase>_grid` (attribute `exec.grid`) with the same arguments that returns the blocks in x, y and z
// and looks at extents only, never into memory.
//
#ifndef TEGULA_CODEGEN_GPU_FAMILIES_PHASES_H
#define TEGULA_CODEGEN_GPU_FAMILIES_PHASES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tegula {

/// Gives every static temporary of the kernel its place in the workspace (exec.arena_view), the same in all phases. A
/// temporary whose size is known only at run time is an error at its node.
mlir::LogicalResult placeTemporaries(mlir::func::FuncOp kernel);

/// Marks `phase` with its block.
void setBlock(mlir::func::FuncOp phase, llvm::ArrayRef<int32_t> block);

/// Blocks in x, y and z (at most three; the rest are 1), built where `builder` stands in a copy of the phase.
using GridBuilder =
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &builder, mlir::func::FuncOp copy)>;
/// Adds the grid function of `phase`: a copy of its body in which `build` computes the blocks before the terminator,
/// with everything else that has an effect removed. `fallback` blocks are launched when the blocks depend on data.
void addGrid(mlir::func::FuncOp phase, GridBuilder build, int64_t fallback);

} // namespace tegula

#endif
