// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pictures and boxes.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildNonMaxSuppression(NodeContext &node) {
  if (!node.elementType(0).isF32() || !node.elementType(1).isF32())
    return node.unsupported("boxes or scores other than f32");
  Type type = RankedTensorType::get({ShapedType::kDynamic, 3}, node.builder.getI64Type());
  node.setResult(0, node.create<graph::NonMaxSuppressionOp>(type, node.operand(0), node.operand(1), node.operand(2),
                                                            node.operand(3), node.operand(4),
                                                            node.getInteger("center_point_box", 0) != 0));
  return success();
}

static LogicalResult buildImageDecoder(NodeContext &node) {
  auto type = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!type || type.getRank() != 1 || !type.getElementType().isUnsignedInteger(8))
    return node.unsupported("an operand other than uint8 [bytes]");
  std::string format = node.getString("pixel_format", "RGB");
  if (format != "RGB" && format != "BGR" && format != "Grayscale")
    return node.error("expected pixel_format RGB, BGR or Grayscale, but got " + format);
  node.setResult(0, node.create<graph::DecodeImageOp>(node.resultType(), node.operand(0), format));
  return success();
}

void tegula::addVisionNodes(NodeTable &table) {
  table.add("NonMaxSuppression", 10, buildNonMaxSuppression);
  table.add("ImageDecoder", 20, buildImageDecoder);
  table.runOnHost({"NonMaxSuppression", "ImageDecoder"});
}
