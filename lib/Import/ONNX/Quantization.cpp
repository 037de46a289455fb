// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/GraphBuilder.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

/// The axis of the scales counted from the front; 0 when one scale serves all. Nothing when the rank must be known.
static std::optional<int64_t> getAxis(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  auto scale = dyn_cast<RankedTensorType>(node.operand(1).getType());
  if (scale && (scale.getRank() == 0 || (scale.getRank() == 1 && scale.getDimSize(0) == 1)))
    return 0;
  if (!x || !scale) {
    (void)node.unsupported("an operand or a scale of unknown rank");
    return std::nullopt;
  }
  int64_t axis = x.getRank() == 1 ? 0 : node.getInteger("axis", 1);
  axis += axis < 0 ? x.getRank() : 0;
  if (axis < 0 || axis >= x.getRank()) {
    (void)node.error("expected an axis in " + Twine(-x.getRank()) + ".." + Twine(x.getRank() - 1) + ", but got " +
                     Twine(node.getInteger("axis", 1)));
    return std::nullopt;
  }
  return axis;
}

static LogicalResult buildQuantize(NodeContext &node) {
  auto axis = getAxis(node);
  if (!axis)
    return failure();
  Type element = IntegerType::get(node.builder.getContext(), 8, IntegerType::Unsigned);
  if (node.operand(2))
    element = node.elementType(2);
  else if (int64_t type = node.getInteger("output_dtype", 0))
    element = node.graph.convertElementType(int32_t(type));
  Type precision = node.elementType(1);
  if (int64_t type = node.getInteger("precision", 0))
    precision = node.graph.convertElementType(int32_t(type));
  if (!element || !precision)
    return node.error("expected output_dtype and precision to be number types");
  if (!precision.isF16() && !precision.isBF16())
    precision = node.builder.getF32Type();
  node.setResult(0, node.create<graph::QuantizeOp>(node.resultType(0, element), node.operand(0), node.operand(1),
                                                   node.operand(2), *axis, node.getInteger("block_size", 0),
                                                   node.getInteger("saturate", 1) != 0, precision));
  return success();
}

static LogicalResult buildDequantize(NodeContext &node) {
  auto axis = getAxis(node);
  if (!axis)
    return failure();
  Type element = node.elementType(1);
  if (int64_t type = node.getInteger("output_dtype", 0))
    element = node.graph.convertElementType(int32_t(type));
  if (!isa_and_nonnull<FloatType>(element))
    return node.error("expected output_dtype to be a float type");
  node.setResult(0, node.create<graph::DequantizeOp>(node.resultType(0, element), node.operand(0), node.operand(1),
                                                     node.operand(2), *axis, node.getInteger("block_size", 0)));
  return success();
}

void tegula::addQuantizationNodes(NodeTable &table) {
  table.add("QuantizeLinear", 10, buildQuantize);
  table.add("DequantizeLinear", 10, buildDequantize);
  table.add("com.microsoft", "QuantizeLinear", 1, buildQuantize);
  table.add("com.microsoft", "DequantizeLinear", 1, buildDequantize);
}
