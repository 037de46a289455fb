// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"

#include <limits>

using namespace mlir;
using namespace tegula;

namespace {
/// Attributes of graph.resize as Upsample and the first Resize mean them.
struct ResizeForm {
  Value roi, scales, sizes;
  std::string mode = "nearest", coordinates = "asymmetric", nearestMode = "floor", policy = "stretch";
  DenseI64ArrayAttr axes;
  float coefficient = -0.75f, extrapolation = 0;
  bool excludeOutside = false, antialias = false;
};
} // namespace

static LogicalResult emitResize(NodeContext &node, const ResizeForm &form) {
  auto oneOf = [&](StringRef text, std::initializer_list<StringRef> choices, StringRef attribute) {
    if (llvm::is_contained(choices, text))
      return success();
    return node.error("unknown " + attribute + " '" + text + "'");
  };
  if (failed(oneOf(form.mode, {"nearest", "linear", "cubic"}, "mode")) ||
      failed(oneOf(form.coordinates,
                   {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                    "tf_crop_and_resize"},
                   "coordinate_transformation_mode")) ||
      failed(oneOf(form.nearestMode, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}, "nearest_mode")) ||
      failed(oneOf(form.policy, {"stretch", "not_larger", "not_smaller"}, "keep_aspect_ratio_policy")))
    return failure();
  if (bool(form.scales) == bool(form.sizes))
    return node.error("expected either scales or sizes");
  Builder &b = node.builder;
  return node.emit<graph::ResizeOp>(
      node.operand(0), form.coordinates == "tf_crop_and_resize" ? form.roi : Value(), form.scales, form.sizes,
      form.axes, b.getStringAttr(form.mode), b.getStringAttr(form.coordinates), b.getStringAttr(form.nearestMode),
      b.getStringAttr(form.policy), b.getF32FloatAttr(form.coefficient), b.getF32FloatAttr(form.extrapolation),
      b.getBoolAttr(form.excludeOutside), b.getBoolAttr(form.antialias));
}

/// Upsample: `nearest` or `linear`, positions i / scale.
static LogicalResult buildUpsample(NodeContext &node) {
  ResizeForm form;
  form.mode = node.getString("mode", "nearest");
  if (form.mode == "bilinear")
    form.mode = "linear";
  form.scales = node.operand(1);
  if (node.hasAttribute("height_scale") || node.hasAttribute("width_scale")) // opset 1, on images
    form.scales = node.create<graph::ConstantOp>(
        graph::makeFloats(RankedTensorType::get({4}, node.builder.getF32Type()),
                          {1, 1, node.getFloat("height_scale", 1), node.getFloat("width_scale", 1)}));
  if (auto scales = node.getFloats("scales"); !form.scales && scales)
    form.scales = node.create<graph::ConstantOp>(
        graph::makeFloats(RankedTensorType::get({int64_t(scales->size())}, node.builder.getF32Type()),
                          SmallVector<double>(scales->begin(), scales->end())));
  return emitResize(node, form);
}

/// An operand that is there and not an empty tensor.
static Value presentOperand(NodeContext &node, unsigned index) {
  Value value = node.operand(index);
  auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
  return type && type.hasStaticShape() && type.getNumElements() == 0 ? Value() : value;
}

static LogicalResult buildResize(NodeContext &node) {
  ResizeForm form;
  form.roi = presentOperand(node, 1);
  form.scales = presentOperand(node, 2);
  form.sizes = presentOperand(node, 3);
  if (form.sizes)
    form.scales = nullptr;
  form.mode = node.getString("mode", "nearest");
  form.coordinates = node.getString("coordinate_transformation_mode", "half_pixel");
  // Dropped after opset 12, where it was half_pixel's name for nearest.
  if (form.coordinates == "tf_half_pixel_for_nn")
    return node.unsupported("coordinate_transformation_mode tf_half_pixel_for_nn");
  form.nearestMode = node.getString("nearest_mode", "round_prefer_floor");
  form.policy = node.getString("keep_aspect_ratio_policy", "stretch");
  if (auto axes = node.getIntegers("axes"))
    form.axes = node.builder.getDenseI64ArrayAttr(*axes);
  form.coefficient = node.getFloat("cubic_coeff_a", -0.75f);
  form.extrapolation = node.getFloat("extrapolation_value", 0);
  form.excludeOutside = node.getInteger("exclude_outside", 0) != 0;
  form.antialias = node.getInteger("antialias", 0) != 0;
  return emitResize(node, form);
}

static LogicalResult buildGridSample(NodeContext &node) {
  std::string mode = node.getString("mode", "linear"), padding = node.getString("padding_mode", "zeros");
  if (mode == "bilinear")
    mode = "linear";
  if (mode == "bicubic")
    mode = "cubic";
  if (mode != "nearest" && mode != "linear" && mode != "cubic")
    return node.error("unknown mode '" + mode + "'");
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    return node.error("unknown padding_mode '" + padding + "'");
  Builder &b = node.builder;
  return node.emit<graph::GridSampleOp>(node.operand(0), node.operand(1), b.getStringAttr(mode),
                                        b.getStringAttr(padding),
                                        b.getBoolAttr(node.getInteger("align_corners", 0) != 0));
}

