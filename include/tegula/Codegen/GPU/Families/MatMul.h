// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The `matmul` family on GPUs: kernels around one contraction, with tiles in shared memory and a register block for
// each thread, and elementwise work on the result in registers.
#ifndef TEGULA_CODEGEN_GPU_FAMILIES_MATMUL_H
#define TEGULA_CODEGEN_GPU_FAMILIES_MATMUL_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

std::unique_ptr<KernelFamily> createGPUMatMulFamily();

} // namespace tegula

#endif
