// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Attention, MultiHeadAttention and RotaryEmbedding of com.microsoft.
#include "tegula/Import/ONNX/Attention.h"

using namespace mlir;
using namespace tegula;

/// input [B, S, N * H] or [B, N, S, H], position_ids ([B, S], or one offset), cos_cache, sin_cache [M, rotated / 2].
static LogicalResult buildRotaryEmbedding(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0), positions = node.operand(1), cosines = node.operand(2), sines = node.operand(3);
  auto type = Composer::rankedType(x), cacheType = Composer::rankedType(cosines),
       positionType = Composer::rankedType(positions);
  if (!type || !cacheType || !positionType || cacheType.getRank() != 2 || positionType.getRank() > 2 ||
      (type.getRank() != 3 && type.getRank() != 4))
    return node.unsupported("operands of unknown rank");
  if (node.getFloat("scale", 1) != 1)
    return node.unsupported("attribute scale");
  bool areHeadsFirst = type.getRank() == 4;
  int64_t rotated = node.getInteger("rotary_embedding_dim", 0), heads = node.getInteger("num_heads", 0);
  auto half = Composer::knownExtent(cosines, 1), hidden = Composer::knownExtent(x, type.getRank() - 1);
  if (rotated == 0 && half)
    rotated = 2 * *half;
  int64_t head = areHeadsFirst || !hidden || heads <= 0 ? rotated : *hidden / heads;
  if (areHeadsFirst && hidden)
    head = *hidden;
  if (rotated <= 0 || rotated % 2 || head < rotated)
    return node.unsupported("a head size that is unknown at compile time");
  Value queries = c.extent(x, areHeadsFirst ? 2 : 1);
  if (positionType.getRank() < 2)
    positions = c.unsqueeze(c.add(c.iota(queries), c.reshape(positions, {1})), {0});
  Value spread = areHeadsFirst ? x : c.reshape(x, {0, 0, -1, head});
  Value turned =
      rotatePairs(c, spread, positions, cosines, sines, rotated, node.getInteger("interleaved", 0) != 0, areHeadsFirst);
  Value result = areHeadsFirst ? turned : c.reshape(turned, {0, 0, hidden.value_or(-1)});
  return c.finish(result);
}

/// An additive mask that broadcasts to [B, 1, S, T], of the element type of `like`: 0 where a key counts, `filter`
/// where not. The mask is, by its rank: 1, [B] ends of the keys, [2 * B] ends and then starts, or [3 * B + 2] ends and
/// then offsets of packed sequences; 2, [B, T]; 3, [B, S, T]; 4, [B, 1, M, M] of all positions, of which queries take
/// rows from `past` on. In 2 and more dimensions 0 is a key that does not count.
static Value paddingBias(Composer &c, Value mask, Value like, Value batches, Value queries, Value keys, Value past,
                         float filter) {
  if (c.failed)
    return nullptr;
  NodeContext &node = c.node;
  Type i64 = node.builder.getI64Type();
  int64_t rank = Composer::rankedType(mask).getRank();
  Value counts;
  if (rank == 1) {
    Value bounds = c.cast(mask, i64), zero = node.scalar(int64_t(0)), length = c.extent(mask, 0);
    Value ends = c.slice(bounds, 0, zero, batches);
    Value columns = c.reshape(c.iota(keys), {1, 1, 1, -1});
    counts = c.compare("Less", columns, c.reshape(ends, {-1, 1, 1, 1}));
    auto known = Composer::knownExtent(mask, 0);
    auto entries = Composer::knownExtent(like, 0);
    if (!known || !entries || *known == 2 * *entries) {
      Value isPaired = c.compare("Equal", length, c.add(batches, batches));
      Value starts = c.select(isPaired, c.slice(bounds, 0, c.sub(length, batches), length), node.integers({0}));
      counts = c.logicalAnd(counts, c.compare("GreaterOrEqual", columns, c.reshape(starts, {-1, 1, 1, 1})));
    }
  } else {
    if (rank == 2)
      mask = c.unsqueeze(mask, {1, 2});
    else if (rank == 3)
      mask = c.unsqueeze(mask, {1});
    else
      mask = c.slice(c.slice(mask, 2, past, c.add(past, queries)), 3, node.scalar(int64_t(0)), keys);
    counts = c.compare("Greater", mask, c.number(0, mask));
  }
  return c.select(counts, c.number(0, like), c.number(filter, like));
}

