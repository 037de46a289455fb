// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Gradient (domain ai.onnx.preview.training): derivatives of the sum of a value's elements, in reverse through the
// operations that import has built so far. Each operation has a rule; one without makes the node unsupported.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

using namespace mlir;
using namespace tegula;

namespace {
/// The derivatives by each value, as far as they are known.
class Adjoints {
public:
  explicit Adjoints(Composer &c) : c(c) {}

  Value lookup(Value value) const { return values.lookup(value); }

  /// Adds `share`, which has the shape of a result, to the derivative by `operand`, which may have broadcast to it.
  void add(Value operand, Value share) {
    if (c.failed)
      return;
    share = sumToShapeOf(operand, share);
    Value &known = values[operand];
    known = known ? c.add(known, share) : share;
  }

  /// Takes the derivative by the result of `op` to those by its operands; whether there is a rule.
  bool propagate(Operation *op) {
    Value g = lookup(op->getResult(0)), y = op->getResult(0), x = op->getOperand(0);
    Value other = op->getNumOperands() > 1 ? op->getOperand(1) : Value();
    auto negative = [&](Value value) { return c("Neg", {value}); };
    auto one = [&] { return c.number(1, x); };
    if (isa<graph::AddOp, graph::SubOp>(op)) {
      add(x, g);
      add(other, isa<graph::AddOp>(op) ? g : negative(g));
    } else if (isa<graph::MulOp>(op)) {
      add(x, c.mul(g, other));
      add(other, c.mul(g, x));
    } else if (isa<graph::DivOp>(op)) {
      add(x, c.div(g, other));
      add(other, negative(c.div(c.mul(g, y), other)));
    } else if (isa<graph::PowOp>(op)) {
      add(x, c.mul(c.mul(g, other), c("Pow", {x, c.sub(other, c.number(1, other))})));
      add(other, c.mul(c.mul(g, y), c("Log", {x})));
    } else if (auto product = dyn_cast<graph::MatMulOp>(op)) {
      auto left = Composer::rankedType(x), right = Composer::rankedType(other);
      if (!left || !right || left.getRank() != 2 || right.getRank() != 2 || product.getTransposeLhs() ||
          product.getTransposeRhs())
        return false;
      add(x, c("MatMul", {g, c.transpose(other, {1, 0})}));
      add(other, c("MatMul", {c.transpose(x, {1, 0}), g}));
    } else if (isa<graph::NegOp>(op)) {
      add(x, negative(g));
    } else if (isa<graph::AbsOp>(op)) {
      add(x, c.mul(g, c("Sign", {x})));
    } else if (isa<graph::ReciprocalOp>(op)) {
      add(x, negative(c.mul(g, c.mul(y, y))));
    } else if (isa<graph::SqrtOp>(op)) {
      add(x, c.div(g, c.mul(c.number(2, x), y)));
    } else if (isa<graph::ExpOp>(op)) {
      add(x, c.mul(g, y));
    } else if (isa<graph::LogOp>(op)) {
      add(x, c.div(g, x));
    } else if (isa<graph::SinOp>(op)) {
      add(x, c.mul(g, c("Cos", {x})));
    } else if (isa<graph::CosOp>(op)) {
      add(x, negative(c.mul(g, c("Sin", {x}))));
    } else if (isa<graph::TanhOp>(op)) {
      add(x, c.mul(g, c.sub(one(), c.mul(y, y))));
    } else if (isa<graph::SigmoidOp>(op)) {
      add(x, c.mul(g, c.mul(y, c.sub(one(), y))));
    } else if (isa<graph::ReluOp>(op)) {
      Value zero = c.number(0, x);
      add(x, c.select(c.compare("Greater", x, zero), g, zero));
    } else if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
      std::vector<int64_t> inverse(transpose.getPermutation().size());
      for (auto [to, from] : llvm::enumerate(transpose.getPermutation()))
        inverse[from] = to;
      add(x, c.transpose(g, inverse));
    } else if (isa<graph::ReshapeOp, graph::FlattenOp, graph::SqueezeOp, graph::UnsqueezeOp>(op)) {
      add(x, c.reshape(g, c.shape(x)));
    } else {
      return false;
    }
    return true;
  }

  Value filled(double number, Value like) { return c("Expand", {c.number(number, like), c.shape(like)}); }

private:
  Value sumToShapeOf(Value operand, Value share) {
    auto to = Composer::rankedType(operand), from = Composer::rankedType(share);
    if (!to || !from) {
      c.failed = true;
      return nullptr;
    }
    if (to == from && to.hasStaticShape())
      return share;
    std::vector<int64_t> leading;
    for (int64_t i = 0; i < from.getRank() - to.getRank(); ++i)
      leading.push_back(i);
    if (!leading.empty())
      share = c("ReduceSum", {share, c.node.integers(leading)}, {{"keepdims", int64_t(0)}});
    if (to.getRank() == 0)
      return share;
    // Where the operand has one element, all of the share's go into it.
    Value isOne = c.compare("Equal", c.shape(operand), c.node.scalar(int64_t(1)));
    Value axes = c.reshape(c("NonZero", {isOne}, {}, c.node.builder.getI64Type()), {-1});
    return c("ReduceSum", {share, axes}, {{"keepdims", int64_t(1)}, {"noop_with_empty_axes", int64_t(1)}});
  }

  Composer &c;
  llvm::DenseMap<Value, Value> values;
};
} // namespace

static LogicalResult buildGradient(NodeContext &node) {
  auto names = node.getStrings("xs").value_or(std::vector<std::string>());
  Value y = node.graph.lookup(node.getString("y", ""));
  if (names.empty() || names.size() > node.operandCount() || !y)
    return node.error("expected xs to name the first operands and y a value of the graph");
  llvm::DenseSet<Value> dependent;
  for (auto [i, name] : llvm::enumerate(names)) {
    Value x = node.operand(i);
    if (!x || x != node.graph.lookup(name))
      return node.unsupported("operands other than the values that xs names");
    dependent.insert(x);
  }
  Block *block = node.builder.getInsertionBlock();
  if (y.getParentBlock() != block)
    return node.unsupported("a value of another graph");
  SmallVector<Operation *> path;
  for (Operation &op : *block)
    if (llvm::any_of(op.getOperands(), [&](Value operand) { return dependent.contains(operand); })) {
      path.push_back(&op);
      dependent.insert_range(op.getResults());
    }
  Composer c(node);
  Adjoints adjoints(c);
  adjoints.add(y, adjoints.filled(1, y));
  for (Operation *op : llvm::reverse(path)) {
    if (llvm::none_of(op->getResults(), [&](Value result) { return adjoints.lookup(result); }))
      continue;
    if (op->getNumResults() != 1 || !adjoints.propagate(op))
      return node.unsupported("a derivative of " + op->getName().getStringRef());
  }
  for (unsigned i = 0; i < names.size(); ++i) {
    Value derivative = adjoints.lookup(node.operand(i));
    derivative = derivative ? derivative : adjoints.filled(0, node.operand(i));
    if (c.failed)
      return failure();
    if (node.hasResult(i))
      node.setResult(i, derivative);
  }
  return success();
}

void tegula::addGradientNodes(NodeTable &table) { table.add("ai.onnx.preview.training", "Gradient", 1, buildGradient); }
