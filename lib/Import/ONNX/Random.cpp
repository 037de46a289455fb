// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random numbers. A node without a seed gets one from the name of its result: every run of a model draws the same.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "llvm/Support/xxhash.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

static constexpr double pi = 3.14159265358979323846;

static uint32_t getSeed(NodeContext &node) {
  if (!node.hasAttribute("seed"))
    return uint32_t(llvm::xxh3_64bits(node.node.output_size() ? StringRef(node.node.output(0)) : StringRef()));
  if (int64_t seed = node.getInteger("seed", 0)) // Dropout's is an integer
    return uint32_t(seed);
  return uint32_t(int64_t(node.getFloat("seed", 0)));
}

/// `count` f64 numbers in [0, 1), one-dimensional.
static Value drawUniform(Composer &c, Value count) {
  if (c.failed)
    return nullptr;
  auto type = RankedTensorType::get({ShapedType::kDynamic}, c.node.builder.getF64Type());
  return c.node.create<graph::RandomUniformOp>(type, count, getSeed(c.node));
}

static Value countOf(Composer &c, Value shape) { return c("ReduceProd", {shape}, {{"keepdims", int64_t(0)}}); }

/// Numbers of `shape`, even in [low, high) or normal, in f64.
static Value draw(Composer &c, Value shape, bool isNormal) {
  NodeContext &node = c.node;
  Type f64 = node.builder.getF64Type();
  if (!isNormal) {
    Value low = node.scalar(double(node.getFloat("low", 0)), f64),
          high = node.scalar(double(node.getFloat("high", 1)), f64);
    Value numbers = c.add(c.mul(drawUniform(c, countOf(c, shape)), c.sub(high, low)), low);
    return c.reshape(numbers, shape);
  }
  // Box and Muller: a radius and an angle from two even numbers.
  Value count = countOf(c, shape);
  Value pairs = c.reshape(drawUniform(c, c.mul(count, node.scalar(int64_t(2)))), {2, -1});
  auto row = [&](int64_t i) { return c("Gather", {pairs, node.scalar(i)}, {{"axis", int64_t(0)}}); };
  Value logarithm = c("Log", {c.sub(node.scalar(1.0, f64), row(0))});
  Value radius = c("Sqrt", {c.mul(logarithm, node.scalar(-2.0, f64))});
  Value number = c.mul(radius, c("Cos", {c.mul(row(1), node.scalar(2 * pi, f64))}));
  number = c.mul(number, node.scalar(double(node.getFloat("scale", 1)), f64));
  return c.reshape(c.add(number, node.scalar(double(node.getFloat("mean", 0)), f64)), shape);
}

template <bool isNormal> static LogicalResult buildRandom(NodeContext &node) {
  Composer c(node);
  Type element = node.graph.convertElementType(int32_t(node.getInteger("dtype", 1)));
  auto shape = node.getIntegers("shape");
  if (!isa_and_nonnull<FloatType>(element) || !shape)
    return node.error("expected a float dtype and a shape");
  Value result = c.cast(draw(c, node.integers(*shape), isNormal), element);
  return c.finish(result);
}

template <bool isNormal> static LogicalResult buildRandomLike(NodeContext &node) {
  Composer c(node);
  Type element = node.elementType(0);
  if (node.hasAttribute("dtype"))
    element = node.graph.convertElementType(int32_t(node.getInteger("dtype", 1)));
  if (!isa_and_nonnull<FloatType>(element))
    return node.error("expected a float type for random numbers");
  Value shape = c.shape(node.operand(0));
  Value result = c.cast(draw(c, shape, isNormal), element);
  return c.finish(result);
}

/// 1 where a number in [0, 1) is below the element, which is the probability of a 1. (ONNX's own function compares the
/// other way round.)
static LogicalResult buildBernoulli(NodeContext &node) {
  Composer c(node);
  Type element = node.elementType(0);
  if (node.hasAttribute("dtype"))
    element = node.graph.convertElementType(int32_t(node.getInteger("dtype", 1)));
  if (!element || isa<ComplexType>(element))
    return node.error("expected a dtype of numbers or bools");
  Value x = c.cast(node.operand(0), node.builder.getF64Type());
  Value shape = c.shape(x);
  Value numbers = c.reshape(drawUniform(c, countOf(c, shape)), shape);
  Value result = c.cast(c.compare("Less", numbers, x), element);
  return c.finish(result);
}

