// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_matmul` family: kernels around one contraction (matrix products, batched or transposed, and convolutions),
// followed by elementwise work on its result.
//
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_MATMUL_H
#define TEGULA_CODEGEN_CPU_FAMILIES_MATMUL_H

#include "tegula/Codegen/Common/Contraction.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelFamily.h"

#include <memory>

namespace tegula {

/// Replaces a bufferized contraction and the elementwise ops after it by loops over register blocks.
mlir::LogicalResult lowerMatMulKernel(mlir::func::FuncOp kernel, sched::CPUMatMulAttr schedule,
                                      const MachineModel &machine);

/// The `cpu_matmul` family.
std::unique_ptr<KernelFamily> createCPUMatMulFamily();

} // namespace tegula

#endif // TEGULA_CODEGEN_CPU_FAMILIES_MATMUL_H
