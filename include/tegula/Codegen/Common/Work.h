// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CODEGEN_COMMON_WORK_H
#define TEGULA_CODEGEN_COMMON_WORK_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// Scalar operations of the kernel's linalg ops, and bytes of its operands and results; a dynamic extent counts as 256.
KernelFeatures countWork(mlir::func::FuncOp kernel);

/// The instruction that sums the products of `group` neighbors in vectors of sums of `bits` bits, and how many of it do
/// so.
std::pair<Instruction, double> productInstruction(int64_t group, bool isFloat, int64_t bits,
                                                  const MachineModel &machine);

/// The time of a bufferized kernel on one worker, for the decision how many share it: the sum of terms [c, d...], each
/// c times the product of the kernel's dims of these numbers (dynamic extents of its arguments in order, then scalars).
/// The unit is about ten picoseconds: an operation on one f32 in a vector of 512 bits.
mlir::ArrayAttr estimateWork(mlir::func::FuncOp kernel, const MachineModel &machine);

} // namespace tegula

#endif
