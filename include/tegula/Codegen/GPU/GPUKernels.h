// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the GPU targets know about kernels: their families.
#ifndef TEGULA_CODEGEN_GPU_GPUKERNELS_H
#define TEGULA_CODEGEN_GPU_GPUKERNELS_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// All families of GPU targets; `map`, which takes everything, comes last.
const KernelFamilies &getGPUFamilies();

} // namespace tegula

#endif
