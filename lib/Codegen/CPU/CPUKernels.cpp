// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/CPU/CPUKernels.h"

#include "tegula/Codegen/CPU/Families/Attention.h"
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
    all.add(createCPUAttentionFamily());
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

MachineModel tegula::getMachineModel(exec::CPUTargetAttr target) {
  MachineModel machine = MachineModel::forVectorBits(target.getVectorBits());
  if (!target.isX86())
    machine.vectorRegisters = 32;
  if (target.getByteDot())
    machine.integerDot = target.isX86() ? MachineModel::IntegerDot::Bytes : MachineModel::IntegerDot::SignedBytes;
  else if (target.hasPairDot())
    machine.integerDot = MachineModel::IntegerDot::Pairs;
  machine.bfloatDot = target.hasFastBFloatDot();
  machine.bfloatTiles = target.getBfloatTiles();
  machine.byteTiles = target.getByteTiles();
  return machine;
}
