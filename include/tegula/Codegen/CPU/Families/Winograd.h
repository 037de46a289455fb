// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_winograd` family: kernels around one convolution on blocked channels whose weight comes in the Winograd
// domain, followed by elementwise work on its result.
//
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_WINOGRAD_H
#define TEGULA_CODEGEN_CPU_FAMILIES_WINOGRAD_H

#include "tegula/Kernel/KernelFamily.h"

#include <memory>

namespace tegula {

/// The `cpu_winograd` family.
std::unique_ptr<KernelFamily> createCPUWinogradFamily();

} // namespace tegula

#endif // TEGULA_CODEGEN_CPU_FAMILIES_WINOGRAD_H
