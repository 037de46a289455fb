// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the passes between the stages `kernels` and `llvm` ask of a target: its kernel families and its machine model.
#ifndef TEGULA_KERNEL_TARGETKERNELS_H
#define TEGULA_KERNEL_TARGETKERNELS_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

class TargetKernels {
public:
  virtual ~TargetKernels();
  /// True for the target attributes of this target. A module without `exec.target` (null) is for a CPU.
  virtual bool owns(mlir::Attribute target) const = 0;
  virtual const KernelFamilies &families() const = 0;
  virtual MachineModel machine(mlir::Attribute target) const = 0;
};

/// Adds a target, which lives as long as the process; adding it again does nothing. Not thread-safe.
void registerTargetKernels(const TargetKernels &target);
/// The target that owns the module's `exec.target`; null when it is not registered.
const TargetKernels *findTargetKernels(mlir::Attribute target);

} // namespace tegula

#endif
