// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators of com.microsoft on quantized tensors.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"
#include "tegula/Import/ONNX/Quantized.h"

using namespace mlir;
using namespace tegula;

// --- elementwise and pooling: on the numbers that the integers stand for ---------------------------------------------

/// The scale (or zero point) of a whole tensor, which may be spelled as one element of one dimension.
static Value one(Composer &c, Value value) {
  if (!value || c.failed)
    return value;
  auto type = Composer::rankedType(value);
  return type && type.getRank() == 0 ? value : c.reshape(value, ArrayRef<int64_t>{});
}

/// The numbers that operand `index` stands for, by the scale and zero point behind it.
static Value dequantize(Composer &c, unsigned index) {
  Value x = c.node.operand(index), scale = one(c, c.node.operand(index + 1)), zero = one(c, c.node.operand(index + 2));
  SmallVector<Value> operands{x, scale};
  if (zero)
    operands.push_back(zero);
  return c("DequantizeLinear", operands);
}

static Value quantize(Composer &c, Value x, Value scale, Value zero, Type element) {
  scale = one(c, scale);
  zero = one(c, zero);
  if (c.failed)
    return nullptr;
  if (!zero)
    zero = c.node.scalar(0.0, element);
  return c("QuantizeLinear", {x, scale, zero}, {}, element);
}

/// The same with operands `index` (scale) and `index` + 1 (zero point), to the type of operand 0.
static Value quantize(Composer &c, Value x, unsigned index) {
  return quantize(c, x, c.node.operand(index), c.node.operand(index + 1), c.node.elementType(0));
}

/// a, a_scale, a_zero_point, b, b_scale, b_zero_point, c_scale, c_zero_point.
static LogicalResult buildQLinearAdd(NodeContext &node) {
  Composer c(node);
  return c.finish(quantize(c, c.add(dequantize(c, 0), dequantize(c, 3)), 6));
}
static LogicalResult buildQLinearMul(NodeContext &node) {
  Composer c(node);
  return c.finish(quantize(c, c.mul(dequantize(c, 0), dequantize(c, 3)), 6));
}

/// x, x_scale, x_zero_point, y_scale, y_zero_point, as for all below.
static LogicalResult buildQLinearLeakyRelu(NodeContext &node) {
  Composer c(node);
  return c.finish(quantize(c, c("LeakyRelu", {dequantize(c, 0)}, {{"alpha", node.getFloat("alpha", 0.01f)}}), 3));
}
static LogicalResult buildQLinearSigmoid(NodeContext &node) {
  Composer c(node);
  return c.finish(quantize(c, c("Sigmoid", {dequantize(c, 0)}), 3));
}

/// Moves the last dimension behind the first, or back.
static Value moveChannels(Composer &c, Value x, bool toFront) {
  if (c.failed)
    return nullptr;
  int64_t rank = Composer::rankedType(x).getRank();
  std::vector<int64_t> permutation{0};
  if (toFront)
    permutation.push_back(rank - 1);
  for (int64_t i = toFront ? 1 : 2; i < (toFront ? rank - 1 : rank); ++i)
    permutation.push_back(i);
  if (!toFront)
    permutation.push_back(1);
  return c.transpose(x, permutation);
}

static SmallVector<NodeAttribute> windowAttributes(NodeContext &node) {
  SmallVector<NodeAttribute> attributes{{"auto_pad", node.getString("auto_pad", "NOTSET")},
                                        {"ceil_mode", node.getInteger("ceil_mode", 0)}};
  for (StringRef name : {"kernel_shape", "pads", "strides", "dilations"})
    if (auto values = node.getIntegers(name))
      attributes.push_back({name, std::vector<int64_t>(values->begin(), values->end())});
  return attributes;
}

/// A pooling operator on images, or with `isLast` on images whose channels come last.
static Value pool(Composer &c, StringRef opType, Value x, ArrayRef<NodeAttribute> attributes, bool isLast) {
  auto type = Composer::rankedType(x);
  if (c.failed || !isLast)
    return c(opType, {x}, attributes);
  if (!type || type.getRank() < 3) {
    c.failed = true;
    (void)c.node.unsupported("an operand of unknown rank whose channels come last");
    return nullptr;
  }
  return moveChannels(c, c(opType, {moveChannels(c, x, true)}, attributes), false);
}

static LogicalResult buildQLinearAveragePool(NodeContext &node) {
  Composer c(node);
  SmallVector<NodeAttribute> attributes = windowAttributes(node);
  attributes.push_back({"count_include_pad", node.getInteger("count_include_pad", 0)});
  bool isLast = node.getInteger("channels_last", 0) != 0;
  return c.finish(quantize(c, pool(c, "AveragePool", dequantize(c, 0), attributes, isLast), 3));
}

static LogicalResult buildQLinearGlobalAveragePool(NodeContext &node) {
  Composer c(node);
  bool isLast = node.getInteger("channels_last", 0) != 0;
  return c.finish(quantize(c, pool(c, "GlobalAveragePool", dequantize(c, 0), {}, isLast), 3));
}

