// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

static LogicalResult createBatchNorm(NodeContext &node, Value mean, Value variance) {
  return node.emit<graph::BatchNormOp>(node.operand(0), node.operand(1), node.operand(2), mean, variance,
                                       node.builder.getF64FloatAttr(node.getFloat("epsilon", 1e-5f)));
}

/// Training: the statistics are those of the batch, and the running ones move toward them.
static LogicalResult buildTraining(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x || x.getRank() < 2)
    return node.unsupported("training mode on an operand of unknown rank or rank 1");
  SmallVector<int64_t> axes{0};
  for (int64_t i = 2; i < x.getRank(); ++i)
    axes.push_back(i);
  Value axesValue = node.integers(axes);
  Value kept = node.compose("ReduceMean", {node.operand(0), axesValue}, {{"keepdims", int64_t(1)}});
  if (!kept)
    return failure();
  Value centered = node.create<graph::SubOp>(x, node.operand(0), kept);
  Value squares = node.create<graph::MulOp>(x, centered, centered);
  Value variance = node.compose("ReduceMean", {squares, axesValue}, {{"keepdims", int64_t(0)}});
  if (!variance)
    return failure();
  Value mean = node.reshape(kept, {x.getDimSize(1) > 0 ? x.getDimSize(1) : -1});
  if (failed(createBatchNorm(node, mean, variance)))
    return failure();
  float momentum = node.getFloat("momentum", 0.9f);
  auto moveToward = [&](unsigned result, Value running, Value batch) {
    if (!node.hasResult(result))
      return;
    Type type = running.getType(), element = cast<TensorType>(type).getElementType();
    Value old = node.create<graph::MulOp>(type, running, node.scalar(double(momentum), element));
    if (cast<TensorType>(batch.getType()).getElementType() != element)
      batch = node.create<graph::CastOp>(type, batch, true);
    Value fresh = node.create<graph::MulOp>(type, batch, node.scalar(1 - double(momentum), element));
    node.setResult(result, node.create<graph::AddOp>(type, old, fresh));
  };
  moveToward(1, node.operand(3), mean);
  moveToward(2, node.operand(4), variance);
  return success();
}

static LogicalResult buildBatchNorm(NodeContext &node) {
  return createBatchNorm(node, node.operand(3), node.operand(4));
}

static LogicalResult buildBatchNorm1(NodeContext &node) {
  if (!node.getInteger("is_test", 0))
    return node.unsupported("training before opset 14");
  return node.getInteger("spatial", 1) ? buildBatchNorm(node) : node.unsupported("statistics per place (spatial = 0)");
}

/// Opset 7 to 13: training when the running statistics are asked for.
static LogicalResult buildBatchNorm7(NodeContext &node) {
  if (node.version < 9 && node.getInteger("spatial", 1) == 0)
    return node.unsupported("statistics per place (spatial = 0)");
  for (unsigned i = 1; i < node.resultCount(); ++i)
    if (node.hasResult(i))
      return node.unsupported("training before opset 14");
  return buildBatchNorm(node);
}

static LogicalResult buildBatchNorm14(NodeContext &node) {
  return node.getInteger("training_mode", 0) ? buildTraining(node) : buildBatchNorm(node);
}

static LogicalResult buildLocalResponseNorm(NodeContext &node) {
  Builder &builder = node.builder;
  return node.emit<graph::LocalResponseNormOp>(node.operand(0), builder.getI64IntegerAttr(node.getInteger("size", 1)),
                                               builder.getF64FloatAttr(node.getFloat("alpha", 1e-4f)),
                                               builder.getF64FloatAttr(node.getFloat("beta", 0.75f)),
                                               builder.getF64FloatAttr(node.getFloat("bias", 1)));
}

void tegula::addNormalizationNodes(NodeTable &table) {
  table.add("BatchNormalization", 1, buildBatchNorm1);
  table.add("BatchNormalization", 7, buildBatchNorm7);
  table.add("BatchNormalization", 14, buildBatchNorm14);
  table.add("LRN", 1, buildLocalResponseNorm);
}
