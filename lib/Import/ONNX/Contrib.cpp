// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators of com.microsoft, as ONNX Runtime's exporters write them: compositions of ai.onnx operators.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tegula;

static RankedTensorType rankedType(Value value) {
  return value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
}
static Type elementOf(Value value) { return cast<TensorType>(value.getType()).getElementType(); }

static Value binary(NodeContext &node, StringRef opType, Value lhs, Value rhs) {
  return lhs && rhs ? node.compose(opType, {lhs, rhs}) : nullptr;
}

/// Elements [begin, end) of dimension `axis`.
static Value slice(NodeContext &node, Value value, int64_t axis, int64_t begin, int64_t end) {
  if (!value)
    return nullptr;
  return node.compose("Slice", {value, node.integers({begin}), node.integers({end}), node.integers({axis})});
}

static Value permute(NodeContext &node, Value value, std::vector<int64_t> permutation) {
  return value ? node.compose("Transpose", {value}, {{"perm", std::move(permutation)}}) : nullptr;
}

/// Makes `value` result `index`; fails when a step of its composition was not supported.
static LogicalResult finish(NodeContext &node, unsigned index, Value value) {
  if (!value)
    return failure();
  node.setResult(index, value);
  return success();
}

static LogicalResult refuseResults(NodeContext &node, std::initializer_list<unsigned> indices) {
  for (unsigned index : indices)
    if (node.hasResult(index))
      return node.unsupported("result " + Twine(index));
  return success();
}

// --- normalization ---------------------------------------------------------------------------------------------------

static Value rmsNorm(NodeContext &node, Value x, Value scale) {
  return node.compose("RMSNormalization", {x, scale},
                      {{"axis", node.getInteger("axis", -1)},
                       {"epsilon", node.getFloat("epsilon", 1e-5f)},
                       {"stash_type", node.getInteger("stash_type", 1)}});
}

static LogicalResult buildSimplifiedLayerNorm(NodeContext &node) {
  if (failed(refuseResults(node, {1})))
    return failure();
  return finish(node, 0, rmsNorm(node, node.operand(0), node.operand(1)));
}

/// input, skip, gamma, [beta,] bias: the norm of input + skip + bias; that sum is result 3.
template <bool isSimplified> static LogicalResult buildSkipLayerNorm(NodeContext &node) {
  if (failed(refuseResults(node, {1, 2})))
    return failure();
  Value sum = binary(node, "Add", node.operand(0), node.operand(1));
  if (Value bias = node.operand(isSimplified ? 3 : 4))
    sum = binary(node, "Add", sum, bias);
  if (!sum)
    return failure();
  if (node.hasResult(3))
    node.setResult(3, sum);
  if (isSimplified)
    return finish(node, 0, rmsNorm(node, sum, node.operand(2)));
  SmallVector<Value> operands{sum, node.operand(2)};
  if (Value beta = node.operand(3))
    operands.push_back(beta);
  float epsilon = node.getFloat("epsilon", 1e-12f);
  return finish(node, 0, node.compose("LayerNormalization", operands, {{"axis", int64_t(-1)}, {"epsilon", epsilon}}));
}

// --- activations -----------------------------------------------------------------------------------------------------

template <bool isTanh> static LogicalResult buildGelu(NodeContext &node) {
  Value x = node.operand(0);
  if (Value bias = node.operand(1))
    x = binary(node, "Add", x, bias);
  if (!x)
    return failure();
  return finish(node, 0, node.compose("Gelu", {x}, {{"approximate", std::string(isTanh ? "tanh" : "none")}}));
}

static LogicalResult buildQuickGelu(NodeContext &node) {
  Value x = node.operand(0), alpha = node.scalar(double(node.getFloat("alpha", 1.702f)), elementOf(x));
  Value scaled = binary(node, "Mul", x, alpha);
  Value gate = scaled ? node.compose("Sigmoid", {scaled}) : nullptr;
  return finish(node, 0, binary(node, "Mul", x, gate));
}