static LogicalResult buildNhwcMaxPool(NodeContext &node) {
  Composer c(node);
  return c.finish(pool(c, "MaxPool", node.operand(0), windowAttributes(node), /*isLast=*/true));
}

/// y_scale, y_zero_point, then tensor, scale and zero point of each part.
static LogicalResult buildQLinearConcat(NodeContext &node) {
  Composer c(node);
  unsigned count = node.operandCount();
  if (count < 5 || count % 3 != 2)
    return node.error("expected a scale, a zero point, and three operands for each part, but got " + Twine(count) +
                      " operands");
  if (!node.hasAttribute("axis"))
    return node.error("expected attribute axis, but it is missing");
  SmallVector<Value> parts;
  for (unsigned i = 2; i < count; i += 3) {
    if (!node.operand(i) || !node.operand(i + 1))
      return node.error("expected operand " + Twine(i + !node.operand(i + 1)) + ", but it is absent");
    parts.push_back(quantize(c, dequantize(c, i), node.operand(0), node.operand(1), node.elementType(1)));
  }
  return c.finish(c.concat(parts, node.getInteger("axis", 0)));
}

// --- contractions ----------------------------------------------------------------------------------------------------

static Value transposeLast(Composer &c, Value x) { return x && !c.failed ? c.transpose(x, {1, 0}) : x; }

/// The product of the integers less their zero points, as i32.
static Value multiply(Composer &c, Value lhs, Value lhsZero, Value rhs, Value rhsZero) {
  if (c.failed)
    return nullptr;
  NodeContext &node = c.node;
  auto [left, right] = subtractZeroPoints(node, lhs, lhsZero, rhs, rhsZero);
  return node.create<graph::MatMulOp>(UnrankedTensorType::get(node.builder.getI32Type()), left.value, right.value,
                                      false, false, left.zeroPoint, right.zeroPoint);
}

/// a, a_scale, a_zero_point, b, b_scale, b_zero_point, c (i32, of scale a_scale * b_scale), y_scale, y_zero_point.
/// Scales and zero points of b may be one per column. Without y_scale the result is float.
static LogicalResult buildQGemm(NodeContext &node) {
  Composer c(node);
  for (unsigned i : {0u, 3u})
    if (auto type = Composer::rankedType(node.operand(i)); !type || type.getRank() != 2)
      return node.unsupported("operands that are not known to be matrices");
  Value a = node.operand(0), b = node.operand(3);
  if (node.getInteger("transA", 0))
    a = transposeLast(c, a);
  if (node.getInteger("transB", 0))
    b = transposeLast(c, b);
  Value sum = multiply(c, a, one(c, node.operand(2)), b, node.operand(5));
  if (Value bias = node.operand(6))
    sum = c.add(sum, bias);
  Value factor = c.mul(one(c, node.operand(1)), node.operand(4));
  if (float alpha = node.getFloat("alpha", 1); alpha != 1)
    factor = c.mul(factor, c.number(alpha, factor));
  Value y = c.mul(c.cast(sum, node.builder.getF32Type()), factor);
  if (node.operand(7)) {
    Type element = node.operand(8) ? node.elementType(8) : node.elementType(0);
    y = quantize(c, y, node.operand(7), node.operand(8), element);
  }
  return c.finish(y);
}

/// (float(product) * (lhsScale * rhsScale)) + bias.
static Value scaleProduct(Composer &c, Value product, Value lhsScale, Value rhsScale, Value bias) {
  if (c.failed)
    return nullptr;
  Value y = c.mul(c.cast(product, Composer::elementOf(rhsScale)), c.mul(lhsScale, rhsScale));
  return bias ? c.add(y, bias) : y;
}

/// a, b, a_scale, b_scale, a_zero_point, b_zero_point, bias.
static LogicalResult buildMatMulIntegerToFloat(NodeContext &node) {
  Composer c(node);
  // f16 scales: the product may be above what f16 holds.
  Type element = node.elementType(2), f32 = node.builder.getF32Type();
  Value product = multiply(c, node.operand(0), node.operand(4), node.operand(1), node.operand(5));
  Value y = scaleProduct(c, product, c.cast(node.operand(2), f32), c.cast(node.operand(3), f32),
                         node.operand(6) ? c.cast(node.operand(6), f32) : nullptr);
  return c.finish(c.cast(y, element));
}

/// a (f32, quantized to u8 over its range with 0), b, b_scale, b_zero_point, bias.
static LogicalResult buildDynamicQuantizeMatMul(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0);
  Type f32 = node.builder.getF32Type(), u8 = IntegerType::get(f32.getContext(), 8, IntegerType::Unsigned);
  auto limit = [&](StringRef reduction, StringRef join) {
    return c(join, {c(reduction, {x}, {{"keepdims", int64_t(0)}}), node.scalar(0.0, f32)});
  };
  Value least = limit("ReduceMin", "Min"), most = limit("ReduceMax", "Max");
  Value range = c.div(c.sub(most, least), node.scalar(255.0, f32));
  Value scale = c.select(c.compare("Equal", range, node.scalar(0.0, f32)), node.scalar(1.0, f32), range);
  Value zero = c("Round", {c.div(c("Neg", {least}), scale)});
  zero = c.cast(c("Clip", {zero, node.scalar(0.0, f32), node.scalar(255.0, f32)}), u8);
  Value quantized = quantize(c, x, scale, zero, u8);
  Value product = multiply(c, quantized, zero, node.operand(1), node.operand(3));
  return c.finish(scaleProduct(c, product, scale, node.operand(2), node.operand(4)));
}

