// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"
#include "tegula/Import/ONNX/Window.h"

#include <cmath>

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

/// The exponent, which the first version has as a float; nothing when it is no integer.
static std::optional<int64_t> readExponent(NodeContext &node) {
  if (node.version >= 2)
    return node.getInteger("p", 2);
  float p = node.getFloat("p", 2);
  if (p == std::floor(p) && std::abs(p) < 1024)
    return int64_t(p);
  (void)node.unsupported("attribute p that is no integer");
  return std::nullopt;
}

static LogicalResult buildLpPool(NodeContext &node) {
  auto kernel = readKernel(node);
  if (!kernel)
    return failure();
  auto p = readExponent(node);
  if (!p)
    return failure();
  WindowAttributes window = readWindow(node, kernel->size());
  return node.emit<graph::LpPoolOp>(node.operand(0), *kernel, window.strides, window.pads, window.dilations,
                                    node.getInteger("ceil_mode", 0) != 0, window.autoPad, *p);
}

static LogicalResult buildGlobalAveragePool(NodeContext &node) {
  return node.emit<graph::GlobalPoolOp>(node.operand(0), "average", 2);
}
static LogicalResult buildGlobalMaxPool(NodeContext &node) {
  return node.emit<graph::GlobalPoolOp>(node.operand(0), "max", 2);
}
static LogicalResult buildGlobalLpPool(NodeContext &node) {
  auto p = readExponent(node);
  return p ? node.emit<graph::GlobalPoolOp>(node.operand(0), "lp", *p) : failure();
}

/// The elements go to their places (counted over the whole unpooled tensor) in zeros.
static LogicalResult buildMaxUnpool(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0), wanted = node.operand(2);
  auto type = dyn_cast<RankedTensorType>(x.getType());
  auto kernel = readKernel(node);
  if (!kernel)
    return failure();
  if (!type || type.getRank() != int64_t(kernel->size()) + 2)
    return node.unsupported("an operand of unknown rank");
  size_t count = kernel->size();
  SmallVector<int64_t> strides = node.getIntegers("strides").value_or(SmallVector<int64_t>(count, 1));
  SmallVector<int64_t> pads = node.getIntegers("pads").value_or(SmallVector<int64_t>(2 * count, 0));
  if (strides.size() != count || pads.size() != 2 * count)
    return node.error("expected a stride and two pads for each spatial dimension");
  // (extent - 1) * stride + rest, where batch and channels keep their extent.
  SmallVector<int64_t> factors{1, 1}, rests{1, 1};
  for (size_t i = 0; i < count; ++i) {
    factors.push_back(strides[i]);
    rests.push_back((*kernel)[i] - pads[i] - pads[count + i]);
  }
  Value shape = c.shape(x);
  Value extents = c.sub(shape, node.integers({1}));
  extents = c.add(c.mul(extents, node.integers(factors)), node.integers(rests));
  Value total = c("ReduceProd", {extents}, {{"keepdims", int64_t(1)}});
  Value zeros = c("Expand", {node.scalar(0.0, type.getElementType()), total});
  Value filled =
      c("ScatterElements", {zeros, c.reshape(node.operand(1), {-1}), c.reshape(x, {-1})}, {{"axis", int64_t(0)}});
  Value result = c.reshape(filled, extents);
  if (wanted) {
    Value before = node.integers(SmallVector<int64_t>(type.getRank(), 0));
    result = c("Pad", {result, c.join({before, c.sub(wanted, extents)})});
  }
  return c.finish(result);
}

void tegula::addPoolingNodes(NodeTable &table) {
  table.add("MaxPool", 1, buildMaxPool);
  table.add("MaxUnpool", 9, buildMaxUnpool);
  table.add("AveragePool", 1, buildAveragePool);
  table.add("LpPool", 1, buildLpPool);
  table.add("GlobalAveragePool", 1, buildGlobalAveragePool);
  table.add("GlobalMaxPool", 1, buildGlobalMaxPool);
  table.add("GlobalLpPool", 1, buildGlobalLpPool);
}