static LogicalResult buildFusedMatMul(NodeContext &node) {
  if (node.getInteger("transBatchA", 0) || node.getInteger("transBatchB", 0))
    return node.unsupported("transposed batch dimensions");
  Type unknown = UnrankedTensorType::get(node.elementType(0));
  Value product = node.create<graph::MatMulOp>(unknown, node.operand(0), node.operand(1),
                                               node.getInteger("transA", 0) != 0, node.getInteger("transB", 0) != 0);
  if (float alpha = node.getFloat("alpha", 1); alpha != 1)
    product = node.create<graph::MulOp>(unknown, product, node.scalar(double(alpha), node.elementType(0)));
  node.setResult(0, product);
  return success();
}

// --- attention -------------------------------------------------------------------------------------------------------

/// Rotates pairs of the last dimension of `x` [B, S, N, H] by the angles of `positions` ([B, S] or one offset).
static Value rotate(NodeContext &node, Value x, Value positions, Value cosines, Value sines, int64_t rotated,
                    bool isInterleaved) {
  auto type = rankedType(x);
  auto positionType = rankedType(positions);
  int64_t head = type.getDimSize(3), half = rotated / 2;
  if (positionType.getRank() == 1 || positionType.getDimSize(1) != type.getDimSize(1)) {
    if (positionType.getRank() == 1) {
      // One offset: positions offset .. offset + S - 1, the same for every batch.
      Value count = node.compose("Shape", {x}, {{"start", int64_t(1)}, {"end", int64_t(2)}}, node.builder.getI64Type());
      count = count ? node.reshape(count, {}) : nullptr;
      Value range = count ? node.compose("Range", {node.scalar(int64_t(0)), count, node.scalar(int64_t(1))}) : nullptr;
      positions = binary(node, "Add", range, positions);
      positions = positions ? node.reshape(positions, {1, -1}) : nullptr;
    }
  }
  auto angles = [&](Value cache) -> Value {
    Value chosen = positions ? node.compose("Gather", {cache, positions}, {{"axis", int64_t(0)}}) : nullptr;
    return chosen ? node.compose("Unsqueeze", {chosen, node.integers({2})}) : nullptr;
  };
  Value cosine = angles(cosines), sine = angles(sines);
  Value turning = rotated == head ? x : slice(node, x, 3, 0, rotated);
  Value first, second;
  if (isInterleaved && turning) {
    Value pairs = node.compose("Reshape", {turning, node.integers({0, 0, 0, half, 2})});
    auto take = [&](int64_t i) {
      Value part = slice(node, pairs, 4, i, i + 1);
      return part ? node.compose("Squeeze", {part, node.integers({4})}) : nullptr;
    };
    first = take(0);
    second = take(1);
  } else {
    first = slice(node, turning, 3, 0, half);
    second = slice(node, turning, 3, half, rotated);
  }
  Value real = binary(node, "Sub", binary(node, "Mul", first, cosine), binary(node, "Mul", second, sine));
  Value imaginary = binary(node, "Add", binary(node, "Mul", first, sine), binary(node, "Mul", second, cosine));
  if (!real || !imaginary)
    return nullptr;
  Value result;
  if (isInterleaved) {
    Value l = node.compose("Unsqueeze", {real, node.integers({4})});
    Value r = node.compose("Unsqueeze", {imaginary, node.integers({4})});
    result = l && r ? node.compose("Concat", {l, r}, {{"axis", int64_t(4)}}) : nullptr;
    result = result ? node.compose("Reshape", {result, node.integers({0, 0, 0, rotated})}) : nullptr;
  } else {
    result = node.compose("Concat", {real, imaginary}, {{"axis", int64_t(3)}});
  }
  if (!result || rotated == head)
    return result;
  Value rest = slice(node, x, 3, rotated, head);
  return rest ? node.compose("Concat", {result, rest}, {{"axis", int64_t(3)}}) : nullptr;
}

