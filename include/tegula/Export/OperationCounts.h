// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How much arithmetic kernels do, and how much of it in vectors: counted by the code itself while it runs.
#ifndef TEGULA_EXPORT_OPERATIONCOUNTS_H
#define TEGULA_EXPORT_OPERATIONCOUNTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/IR/Module.h"

#include <cstdint>

namespace tegula {

/// Operations of one kernel since its artifact was loaded: additions, subtractions, multiplications, divisions,
/// extrema, roots, roundings and function values of floats; a fused multiplication and addition is two. Products of
/// bytes that an instruction adds up count as well. A vector's operation counts once for each lane, also for masked
/// ones.
struct OperationCount {
  int64_t inVectors;
  int64_t alone;
};

/// The symbol of the counts: an array of OperationCount, one for each of `kernels`.
inline constexpr llvm::StringLiteral operationCountsSymbol = "tegula_operation_counts";

/// Makes the functions `kernels` of an optimized module count what they do. Counts of workers at the same time get
/// lost.
void countOperations(llvm::Module &module, llvm::ArrayRef<std::string> kernels);

} // namespace tegula

#endif
