// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Kernel/TargetKernels.h"

using namespace tegula;

TargetKernels::~TargetKernels() = default;

static llvm::SmallVector<const TargetKernels *, 4> &getTargets() {
  static llvm::SmallVector<const TargetKernels *, 4> targets;
  return targets;
}

void tegula::registerTargetKernels(const TargetKernels &target) {
  if (!llvm::is_contained(getTargets(), &target))
    getTargets().push_back(&target);
}

const TargetKernels *tegula::findTargetKernels(mlir::Attribute target) {
  for (const TargetKernels *candidate : getTargets())
    if (candidate->owns(target))
      return candidate;
  return nullptr;
}
