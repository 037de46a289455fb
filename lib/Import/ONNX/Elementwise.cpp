// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

template <typename OpTy>
static LogicalResult buildUnary(NodeContext &node) {
  return node.emit<OpTy>(node.operand(0));
}

template <typename OpTy>
static LogicalResult buildBinary(NodeContext &node) {
  return node.emit<OpTy>(node.operand(0), node.operand(1));
}

/// Opset 6 and older broadcast only when `broadcast` is set, aligned at `axis`.
template <typename OpTy>
static LogicalResult buildBinary1(NodeContext &node) {
  if (node.getInteger("broadcast", 0))
    return node.unsupported("the broadcast attribute of opset 6 and older");
  return buildBinary<OpTy>(node);
}

/// Sum, Max, Min over any number of operands: a chain of binary ops.
template <typename OpTy>
static LogicalResult buildChain(NodeContext &node) {
  Value value = node.operand(0);
  for (unsigned i = 1; i < node.operandCount(); ++i)
    value = node.create<OpTy>(i + 1 == node.operandCount() ? node.resultType()
                                                           : Type(UnrankedTensorType::get(node.elementType(0))),
                              value, node.operand(i));
  node.setResult(0, value);
  return success();
}

static LogicalResult buildCast(NodeContext &node) {
  Type type = node.resultType();
  Value cast = node.create<graph::CastOp>(type, node.operand(0), node.getInteger("saturate", 1) != 0);
  node.setResult(0, cast);
  return success();
}

static LogicalResult buildWhere(NodeContext &node) {
  return node.emit<graph::WhereOp>(node.operand(0), node.operand(1), node.operand(2));
}

void tegula::addElementwiseNodes(NodeTable &table) {
  table.add("Add", 1, buildBinary1<graph::AddOp>);
  table.add("Add", 7, buildBinary<graph::AddOp>);
  table.add("Sub", 1, buildBinary1<graph::SubOp>);
  table.add("Sub", 7, buildBinary<graph::SubOp>);
  table.add("Mul", 1, buildBinary1<graph::MulOp>);
  table.add("Mul", 7, buildBinary<graph::MulOp>);
  table.add("Div", 1, buildBinary1<graph::DivOp>);
  table.add("Div", 7, buildBinary<graph::DivOp>);
  table.add("Sum", 1, buildChain<graph::AddOp>);
  table.add("Max", 1, buildChain<graph::MaxOp>);
  table.add("Min", 1, buildChain<graph::MinOp>);
  table.add("Equal", 7, buildBinary<graph::EqualOp>);
  table.add("Less", 7, buildBinary<graph::LessOp>);
  table.add("Greater", 7, buildBinary<graph::GreaterOp>);
  table.add("Relu", 1, buildUnary<graph::ReluOp>);
  table.add("Neg", 1, buildUnary<graph::NegOp>);
  table.add("Exp", 1, buildUnary<graph::ExpOp>);
  table.add("Tanh", 1, buildUnary<graph::TanhOp>);
  table.add("Sigmoid", 1, buildUnary<graph::SigmoidOp>);
  table.add("Cast", 6, buildCast);
  table.add("Where", 9, buildWhere);
}
