// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Softmax along the rows of what was flattened for it, as ONNX's converter writes softmax of opset 12 in opset 13.
// Internal to dialects/Graph/Transforms.
#ifndef TEGULA_DIALECT_GRAPH_TRANSFORMS_UNFLATTENSOFTMAX_H
#define TEGULA_DIALECT_GRAPH_TRANSFORMS_UNFLATTENSOFTMAX_H

#include "tegula/Dialect/Graph/IR/Graph.h"

namespace tegula::graph {

/// Where `softmax` works on the rows of a flattened tensor and its result gets the tensor's shape back, it works on the
/// last dimension of the tensor. Quantization and dequantization may stand in between.
void unflattenSoftmax(SoftmaxOp softmax);

} // namespace tegula::graph

#endif
