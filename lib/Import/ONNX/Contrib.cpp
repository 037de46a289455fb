// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Normalizations, activations and fused contractions of com.microsoft, as ONNX Runtime's exporters write them:
// compositions of ai.onnx operators.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"

using namespace mlir;
using namespace tegula;

// --- normalization ---------------------------------------------------------------------------------------------------

static Value rmsNorm(Composer &c, Value x, Value scale, float epsilon) {
  return c("RMSNormalization", {x, scale},
           {{"axis", c.node.getInteger("axis", -1)},
            {"epsilon", c.node.getFloat("epsilon", epsilon)},
            {"stash_type", c.node.getInteger("stash_type", 1)}});
}

static Value layerNorm(Composer &c, Value x, Value gamma, Value beta) {
  SmallVector<Value> operands{x, gamma};
  if (beta)
    operands.push_back(beta);
  return c("LayerNormalization", operands, {{"axis", int64_t(-1)}, {"epsilon", c.node.getFloat("epsilon", 1e-12f)}});
}

/// Results 1 and 2, the mean (0 of the simplified form) and the inverse standard deviation of the last dimension.
static void setMoments(Composer &c, Value x, float epsilon, bool isSimplified) {
  NodeContext &node = c.node;
  if (!node.hasResult(1) && !node.hasResult(2))
    return;
  Type f32 = node.builder.getF32Type();
  Value wide = c.cast(x, f32), axes = node.integers({-1});
  Value mean = c("ReduceMean", {wide, axes});
  Value centered = isSimplified ? wide : c.sub(wide, mean);
  Value variance = c("ReduceMean", {c.mul(centered, centered), axes});
  Value inverse = c("Reciprocal", {c("Sqrt", {c.add(variance, node.scalar(double(epsilon), f32))})});
  if (node.hasResult(1))
    node.setResult(1, isSimplified ? c.mul(mean, node.scalar(0.0, f32)) : mean);
  if (node.hasResult(2))
    node.setResult(2, inverse);
}

static LogicalResult buildSimplifiedLayerNorm(NodeContext &node) {
  Composer c(node);
  if (node.hasResult(1))
    return node.unsupported("result inv_std_var");
  return c.finish(rmsNorm(c, node.operand(0), node.operand(1), 1e-5f));
}

/// input, skip, gamma, [beta,] bias: the norm of input + skip + bias; that sum is result 3.
template <bool isSimplified> static LogicalResult buildSkipLayerNorm(NodeContext &node) {
  Composer c(node);
  float epsilon = node.getFloat("epsilon", 1e-12f);
  Value sum = c.add(node.operand(0), node.operand(1));
  if (Value bias = node.operand(isSimplified ? 3 : 4))
    sum = c.add(sum, bias);
  if (c.failed)
    return failure();
  setMoments(c, sum, epsilon, isSimplified);
  if (node.hasResult(3))
    node.setResult(3, sum);
  return c.finish(isSimplified ? rmsNorm(c, sum, node.operand(2), 1e-12f)
                               : layerNorm(c, sum, node.operand(2), node.operand(3)));
}

/// input_ids, segment_ids, word_embedding, position_embedding, segment_embedding, gamma, beta, mask, position_ids: the
/// norm of the sum of rows of the embeddings; the number of ones in each row of the mask is result 1, the sum result 2.
static LogicalResult buildEmbedLayerNorm(NodeContext &node) {
  Composer c(node);
  Value words = node.operand(0), segments = node.operand(1), mask = node.operand(7);
  auto type = Composer::rankedType(words);
  if (!type || type.getRank() != 2 || !Composer::rankedType(node.operand(3)))
    return node.unsupported("input_ids or a position_embedding of unknown rank");
  if (!segments != !node.operand(4))
    return node.error("expected segment_ids and segment_embedding, but one is missing");
  auto rows = [&](Value table, Value indices) { return c("Gather", {table, indices}, {{"axis", int64_t(0)}}); };
  Value sum = rows(node.operand(2), words);
  if (Value positions = node.operand(8))
    sum = c.add(sum, rows(node.operand(3), positions));
  else
    sum = c.add(sum, c.slice(node.operand(3), 0, node.scalar(int64_t(0)), c.extent(words, 1)));
  if (segments)
    sum = c.add(sum, rows(node.operand(4), segments));
  if (node.hasResult(1)) {
    Type i32 = node.builder.getI32Type();
    if (mask) {
      Value ones = c.cast(c.compare("Equal", mask, c.number(1, mask)), i32);
      node.setResult(1, c("ReduceSum", {ones, node.integers({1})}, {{"keepdims", int64_t(0)}}));
    } else {
      node.setResult(1, c("Expand", {node.scalar(0.0, i32), c.reshape(c.extent(words, 0), {1})}));
    }
  }
  if (c.failed)
    return failure();
  if (node.hasResult(2))
    node.setResult(2, sum);
  return c.finish(layerNorm(c, sum, node.operand(5), node.operand(6)));
}

// --- activations -----------------------------------------------------------------------------------------------------

template <bool isTanh> static LogicalResult buildGelu(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0);
  if (Value bias = node.operand(1))
    x = c.add(x, bias);
  return c.finish(c("Gelu", {x}, {{"approximate", std::string(isTanh ? "tanh" : "none")}}));
}

static LogicalResult buildQuickGelu(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0);
  return c.finish(c.mul(x, c("Sigmoid", {c.mul(x, c.number(node.getFloat("alpha", 1.702f), x))})));
}

