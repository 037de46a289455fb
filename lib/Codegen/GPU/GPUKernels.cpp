// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/GPU/GPUKernels.h"

#include "tegula/Codegen/GPU/Families/Map.h"

using namespace tegula;

const KernelFamilies &tegula::getGPUFamilies() {
  static const KernelFamilies families = [] {
    KernelFamilies all;
    all.add(createGPUMapFamily());
    return all;
  }();
  return families;
}