/// The filter value, as far as the element type goes.
static float maskFilter(NodeContext &node, Value like) {
  float filter = node.getFloat("mask_filter_value", -10000.0f);
  return Composer::elementOf(like).isF16() ? std::max(filter, -65504.0f) : filter;
}

/// Checks the rank of an additive or padding mask.
static LogicalResult checkRank(NodeContext &node, Value mask, int64_t least, int64_t most, StringRef name) {
  auto type = Composer::rankedType(mask);
  if (mask && (!type || type.getRank() < least || type.getRank() > most))
    return node.unsupported(name + " of a rank that is not known or not served");
  return success();
}

/// Writes the step's rows behind `past` rows of a cache that is shared by all steps; gives the rows so far, and the
/// cache.
static std::pair<Value, Value> shareCache(Composer &c, Value cache, Value current, Value past) {
  Value batches = c.extent(current, 0);
  Value starts = c("Expand", {c.reshape(past, {1}), c.reshape(batches, {1})});
  Value present = c("TensorScatter", {cache, current, starts}, {{"axis", int64_t(2)}});
  return {c.slice(present, 2, c.node.scalar(int64_t(0)), c.add(past, c.extent(current, 2))), present};
}

namespace {
/// Keys and values of the whole step, and what the next one gets of them.
struct Caches {
  Value past; ///< a scalar: how many keys were there before
  Value keys, values, presentKeys, presentValues;
};
} // namespace

/// Puts keys and values [B, N, L, H] behind those of the past, which may be null. With `length`, the past is a cache
/// that is shared by all steps, and that many of its rows count.
static Caches extendCaches(Composer &c, Value keys, Value values, Value pastKeys, Value pastValues, Value length) {
  Caches caches{c.node.scalar(int64_t(0)), keys, values, keys, values};
  if (!pastKeys)
    return caches;
  if (length) {
    caches.past = c.reshape(c.cast(length, c.node.builder.getI64Type()), ArrayRef<int64_t>{});
    std::tie(caches.keys, caches.presentKeys) = shareCache(c, pastKeys, keys, caches.past);
    std::tie(caches.values, caches.presentValues) = shareCache(c, pastValues, values, caches.past);
  } else {
    caches.past = c.extent(pastKeys, 2);
    caches.keys = caches.presentKeys = c.concat({pastKeys, keys}, 2);
    caches.values = caches.presentValues = c.concat({pastValues, values}, 2);
  }
  return caches;
}

/// Attention under the node's padding mask, its bias and, with attribute unidirectional, in one direction.
static AttentionResults attendMasked(Composer &c, Value query, const Caches &caches, Value mask, Value bias,
                                     bool wantsScores) {
  if (c.failed)
    return {};
  NodeContext &node = c.node;
  Value queries = c.extent(query, 2), keys = c.extent(caches.keys, 2);
  AttentionOperands operands;
  operands.query = query;
  operands.key = caches.keys;
  operands.value = caches.values;
  operands.bias = bias;
  if (mask) {
    Value padding =
        paddingBias(c, mask, query, c.extent(query, 0), queries, keys, caches.past, maskFilter(node, query));
    operands.bias = bias ? c.add(bias, padding) : padding;
  }
  if (node.getInteger("unidirectional", 0))
    operands.allowed = causalMask(c, caches.past, queries, keys);
  operands.scale = node.getFloat("scale", 0);
  operands.wantsScores = wantsScores;
  return attend(c, operands);
}