/// Logits [B, C]: sample_size draws of a class for each row, by where a number falls among the running sums of the
/// probabilities.
static LogicalResult buildMultinomial(NodeContext &node) {
  Composer c(node);
  Type f64 = node.builder.getF64Type(), i64 = node.builder.getI64Type();
  Type element = node.graph.convertElementType(int32_t(node.getInteger("dtype", onnx::TensorProto::INT32)));
  int64_t count = node.getInteger("sample_size", 1);
  auto type = Composer::rankedType(node.operand(0));
  if (!element || !(element.isInteger(32) || element.isInteger(64)) || count < 1)
    return node.error("expected dtype int32 or int64 and a positive sample_size");
  if (!type || type.getRank() != 2)
    return node.unsupported("an operand that is not known to have two dimensions");
  Value weights = c("Softmax", {c.cast(node.operand(0), f64)}, {{"axis", int64_t(-1)}});
  Value sums = c.unsqueeze(c("CumSum", {weights, node.scalar(int64_t(1))}), {1}); // [B, 1, C]
  Value shape = c.join({c.extent(node.operand(0), 0), node.scalar(count), node.scalar(int64_t(1))});
  Value places = c.reshape(drawUniform(c, countOf(c, shape)), shape); // [B, S, 1]
  Value isBehind = c.cast(c.compare("GreaterOrEqual", places, sums), i64);
  Value drawn = c("ReduceSum", {isBehind, node.integers({2})}, {{"keepdims", int64_t(0)}});
  // The sums may end a rounding error below 1.
  Value last = c.sub(c.extent(node.operand(0), 1), node.scalar(int64_t(1)));
  drawn = c.cast(c("Min", {drawn, last}), element);
  return c.finish(drawn);
}

/// In training each element is dropped where a number in [0, 1) is below the ratio, and the others grow to keep the
/// sum. Up to opset 6 an attribute says whether that is so; from 7 to 11 it never is.
static LogicalResult buildDropout(NodeContext &node) {
  Composer c(node);
  Type element = node.elementType(0), f64 = node.builder.getF64Type(), i1 = node.builder.getI1Type();
  Value x = node.operand(0), training = node.operand(2);
  if (node.version < 7 && !node.getInteger("is_test", 0))
    training = node.create<graph::ConstantOp>(
        DenseElementsAttr::get(RankedTensorType::get({}, node.builder.getI1Type()), true));
  auto isTraining = training ? graph::getConstantIntegers(training) : std::optional(SmallVector<int64_t>{0});
  bool isInference = isTraining && isTraining->size() == 1 && isTraining->front() == 0;
  if (isInference)
    node.setResult(0, x);
  if (isInference && !node.hasResult(1))
    return success();
  Value shape = c.shape(x);
  if (c.failed)
    return failure();
  if (isInference) {
    // The mask has the operand's type up to opset 9, and is bool from 10 on.
    Type maskElement = node.version < 10 ? element : i1;
    auto one = RankedTensorType::get({1}, maskElement);
    ElementsAttr value = isa<FloatType>(maskElement) ? graph::makeFloats(one, {1.0}) : graph::makeIntegers(one, {1});
    node.setResult(1, node.create<graph::ConstantOfShapeOp>(node.resultType(1, maskElement), shape, value));
    return success();
  }
  Value ratio = node.operand(1) ? c.cast(node.operand(1), f64) : node.scalar(double(node.getFloat("ratio", 0.5f)), f64);
  Value kept = c.compare("GreaterOrEqual", draw(c, shape, /*isNormal=*/false), ratio);
  kept = c("Or", {kept, c("Not", {training})});
  Value scale = c.div(node.scalar(1.0, f64), c.sub(node.scalar(1.0, f64), ratio));
  scale = c.cast(c.select(training, scale, node.scalar(1.0, f64)), element);
  Value result = c.select(kept, c.mul(x, scale), node.scalar(0.0, element));
  if (c.failed)
    return failure();
  node.setResult(0, result);
  if (node.hasResult(1))
    node.setResult(1, node.version < 10 ? c.cast(kept, element) : kept);
  return success();
}

void tegula::addRandomNodes(NodeTable &table) {
  table.add("RandomUniform", 1, buildRandom<false>);
  table.add("RandomNormal", 1, buildRandom<true>);
  table.add("RandomUniformLike", 1, buildRandomLike<false>);
  table.add("RandomNormalLike", 1, buildRandomLike<true>);
  table.add("Bernoulli", 15, buildBernoulli);
  table.add("Multinomial", 7, buildMultinomial);
  table.add("Dropout", 1, buildDropout);
}
