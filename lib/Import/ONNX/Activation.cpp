// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

template <typename OpTy> static LogicalResult buildUnary(NodeContext &node) { return node.emit<OpTy>(node.operand(0)); }

template <typename OpTy> static LogicalResult withAlpha(NodeContext &node, float fallback) {
  return node.emit<OpTy>(node.operand(0), llvm::APFloat(node.getFloat("alpha", fallback)));
}

static LogicalResult buildLeakyRelu(NodeContext &node) { return withAlpha<graph::LeakyReluOp>(node, 0.01f); }
static LogicalResult buildThresholdedRelu(NodeContext &node) { return withAlpha<graph::ThresholdedReluOp>(node, 1.0f); }
static LogicalResult buildElu(NodeContext &node) { return withAlpha<graph::EluOp>(node, 1.0f); }
static LogicalResult buildCelu(NodeContext &node) { return withAlpha<graph::CeluOp>(node, 1.0f); }
static LogicalResult buildSwish(NodeContext &node) { return withAlpha<graph::SwishOp>(node, 1.0f); }

/// The defaults of opset 1 had four digits.
template <bool exact> static LogicalResult buildSelu(NodeContext &node) {
  float alpha = node.getFloat("alpha", exact ? 1.67326319217681884765625f : 1.6732f);
  float gamma = node.getFloat("gamma", exact ? 1.05070102214813232421875f : 1.0507f);
  return node.emit<graph::SeluOp>(node.operand(0), llvm::APFloat(alpha), llvm::APFloat(gamma));
}

static LogicalResult buildHardSigmoid(NodeContext &node) {
  return node.emit<graph::HardSigmoidOp>(node.operand(0), llvm::APFloat(node.getFloat("alpha", 0.2f)),
                                         llvm::APFloat(node.getFloat("beta", 0.5f)));
}

static LogicalResult buildGelu(NodeContext &node) {
  std::string approximate = node.getString("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return node.error("expected approximate 'none' or 'tanh', but got '" + Twine(approximate) + "'");
  return node.emit<graph::GeluOp>(node.operand(0), approximate == "tanh");
}

static LogicalResult buildShrink(NodeContext &node) {
  return node.emit<graph::ShrinkOp>(node.operand(0), llvm::APFloat(node.getFloat("lambd", 0.5f)),
                                    llvm::APFloat(node.getFloat("bias", 0.0f)));
}

static LogicalResult buildPrelu(NodeContext &node) {
  return node.emit<graph::PreluOp>(node.operand(0), node.operand(1));
}

/// Up to opset 6 a one-dimensional slope holds one value per channel (dimension 1).
static LogicalResult buildPrelu1(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  auto slope = dyn_cast<RankedTensorType>(node.operand(1).getType());
  if (!x || !slope)
    return node.unsupported("an operand of unknown rank");
  if (slope.getRank() != 1 || slope.getDimSize(0) == 1 || x.getRank() <= 2)
    return buildPrelu(node);
  SmallVector<int64_t> shape{slope.getDimSize(0)}, values{0};
  shape.append(x.getRank() - 2, 1);
  values.append(x.getRank() - 2, 1);
  Value aligned = node.create<graph::ReshapeOp>(RankedTensorType::get(shape, slope.getElementType()), node.operand(1),
                                                node.integers(values), false);
  return node.emit<graph::PreluOp>(node.operand(0), aligned);
}

void tegula::addActivationNodes(NodeTable &table) {
  table.add("Relu", 1, buildUnary<graph::ReluOp>);
  table.add("Sigmoid", 1, buildUnary<graph::SigmoidOp>);
  table.add("Softplus", 1, buildUnary<graph::SoftplusOp>);
  table.add("Softsign", 1, buildUnary<graph::SoftsignOp>);
  table.add("Mish", 18, buildUnary<graph::MishOp>);
  table.add("HardSwish", 14, buildUnary<graph::HardSwishOp>);
  table.add("LeakyRelu", 1, buildLeakyRelu);
  table.add("ThresholdedRelu", 10, buildThresholdedRelu);
  table.add("Elu", 1, buildElu);
  table.add("Celu", 12, buildCelu);
  table.add("Selu", 1, buildSelu<false>);
  table.add("Selu", 6, buildSelu<true>);
  table.add("HardSigmoid", 1, buildHardSigmoid);
  table.add("Swish", 24, buildSwish);
  table.add("Gelu", 20, buildGelu);
  table.add("Shrink", 9, buildShrink);
  table.add("PRelu", 1, buildPrelu1);
  table.add("PRelu", 7, buildPrelu);
}
