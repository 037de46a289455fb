// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Window.h"

using namespace mlir;
using namespace tegula;

WindowAttributes tegula::readWindow(const NodeContext &node, size_t spatial) {
  WindowAttributes window;
  window.strides = node.getIntegers("strides").value_or(SmallVector<int64_t>(spatial, 1));
  window.dilations = node.getIntegers("dilations").value_or(SmallVector<int64_t>(spatial, 1));
  window.pads = node.getIntegers("pads").value_or(SmallVector<int64_t>(2 * spatial, 0));
  window.autoPad = node.getString("auto_pad", "NOTSET");
  if (window.autoPad.empty())
    window.autoPad = "NOTSET";
  if (window.autoPad != "NOTSET")
    window.pads.assign(2 * spatial, 0);
  if (window.autoPad == "VALID")
    window.autoPad = "NOTSET";
  return window;
}

/// The kernel and window attributes; nothing (after an error) when the kernel is missing.
static std::optional<SmallVector<int64_t>> readKernel(NodeContext &node) {
  auto kernel = node.getIntegers("kernel_shape");
  if (!kernel)
    (void)node.error("expected attribute kernel_shape, but it is missing");
  return kernel;
}

static LogicalResult buildMaxPool(NodeContext &node) {
  auto kernel = readKernel(node);
  if (!kernel)
    return failure();
  WindowAttributes window = readWindow(node, kernel->size());
  Type indices = node.hasResult(1) ? node.resultType(1, node.builder.getI64Type()) : Type();
  auto pool = node.create<graph::MaxPoolOp>(node.resultType(), indices, node.operand(0), *kernel, window.strides,
                                            window.pads, window.dilations, node.getInteger("ceil_mode", 0) != 0,
                                            window.autoPad, node.getInteger("storage_order", 0) != 0);
  node.setResult(0, pool.getY());
  if (indices)
    node.setResult(1, pool.getIndices());
  return success();
}

static LogicalResult buildAveragePool(NodeContext &node) {
  auto kernel = readKernel(node);
  if (!kernel)
    return failure();
  WindowAttributes window = readWindow(node, kernel->size());
  return node.emit<graph::AveragePoolOp>(node.operand(0), *kernel, window.strides, window.pads, window.dilations,
                                         node.getInteger("ceil_mode", 0) != 0, window.autoPad,
                                         node.getInteger("count_include_pad", 0) != 0);
}

static LogicalResult buildLpPool(NodeContext &node) {
  auto kernel = readKernel(node);
  if (!kernel)
    return failure();
  WindowAttributes window = readWindow(node, kernel->size());
  return node.emit<graph::LpPoolOp>(node.operand(0), *kernel, window.strides, window.pads, window.dilations,
                                    node.getInteger("ceil_mode", 0) != 0, window.autoPad, node.getInteger("p", 2));
}

static LogicalResult buildGlobalAveragePool(NodeContext &node) {
  return node.emit<graph::GlobalPoolOp>(node.operand(0), "average", 2);
}
static LogicalResult buildGlobalMaxPool(NodeContext &node) {
  return node.emit<graph::GlobalPoolOp>(node.operand(0), "max", 2);
}
static LogicalResult buildGlobalLpPool(NodeContext &node) {
  return node.emit<graph::GlobalPoolOp>(node.operand(0), "lp", node.getInteger("p", 2));
}

void tegula::addPoolingNodes(NodeTable &table) {
  table.add("MaxPool", 1, buildMaxPool);
  table.add("AveragePool", 1, buildAveragePool);
  table.add("LpPool", 2, buildLpPool);
  table.add("GlobalAveragePool", 1, buildGlobalAveragePool);
  table.add("GlobalMaxPool", 1, buildGlobalMaxPool);
  table.add("GlobalLpPool", 2, buildGlobalLpPool);
}