/// input [B, S, N * H] or [B, N, S, H], position_ids, cos_cache, sin_cache [M, rotated / 2].
static LogicalResult buildRotaryEmbedding(NodeContext &node) {
  Value x = node.operand(0), positions = node.operand(1), cosines = node.operand(2), sines = node.operand(3);
  auto type = rankedType(x), cacheType = rankedType(cosines);
  if (!type || !cacheType || !rankedType(positions) || (type.getRank() != 3 && type.getRank() != 4))
    return node.unsupported("operands of unknown rank");
  if (node.getFloat("scale", 1) != 1 || node.getInteger("is_packed_batching", 0))
    return node.unsupported("a scale or packed batches");
  int64_t rotated = node.getInteger("rotary_embedding_dim", 0), heads = node.getInteger("num_heads", 0);
  if (rotated == 0)
    rotated = ShapedType::isDynamic(cacheType.getDimSize(1)) ? 0 : 2 * cacheType.getDimSize(1);
  int64_t hidden = type.getDimSize(type.getRank() - 1);
  int64_t head = type.getRank() == 4 ? hidden : heads > 0 && !ShapedType::isDynamic(hidden) ? hidden / heads : rotated;
  if (rotated <= 0 || head < rotated || ShapedType::isDynamic(head))
    return node.unsupported("a head size that is unknown at compile time");
  bool isInterleaved = node.getInteger("interleaved", 0) != 0;
  Value spread = type.getRank() == 4 ? permute(node, x, {0, 2, 1, 3})
                                     : node.compose("Reshape", {x, node.integers({0, 0, -1, head})});
  if (!spread)
    return failure();
  Value turned = rotate(node, spread, positions, cosines, sines, rotated, isInterleaved);
  if (!turned)
    return failure();
  return finish(
      node, 0,
      type.getRank() == 4
          ? permute(node, turned, {0, 2, 1, 3})
          : node.compose("Reshape", {turned, node.integers({0, 0, ShapedType::isDynamic(hidden) ? -1 : hidden})}));
}

/// [B, S, N * H] -> [B, N, S, H].
static Value splitHeads(NodeContext &node, Value value, int64_t heads) {
  auto type = rankedType(value);
  int64_t hidden = type ? type.getDimSize(2) : ShapedType::kDynamic;
  int64_t head = ShapedType::isDynamic(hidden) ? -1 : hidden / heads;
  Value spread = node.compose("Reshape", {value, node.integers({0, 0, heads, head})});
  return permute(node, spread, {0, 2, 1, 3});
}

/// softmax(scale * q k' + bias) v of [B, N, S, H] tensors, back as [B, S, N * H].
static Value attend(NodeContext &node, Value q, Value k, Value v, Value bias, float scale) {
  Value factor = node.scalar(double(scale), elementOf(q));
  Value scores = binary(node, "MatMul", binary(node, "Mul", q, factor), permute(node, k, {0, 1, 3, 2}));
  if (bias)
    scores = binary(node, "Add", scores, bias);
  Value weights = scores ? node.compose("Softmax", {scores}, {{"axis", int64_t(-1)}}) : nullptr;
  Value mixed = permute(node, binary(node, "MatMul", weights, v), {0, 2, 1, 3});
  auto type = rankedType(mixed);
  if (!type)
    return nullptr;
  bool isKnown = !type.isDynamicDim(2) && !type.isDynamicDim(3);
  return node.compose("Reshape",
                      {mixed, node.integers({0, 0, isKnown ? type.getDimSize(2) * type.getDimSize(3) : -1})});
}

