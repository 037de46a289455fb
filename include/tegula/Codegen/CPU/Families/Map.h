// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The `map` family on CPUs: elementwise, broadcast, transpose, reduction and movement kernels, and whatever no other
// family takes, as loops that LLVM vectorizes.
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_MAP_H
#define TEGULA_CODEGEN_CPU_FAMILIES_MAP_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

std::unique_ptr<KernelFamily> createCPUMapFamily();

} // namespace tegula

#endif
