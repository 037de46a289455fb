// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arithmetic of sliding windows, the same for convolutions and pools.
#ifndef TEGULA_DIALECT_GRAPH_IR_WINDOW_H
#define TEGULA_DIALECT_GRAPH_IR_WINDOW_H

#include "mlir/IR/Operation.h"

namespace tegula::graph {

/// Kernel positions up to which a depthwise convolution or a pool is a map that reads each of them.
inline constexpr int64_t maxMappedPositions = 25;

/// How a window slides along one spatial dimension. All in elements.
struct WindowDimension {
  int64_t kernel, stride, dilation, padBegin, padEnd;
  /// The extent that one window covers.
  int64_t span() const { return dilation * (kernel - 1) + 1; }
};

/// What follows from an extent: the padding (which auto_pad decides from the extent) and the number of windows.
struct WindowExtents {
  int64_t padBegin, padEnd, count;
};

/// `autoPad` is "NOTSET", "SAME_UPPER" or "SAME_LOWER". With `ceilMode` a last window may reach past the padding, but
/// must start inside the extent or the leading padding. `count` is 0 or less when no window fits. An extent of 1 has
/// the most padding that `autoPad` gives any; with a stride of 1 all have the same.
WindowExtents computeWindow(int64_t extent, const WindowDimension &window, llvm::StringRef autoPad, bool ceilMode);

/// The window attributes of an op with `spatial` dimensions: counts, signs, auto_pad's value.
llvm::LogicalResult verifyWindow(mlir::Operation *op, int64_t spatial, llvm::ArrayRef<int64_t> strides,
                                 llvm::ArrayRef<int64_t> dilations, llvm::ArrayRef<int64_t> pads,
                                 llvm::StringRef autoPad);

/// Appends the output extents of all spatial dimensions, which start at dimension 2 of `shape`; dynamic stays dynamic.
/// Fails with a diagnostic when a window does not fit.
llvm::LogicalResult inferWindows(mlir::Operation *op, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> kernel,
                                 llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> dilations,
                                 llvm::ArrayRef<int64_t> pads, llvm::StringRef autoPad, bool ceilMode,
                                 llvm::SmallVectorImpl<int64_t> &result);

} // namespace tegula::graph

#endif
