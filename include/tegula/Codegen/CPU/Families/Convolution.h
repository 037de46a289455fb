// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_convolution` family: kernels around one direct convolution on blocked channels, followed by elementwise work
// on its result.
//
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_CONVOLUTION_H
#define TEGULA_CODEGEN_CPU_FAMILIES_CONVOLUTION_H

#include "tegula/Kernel/KernelFamily.h"

#include <memory>

namespace tegula {

/// The `cpu_convolution` family.
std::unique_ptr<KernelFamily> createCPUConvolutionFamily();

} // namespace tegula

#endif // TEGULA_CODEGEN_CPU_FAMILIES_CONVOLUTION_H
