// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/GPU/GPUKernels.h"

#include "tegula/Codegen/GPU/Families/Map.h"
#include "tegula/Codegen/GPU/Families/MatMul.h"

using namespace tegula;

const KernelFamilies &tegula::getGPUFamilies() {
  static const KernelFamilies families = [] {
    KernelFamilies all;
    all.add(createGPUMatMulFamily());
    all.add(createGPUMapFamily());
    return all;
  }();
  return families;
}