/// query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value, past_sequence_length,
/// cache_indirection. Queries [B, S, N * H], or [B, S, N, 3, H] with keys and values; keys [B, L, N * H], or
/// [B, L, N, 2, H] with values, or [B, N, L, H] with such values.
static LogicalResult buildMultiHeadAttention(NodeContext &node) {
  Composer c(node);
  int64_t heads = node.getInteger("num_heads", 0);
  Value q = node.operand(0), k = node.operand(1), v = node.operand(2);
  auto queryType = Composer::rankedType(q), keyType = Composer::rankedType(k), valueType = Composer::rankedType(v);
  if (heads <= 0)
    return node.error("expected num_heads to be positive, but got " + Twine(heads));
  if (node.operand(9))
    return node.unsupported("operand cache_indirection");
  if (!queryType || (k && !keyType) || (v && !valueType))
    return node.unsupported("operands of unknown rank");
  if (!node.operand(6) != !node.operand(7))
    return node.error("expected past_key and past_value, but one is missing");
  if (failed(checkRank(node, node.operand(3), 1, 1, "bias")) ||
      failed(checkRank(node, node.operand(4), 1, 3, "key_padding_mask")) ||
      failed(checkRank(node, node.operand(5), 4, 4, "attention_bias")) ||
      failed(checkRank(node, node.operand(6), 4, 4, "past_key")) ||
      failed(checkRank(node, node.operand(7), 4, 4, "past_value")))
    return failure();
  // All as [B, S, N, H].
  bool areHeadsFirst = false;
  auto part = [&](Value packed, int64_t i) { return c.squeeze(c.slice(packed, 3, i, i + 1), {3}); };
  if (queryType.getRank() == 5 && !k && !v) {
    Value packed = q;
    q = part(packed, 0);
    k = part(packed, 1);
    v = part(packed, 2);
  } else if (queryType.getRank() == 3 && k && keyType.getRank() == 5 && !v) {
    Value packed = k;
    k = part(packed, 0);
    v = part(packed, 1);
  } else if (queryType.getRank() == 3 && k && v && keyType.getRank() == valueType.getRank() &&
             (keyType.getRank() == 3 || keyType.getRank() == 4)) {
    areHeadsFirst = keyType.getRank() == 4;
  } else {
    return node.error("expected a query [B, S, N * H] with keys and values [B, L, N * H] or [B, N, L, H], or packed "
                      "[B, S, N, 3, H], or with packed [B, L, N, 2, H]");
  }
  for (Value *operand : {&q, &k, &v}) {
    if (c.failed)
      return failure();
    auto hidden = Composer::knownExtent(*operand, 2);
    if (Composer::rankedType(*operand).getRank() == 3 && (!hidden || *hidden % heads || *hidden == 0))
      return node.unsupported("a hidden size that is unknown at compile time or no multiple of num_heads");
    if (operand == &q || !areHeadsFirst)
      *operand = splitHeads(c, *operand, heads);
  }
  if (c.failed)
    return failure();
  for (Value operand : {q, k, v})
    if (!Composer::knownExtent(operand, 3) || (operand == q && Composer::knownExtent(q, 2) != heads))
      return node.unsupported("a number of heads or a head size that is unknown at compile time");
  if (Value bias = node.operand(3)) {
    if (areHeadsFirst)
      return node.unsupported("bias on keys and values that have their heads first");
    // One bias for query, key and value, one behind the other.
    int64_t begin = 0;
    for (Value *operand : {&q, &k, &v}) {
      int64_t size = *Composer::knownExtent(*operand, 3), end = begin + heads * size;
      *operand = c.add(*operand, c.reshape(c.slice(bias, 0, begin, end), {heads, size}));
      begin = end;
      if (c.failed)
        return failure();
    }
  }
  q = c.transpose(q, {0, 2, 1, 3});
  if (!areHeadsFirst) {
    k = c.transpose(k, {0, 2, 1, 3});
    v = c.transpose(v, {0, 2, 1, 3});
  } else {
    // Their number of heads may be unknown.
    k = c.reshape(k, {0, heads, -1, *Composer::knownExtent(k, 3)});
    v = c.reshape(v, {0, heads, -1, *Composer::knownExtent(v, 3)});
  }
  Caches caches = extendCaches(c, k, v, node.operand(6), node.operand(7), node.operand(8));
  AttentionResults results =
      attendMasked(c, q, caches, node.operand(4), node.operand(5), /*wantsScores=*/node.hasResult(3));
  if (c.failed)
    return failure();
  node.setResult(0, results.y);
  node.setResult(1, caches.presentKeys);
  node.setResult(2, caches.presentValues);
  if (node.hasResult(3))
    node.setResult(3, results.scores);
  return success();
}

