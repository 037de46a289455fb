// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"

using namespace mlir;
using namespace tegula;

namespace {
/// The attributes that all recurrent layers share, with defaults filled in.
struct RecurrentAttributes {
  std::string direction;
  SmallVector<Attribute> activations;
  SmallVector<float> alpha, beta;
  float clip;
};
} // namespace

/// `defaults` are the activations of one direction. Parameters of ONNX's lists go, in order, to the activations that
/// take them.
static RecurrentAttributes readAttributes(NodeContext &node, ArrayRef<StringRef> defaults) {
  RecurrentAttributes result;
  result.direction = node.getString("direction", "forward");
  result.clip = node.getFloat("clip", 0);
  std::vector<std::string> names = node.getStrings("activations").value_or(std::vector<std::string>());
  if (names.empty())
    for (int i = 0, directions = result.direction == "bidirectional" ? 2 : 1; i < directions; ++i)
      for (StringRef name : defaults)
        names.push_back(name.str());
  struct Parameters {
    StringRef name;
    std::optional<float> alpha, beta;
  };
  static const Parameters known[] = {
      {"Affine", 1.0f, 0.0f},     {"LeakyRelu", 0.01f, std::nullopt}, {"ThresholdedRelu", 1.0f, std::nullopt},
      {"ScaledTanh", 1.0f, 1.0f}, {"HardSigmoid", 0.2f, 0.5f},        {"Elu", 1.0f, std::nullopt}};
  auto alphas = node.getFloats("activation_alpha").value_or(SmallVector<float>());
  auto betas = node.getFloats("activation_beta").value_or(SmallVector<float>());
  size_t nextAlpha = 0, nextBeta = 0;
  for (const std::string &name : names) {
    // Names are case-insensitive in ONNX.
    std::string spelled = name;
    for (StringRef canonical : {"Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh",
                                "HardSigmoid", "Elu", "Softsign", "Softplus"})
      if (canonical.equals_insensitive(name))
        spelled = canonical.str();
    float alpha = 0, beta = 0;
    for (const Parameters &entry : known) {
      if (entry.name != spelled)
        continue;
      if (entry.alpha)
        alpha = nextAlpha < alphas.size() ? alphas[nextAlpha++] : *entry.alpha;
      if (entry.beta)
        beta = nextBeta < betas.size() ? betas[nextBeta++] : *entry.beta;
    }
    result.activations.push_back(node.builder.getStringAttr(spelled));
    result.alpha.push_back(alpha);
    result.beta.push_back(beta);
  }
  return result;
}

/// `layout` 1 has the batch first; graph ops have it behind the steps.
static Value transpose(NodeContext &node, Value value, ArrayRef<int64_t> permutation) {
  if (!value || !node.getInteger("layout", 0))
    return value;
  return node.create<graph::TransposeOp>(UnrankedTensorType::get(cast<TensorType>(value.getType()).getElementType()),
                                         value, permutation);
}
/// A parameter, of `shape` as far as that tells what its type does not.
static Value readParameter(NodeContext &node, Value value, ArrayRef<int64_t> shape) {
  auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
  if (!type || type.hasStaticShape() || type.getRank() != int64_t(shape.size()))
    return value;
  return node.reshape(value, shape);
}

/// w, r, bias and peepholes of a layer with `gates` gates. Their extents follow from the direction and from hidden_size
/// or, without it, from r.
static SmallVector<Value> readParameters(NodeContext &node, int64_t gates, Value w, Value r) {
  SmallVector<Value> given{w, r, node.operand(3), gates == 4 ? node.operand(7) : Value()};
  int64_t directions = node.getString("direction", "forward") == "bidirectional" ? 2 : 1;
  int64_t hidden = node.getInteger("hidden_size", 0);
  auto type = dyn_cast<RankedTensorType>(r.getType());
  if (hidden <= 0 && type && type.getRank() == 3 && !type.isDynamicDim(2))
    hidden = type.getDimSize(2);
  // What is bigger fits no memory.
  if (hidden <= 0 || hidden > std::numeric_limits<int32_t>::max())
    return given;
  return {readParameter(node, given[0], {directions, gates * hidden, -1}),
          readParameter(node, given[1], {directions, gates * hidden, hidden}),
          readParameter(node, given[2], {directions, 2 * gates * hidden}),
          readParameter(node, given[3], {directions, 3 * hidden})};
}

static Value readState(NodeContext &node, unsigned index) {
  // [B, D, H] -> [D, B, H]
  return transpose(node, node.operand(index), {1, 0, 2});
}

static void setResults(NodeContext &node, Operation *layer) {
  // [S, D, B, H] -> [B, S, D, H] and [D, B, H] -> [B, D, H]
  for (unsigned i = 0; i < layer->getNumResults(); ++i)
    if (node.hasResult(i)) {
      Value result = layer->getResult(i);
      node.setResult(i, i == 0 ? transpose(node, result, {2, 0, 1, 3}) : transpose(node, result, {1, 0, 2}));
    }
}

