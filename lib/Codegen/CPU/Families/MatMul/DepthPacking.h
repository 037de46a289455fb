// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of 8-bit integers and of bf16 in vectors or tile registers: how the operands of a contraction are packed so
// that one instruction multiplies and sums several depths.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_DEPTHPACKING_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_DEPTHPACKING_H

#include "tegula/Codegen/CPU/Families/MatMul.h"
#include "tegula/Codegen/Common/IntegerDot.h"

namespace tegula::matmul {

/// A tile register: 16 rows of 16 sums, or of 16 groups of depths.
constexpr int64_t tileRows = 16, tileGroups = 16;

/// Packed operands hold `group` consecutive depths of a row or column together, 32 bits in all; the last group is
/// filled with zeros. 1: elements of the accumulator's type, one by one.
struct DepthPacking {
  int64_t group = 1;
  /// For tile registers: the last tile of groups is filled with zeros, and the left operand lies in tiles of 16 rows
  /// and 16 groups, all depths of 16 rows together.
  bool tiles = false;
  /// Pairs of bf16, as they are in memory; the rest is about integers.
  bool isFloat = false;
  /// By operand number.
  struct Operand : IntegerFactor {
    /// Whether packing adds 128, modulo 256: signed bytes as unsigned ones or the reverse.
    bool flips = false;
  } operands[2];
  /// With bytes in vectors, the operand whose packed bytes may have a zero point, `correction`; the other's is 0. So
  /// the sum of products is too large by `correction` times the sum of the other operand. Where an instruction
  /// multiplies unsigned by signed bytes, this operand's are unsigned.
  unsigned correctedOperand = 0;
  int64_t correction = 0;

  /// Depths of which packed operands hold a multiple.
  int64_t depthUnit() const { return tiles ? tileGroups * group : group; }
  /// By how much the sum of the elements of `operand` is multiplied and subtracted from the sums. In tiles the elements
  /// keep their zero points, so that it is the other operand's.
  int64_t correctionBy(unsigned operand) const {
    if (tiles)
      return operands[1 - operand].zeroPoint;
    return correctedOperand != operand ? correction : 0;
  }
};

/// How the operands of the contraction are packed for vectors of `machine`.
DepthPacking planPacking(const ContractionInfo &info, const MachineModel &machine);
/// For its tile registers; nothing when it has none that multiply these elements.
std::optional<DepthPacking> planTilePacking(const ContractionInfo &info, const MachineModel &machine);

} // namespace tegula::matmul

#endif