/// input [B, S, D], weights [D, E], bias [E], mask_index, past [2, B, N, P, H], attention_bias, past_sequence_length;
/// E is the hidden sizes of queries, keys and values together.
static LogicalResult buildAttention(NodeContext &node) {
  Composer c(node);
  int64_t heads = node.getInteger("num_heads", 0);
  auto type = Composer::rankedType(node.operand(0)), weightType = Composer::rankedType(node.operand(1));
  if (heads <= 0)
    return node.error("expected num_heads to be positive, but got " + Twine(heads));
  if (node.getInteger("do_rotary", 0))
    return node.unsupported("attribute do_rotary");
  if (!type || type.getRank() != 3 || !weightType || weightType.getRank() != 2 || weightType.isDynamicDim(1))
    return node.unsupported("operands of unknown rank, or weights of unknown width");
  if (failed(checkRank(node, node.operand(2), 1, 1, "bias")) ||
      failed(checkRank(node, node.operand(3), 1, 4, "mask_index")) ||
      failed(checkRank(node, node.operand(4), 5, 5, "past")) ||
      failed(checkRank(node, node.operand(5), 4, 4, "attention_bias")))
    return failure();
  int64_t width = weightType.getDimSize(1);
  SmallVector<int64_t> sizes = node.getIntegers("qkv_hidden_sizes").value_or(SmallVector<int64_t>(3, width / 3));
  if (sizes.size() != 3 || sizes[0] != sizes[1] || sizes[0] + sizes[1] + sizes[2] != width || sizes[0] <= 0 ||
      sizes[2] <= 0 || sizes[0] % heads || sizes[2] % heads)
    return node.error(
        "expected hidden sizes of queries, keys and values that are multiples of num_heads and as wide as "
        "the weights together");
  Value projected = c("MatMul", {node.operand(0), node.operand(1)});
  if (Value bias = node.operand(2))
    projected = c.add(projected, bias);
  Value parts[3];
  int64_t begin = 0;
  for (int i = 0; i < 3; ++i) {
    Value part = splitHeads(c, c.slice(projected, 2, begin, begin + sizes[i]), heads);
    parts[i] = c.transpose(part, {0, 2, 1, 3});
    begin += sizes[i];
  }
  auto [q, k, v] = parts;
  Value pastKeys, pastValues, length;
  if (Value cache = node.operand(4)) {
    pastKeys = c.squeeze(c.slice(cache, 0, 0, 1), {0});
    pastValues = c.squeeze(c.slice(cache, 0, 1, 2), {0});
    if (node.getInteger("past_present_share_buffer", 0)) {
      length = node.operand(6);
      if (!length)
        return node.error("expected past_sequence_length where past_present_share_buffer is 1");
    }
  }
  Caches caches = extendCaches(c, k, v, pastKeys, pastValues, length);
  if (node.hasResult(1))
    node.setResult(1, c.concat({c.unsqueeze(caches.presentKeys, {0}), c.unsqueeze(caches.presentValues, {0})}, 0));
  AttentionResults results = attendMasked(c, q, caches, node.operand(3), node.operand(5), /*wantsScores=*/false);
  return c.finish(results.y);
}

void tegula::addContribAttentionNodes(NodeTable &table) {
  constexpr const char *domain = "com.microsoft";
  table.add(domain, "RotaryEmbedding", 1, buildRotaryEmbedding);
  table.add(domain, "MultiHeadAttention", 1, buildMultiHeadAttention);
  table.add(domain, "Attention", 1, buildAttention);
}
