// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One step of an optimizer (domain ai.onnx.preview.training): operands R (learning rate), T (number of the step), then
// all tensors, all their gradients and all of each state; results in the order tensors, states.
#include "tegula/Import/ONNX/Composer.h"

using namespace mlir;
using namespace tegula;

static constexpr const char *domain = "ai.onnx.preview.training";

namespace {
/// One optimized tensor: value, gradient and states in, the new value and states out.
using Step = llvm::function_ref<SmallVector<Value>(Composer &, ArrayRef<Value>)>;
} // namespace

static LogicalResult buildSteps(NodeContext &node, unsigned states, Step step) {
  Composer c(node);
  unsigned kinds = 2 + states, given = node.operandCount();
  if (given < 2 + kinds || (given - 2) % kinds != 0)
    return node.error("expected 2 operands and " + Twine(kinds) + " for each tensor, but got " + Twine(given));
  unsigned count = (given - 2) / kinds;
  for (unsigned i = 0; i < count; ++i) {
    SmallVector<Value> operands;
    for (unsigned kind = 0; kind < kinds; ++kind)
      operands.push_back(node.operand(2 + kind * count + i));
    SmallVector<Value> results = step(c, operands);
    if (c.failed)
      return failure();
    for (auto [kind, result] : llvm::enumerate(results))
      node.setResult(kind * count + i, result);
  }
  return success();
}

/// A constant of the type of `like`.
static Value number(Composer &c, double value, Value like) { return c.node.scalar(value, Composer::elementOf(like)); }

/// The gradient with that of the regularization term, norm_coefficient / 2 times the square norm.
static Value regularize(Composer &c, Value x, Value gradient) {
  return c.add(c.mul(number(c, c.node.getFloat("norm_coefficient", 0), x), x), gradient);
}

static LogicalResult buildAdagrad(NodeContext &node) {
  return buildSteps(node, 1, [&](Composer &c, ArrayRef<Value> v) -> SmallVector<Value> {
    Value x = v[0], gradient = regularize(c, x, v[1]);
    Value steps = c.cast(node.operand(1), Composer::elementOf(x));
    Value decay = c.add(c.mul(steps, number(c, node.getFloat("decay_factor", 0), x)), number(c, 1, x));
    Value rate = c.div(node.operand(0), decay);
    Value squares = c.add(v[2], c.mul(gradient, gradient));
    Value adapted = c.add(c("Sqrt", {squares}), number(c, node.getFloat("epsilon", 1e-6f), x));
    return {c.sub(x, c.div(c.mul(rate, gradient), adapted)), squares};
  });
}

static LogicalResult buildAdam(NodeContext &node) {
  double alpha = node.getFloat("alpha", 0.9f), beta = node.getFloat("beta", 0.999f);
  return buildSteps(node, 2, [&](Composer &c, ArrayRef<Value> v) -> SmallVector<Value> {
    Value x = v[0], gradient = regularize(c, x, v[1]), one = number(c, 1, x);
    Value momentum = c.add(c.mul(number(c, alpha, x), v[2]), c.mul(number(c, 1 - alpha, x), gradient));
    Value squares = c.add(c.mul(number(c, beta, x), v[3]), c.mul(number(c, 1 - beta, x), c.mul(gradient, gradient)));
    Value adapted = c.add(c("Sqrt", {squares}), number(c, node.getFloat("epsilon", 1e-6f), x));
    // Both averages start at 0; from step 1 on this is corrected for.
    Value steps = c.cast(node.operand(1), Composer::elementOf(x));
    auto missing = [&](double decay) { return c.sub(one, c("Pow", {number(c, decay, x), steps})); };
    Value corrected = c.div(c.mul(node.operand(0), c("Sqrt", {missing(beta)})), missing(alpha));
    Value isFirst = c.compare("Equal", steps, number(c, 0, x));
    Value rate = c.select(isFirst, node.operand(0), corrected);
    Value next = c.sub(x, c.mul(rate, c.div(momentum, adapted)));
    next = c.mul(number(c, 1 - node.getFloat("norm_coefficient_post", 0), x), next);
    return {next, momentum, squares};
  });
}

static LogicalResult buildMomentum(NodeContext &node) {
  std::string mode = node.getString("mode", "standard");
  if (mode != "standard" && mode != "nesterov")
    return node.error("expected mode standard or nesterov, but got '" + mode + "'");
  return buildSteps(node, 1, [&](Composer &c, ArrayRef<Value> v) -> SmallVector<Value> {
    Value x = v[0], gradient = regularize(c, x, v[1]), alpha = number(c, node.getFloat("alpha", 0), x);
    Value steps = c.cast(node.operand(1), Composer::elementOf(x));
    Value isFirst = c.compare("Equal", steps, number(c, 0, x));
    Value beta = c.select(isFirst, number(c, 1, x), number(c, node.getFloat("beta", 0), x));
    Value momentum = c.add(c.mul(alpha, v[2]), c.mul(beta, gradient));
    Value direction = mode == "standard" ? momentum : c.add(gradient, c.mul(alpha, momentum));
    return {c.sub(x, c.mul(node.operand(0), direction)), momentum};
  });
}

void tegula::addTrainingNodes(NodeTable &table) {
  table.add(domain, "Adagrad", 1, buildAdagrad);
  table.add(domain, "Adam", 1, buildAdam);
  table.add(domain, "Momentum", 1, buildMomentum);
}
