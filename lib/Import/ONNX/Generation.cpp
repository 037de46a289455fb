// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildConstantOfShape(NodeContext &node) {
  ElementsAttr value = graph::makeFloats(RankedTensorType::get({1}, node.builder.getF32Type()), {0.0});
  if (node.hasAttribute("value"))
    value = node.getTensor("value");
  if (!value) {
    node.failedForGood = true;
    return failure();
  }
  if (value.getNumElements() != 1)
    return node.error("expected a value of one element, but got " + Twine(value.getNumElements()));
  node.setResult(
      0, node.create<graph::ConstantOfShapeOp>(node.resultType(0, value.getElementType()), node.operand(0), value));
  return success();
}

static LogicalResult buildRange(NodeContext &node) {
  return node.emit<graph::RangeOp>(node.operand(0), node.operand(1), node.operand(2));
}

static LogicalResult buildOneHot(NodeContext &node) {
  node.setResult(0, node.create<graph::OneHotOp>(node.resultType(0, node.elementType(2)), node.operand(0),
                                                 node.operand(1), node.operand(2), node.getInteger("axis", -1)));
  return success();
}

static LogicalResult buildEyeLike(NodeContext &node) {
  return node.emit<graph::EyeLikeOp>(node.operand(0), node.getInteger("k", 0));
}

static LogicalResult buildTrilu(NodeContext &node) {
  return node.emit<graph::TriluOp>(node.operand(0), node.operand(1), node.getInteger("upper", 1) != 0);
}

void tegula::addGenerationNodes(NodeTable &table) {
  table.add("ConstantOfShape", 9, buildConstantOfShape);
  table.add("Range", 11, buildRange);
  table.add("OneHot", 9, buildOneHot);
  table.add("EyeLike", 9, buildEyeLike);
  table.add("Trilu", 14, buildTrilu);
}