/// The weights [N, ceil(K / block), block * bits / 8] of bytes as [N, K] integers. In a byte, earlier elements are
/// lower.
static Value unpack(Composer &c, Value packed, int64_t columns, int64_t bits) {
  NodeContext &node = c.node;
  Type u8 = Composer::elementOf(packed);
  packed = c.reshape(packed, {0, -1});
  if (bits == 8 || c.failed)
    return c.slice(packed, 1, 0, columns);
  SmallVector<Value> parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    Value moved = c("BitShift", {packed, node.scalar(double(shift), u8)}, {{"direction", std::string("RIGHT")}});
    parts.push_back(c.unsqueeze(c("BitwiseAnd", {moved, node.scalar(double((1 << bits) - 1), u8)}), {2}));
  }
  return c.slice(c.reshape(c.concat(parts, 2), {0, -1}), 1, 0, columns);
}

/// a, b (bytes, see unpack), scales [N, ceil(K / block)], zero_points (packed like b, or of the type of the scales),
/// g_idx (the scale of each column), bias: a times the transposed weights.
static LogicalResult buildMatMulNBits(NodeContext &node) {
  Composer c(node);
  int64_t depth = node.getInteger("K", 0), rows = node.getInteger("N", 0), bits = node.getInteger("bits", 4),
          block = node.getInteger("block_size", 0);
  if (depth <= 0 || rows <= 0 || block <= 0)
    return node.error("expected positive attributes K, N and block_size");
  if (bits != 2 && bits != 4 && bits != 8)
    return node.unsupported("attribute bits of " + Twine(bits));
  if (node.getInteger("weight_prepacked", 0))
    return node.unsupported("attribute weight_prepacked");
  if (!Composer::rankedType(node.operand(1)) || !Composer::rankedType(node.operand(2)))
    return node.unsupported("weights or scales of unknown rank");
  int64_t blocks = (depth + block - 1) / block;
  Type element = node.elementType(0);
  Value scales = c.reshape(node.operand(2), {rows, blocks}), weights = unpack(c, node.operand(1), depth, bits);
  Value zeros;
  if (Value given = node.operand(3); !given)
    zeros = node.scalar(double(1 << (bits - 1)), element);
  else if (isa<FloatType>(Composer::elementOf(given)))
    zeros = c.cast(c.reshape(given, {rows, blocks}), element);
  else
    zeros = c.cast(unpack(c, c.reshape(given, {rows, -1}), blocks, bits), element);
  // One scale and zero point for each column.
  auto spread = [&](Value perBlock) {
    if (c.failed || Composer::rankedType(perBlock).getRank() == 0)
      return perBlock;
    if (Value groups = node.operand(4))
      return c("Gather", {perBlock, groups}, {{"axis", int64_t(1)}});
    Value wide = c("Expand", {c.unsqueeze(perBlock, {2}), node.integers({rows, blocks, block})});
    return c.slice(c.reshape(wide, {rows, blocks * block}), 1, 0, depth);
  };
  Value numbers = c.mul(c.sub(c.cast(weights, element), spread(zeros)), spread(scales));
  Value y = c("MatMul", {node.operand(0), transposeLast(c, numbers)});
  if (Value bias = node.operand(5))
    y = c.add(y, bias);
  return c.finish(y);
}

void tegula::addContribQuantizationNodes(NodeTable &table) {
  constexpr const char *domain = "com.microsoft";
  table.add(domain, "QLinearAdd", 1, buildQLinearAdd);
  table.add(domain, "QLinearMul", 1, buildQLinearMul);
  table.add(domain, "QLinearLeakyRelu", 1, buildQLinearLeakyRelu);
  table.add(domain, "QLinearSigmoid", 1, buildQLinearSigmoid);
  table.add(domain, "QLinearAveragePool", 1, buildQLinearAveragePool);
  table.add(domain, "QLinearGlobalAveragePool", 1, buildQLinearGlobalAveragePool);
  table.add(domain, "QLinearConcat", 1, buildQLinearConcat);
  table.add(domain, "NhwcMaxPool", 1, buildNhwcMaxPool);
  table.add(domain, "QGemm", 1, buildQGemm);
  table.add(domain, "MatMulIntegerToFloat", 1, buildMatMulIntegerToFloat);
  table.add(domain, "DynamicQuantizeMatMul", 1, buildDynamicQuantizeMatMul);
  table.add(domain, "MatMulNBits", 1, buildMatMulNBits);
}
