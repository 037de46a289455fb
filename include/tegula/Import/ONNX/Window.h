// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The window attributes of ONNX's convolutions and pools; internal to lib/Import.
#ifndef TEGULA_IMPORT_ONNX_WINDOW_H
#define TEGULA_IMPORT_ONNX_WINDOW_H

#include "tegula/Import/ONNX/NodeTable.h"

namespace tegula {

struct WindowAttributes {
  llvm::SmallVector<int64_t> strides, dilations, pads;
  std::string autoPad; ///< NOTSET, SAME_UPPER or SAME_LOWER (VALID is NOTSET without pads)
};

/// Reads strides, dilations, pads and auto_pad of a node with `spatial` dimensions; what is absent gets its default.
WindowAttributes readWindow(const NodeContext &node, size_t spatial);

} // namespace tegula

#endif
