// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildMatMul(NodeContext &node) {
  return node.emit<graph::MatMulOp>(node.operand(0), node.operand(1), false, false);
}

/// Gemm: alpha * A' * B' + beta * C.
static LogicalResult buildGemm(NodeContext &node) {
  if (node.version < 7 && node.getInteger("broadcast", 0))
    return node.unsupported("the broadcast attribute of opset 6 and older");
  Type type = node.resultType();
  Value product = node.create<graph::MatMulOp>(type, node.operand(0), node.operand(1), node.getInteger("transA", 0) != 0,
                                               node.getInteger("transB", 0) != 0);
  float alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  Type element = node.elementType(0);
  if (alpha != 1)
    product = node.create<graph::MulOp>(type, product, node.scalar(double(alpha), element));
  if (Value bias = node.operand(2)) {
    if (beta != 1)
      bias = node.create<graph::MulOp>(bias.getType(), bias, node.scalar(double(beta), element));
    product = node.create<graph::AddOp>(type, product, bias);
  }
  node.setResult(0, product);
  return success();
}

/// Pads from `pads` or `auto_pad`; nothing when the shapes that auto_pad needs are unknown.
static std::optional<SmallVector<int64_t>> resolvePads(NodeContext &node, ArrayRef<int64_t> kernel,
                                                       ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations) {
  size_t spatial = kernel.size();
  std::string automatic = node.getString("auto_pad", "NOTSET");
  if (automatic == "VALID")
    return SmallVector<int64_t>(2 * spatial, 0);
  if (automatic == "NOTSET")
    return node.getIntegers("pads").value_or(SmallVector<int64_t>(2 * spatial, 0));
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return std::nullopt;
  SmallVector<int64_t> pads(2 * spatial);
  for (size_t i = 0; i < spatial; ++i) {
    int64_t extent = x.getDimSize(i + 2);
    int64_t total;
    if (ShapedType::isDynamic(extent)) {
      if (strides[i] != 1)
        return std::nullopt;
      total = dilations[i] * (kernel[i] - 1); // stride 1 keeps the extent whatever it is
    } else {
      int64_t out = (extent + strides[i] - 1) / strides[i];
      total = std::max<int64_t>(0, (out - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 - extent);
    }
    int64_t smaller = total / 2, larger = total - smaller;
    pads[i] = automatic == "SAME_UPPER" ? smaller : larger;
    pads[i + spatial] = automatic == "SAME_UPPER" ? larger : smaller;
  }
  return pads;
}

static LogicalResult buildConv(NodeContext &node) {
  auto weight = dyn_cast<RankedTensorType>(node.operand(1).getType());
  if (!weight)
    return node.unsupported("a weight of unknown rank");
  size_t spatial = weight.getRank() - 2;
  SmallVector<int64_t> kernel(weight.getShape().drop_front(2));
  auto strides = node.getIntegers("strides").value_or(SmallVector<int64_t>(spatial, 1));
  auto dilations = node.getIntegers("dilations").value_or(SmallVector<int64_t>(spatial, 1));
  auto pads = resolvePads(node, kernel, strides, dilations);
  if (!pads)
    return node.unsupported("auto_pad on an extent that is unknown at compile time");
  if (llvm::any_of(*pads, [](int64_t pad) { return pad < 0; }))
    return node.unsupported("negative pads");
  return node.emit<graph::ConvOp>(node.operand(0), node.operand(1), node.operand(2), strides, *pads, dilations,
                                  node.getInteger("group", 1));
}

void tegula::addContractionNodes(NodeTable &table) {
  table.add("MatMul", 1, buildMatMul);
  table.add("Gemm", 1, buildGemm);
  table.add("Conv", 1, buildConv);
}
