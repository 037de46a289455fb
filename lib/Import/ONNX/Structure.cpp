// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Constants and nodes that only name values.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildConstant(NodeContext &node) {
  Builder &builder = node.builder;
  ElementsAttr value;
  if (node.hasAttribute("value")) {
    Value constant = node.makeConstant("value");
    node.failedForGood |= !constant;
    node.setResult(0, constant);
    return success(constant != nullptr);
  } else if (node.hasAttribute("value_string")) {
    Value constant = node.strings(node.getString("value_string", ""), {});
    node.setResult(0, constant);
    return success(constant != nullptr);
  } else if (auto strings = node.getStrings("value_strings")) {
    Value constant = node.strings(*strings, {int64_t(strings->size())});
    node.setResult(0, constant);
    return success(constant != nullptr);
  } else if (node.hasAttribute("value_int")) {
    value = graph::makeIntegers(RankedTensorType::get({}, builder.getI64Type()), {node.getInteger("value_int", 0)});
  } else if (node.hasAttribute("value_float")) {
    value = graph::makeFloats(RankedTensorType::get({}, builder.getF32Type()), {node.getFloat("value_float", 0)});
  } else if (auto integers = node.getIntegers("value_ints")) {
    value = graph::makeIntegers(RankedTensorType::get({int64_t(integers->size())}, builder.getI64Type()), *integers);
  } else if (auto floats = node.getFloats("value_floats")) {
    value = graph::makeFloats(RankedTensorType::get({int64_t(floats->size())}, builder.getF32Type()),
                              SmallVector<double>(floats->begin(), floats->end()));
  } else {
    return node.unsupported("a sparse constant");
  }
  node.setResult(0, node.create<graph::ConstantOp>(value));
  return success();
}

static LogicalResult buildIdentity(NodeContext &node) {
  node.setResult(0, node.operand(0));
  return success();
}

void tegula::addStructureNodes(NodeTable &table) {
  table.add("Constant", 1, buildConstant);
  table.add("Identity", 1, buildIdentity);
  table.serve(NodeTable::Serves::Values, {"Constant", "Identity"});
}
