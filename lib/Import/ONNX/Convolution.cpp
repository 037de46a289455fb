// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions, also those on integers.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Quantized.h"
#include "tegula/Import/ONNX/Window.h"

using namespace mlir;
using namespace tegula;

/// A convolution of these values with the node's attributes; `type` is the result's.
static FailureOr<Value> createConv(NodeContext &node, Type type, Value x, Value weight, Value bias) {
  auto weightType = dyn_cast<RankedTensorType>(weight.getType());
  if (!weightType)
    return node.unsupported("a weight of unknown rank");
  if (weightType.getRank() < 3)
    return node.error("expected a weight of rank 3 or more, but got rank " + Twine(weightType.getRank()));
  WindowAttributes window = readWindow(node, weightType.getRank() - 2);
  return Value(node.create<graph::ConvOp>(type, x, weight, bias, window.strides, window.pads, window.dilations,
                                          node.getInteger("group", 1), window.autoPad));
}

static LogicalResult buildConv(NodeContext &node) {
  FailureOr<Value> result = createConv(node, node.resultType(), node.operand(0), node.operand(1), node.operand(2));
  if (failed(result))
    return failure();
  node.setResult(0, *result);
  return success();
}

static LogicalResult buildConvTranspose(NodeContext &node) {
  auto weight = dyn_cast<RankedTensorType>(node.operand(1).getType());
  if (!weight)
    return node.unsupported("a weight of unknown rank");
  if (weight.getRank() < 3)
    return node.error("expected a weight of rank 3 or more, but got rank " + Twine(weight.getRank()));
  size_t spatial = weight.getRank() - 2;
  WindowAttributes window = readWindow(node, spatial);
  auto outputPadding = node.getIntegers("output_padding").value_or(SmallVector<int64_t>(spatial, 0));
  auto shape = node.getIntegers("output_shape");
  if (shape && shape->size() == spatial + 2) // batch and channels in front
    shape->erase(shape->begin(), shape->begin() + 2);
  DenseI64ArrayAttr outputShape = shape ? node.builder.getDenseI64ArrayAttr(*shape) : DenseI64ArrayAttr();
  return node.emit<graph::ConvTransposeOp>(node.operand(0), node.operand(1), node.operand(2), window.strides,
                                           window.pads, window.dilations, outputPadding, node.getInteger("group", 1),
                                           window.autoPad, outputShape);
}

/// The weight's zero point [M] (or a scalar) as [M, 1, ..., 1].
static Value alignWithChannels(NodeContext &node, Value value, Value weight) {
  auto type = dyn_cast_or_null<RankedTensorType>(value ? value.getType() : Type());
  auto weightType = dyn_cast<RankedTensorType>(weight.getType());
  if (!type || !weightType || type.getRank() != 1)
    return value;
  SmallVector<int64_t> shape(weightType.getRank(), 1);
  shape[0] = -1;
  return node.reshape(value, shape);
}

static LogicalResult buildConvInteger(NodeContext &node) {
  Type i32 = node.builder.getI32Type();
  Value weightZero = alignWithChannels(node, node.operand(3), node.operand(1));
  auto [x, weight] = subtractZeroPoints(node, node.operand(0), node.operand(2), node.operand(1), weightZero);
  FailureOr<Value> result = createConv(node, node.resultType(0, i32), x, weight, nullptr);
  if (failed(result))
    return failure();
  node.setResult(0, *result);
  return success();
}

/// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias (i32, of scale x_scale * w_scale).
static LogicalResult buildQLinearConv(NodeContext &node) {
  Type i32 = node.builder.getI32Type();
  Value weight = node.operand(3), weightZero = alignWithChannels(node, node.operand(5), weight);
  auto [x, w] = subtractZeroPoints(node, node.operand(0), node.operand(2), weight, weightZero);
  FailureOr<Value> sum = createConv(node, UnrankedTensorType::get(i32), x, w, node.operand(8));
  if (failed(sum))
    return failure();
  // Scales of output channels stand at dimension 1 of the result.
  Value weightScale = node.operand(4);
  auto scaleType = dyn_cast<RankedTensorType>(weightScale.getType());
  auto weightType = cast<RankedTensorType>(weight.getType());
  if (scaleType && scaleType.getRank() == 1) {
    SmallVector<int64_t> shape(weightType.getRank() - 1, 1);
    shape[0] = -1;
    weightScale = node.reshape(weightScale, shape);
  }
  return requantize(node, *sum, node.operand(1), weightScale, node.operand(6), node.operand(7));
}

void tegula::addConvolutionNodes(NodeTable &table) {
  table.add("Conv", 1, buildConv);
  table.add("ConvTranspose", 1, buildConvTranspose);
  table.add("ConvInteger", 10, buildConvInteger);
  table.add("QLinearConv", 10, buildQLinearConv);
}
