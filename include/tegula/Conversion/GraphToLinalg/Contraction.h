// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one form that contractions are lowered to. Internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_CONTRACTION_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_CONTRACTION_H

#include "tegula/Conversion/GraphToLinalg/Lowering.h"

namespace tegula {

/// `operands` (stored values of graph element types `elements`) multiplied and summed into a zero-filled tensor of
/// `extents` under `maps` (operands, then the result): a linalg.generic of the form `acc + a * b`. Accumulates in the
/// compute type of graph element type `result` and rounds once to it; 8-bit integers widen in the body, and
/// `zeroPoints` (none, or one for each operand) are subtracted there.
mlir::Value buildContraction(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange operands,
                             llvm::ArrayRef<mlir::Type> elements, llvm::ArrayRef<mlir::OpFoldResult> extents,
                             llvm::ArrayRef<mlir::AffineMap> maps, llvm::ArrayRef<mlir::utils::IteratorType> iterators,
                             mlir::Type result, llvm::ArrayRef<int64_t> zeroPoints = {});

} // namespace tegula

#endif
