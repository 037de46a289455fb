// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/Classifier.h"

#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula;

Value tegula::constantFloats(NodeContext &node, ArrayRef<float> values, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, node.builder.getF32Type());
  return node.create<graph::ConstantOp>(DenseElementsAttr::get(type, values));
}

Value tegula::readRows(Composer &c, Type element) {
  Value x = c.node.operand(0);
  auto type = Composer::rankedType(x);
  if (!type || type.getRank() < 1 || type.getRank() > 2) {
    c.failed = true;
    (void)c.node.unsupported("an operand of another or unknown rank than 1 or 2");
    return nullptr;
  }
  x = c.cast(x, element);
  return type.getRank() == 1 ? c.reshape(x, {1, -1}) : x;
}

Value tegula::readLabels(NodeContext &node, StringRef integers, StringRef strings) {
  if (auto values = node.getStrings(strings); values && !values->empty())
    return node.strings(*values, {int64_t(values->size())});
  if (auto values = node.getIntegers(integers); values && !values->empty())
    return node.integers(*values);
  (void)node.error("expected attribute " + integers + " or " + strings + ", but both are missing");
  return nullptr;
}

/// The inverse of the normal distribution's function, as ONNX Runtime approximates it.
static Value probit(Composer &c, Value x) {
  auto number = [&](double value) { return c.number(value, x); };
  Value y = c.sub(c.mul(x, number(2)), number(1));
  Value logarithm = c("Log", {c.mul(c.sub(number(1), y), c.add(number(1), y))});
  Value half = c.add(c.mul(logarithm, number(0.5)), number(2 / (3.14159 * 0.147)));
  Value root = c("Sqrt", {c.sub(c.mul(half, half), c.mul(logarithm, number(1 / 0.147)))});
  Value magnitude = c("Sqrt", {c.sub(root, half)});
  Value signedValue = c.select(c.compare("Less", y, number(0)), c("Neg", {magnitude}), magnitude);
  return c.mul(signedValue, number(1.41421356));
}

/// Softmax in which scores of 0 stay 0.
static Value softmaxWithZeros(Composer &c, Value scores) {
  Value axes = c.node.integers({-1}), most = c("ReduceMax", {scores, axes});
  Value isZero = c.compare("LessOrEqual", c("Abs", {scores}), c.number(1e-7, scores));
  Value powers = c.select(isZero, c.number(0, scores), c("Exp", {c.sub(scores, most)}));
  Value kept = c.select(isZero, c.mul(scores, c("Exp", {c("Neg", {most})})), powers);
  return c.div(kept, c("ReduceSum", {powers, axes}));
}

Value tegula::transformScores(Composer &c, Value scores) {
  std::string transform = c.node.getString("post_transform", "NONE");
  if (c.failed || transform == "NONE")
    return scores;
  if (transform == "SOFTMAX")
    return c("Softmax", {scores}, {{"axis", int64_t(-1)}});
  if (transform == "SOFTMAX_ZERO")
    return softmaxWithZeros(c, scores);
  if (transform == "LOGISTIC")
    return c("Sigmoid", {scores});
  if (transform == "PROBIT")
    return probit(c, scores);
  c.failed = true;
  (void)c.node.error("expected post_transform NONE, SOFTMAX, SOFTMAX_ZERO, LOGISTIC or PROBIT, but got " + transform);
  return nullptr;
}

Value tegula::transformBinary(Composer &c, Value scores, Opposite opposite) {
  std::string transform = c.node.getString("post_transform", "NONE");
  if (c.failed)
    return nullptr;
  if (transform == "PROBIT") {
    c.failed = true;
    (void)c.node.unsupported("post_transform PROBIT of one score for two classes");
    return nullptr;
  }
  Value negative = c("Neg", {scores});
  if (transform == "LOGISTIC")
    return c("Sigmoid", {c.concat({negative, scores}, 1)});
  if (opposite == Opposite::Complement)
    negative = c.add(negative, c.number(1, scores));
  return c.concat({negative, scores}, 1);
}

LogicalResult tegula::finishClassifier(Composer &c, Value labels, Value best, Value scores) {
  Value label = c("Gather", {labels, best}, {{"axis", int64_t(0)}});
  if (c.failed)
    return failure();
  c.node.setResult(0, label);
  c.node.setResult(1, c.cast(scores, c.node.builder.getF32Type()));
  return success();
}
