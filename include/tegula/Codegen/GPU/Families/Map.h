// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The `map` family on GPUs: one thread computes one element of the result at a time, in a grid-stride loop.
#ifndef TEGULA_CODEGEN_GPU_FAMILIES_MAP_H
#define TEGULA_CODEGEN_GPU_FAMILIES_MAP_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

std::unique_ptr<KernelFamily> createGPUMapFamily();

} // namespace tegula

#endif
