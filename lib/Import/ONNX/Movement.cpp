// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildTranspose(NodeContext &node) {
  auto permutation = node.getIntegers("perm");
  if (!permutation) {
    auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
    if (!x)
      return node.unsupported("default permutation of an operand of unknown rank");
    permutation = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, x.getRank())));
  }
  return node.emit<graph::TransposeOp>(node.operand(0), *permutation);
}

static LogicalResult buildReshape(NodeContext &node) {
  return node.emit<graph::ReshapeOp>(node.operand(0), node.operand(1), node.getInteger("allowzero", 0) != 0);
}

static LogicalResult buildReshape1(NodeContext &node) {
  return node.emit<graph::ReshapeOp>(node.operand(0), node.integers(*node.getIntegers("shape")), false);
}

static LogicalResult buildShape(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  int64_t rank = x.getRank();
  auto normalize = [&](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank); };
  int64_t start = normalize(node.getInteger("start", 0)), end = normalize(node.getInteger("end", rank));
  return node.emit<graph::ShapeOp>(node.operand(0), start, std::max(start, end));
}

void tegula::addMovementNodes(NodeTable &table) {
  table.add("Transpose", 1, buildTranspose);
  table.add("Reshape", 1, buildReshape1);
  table.add("Reshape", 5, buildReshape);
  table.add("Shape", 1, buildShape);
}