/// query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value.
static LogicalResult buildMultiHeadAttention(NodeContext &node) {
  int64_t heads = node.getInteger("num_heads", 0);
  Value q = node.operand(0), k = node.operand(1), v = node.operand(2);
  auto queryType = rankedType(q), keyType = rankedType(k), valueType = rankedType(v);
  if (!queryType || !keyType || !valueType || queryType.getRank() != 3 || valueType.getRank() != keyType.getRank() ||
      heads <= 0 || queryType.isDynamicDim(2))
    return node.unsupported("packed operands, or a hidden size that is unknown at compile time");
  if (node.getInteger("unidirectional", 0) || node.operandCount() > 8 || (keyType.getRank() == 4 && node.operand(6)))
    return node.unsupported("a causal mask, cache indirection, or a past with split keys");
  int64_t head = queryType.getDimSize(2) / heads;
  if (Value bias = node.operand(3)) {
    // One bias for query, key and value, one behind the other.
    if (keyType.getRank() != 3 || keyType.isDynamicDim(2) || valueType.isDynamicDim(2))
      return node.unsupported("a bias on split keys");
    int64_t begin = 0;
    for (Value *part : {&q, &k, &v}) {
      int64_t end = begin + rankedType(*part).getDimSize(2);
      *part = binary(node, "Add", *part, slice(node, bias, 0, begin, end));
      begin = end;
      if (!*part)
        return failure();
    }
  }
  q = splitHeads(node, q, heads);
  if (keyType.getRank() == 3) {
    k = splitHeads(node, k, heads);
    v = splitHeads(node, v, heads);
  }
  if (Value past = node.operand(6); past && k)
    k = node.compose("Concat", {past, k}, {{"axis", int64_t(2)}});
  if (Value past = node.operand(7); past && v)
    v = node.compose("Concat", {past, v}, {{"axis", int64_t(2)}});
  if (!q || !k || !v)
    return failure();
  Value bias = node.operand(5);
  if (Value mask = node.operand(4)) {
    auto maskType = rankedType(mask);
    if (!maskType || maskType.getRank() != 2)
      return node.unsupported("a key padding mask that is not [B, T]");
    Type element = elementOf(q);
    Value hidden = node.compose("Equal", {mask, node.scalar(0.0, elementOf(mask))}, {}, node.builder.getI1Type());
    double filter = element.isF16() ? -65504.0 : double(node.getFloat("mask_filter_value", -10000.0f));
    Value filled =
        hidden ? node.compose("Where", {hidden, node.scalar(filter, element), node.scalar(0.0, element)}, {}, element)
               : nullptr;
    filled = filled ? node.compose("Unsqueeze", {filled, node.integers({1, 2})}) : nullptr;
    if (!filled)
      return failure();
    bias = bias ? binary(node, "Add", bias, filled) : filled;
  }
  if (node.hasResult(1))
    node.setResult(1, k);
  if (node.hasResult(2))
    node.setResult(2, v);
  float scale = node.getFloat("scale", 0);
  return finish(node, 0, attend(node, q, k, v, bias, scale != 0 ? scale : 1 / std::sqrt(float(head))));
}

void tegula::addContribNodes(NodeTable &table) {
  constexpr const char *domain = "com.microsoft";
  table.add("SimplifiedLayerNormalization", 1, buildSimplifiedLayerNorm);
  table.add(domain, "SimplifiedLayerNormalization", 1, buildSimplifiedLayerNorm);
  table.add(domain, "SkipSimplifiedLayerNormalization", 1, buildSkipLayerNorm<true>);
  table.add(domain, "SkipLayerNormalization", 1, buildSkipLayerNorm<false>);
  table.add(domain, "Gelu", 1, buildGelu<false>);
  table.add(domain, "BiasGelu", 1, buildGelu<false>);
  table.add(domain, "FastGelu", 1, buildGelu<true>);
  table.add(domain, "QuickGelu", 1, buildQuickGelu);
  table.add(domain, "FusedMatMul", 1, buildFusedMatMul);
  table.add(domain, "RotaryEmbedding", 1, buildRotaryEmbedding);
  table.add(domain, "MultiHeadAttention", 1, buildMultiHeadAttention);
}
