// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The reference lowering: plain scalar loops without tuning, accumulating in f64. The oracle of code generation.
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_REFERENCE_H
#define TEGULA_CODEGEN_CPU_FAMILIES_REFERENCE_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

std::unique_ptr<KernelFamily> createReferenceFamily();

} // namespace tegula

#endif