/// The activation that a fused operator ends with. `parameters` are its numbers in order; a missing one has the default
/// that the activation's own operator has.
static Value activate(Composer &c, Value x, const std::string &name, ArrayRef<float> parameters) {
  if (c.failed || name.empty())
    return c.failed ? nullptr : x;
  struct Activation {
    StringRef name;
    SmallVector<StringRef> parameters;
  };
  static const Activation known[] = {{"Relu", {}},
                                     {"Tanh", {}},
                                     {"Sigmoid", {}},
                                     {"Softplus", {}},
                                     {"Softsign", {}},
                                     {"LeakyRelu", {"alpha"}},
                                     {"Elu", {"alpha"}},
                                     {"ThresholdedRelu", {"alpha"}},
                                     {"HardSigmoid", {"alpha", "beta"}},
                                     {"Selu", {"alpha", "gamma"}}};
  if (name == "Clip" && parameters.size() == 2)
    return c("Clip", {x, c.number(parameters[0], x), c.number(parameters[1], x)});
  for (const Activation &entry : known) {
    if (entry.name != name)
      continue;
    SmallVector<NodeAttribute> attributes;
    for (auto [parameter, value] : llvm::zip(entry.parameters, parameters))
      attributes.push_back({parameter, value});
    return c(name, {x}, attributes);
  }
  c.failed = true;
  (void)c.node.unsupported("attribute activation of " + name);
  return nullptr;
}

// --- contractions ----------------------------------------------------------------------------------------------------

/// The first dimension goes behind the batch dimensions that follow it.
static Value moveFirstBehindBatch(Composer &c, Value x) {
  int64_t rank = Composer::rankedType(x).getRank();
  std::vector<int64_t> permutation;
  for (int64_t i = 1; i < rank - 1; ++i)
    permutation.push_back(i);
  permutation.push_back(0);
  permutation.push_back(rank - 1);
  return c.transpose(x, permutation);
}

static LogicalResult buildFusedMatMul(NodeContext &node) {
  Composer c(node);
  Value operands[] = {node.operand(0), node.operand(1)};
  const char *attributes[] = {"transBatchA", "transBatchB"};
  for (int i = 0; i < 2; ++i) {
    if (!node.getInteger(attributes[i], 0))
      continue;
    auto type = Composer::rankedType(operands[i]);
    if (!type || type.getRank() < 2)
      return node.unsupported(Twine("attribute ") + attributes[i] + " on an operand of unknown rank");
    operands[i] = moveFirstBehindBatch(c, operands[i]);
    if (c.failed)
      return failure();
  }
  Type unknown = UnrankedTensorType::get(node.elementType(0));
  Value product = node.create<graph::MatMulOp>(unknown, operands[0], operands[1], node.getInteger("transA", 0) != 0,
                                               node.getInteger("transB", 0) != 0);
  if (float alpha = node.getFloat("alpha", 1); alpha != 1)
    product = c.mul(product, c.number(alpha, product));
  return c.finish(product);
}

/// x, w, bias, z: activation(conv(x, w, bias) + z).
static LogicalResult buildFusedConv(NodeContext &node) {
  Composer c(node);
  SmallVector<NodeAttribute> attributes{{"group", node.getInteger("group", 1)},
                                        {"auto_pad", node.getString("auto_pad", "NOTSET")}};
  for (StringRef name : {"pads", "strides", "dilations", "kernel_shape"})
    if (auto values = node.getIntegers(name))
      attributes.push_back({name, std::vector<int64_t>(values->begin(), values->end())});
  SmallVector<Value> operands{node.operand(0), node.operand(1)};
  if (Value bias = node.operand(2))
    operands.push_back(bias);
  Value y = c("Conv", operands, attributes);
  if (Value z = node.operand(3))
    y = c.add(y, z);
  return c.finish(activate(c, y, node.getString("activation", ""),
                           node.getFloats("activation_params").value_or(SmallVector<float>())));
}

static LogicalResult buildFusedGemm(NodeContext &node) {
  Composer c(node);
  SmallVector<Value> operands{node.operand(0), node.operand(1)};
  if (Value bias = node.operand(2))
    operands.push_back(bias);
  Value y = c("Gemm", operands,
              {{"alpha", node.getFloat("alpha", 1)},
               {"beta", node.getFloat("beta", 1)},
               {"transA", node.getInteger("transA", 0)},
               {"transB", node.getInteger("transB", 0)}});
  std::string activation = node.getString("activation", "");
  SmallVector<float> parameters;
  for (StringRef name : {"activation_alpha", activation == "Selu" ? "activation_gamma" : "activation_beta"}) {
    if (!node.hasAttribute(name))
      break;
    parameters.push_back(node.getFloat(name, 0));
  }
  return c.finish(activate(c, y, activation, parameters));
}

void tegula::addContribNodes(NodeTable &table) {
  constexpr const char *domain = "com.microsoft";
  table.add("SimplifiedLayerNormalization", 1, buildSimplifiedLayerNorm);
  table.add(domain, "SimplifiedLayerNormalization", 1, buildSimplifiedLayerNorm);
  table.add(domain, "SkipSimplifiedLayerNormalization", 1, buildSkipLayerNorm<true>);
  table.add(domain, "SkipLayerNormalization", 1, buildSkipLayerNorm<false>);
  table.add(domain, "EmbedLayerNormalization", 1, buildEmbedLayerNorm);
  table.add(domain, "Gelu", 1, buildGelu<false>);
  table.add(domain, "BiasGelu", 1, buildGelu<false>);
  table.add(domain, "FastGelu", 1, buildGelu<true>);
  table.add(domain, "QuickGelu", 1, buildQuickGelu);
  table.add(domain, "FusedMatMul", 1, buildFusedMatMul);
  table.add(domain, "FusedConv", 1, buildFusedConv);
  table.add(domain, "FusedGemm", 1, buildFusedGemm);
}
