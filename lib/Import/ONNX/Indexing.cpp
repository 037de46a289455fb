// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildGather(NodeContext &node) {
  return node.emit<graph::GatherOp>(node.operand(0), node.operand(1), node.getInteger("axis", 0));
}

static LogicalResult buildGatherElements(NodeContext &node) {
  return node.emit<graph::GatherElementsOp>(node.operand(0), node.operand(1), node.getInteger("axis", 0));
}

static LogicalResult buildGatherND(NodeContext &node) {
  if (node.getInteger("batch_dims", 0) < 0)
    return node.error("expected batch_dims of 0 or more");
  return node.emit<graph::GatherNDOp>(node.operand(0), node.operand(1), node.getInteger("batch_dims", 0));
}

/// The `reduction` attribute; empty (after an error) when it is none of ONNX's.
static std::string getReduction(NodeContext &node) {
  std::string reduction = node.getString("reduction", "none");
  for (StringRef known : {"none", "add", "mul", "max", "min"})
    if (reduction == known)
      return reduction;
  (void)node.error("expected reduction none, add, mul, max or min, but got '" + reduction + "'");
  return "";
}

static LogicalResult buildScatterElements(NodeContext &node) {
  std::string reduction = getReduction(node);
  if (reduction.empty())
    return failure();
  return node.emit<graph::ScatterElementsOp>(node.operand(0), node.operand(1), node.operand(2),
                                             node.getInteger("axis", 0), node.builder.getStringAttr(reduction));
}

static LogicalResult buildScatterND(NodeContext &node) {
  std::string reduction = getReduction(node);
  if (reduction.empty())
    return failure();
  return node.emit<graph::ScatterNDOp>(node.operand(0), node.operand(1), node.operand(2),
                                       node.builder.getStringAttr(reduction));
}

static LogicalResult buildTensorScatter(NodeContext &node) {
  std::string mode = node.getString("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return node.error("expected mode linear or circular, but got '" + mode + "'");
  return node.emit<graph::TensorScatterOp>(node.operand(0), node.operand(1), node.operand(2),
                                           node.getInteger("axis", -2), mode == "circular");
}

static LogicalResult buildTopK(NodeContext &node) {
  Value k = node.operand(1);
  if (!k)
    k = node.integers({node.getInteger("k", 1)});
  SmallVector<Type> types{node.resultType(0), node.resultType(1, node.builder.getI64Type())};
  auto topK = node.create<graph::TopKOp>(types, node.operand(0), k, node.getInteger("axis", -1),
                                         node.getInteger("largest", 1) != 0);
  node.setResult(0, topK.getValues());
  node.setResult(1, topK.getIndices());
  return success();
}

static LogicalResult buildUnique(NodeContext &node) {
  IntegerAttr axis =
      node.hasAttribute("axis") ? node.builder.getI64IntegerAttr(node.getInteger("axis", 0)) : IntegerAttr();
  SmallVector<Type> types{node.resultType(0)};
  for (unsigned i = 1; i < 4; ++i)
    types.push_back(node.hasResult(i) ? node.resultType(i, node.builder.getI64Type())
                                      : UnrankedTensorType::get(node.builder.getI64Type()));
  auto unique = node.create<graph::UniqueOp>(types, node.operand(0), axis, node.getInteger("sorted", 1) != 0);
  for (unsigned i = 0; i < 4; ++i)
    node.setResult(i, unique.getResult(i));
  return success();
}

static LogicalResult buildNonZero(NodeContext &node) { return node.emit<graph::NonZeroOp>(node.operand(0)); }

static LogicalResult buildCompress(NodeContext &node) {
  IntegerAttr axis =
      node.hasAttribute("axis") ? node.builder.getI64IntegerAttr(node.getInteger("axis", 0)) : IntegerAttr();
  return node.emit<graph::CompressOp>(node.operand(0), node.operand(1), axis);
}

void tegula::addIndexingNodes(NodeTable &table) {
  table.add("Gather", 1, buildGather);
  table.add("GatherElements", 11, buildGatherElements);
  table.add("GatherND", 11, buildGatherND);
  table.add("Scatter", 9, buildScatterElements);
  table.add("ScatterElements", 11, buildScatterElements);
  table.add("ScatterND", 11, buildScatterND);
  table.add("TensorScatter", 24, buildTensorScatter);
  table.add("TopK", 1, buildTopK);
  table.add("Unique", 11, buildUnique);
  table.add("NonZero", 9, buildNonZero);
  table.add("Compress", 9, buildCompress);
}
