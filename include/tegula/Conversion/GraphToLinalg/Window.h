// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sliding windows on dynamic extents, shared by convolutions and pools. Internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_WINDOW_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_WINDOW_H

#include "tegula/Conversion/GraphToLinalg/Lowering.h"

namespace tegula {

/// Whether two extents are known to be equal: the same value, or the same dimension of the same tensor.
bool isSameExtent(mlir::OpFoldResult a, mlir::OpFoldResult b);
// Index arithmetic that folds constants.
mlir::OpFoldResult addIndices(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult subIndices(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult mulIndices(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
mlir::OpFoldResult maxIndices(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
/// Rounds up, or down, toward minus infinity; `divisor` is positive.
mlir::OpFoldResult ceilDivIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult lhs, int64_t divisor);
mlir::OpFoldResult floorDivIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult lhs, int64_t divisor);

/// Per spatial dimension: the padding, the most that it is for any extent, and the extents of the result.
struct LoweredWindow {
  llvm::SmallVector<mlir::OpFoldResult> padBegin, padEnd, mostBegin, mostEnd, counts;
};
/// dilation * (kernel - 1) + 1.
mlir::OpFoldResult windowSpan(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult kernel, int64_t dilation);
/// graph::computeWindow for the spatial dimensions of `x` ([N, C, D1, ...]), at run time where an extent is dynamic;
/// static extents of `resultType` win.
LoweredWindow lowerWindow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                          llvm::ArrayRef<mlir::OpFoldResult> kernel, llvm::ArrayRef<int64_t> strides,
                          llvm::ArrayRef<int64_t> dilations, llvm::ArrayRef<int64_t> pads, llvm::StringRef autoPad,
                          bool ceilMode, mlir::RankedTensorType resultType);

/// The extent that windows at all places need in spatial dimension `i`, less `extent` and the leading padding: what
/// must stand behind the extent (more than the padding when ceil_mode reaches past it; less when it can be left out).
mlir::OpFoldResult neededPadEnd(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult extent,
                                mlir::OpFoldResult padBegin, mlir::OpFoldResult count, int64_t kernel, int64_t stride,
                                int64_t dilation);

/// `x` with `begin` and `end` elements of `scalar` (stored) put around its spatial dimensions; negative numbers crop.
mlir::Value padSpatial(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, llvm::ArrayRef<mlir::OpFoldResult> begin,
                       llvm::ArrayRef<mlir::OpFoldResult> end, mlir::Value scalar);
/// `x` with the padding of `window`. One that depends on the run is a slice of the most padding of any extent: widths
/// that are known cost no pass of their own.
mlir::Value padWindow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, const LoweredWindow &window,
                      mlir::Value scalar);

/// What the positions of a static window read of `x` ([N, C, D1, ...], padded) for a result of `extents`, in row-major
/// order: each a slice from the first to the last element, so that extents of loops are those of the result, which
/// read by `map`.
struct PositionReads {
  llvm::SmallVector<mlir::Value> slices;
  mlir::AffineMap map;
};
PositionReads readPositions(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, llvm::ArrayRef<int64_t> kernel,
                            llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> dilations,
                            llvm::ArrayRef<mlir::OpFoldResult> extents);

} // namespace tegula

#endif
