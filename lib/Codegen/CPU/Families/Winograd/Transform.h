// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The transformations of F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3) of operands and products, on values of any float or vector
// type (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks").
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_WINOGRAD_TRANSFORM_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_WINOGRAD_TRANSFORM_H

#include "mlir/IR/Builders.h"

namespace tegula::winograd {

/// B^T d B of a tile d of (m + 2)^2 values, row by row.
llvm::SmallVector<mlir::Value> transformOperand(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange tile,
                                                int64_t m);
/// A^T p A of (m + 2)^2 products: the m^2 values of a tile of the result, row by row.
llvm::SmallVector<mlir::Value> transformProducts(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange products,
                                                 int64_t m);

} // namespace tegula::winograd

#endif