/// From opset 16 on the regions are moved by half an element unless output_half_pixel says otherwise.
static LogicalResult buildRoiAlign(NodeContext &node) {
  std::string mode = node.getString("mode", "avg");
  std::string coordinates =
      node.getString("coordinate_transformation_mode", node.version >= 16 ? "half_pixel" : "output_half_pixel");
  int64_t height = node.getInteger("output_height", 1), width = node.getInteger("output_width", 1);
  int64_t samples = node.getInteger("sampling_ratio", 0);
  if (mode != "avg" && mode != "max")
    return node.error("unknown mode '" + mode + "'");
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
    return node.error("unknown coordinate_transformation_mode '" + coordinates + "'");
  if (height <= 0 || width <= 0 || samples < 0)
    return node.error("expected positive output extents and a sampling_ratio of 0 or more");
  Builder &b = node.builder;
  return node.emit<graph::RoiAlignOp>(
      node.operand(0), node.operand(1), node.operand(2), b.getStringAttr(mode), b.getI64IntegerAttr(height),
      b.getI64IntegerAttr(width), b.getI64IntegerAttr(samples), b.getF32FloatAttr(node.getFloat("spatial_scale", 1)),
      b.getBoolAttr(coordinates == "half_pixel"));
}

/// x [N, C, H, W], rois [R, 5] of image, left, top, right and bottom: [R, C, PH, PW] maxima over the cells of a grid on
/// each region. Cells are products of spans of rows and columns, so the maximum is first over columns, then over rows.
static LogicalResult buildMaxRoiPool(NodeContext &node) {
  Composer c(node);
  auto shape = node.getIntegers("pooled_shape");
  auto type = Composer::rankedType(node.operand(0));
  if (!shape || shape->size() != 2 || (*shape)[0] <= 0 || (*shape)[1] <= 0)
    return node.error("expected attribute pooled_shape of two positive extents");
  if (!type || type.getRank() != 4)
    return node.unsupported("an operand that is not known to have four dimensions");
  Type f32 = node.builder.getF32Type(), i64 = node.builder.getI64Type(), element = type.getElementType();
  auto number = [&](double value) { return node.scalar(value, f32); };
  Value rois = c.cast(node.operand(1), f32);
  auto column = [&](int64_t i) { return c.reshape(c.slice(rois, 1, i, i + 1), {-1, 1}); };
  // Halves are rounded away from zero.
  auto edge = [&](int64_t i) {
    Value place = c.mul(column(i), number(node.getFloat("spatial_scale", 1)));
    Value size = c("Floor", {c.add(c("Abs", {place}), number(0.5))});
    return c.mul(c("Sign", {place}), size);
  };
  // [R, P, X]: whether position x of dimension `axis` is in cell p.
  auto cells = [&](int64_t axis, int64_t count) {
    Value first = edge(axis == 3 ? 1 : 2), last = edge(axis == 3 ? 3 : 4);
    Value size = c("Max", {c.add(c.sub(last, first), number(1)), number(1)});
    Value step = c.div(size, number(double(count))), cell = c.cast(c.iota(node.scalar(count)), f32);
    Value begin = c.add(c("Floor", {c.mul(cell, step)}), first);
    Value end = c.add(c("Ceil", {c.mul(c.add(cell, number(1)), step)}), first);
    Value place = c.cast(c.iota(c.extent(node.operand(0), axis)), f32);
    return c.logicalAnd(c.compare("GreaterOrEqual", place, c.unsqueeze(begin, {2})),
                        c.compare("Less", place, c.unsqueeze(end, {2})));
  };
  Value images = c("Gather", {node.operand(0), c.reshape(c.cast(column(0), i64), {-1})}, {{"axis", int64_t(0)}});
  Value lowest = node.scalar(-std::numeric_limits<double>::infinity(), element), zero = node.scalar(0.0, element);
  // [R, 1, PW, 1, W] and [R, 1, PH, 1, H].
  Value columns = c.unsqueeze(cells(3, (*shape)[1]), {1, 3}), rows = c.unsqueeze(cells(2, (*shape)[0]), {1, 3});
  auto maximum = [&](Value among, Value x) {
    return c("ReduceMax", {c.select(among, x, lowest), node.integers({-1})}, {{"keepdims", int64_t(0)}});
  };
  Value byColumns = maximum(columns, c.unsqueeze(images, {2})); // [R, C, PW, H]
  Value result = maximum(rows, c.unsqueeze(byColumns, {2}));    // [R, C, PH, PW]
  Value isEmpty = c.compare("Equal", result, lowest);
  result = c.select(isEmpty, zero, result);
  return c.finish(result);
}

static LogicalResult buildCol2Im(NodeContext &node) {
  auto type = dyn_cast<RankedTensorType>(node.operand(1).getType());
  if (!type || !type.hasStaticShape() || type.getRank() != 1)
    return node.unsupported("an image_shape of unknown length");
  int64_t spatial = type.getNumElements();
  return node.emit<graph::Col2ImOp>(node.operand(0), node.operand(1), node.operand(2),
                                    node.getIntegers("strides").value_or(SmallVector<int64_t>(spatial, 1)),
                                    node.getIntegers("pads").value_or(SmallVector<int64_t>(2 * spatial, 0)),
                                    node.getIntegers("dilations").value_or(SmallVector<int64_t>(spatial, 1)));
}

void tegula::addResamplingNodes(NodeTable &table) {
  table.add("Upsample", 1, buildUpsample);
  table.add("Resize", 10, buildUpsample);
  table.add("Resize", 11, buildResize);
  table.add("GridSample", 16, buildGridSample);
  table.add("RoiAlign", 10, buildRoiAlign);
  table.add("MaxRoiPool", 1, buildMaxRoiPool);
  table.add("Col2Im", 18, buildCol2Im);
}
