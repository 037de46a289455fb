// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The equation of graph.einsum, parsed.
#ifndef TEGULA_DIALECT_GRAPH_IR_EINSUM_H
#define TEGULA_DIALECT_GRAPH_IR_EINSUM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace tegula::graph {

/// Labels as numbers: 0 .. ellipsis - 1 are the dimensions that `...` stands for, aligned at the end; the rest are
/// letters in the order of their first occurrence.
struct EinsumEquation {
  llvm::SmallVector<llvm::SmallVector<int64_t>> operands; ///< labels of each operand's dimensions
  llvm::SmallVector<int64_t> result;                      ///< labels of the result's dimensions
  int64_t labelCount = 0;
  int64_t ellipsis = 0; ///< how many labels are broadcasting dimensions
};

/// Parses `equation` for operands of these ranks. On failure fills `error` ("expected X, but got Y").
bool parseEinsum(llvm::StringRef equation, llvm::ArrayRef<int64_t> ranks, EinsumEquation &parsed, std::string &error);

} // namespace tegula::graph

#endif
