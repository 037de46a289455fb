// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/CPU/CPUKernels.h"

#include "tegula/Codegen/CPU/Families/Convolution.h"
#include "tegula/Codegen/CPU/Families/Depthwise.h"
#include "tegula/Codegen/CPU/Families/Map.h"
#include "tegula/Codegen/CPU/Families/MatMul.h"
#include "tegula/Codegen/CPU/Families/Reference.h"
#include "tegula/Codegen/CPU/Families/Winograd.h"

using namespace tegula;

const KernelFamilies &tegula::getCPUFamilies() {
  static const KernelFamilies families = [] {
    KernelFamilies all;
    all.add(createCPUConvolutionFamily());
    all.add(createCPUDepthwiseFamily());
    all.add(createCPUWinogradFamily());
    all.add(createCPUMatMulFamily());
    all.add(createCPUMapFamily());
    all.add(createReferenceFamily()); // only by name: map takes every kernel before
    return all;
  }();
  return families;
}

/// By the processor: the ones that gain by vdpbf16ps. (All with 512-bit vectors of it have the instruction.)
static bool hasFastBFloatDot(llvm::StringRef cpu) { return cpu == "znver4" || cpu == "znver5"; }

MachineModel tegula::getMachineModel(exec::CPUTargetAttr target) {
  MachineModel machine = MachineModel::forVectorBits(target.getVectorBits());
  if (target.getByteDot())
    machine.integerDot = MachineModel::IntegerDot::Bytes;
  else if (target.hasPairDot())
    machine.integerDot = MachineModel::IntegerDot::Pairs;
  // On Zen 4 vdpbf16ps starts as often as a multiply-add of f32 (measured: 117 to 58 products a nanosecond); on
  // Sapphire Rapids a quarter as often, so that products of f32 take half the time.
  machine.bfloatDot = target.getVectorBits() == 512 && hasFastBFloatDot(target.getCpu());
  return machine;
}
