// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of 8-bit integers and of bf16 in vectors: how the operands of a contraction are packed so that one
// instruction multiplies and sums several depths.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_DEPTHPACKING_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_DEPTHPACKING_H

#include "tegula/Codegen/CPU/Families/MatMul.h"
#include "tegula/Codegen/Common/IntegerDot.h"

namespace tegula::matmul {

/// Packed operands hold `group` consecutive depths of a row or column together, 32 bits in all; the last group is
/// filled with zeros. 1: elements of the accumulator's type, one by one.
struct DepthPacking {
  int64_t group = 1;
  /// Pairs of bf16, as they are in memory; the rest is about integers.
  bool isFloat = false;
  /// By operand number.
  struct Operand : IntegerFactor {
    /// Whether packing adds 128, modulo 256: signed bytes as unsigned ones or the reverse.
    bool flips = false;
  } operands[2];
  /// With bytes, the operand that is packed as unsigned bytes, and the zero point of these; the other's is 0. So the
  /// sum of products is too large by `correction` times the sum of the other operand.
  unsigned unsignedOperand = 0;
  int64_t correction = 0;
};

/// How the operands of the contraction are packed on `machine`.
DepthPacking planPacking(const ContractionInfo &info, const MachineModel &machine);

} // namespace tegula::matmul

#endif
