// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CODEGEN_COMMON_WORK_H
#define TEGULA_CODEGEN_COMMON_WORK_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// Scalar operations of the kernel's linalg ops, and bytes of its operands and results; a dynamic extent counts as 256.
KernelFeatures countWork(mlir::func::FuncOp kernel);

} // namespace tegula

#endif
