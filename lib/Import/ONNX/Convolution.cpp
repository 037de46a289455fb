// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions, also those on integers.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"
#include "tegula/Import/ONNX/Quantized.h"
#include "tegula/Import/ONNX/Window.h"

using namespace mlir;
using namespace tegula;

/// A convolution of these operands with the node's attributes; `type` is the result's.
static FailureOr<Value> createConv(NodeContext &node, Type type, IntegerOperand x, IntegerOperand weight, Value bias) {
  auto weightType = dyn_cast<RankedTensorType>(weight.value.getType());
  if (!weightType)
    return node.unsupported("a weight of unknown rank");
  if (weightType.getRank() < 3)
    return node.error("expected a weight of rank 3 or more, but got rank " + Twine(weightType.getRank()));
  WindowAttributes window = readWindow(node, weightType.getRank() - 2);
  return Value(node.create<graph::ConvOp>(type, x.value, weight.value, bias, window.strides, window.pads,
                                          window.dilations, node.getInteger("group", 1), window.autoPad, x.zeroPoint,
                                          weight.zeroPoint));
}

static LogicalResult buildConv(NodeContext &node) {
  FailureOr<Value> result = createConv(node, node.resultType(), {node.operand(0)}, {node.operand(1)}, node.operand(2));
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

/// Samples of x at the points that each kernel element reads (as GridSample takes them; in f64, as it counts places in
/// fractions of the extent), times the mask, then a matrix product with the weights per group.
static LogicalResult buildDeformConv(NodeContext &node) {
  Composer c(node);
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType()),
       w = dyn_cast<RankedTensorType>(node.operand(1).getType()),
       offset = dyn_cast<RankedTensorType>(node.operand(2).getType());
  if (!x || !w || !offset || !x.hasStaticShape() || !w.hasStaticShape() || !offset.hasStaticShape() ||
      x.getRank() != 4 || w.getRank() != 4 || offset.getRank() != 4)
    return node.unsupported("operands that are not of static shape with two spatial dimensions");
  WindowAttributes window = readWindow(node, 2);
  int64_t groups = node.getInteger("group", 1), parts = node.getInteger("offset_group", 1);
  int64_t batches = x.getDimSize(0), channels = x.getDimSize(1), results = w.getDimSize(0);
  int64_t height = w.getDimSize(2), width = w.getDimSize(3), taps = height * width;
  int64_t rows = offset.getDimSize(2), columns = offset.getDimSize(3);
  if (groups < 1 || parts < 1 || channels % groups || channels % parts || results % groups ||
      w.getDimSize(1) * groups != channels || offset.getDimSize(0) != batches ||
      offset.getDimSize(1) != 2 * parts * taps)
    return node.error("expected groups that divide the channels and 2 offsets for each kernel element of each group");
  Type f64 = node.builder.getF64Type();
  Value offsets = c.reshape(c.cast(node.operand(2), f64), {batches * parts, taps, 2, rows, columns});
  // Where the elements read without offsets, and the extents of x, along one spatial dimension (0: rows).
  auto coordinate = [&](int64_t dimension) {
    int64_t extent = dimension == 0 ? rows : columns;
    SmallVector<int64_t> tap, place;
    for (int64_t i = 0; i < taps; ++i)
      tap.push_back((dimension == 0 ? i / width : i % width) * window.dilations[dimension] - window.pads[dimension]);
    for (int64_t i = 0; i < extent; ++i)
      place.push_back(i * window.strides[dimension]);
    Value places = c.reshape(node.integers(place),
                             dimension == 0 ? ArrayRef<int64_t>{1, 1, -1, 1} : ArrayRef<int64_t>{1, 1, 1, -1});
    Value start = c.cast(c.add(c.reshape(node.integers(tap), {1, -1, 1, 1}), places), f64);
    Value moved = c("Gather", {offsets, node.scalar(dimension)}, {{"axis", int64_t(2)}});
    // GridSample counts from -1 to 1 over the whole extent.
    Value point = c.add(c.mul(c.add(start, moved), node.scalar(2.0, f64)), node.scalar(1.0, f64));
    point = c.sub(c.div(point, node.scalar(double(x.getDimSize(2 + dimension)), f64)), node.scalar(1.0, f64));
    return c.reshape(point, {batches * parts, taps * rows, columns, 1});
  };
  Value grid = c("Concat", {coordinate(1), coordinate(0)}, {{"axis", int64_t(3)}});
  Value source = c.reshape(node.operand(0), {batches * parts, channels / parts, x.getDimSize(2), x.getDimSize(3)});
  Value samples =
      c("GridSample", {c.cast(source, f64), grid},
        {{"mode", std::string("linear")}, {"padding_mode", std::string("zeros")}, {"align_corners", int64_t(0)}});
  samples = c.cast(samples, x.getElementType());
  if (Value mask = node.operand(4))
    samples = c.mul(samples, c.reshape(mask, {batches * parts, 1, taps * rows, columns}));
  samples = c.reshape(samples, {batches, groups, channels / groups * taps, rows * columns});
  Value weights = c.reshape(node.operand(1), {1, groups, results / groups, channels / groups * taps});
  Value result = c.reshape(c("MatMul", {weights, samples}), {batches, results, rows, columns});
  if (Value bias = node.operand(3))
    result = c.add(result, c.reshape(bias, {1, -1, 1, 1}));
  if (c.failed)
    return failure();
  node.setResult(0, result);
  return success();
}

void tegula::addConvolutionNodes(NodeTable &table) {
  table.add("Conv", 1, buildConv);
  table.add("ConvTranspose", 1, buildConvTranspose);
  table.add("ConvInteger", 10, buildConvInteger);
  table.add("DeformConv", 19, buildDeformConv);
  table.add("QLinearConv", 10, buildQLinearConv);
}
