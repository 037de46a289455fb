// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Window.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula::graph;

WindowExtents tegula::graph::computeWindow(int64_t extent, const WindowDimension &window, StringRef autoPad,
                                           bool ceilMode) {
  if (autoPad != "NOTSET") {
    int64_t count = llvm::divideCeil(std::max<int64_t>(extent, 0), window.stride);
    int64_t total = std::max<int64_t>(0, (count - 1) * window.stride + window.span() - extent);
    int64_t smaller = total / 2, larger = total - smaller;
    return autoPad == "SAME_UPPER" ? WindowExtents{smaller, larger, count} : WindowExtents{larger, smaller, count};
  }
  int64_t room = extent + window.padBegin + window.padEnd - window.span();
  if (room < 0 && !(ceilMode && room + window.stride > 0))
    return {window.padBegin, window.padEnd, 0};
  int64_t count = (ceilMode ? llvm::divideCeilSigned(room, window.stride) : room / window.stride) + 1;
  if (ceilMode && (count - 1) * window.stride >= extent + window.padBegin)
    --count;
  return {window.padBegin, window.padEnd, count};
}

LogicalResult tegula::graph::verifyWindow(Operation *op, int64_t spatial, ArrayRef<int64_t> strides,
                                          ArrayRef<int64_t> dilations, ArrayRef<int64_t> pads, StringRef autoPad) {
  if (int64_t(strides.size()) != spatial || int64_t(dilations.size()) != spatial || int64_t(pads.size()) != 2 * spatial)
    return op->emitOpError("expected ") << spatial << " strides and dilations and " << 2 * spatial << " pads, but got "
                                        << strides.size() << ", " << dilations.size() << " and " << pads.size();
  auto isTooSmall = [](int64_t value) { return value <= 0; };
  auto isTooBig = [](int64_t value) { return std::abs(value) > (int64_t(1) << 31); };
  if (llvm::any_of(strides, isTooSmall) || llvm::any_of(dilations, isTooSmall))
    return op->emitOpError("expected positive strides and dilations");
  if (llvm::any_of(strides, isTooBig) || llvm::any_of(dilations, isTooBig) || llvm::any_of(pads, isTooBig))
    return op->emitOpError("expected strides, dilations and pads below 2^31");
  if (autoPad != "NOTSET" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER")
    return op->emitOpError("expected auto_pad to be NOTSET, SAME_UPPER or SAME_LOWER, but got ") << autoPad;
  return success();
}

LogicalResult tegula::graph::inferWindows(Operation *op, ArrayRef<int64_t> shape, ArrayRef<int64_t> kernel,
                                          ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations,
                                          ArrayRef<int64_t> pads, StringRef autoPad, bool ceilMode,
                                          SmallVectorImpl<int64_t> &result) {
  int64_t spatial = int64_t(shape.size()) - 2;
  for (int64_t i = 0; i < spatial; ++i) {
    if (ShapedType::isDynamic(shape[i + 2]) || ShapedType::isDynamic(kernel[i])) {
      result.push_back(ShapedType::kDynamic);
      continue;
    }
    WindowDimension window{kernel[i], strides[i], dilations[i], pads[i], pads[i + spatial]};
    WindowExtents extents = computeWindow(shape[i + 2], window, autoPad, ceilMode);
    if (extents.count < 0 || (extents.count == 0 && shape[i + 2] > 0))
      return op->emitOpError("expected a padded extent of at least the kernel's ")
             << window.span() << " in spatial dimension " << i << ", but got "
             << shape[i + 2] + pads[i] + pads[i + spatial];
    result.push_back(extents.count);
  }
  return success();
}
