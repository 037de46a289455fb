// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the operands of a kernel are reached in memory.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_KERNELFORM_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_KERNELFORM_H

#include "tegula/Codegen/CPU/Families/MatMul.h"
#include "tegula/Codegen/Common/Emission.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace tegula::matmul {

/// The sets of loops that are walked as one collapsed loop each.
enum GroupKind : unsigned { Rows = 0, Columns = 1, Depth = 2 };
struct Group {
  llvm::SmallVector<unsigned> loops;
  llvm::SmallVector<Index> extents;
  Index total;
};

/// How an operand's address depends on the collapsed index of a group: not at all, by a constant step, by a table of
/// offsets that is filled for each block, or as blocks of columns say (`ContractionInfo::columnBlock`).
struct Dependence {
  enum Kind { None, Linear, Table, Blocks } kind = None;
  Index step;
  /// memref<block x index>, indexed from the start of the block.
  mlir::Value table;
};

/// Where an operand of the contraction or of a step is in memory.
struct Access : FlatAccess {
  Dependence dependence[3];
  /// `base` plus the terms of the batch loops of the current batch.
  Index batchBase;
};

} // namespace tegula::matmul

#endif