static SmallVector<Type> unknownResults(NodeContext &node, unsigned count) {
  return SmallVector<Type>(count, UnrankedTensorType::get(node.elementType(0)));
}

static LogicalResult createLstm(NodeContext &node, Value w, Value r) {
  RecurrentAttributes attributes = readAttributes(node, {"Sigmoid", "Tanh", "Tanh"});
  Value x = transpose(node, node.operand(0), {1, 0, 2}), h = readState(node, 5), c = readState(node, 6);
  auto types = unknownResults(node, 3);
  SmallVector<Value> parameters = readParameters(node, 4, w, r);
  auto layer = node.create<graph::LstmOp>(
      types[0], types[1], types[2], x, parameters[0], parameters[1], parameters[2], node.operand(4), h, c,
      parameters[3], node.builder.getStringAttr(attributes.direction),
      node.builder.getArrayAttr(attributes.activations), node.builder.getDenseF32ArrayAttr(attributes.alpha),
      node.builder.getDenseF32ArrayAttr(attributes.beta), node.builder.getF32FloatAttr(attributes.clip),
      node.builder.getBoolAttr(node.getInteger("input_forget", 0) != 0));
  setResults(node, layer);
  return success();
}

static LogicalResult buildLstm(NodeContext &node) { return createLstm(node, node.operand(1), node.operand(2)); }

/// The operands of LSTM, with weights that are quantized and transposed ([D, I, 4 * H] and [D, H, 4 * H]), then scales
/// and zero points of both, one per direction or per column. Only the weights are integers here: operands and states
/// keep the precision that a kernel which quantizes them would lose.
static LogicalResult buildDynamicQuantizeLstm(NodeContext &node) {
  Composer c(node);
  Type f32 = node.builder.getF32Type();
  Value weights[2];
  for (unsigned i = 0; i < 2; ++i) {
    auto along = [&](Value value) {
      auto type = Composer::rankedType(value);
      return type && type.getRank() == 2 ? c.unsqueeze(value, {1}) : c.reshape(value, {-1, 1, 1});
    };
    Value zero = c.cast(along(node.operand(9 + 2 * i)), f32), scale = along(node.operand(8 + 2 * i));
    weights[i] = c.transpose(c.mul(c.sub(c.cast(node.operand(1 + i), f32), zero), scale), {0, 2, 1});
  }
  if (c.failed)
    return failure();
  return createLstm(node, weights[0], weights[1]);
}

static LogicalResult buildGru(NodeContext &node) {
  RecurrentAttributes attributes = readAttributes(node, {"Sigmoid", "Tanh"});
  Value x = transpose(node, node.operand(0), {1, 0, 2}), h = readState(node, 5);
  auto types = unknownResults(node, 2);
  SmallVector<Value> parameters = readParameters(node, 3, node.operand(1), node.operand(2));
  auto layer = node.create<graph::GruOp>(
      types[0], types[1], x, parameters[0], parameters[1], parameters[2], node.operand(4), h,
      node.builder.getStringAttr(attributes.direction), node.builder.getArrayAttr(attributes.activations),
      node.builder.getDenseF32ArrayAttr(attributes.alpha), node.builder.getDenseF32ArrayAttr(attributes.beta),
      node.builder.getF32FloatAttr(attributes.clip),
      node.builder.getBoolAttr(node.getInteger("linear_before_reset", 0) != 0));
  setResults(node, layer);
  return success();
}

static LogicalResult buildRnn(NodeContext &node) {
  RecurrentAttributes attributes = readAttributes(node, {"Tanh"});
  Value x = transpose(node, node.operand(0), {1, 0, 2}), h = readState(node, 5);
  auto types = unknownResults(node, 2);
  SmallVector<Value> parameters = readParameters(node, 1, node.operand(1), node.operand(2));
  auto layer = node.create<graph::RnnOp>(
      types[0], types[1], x, parameters[0], parameters[1], parameters[2], node.operand(4), h,
      node.builder.getStringAttr(attributes.direction), node.builder.getArrayAttr(attributes.activations),
      node.builder.getDenseF32ArrayAttr(attributes.alpha), node.builder.getDenseF32ArrayAttr(attributes.beta),
      node.builder.getF32FloatAttr(attributes.clip));
  setResults(node, layer);
  return success();
}

void tegula::addRecurrentNodes(NodeTable &table) {
  table.add("LSTM", 1, buildLstm);
  table.add("GRU", 1, buildGru);
  table.add("RNN", 1, buildRnn);
  table.add("com.microsoft", "DynamicQuantizeLSTM", 1, buildDynamicQuantizeLstm);
}
