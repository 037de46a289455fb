// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Fourier transforms as matrix products in f64 (numbers near 0 are differences of big ones) and the mel weight matrix.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

using namespace mlir;
using namespace tegula;

static constexpr double pi = 3.14159265358979323846;

/// The scalar of a one-element operand as i64.
static Value integerOperand(Composer &c, Value operand) {
  return c.cast(c.reshape(operand, ArrayRef<int64_t>{}), c.node.builder.getI64Type());
}

/// `axis` may be known at run time only, so the transform runs on [before, along, after, component].
static LogicalResult buildDft(NodeContext &node, Value axis) {
  Composer c(node);
  Value x = node.operand(0);
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (!type)
    return node.unsupported("a signal of unknown rank");
  if (type.getRank() < 2)
    return node.error("expected a signal of rank 2 or more, but got rank " + Twine(type.getRank()));
  bool isInverse = node.getInteger("inverse", 0) != 0, isOneSided = node.getInteger("onesided", 0) != 0;
  bool toReal = isInverse && isOneSided;
  int64_t rank = type.getRank(), components = type.getDimSize(rank - 1);
  if (ShapedType::isDynamic(components)) {
    // The direction decides, or a real signal gets an imaginary part of zero.
    components = isOneSided && !isInverse ? 1 : 2;
    if (!isOneSided) {
      Value given = c("Shape", {x}, {{"start", rank - 1}, {"end", rank}}, node.builder.getI64Type());
      Value lacking = c.sub(node.integers({2}), given);
      x = c("Pad", {x, c.join({node.integers({0}), lacking}), Value(), node.integers({-1})});
    }
  }
  if (components != 1 && components != 2)
    return node.error("expected a signal of 1 or 2 components, but got " + Twine(components));
  if (isOneSided && !isInverse && components != 1)
    return node.error("expected a real signal for a one-sided transform, but got " + Twine(components) + " components");
  if (toReal && components != 2)
    return node.error("expected a complex signal for an inverse one-sided transform, but got a real one");

  Type f64 = node.builder.getF64Type();
  Value zero = node.scalar(int64_t(0)), one = node.scalar(int64_t(1)), two = node.scalar(int64_t(2));
  axis = integerOperand(c, axis);
  axis = c.select(c.compare("Less", axis, zero), c.add(axis, node.scalar(rank)), axis);
  Value shape = c.shape(x), places = c.iota(node.scalar(rank)), ones = node.integers({1});
  auto product = [&](Value condition) {
    return c("ReduceProd", {c.select(condition, shape, ones)}, {{"keepdims", int64_t(0)}});
  };
  Value isAxis = c.compare("Equal", places, axis);
  Value behind = c.logicalAnd(c.compare("Greater", places, axis), c.compare("Less", places, node.scalar(rank - 1)));
  Value before = product(c.compare("Less", places, axis)), after = product(behind), along = product(isAxis);

  // n points; one-sided ones stand for the others, their conjugates.
  Value n = along;
  if (node.operand(1))
    n = integerOperand(c, node.operand(1));
  else if (toReal)
    n = c.mul(two, c.sub(along, one));
  Value half = c.add(c.div(n, two), one);
  Value results = isOneSided && !isInverse ? half : n;

  // The angle of result k and element j is 2 pi (k j mod n) / n; elements from n on do not count.
  Value k = c.reshape(c.iota(results), {-1, 1}), j = c.reshape(c.iota(along), {1, -1});
  Value turns = c("Mod", {c.mul(k, j), n});
  Value count = c.cast(n, f64);
  Value angle = c.mul(c.cast(turns, f64), c.div(node.scalar(2 * pi, f64), count));
  Value isUsed = c.compare("Less", j, toReal ? half : n);
  Value weight = c.cast(isUsed, f64);
  if (toReal) {
    Value isAlone = c("Or", {c.compare("Equal", j, zero), c.compare("Equal", c.mul(j, two), n)});
    weight = c.mul(weight, c.select(isAlone, node.scalar(1.0, f64), node.scalar(2.0, f64)));
  }
  if (isInverse)
    weight = c.div(weight, count);
  Value minusOne = node.integers({-1});
  Value columns = c.mul(after, node.scalar(components));
  Value signal = c.reshape(c.cast(x, f64), c.join({before, along, columns}));
  auto transform = [&](StringRef function) {
    Value product = c("MatMul", {c.mul(c(function, {angle}), weight), signal});
    return c.reshape(product, c.join({before, results, after, node.scalar(components)}));
  };
  Value cosines = transform("Cos"), sines = transform("Sin");
  auto component = [&](Value value, int64_t i) {
    return c("Slice", {value, node.integers({i}), node.integers({i + 1}), minusOne});
  };
  Value real = component(cosines, 0), imaginary = component(sines, 0);
  if (components == 1) {
    imaginary = isInverse ? imaginary : c("Neg", {imaginary});
  } else if (isInverse) {
    real = c.sub(real, component(sines, 1));
    imaginary = c.add(component(cosines, 1), imaginary);
  } else {
    real = c.add(real, component(sines, 1));
    imaginary = c.sub(component(cosines, 1), imaginary);
  }
  Value result = toReal ? real : c("Concat", {real, imaginary}, {{"axis", int64_t(-1)}});
  Value isLast = c.compare("Equal", places, node.scalar(rank - 1));
  Value extents = c.select(isAxis, results, c.select(isLast, node.scalar(int64_t(toReal ? 1 : 2)), shape));
  result = c.cast(c.reshape(result, extents), type.getElementType());
  return c.finish(result);
}

