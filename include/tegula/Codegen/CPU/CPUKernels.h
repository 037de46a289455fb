// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the CPU target knows about kernels: its families, and its machine model from a target attribute.
#ifndef TEGULA_CODEGEN_CPU_CPUKERNELS_H
#define TEGULA_CODEGEN_CPU_CPUKERNELS_H

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// All families of the CPU target; `map`, which takes everything, comes last.
const KernelFamilies &getCPUFamilies();
MachineModel getMachineModel(exec::CPUTargetAttr target);

} // namespace tegula

#endif
