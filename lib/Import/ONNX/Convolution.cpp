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
  if (!x || !w || !offset || x.getRank() != 4 || w.getRank() != 4 || offset.getRank() != 4)
    return node.unsupported("operands that are not known to have two spatial dimensions");
  WindowAttributes window = readWindow(node, 2);
  int64_t groups = node.getInteger("group", 1), parts = node.getInteger("offset_group", 1);
  if (groups < 1 || parts < 1)
    return node.error("expected a positive group and offset_group, but got " + Twine(groups) + " and " + Twine(parts));
  auto disagree = [](int64_t one, int64_t other) {
    return !ShapedType::isDynamic(one) && !ShapedType::isDynamic(other) && one != other;
  };
  auto times = [](int64_t one, int64_t other) {
    return ShapedType::isDynamic(one) || ShapedType::isDynamic(other) ? ShapedType::kDynamic : one * other;
  };
  auto splits = [](int64_t extent, int64_t count) { return ShapedType::isDynamic(extent) || extent % count == 0; };
  if (!splits(x.getDimSize(1), groups) || !splits(x.getDimSize(1), parts) || !splits(w.getDimSize(0), groups) ||
      disagree(times(w.getDimSize(1), groups), x.getDimSize(1)) || disagree(offset.getDimSize(0), x.getDimSize(0)) ||
      disagree(offset.getDimSize(1), times(2 * parts, times(w.getDimSize(2), w.getDimSize(3)))))
    return node.error("expected groups that divide the channels and 2 offsets for each kernel element of each group");
  Type f64 = node.builder.getF64Type();
  auto extent = [&](unsigned operand, int64_t i) { return c.extent(node.operand(operand), i); };
  auto number = [&](int64_t value) { return node.scalar(value); };
  Value batches = extent(0, 0), channels = extent(0, 1), results = extent(1, 0), width = extent(1, 3);
  Value taps = c.mul(extent(1, 2), width), rows = extent(2, 2), columns = extent(2, 3);
  Value images = c.mul(batches, number(parts)), points = c.mul(rows, columns);
  Value offsets = c.reshape(c.cast(node.operand(2), f64), c.join({images, taps, number(2), rows, columns}));
  // Where the elements read without offsets, and the extents of x, along one spatial dimension (0: rows).
  auto coordinate = [&](int64_t dimension) {
    Value tap = c.iota(taps), place = c.iota(dimension == 0 ? rows : columns);
    tap = dimension == 0 ? c.div(tap, width) : c("Mod", {tap, width});
    tap = c.sub(c.mul(tap, number(window.dilations[dimension])), number(window.pads[dimension]));
    Value places = c.reshape(c.mul(place, number(window.strides[dimension])),
                             dimension == 0 ? ArrayRef<int64_t>{1, 1, -1, 1} : ArrayRef<int64_t>{1, 1, 1, -1});
    Value start = c.cast(c.add(c.reshape(tap, {1, -1, 1, 1}), places), f64);
    Value moved = c("Gather", {offsets, number(dimension)}, {{"axis", int64_t(2)}});
    // GridSample counts from -1 to 1 over the whole extent.
    Value point = c.add(c.mul(c.add(start, moved), node.scalar(2.0, f64)), node.scalar(1.0, f64));
    point = c.sub(c.div(point, c.cast(extent(0, 2 + dimension), f64)), node.scalar(1.0, f64));
    return c.reshape(point, c.join({images, c.mul(taps, rows), columns, number(1)}));
  };
  Value grid = c("Concat", {coordinate(1), coordinate(0)}, {{"axis", int64_t(3)}});
  Value source =
      c.reshape(node.operand(0), c.join({images, c.div(channels, number(parts)), extent(0, 2), extent(0, 3)}));
  Value samples =
      c("GridSample", {c.cast(source, f64), grid},
        {{"mode", std::string("linear")}, {"padding_mode", std::string("zeros")}, {"align_corners", int64_t(0)}});
  samples = c.cast(samples, x.getElementType());
  if (Value mask = node.operand(4))
    samples = c.mul(samples, c.reshape(mask, c.join({images, number(1), c.mul(taps, rows), columns})));
  Value depth = c.mul(c.div(channels, number(groups)), taps);
  samples = c.reshape(samples, c.join({batches, number(groups), depth, points}));
  Value weights =
      c.reshape(node.operand(1), c.join({number(1), number(groups), c.div(results, number(groups)), depth}));
  Value result = c.reshape(c("MatMul", {weights, samples}), c.join({batches, results, rows, columns}));
  if (Value bias = node.operand(3))
    result = c.add(result, c.reshape(bias, {1, -1, 1, 1}));
  return c.finish(result);
}

/// A depthwise convolution along the last dimension behind the last elements of the step before. Where the number of
/// channels is not known, which a convolution's group would be, a sum over gathered windows.
static LogicalResult buildCausalConvWithState(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0), weight = node.operand(1), bias = node.operand(2), past = node.operand(3);
  auto type = dyn_cast<RankedTensorType>(x.getType()), weightType = dyn_cast<RankedTensorType>(weight.getType());
  if (!type || !weightType)
    return node.unsupported("an input or a weight of unknown rank");
  if (type.getRank() != 3 || weightType.getRank() != 3)
    return node.error("expected an input and a weight of rank 3, but got " + Twine(type.getRank()) + " and " +
                      Twine(weightType.getRank()));
  std::string activation = node.getString("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return node.error("expected activation to be none, silu or swish, but got " + activation);
  Type f32 = node.builder.getF32Type(), element = type.getElementType();
  Value kernel = c.extent(weight, 2), before = c.sub(kernel, node.scalar(int64_t(1))), length = c.extent(x, 2);
  if (!past)
    past = c.cast(c("ConstantOfShape", {c.join({c.extent(x, 0), c.extent(x, 1), before})}, {}, f32), element);
  Value padded = c("Concat", {past, x}, {{"axis", int64_t(2)}}), result;
  int64_t channels = weightType.isDynamicDim(0) ? type.getDimSize(1) : weightType.getDimSize(0);
  if (!ShapedType::isDynamic(channels)) {
    result = c("Conv", {padded, weight, bias}, {{"group", channels}});
  } else {
    Type compute = element.getIntOrFloatBitWidth() < 32 ? f32 : element;
    Value places = c.add(c.reshape(c.iota(length), {-1, 1}), c.iota(kernel));
    Value windows = c("Gather", {c.cast(padded, compute), places}, {{"axis", int64_t(2)}});
    Value products = c.mul(windows, c.cast(weight, compute));
    result = c("ReduceSum", {products, node.integers({-1})}, {{"keepdims", int64_t(0)}});
    if (bias)
      result = c.add(result, c.reshape(c.cast(bias, compute), {-1, 1}));
    result = c.cast(result, element);
  }
  if (activation != "none") {
    Value wide = c.cast(result, f32);
    result = c.cast(c.mul(wide, c("Sigmoid", {wide})), element);
  }
  Value end = c.extent(padded, 2), state = c.slice(padded, 2, c.sub(end, before), end);
  if (c.failed)
    return failure();
  node.setResult(0, result);
  if (node.hasResult(1))
    node.setResult(1, state);
  return success();
}

void tegula::addConvolutionNodes(NodeTable &table) {
  table.add("Conv", 1, buildConv);
  table.add("ConvTranspose", 1, buildConvTranspose);
  table.add("ConvInteger", 10, buildConvInteger);
  table.add("DeformConv", 19, buildDeformConv);
  table.add("CausalConvWithState", 27, buildCausalConvWithState);
  table.add("QLinearConv", 10, buildQLinearConv);
}
