// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums of products of 8-bit integers in vectors: how a contraction makes its factors of stored elements, and the
// instructions that multiply and sum several neighboring ones.
//
#ifndef TEGULA_CODEGEN_COMMON_INTEGERDOT_H
#define TEGULA_CODEGEN_COMMON_INTEGERDOT_H

#include "tegula/Codegen/Common/Contraction.h"
#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// How a factor of the product is made of the stored integer: extended, and less a constant perhaps.
struct IntegerFactor {
  bool isUnsigned = false;
  int64_t zeroPoint = 0;
};

/// The factor that is made of operand `operand` of the contraction, or nothing when it is made in another way.
std::optional<IntegerFactor> matchIntegerFactor(const ContractionInfo &info, unsigned operand);

/// An instruction for vectors of `lanes` sums; longer ones are cut.
struct DotInstruction {
  MachineModel::IntegerDot kind = MachineModel::IntegerDot::Single;
  int64_t lanes = 1;
};

/// That of the machine for vectors of `lanes` sums.
DotInstruction findDotInstruction(const MachineModel &machine, int64_t lanes);

/// `sum`, a vector of i32, plus for each lane the products of the elements of `left` and `right` that lie there: four
/// bytes, those of `left` unsigned and those of `right` signed (vpdpbusd), or two i16 (pmaddwd). With an
/// instruction for pairs alone, bytes are two pairs; with one for signed bytes alone (sdot), those of `left` are made
/// signed, or may be so from the start; with none, they are extended.
mlir::Value emitDot(mlir::OpBuilder &b, mlir::Location loc, mlir::Value sum, mlir::Value left, mlir::Value right,
                    DotInstruction instruction, bool leftIsUnsigned = true);

} // namespace tegula

#endif
