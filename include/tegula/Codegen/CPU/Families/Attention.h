// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_attention` family: kernels around one attention with sums of f32, as graph.attention is lowered, followed by
// elementwise work on its result.
//
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_ATTENTION_H
#define TEGULA_CODEGEN_CPU_FAMILIES_ATTENTION_H

#include "tegula/Kernel/KernelFamily.h"

#include <memory>

namespace tegula {

/// The `cpu_attention` family.
std::unique_ptr<KernelFamily> createCPUAttentionFamily();

} // namespace tegula

#endif // TEGULA_CODEGEN_CPU_FAMILIES_ATTENTION_H
