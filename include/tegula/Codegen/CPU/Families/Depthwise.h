// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_depthwise` family: kernels around one convolution of each channel by itself, of 8-bit integers on blocked
// channels, followed by elementwise work on its result.
//
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_DEPTHWISE_H
#define TEGULA_CODEGEN_CPU_FAMILIES_DEPTHWISE_H

#include "tegula/Kernel/KernelFamily.h"

#include <memory>

namespace tegula {

/// The `cpu_depthwise` family.
std::unique_ptr<KernelFamily> createCPUDepthwiseFamily();

} // namespace tegula

#endif // TEGULA_CODEGEN_CPU_FAMILIES_DEPTHWISE_H