static LogicalResult buildDft17(NodeContext &node) { return buildDft(node, node.scalar(node.getInteger("axis", 1))); }
static LogicalResult buildDft20(NodeContext &node) {
  return buildDft(node, node.operand(2) ? node.operand(2) : node.scalar(int64_t(-2)));
}

/// Frames of the signal, times the window, then the transform of each.
static LogicalResult buildStft(NodeContext &node) {
  Composer c(node);
  Value signal = node.operand(0), window = node.operand(2), length = node.operand(3);
  auto type = dyn_cast<RankedTensorType>(signal.getType());
  if (!type || type.getRank() != 3)
    return node.unsupported("a signal that is not known to be [batch, length, components]");
  Type i64 = node.builder.getI64Type();
  if (!window && !length)
    return node.error("expected a window or a frame_length");
  length = length ? integerOperand(c, length) : c.reshape(c.shape(window), ArrayRef<int64_t>{});
  Value step = integerOperand(c, node.operand(1));
  Value total = c.reshape(c("Shape", {signal}, {{"start", int64_t(1)}, {"end", int64_t(2)}}, i64), ArrayRef<int64_t>{});
  Value frames = c.add(c.div(c.sub(total, length), step), node.scalar(int64_t(1)));
  Value places = c.add(c.reshape(c.mul(c.iota(frames), step), {-1, 1}), c.reshape(c.iota(length), {1, -1}));
  Value framed = c("Gather", {signal, places}, {{"axis", int64_t(1)}});
  if (window)
    framed = c.mul(framed, c.reshape(window, {-1, 1}));
  Value result = c("DFT", {framed, Value(), node.scalar(int64_t(2))}, {{"onesided", node.getInteger("onesided", 1)}});
  return c.finish(result);
}

/// Triangles between neighbours of points that are evenly spaced in mels.
static LogicalResult buildMelWeightMatrix(NodeContext &node) {
  Composer c(node);
  Type i64 = node.builder.getI64Type(), f64 = node.builder.getF64Type();
  auto number = [&](double value) { return node.scalar(value, f64); };
  Value bands = integerOperand(c, node.operand(0)), length = integerOperand(c, node.operand(1));
  Value rate = c.cast(integerOperand(c, node.operand(2)), f64);
  double scale = 2595 / 2.302585092994045684; // mels of one e-fold
  auto toMel = [&](Value hertz) {
    Value relative = c.div(c.cast(c.reshape(hertz, ArrayRef<int64_t>{}), f64), number(700));
    return c.mul(c("Log", {c.add(relative, number(1))}), number(scale));
  };
  Value low = toMel(node.operand(3)), high = toMel(node.operand(4));
  Value points = c.add(bands, node.scalar(int64_t(2)));
  Value step = c.div(c.sub(high, low), c.cast(points, f64));
  Value mels = c.add(c.mul(c.cast(c.iota(points), f64), step), low);
  Value hertz = c.mul(c.sub(c("Exp", {c.div(mels, number(scale))}), number(1)), number(700));
  Value relative = c.div(c.mul(hertz, c.cast(c.add(length, node.scalar(int64_t(1))), f64)), rate);
  Value bins = c.cast(c("Floor", {relative}), i64);
  auto part = [&](int64_t from) {
    Value end = c.reshape(c.add(bands, node.scalar(from)), {-1});
    return c.reshape(c("Slice", {bins, node.integers({from}), end, node.integers({0})}), {1, -1});
  };
  Value left = part(0), center = part(1), right = part(2);
  Value rows = c.add(c.div(length, node.scalar(int64_t(2))), node.scalar(int64_t(1)));
  Value bin = c.reshape(c.iota(rows), {-1, 1});
  auto ratio = [&](Value above, Value below) { return c.div(c.cast(above, f64), c.cast(below, f64)); };
  Value isRising = c.logicalAnd(c.compare("GreaterOrEqual", bin, left), c.compare("LessOrEqual", bin, center));
  Value isFalling = c.logicalAnd(c.compare("GreaterOrEqual", bin, center), c.compare("Less", bin, right));
  Value isPoint = c.logicalAnd(c.compare("Equal", left, center), c.compare("Equal", bin, center));
  Value weights = c.select(isRising, ratio(c.sub(bin, left), c.sub(center, left)), number(0));
  weights = c.select(isPoint, number(1), weights);
  weights = c.select(isFalling, ratio(c.sub(right, bin), c.sub(right, center)), weights);
  Type element = node.graph.convertElementType(int32_t(node.getInteger("output_datatype", 1)));
  if (!element)
    return node.error("expected output_datatype to be a number type");
  weights = c.cast(weights, element);
  return c.finish(weights);
}

void tegula::addSignalNodes(NodeTable &table) {
  table.add("DFT", 17, buildDft17);
  table.add("DFT", 20, buildDft20);
  table.add("STFT", 17, buildStft);
  table.add("MelWeightMatrix", 17, buildMelWeightMatrix);
}
