// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// com.microsoft.GroupQueryAttention: attention of a decoder with its cache of keys and values.
#include "tegula/Import/ONNX/Attention.h"

using namespace mlir;
using namespace tegula;

namespace {

/// Letters as in Attention.h, and P for the cache's capacity before this step.
class GroupQueryAttention {
public:
  explicit GroupQueryAttention(NodeContext &node) : node(node), c(node), i64(node.builder.getI64Type()) {}
  LogicalResult build();

private:
  LogicalResult readOperands();
  LogicalResult readCacheFormat();
  void placeQueries();
  void turn();
  void extendCache();
  void extendWindow();
  AttentionOperands makeOperands();

  /// How keys (or values) are stored in the cache: as they are, or as integers or float8 times a scale.
  struct Format {
    Value scale; ///< null: as they are
    Type element;
    bool isPacked = false; ///< two 4-bit integers in a byte, the first one low, each with 8 added
  };
  LogicalResult readFormat(StringRef attribute, unsigned cacheIndex, unsigned scaleIndex, Format &format);
  Value store(Value x, const Format &format);
  Value restore(Value stored, const Format &format);
  /// Keys or values of the whole step, and the cache for the next one.
  std::pair<Value, Value> appendTo(Value past, Value current, const Format &format);
  std::pair<Value, Value> slideOver(Value past, Value current, const Format &format);
  Value resident(Value totals, Value capacity);

  NodeContext &node;
  Composer c;
  Type i64;
  int64_t heads = 0, keyHeads = 0, head = 0, window = -1;
  bool isCausal = true, isSliding = false;
  Value q, k, v;               // [B, S, heads, H], then with heads first
  Value total, queries;        // scalars: the most tokens of a batch entry, S
  Value totals, past, isFirst; // [B] tokens, [B] tokens before this step, whether this is the first step
  Value keys, values;          // [B, K, T, H] of the step
  Value presentKeys, presentValues;
  Value keyPositions; // sliding: [B, T] absolute positions, -1 where nothing is
  Format keyFormat, valueFormat;
};

} // namespace

/// query or packed query, key and value; key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache,
/// sin_cache, position_ids, attention_bias, head_sink, k_scale, v_scale, q_norm_weight, k_norm_weight.
LogicalResult GroupQueryAttention::readOperands() {
  heads = node.getInteger("num_heads", 0);
  keyHeads = node.getInteger("kv_num_heads", 0);
  window = node.getInteger("local_window_size", -1);
  isCausal = node.getInteger("causal", 1) != 0;
  isSliding = node.getInteger("sliding_window_cache", 0) != 0;
  if (heads <= 0 || keyHeads <= 0 || heads % keyHeads)
    return node.error("expected num_heads to be a multiple of kv_num_heads, but got " + Twine(heads) + " and " +
                      Twine(keyHeads));
  if (!isCausal && window > 0)
    return node.error("expected no local_window_size where causal is 0, but got " + Twine(window));
  Value packed = node.operand(0);
  bool isPacked = !node.operand(1);
  auto hidden = Composer::knownExtent(packed, 2);
  int64_t parts = isPacked ? heads + 2 * keyHeads : heads;
  auto type = Composer::rankedType(packed);
  if (!type || type.getRank() != 3 || !hidden)
    return node.unsupported("a query that is not [B, S, D] with a hidden size D that is known at compile time");
  if (*hidden == 0 || *hidden % parts || isPacked != !node.operand(2))
    return node.error("expected a query of " + Twine(parts) + " heads, but got a hidden size of " + Twine(*hidden));
  head = *hidden / parts;
  for (unsigned i : {1u, 2u})
    if (auto width = Composer::knownExtent(node.operand(i), 2); node.operand(i) && width != keyHeads * head)
      return node.error("expected keys and values of " + Twine(keyHeads) + " heads of " + Twine(head) + " elements");
  if (!node.operand(3) != !node.operand(4) || !node.operand(7) != !node.operand(8) ||
      !node.operand(14) != !node.operand(15))
    return node.error("expected past_key and past_value, cos_cache and sin_cache, q_norm_weight and k_norm_weight in "
                      "pairs");
  if (!node.operand(5) || !node.operand(6))
    return node.error("expected operands seqlens_k and total_sequence_length, but one is missing");
  for (unsigned i : {3u, 4u})
    if (auto cache = Composer::rankedType(node.operand(i)); node.operand(i) && (!cache || cache.getRank() != 4))
      return node.unsupported("a cache that is not [B, kv_num_heads, P, H]");
  if (isSliding && (!node.operand(3) || window <= 0 || !isCausal))
    return node.error("expected sliding_window_cache with a past, causal attention and a positive local_window_size");
  auto split = [&](Value x, int64_t count) { return c.reshape(x, {0, 0, count, head}); };
  if (isPacked) {
    Value all = split(packed, parts);
    q = c.slice(all, 2, 0, heads);
    k = c.slice(all, 2, heads, heads + keyHeads);
    v = c.slice(all, 2, heads + keyHeads, parts);
  } else {
    q = split(packed, heads);
    k = split(node.operand(1), keyHeads);
    v = split(node.operand(2), keyHeads);
  }
  return success();
}

LogicalResult GroupQueryAttention::readFormat(StringRef attribute, unsigned cacheIndex, unsigned scaleIndex,
                                              Format &format) {
  std::string kind = node.getString(attribute, "NONE");
  if (kind == "NONE")
    return success();
  if (kind != "PER_TENSOR" && kind != "PER_CHANNEL")
    return node.error("expected attribute " + attribute + " to be NONE, PER_TENSOR or PER_CHANNEL, but got '" + kind +
                      "'");
  Value scale = node.operand(scaleIndex), cache = node.operand(cacheIndex);
  if (!scale || !cache)
    return node.unsupported("attribute " + attribute + " without a past and a scale");
  format.element = Composer::elementOf(cache);
  format.isPacked = node.getInteger("kv_cache_bit_width", 8) == 4;
  if (format.isPacked != (format.element.isUnsignedInteger(8)))
    return node.unsupported("attribute kv_cache_bit_width of 4 without a cache of uint8");
  if (kind == "PER_TENSOR")
    format.scale = c.reshape(scale, {1, 1, 1, 1});
  else
    format.scale = c.reshape(scale, {1, keyHeads, 1, head});
  return success();
}

LogicalResult GroupQueryAttention::readCacheFormat() {
  if (failed(readFormat("k_quant_type", 3, 12, keyFormat)) || failed(readFormat("v_quant_type", 4, 13, valueFormat)))
    return failure();
  for (unsigned i : {3u, 4u})
    if (Value cache = node.operand(i))
      if (!(i == 3 ? keyFormat : valueFormat).scale && Composer::elementOf(cache) != Composer::elementOf(q))
        return node.unsupported("a cache of another type than the query without k_quant_type and v_quant_type");
  return success();
}

Value GroupQueryAttention::store(Value x, const Format &format) {
  if (!format.scale || c.failed)
    return x;
  Type f32 = node.builder.getF32Type();
  Value scaled = c.div(c.cast(x, f32), format.scale);
  if (isa<FloatType>(format.element))
    return c.cast(scaled, format.element);
  double low = format.isPacked ? -8 : -128, high = format.isPacked ? 7 : 127;
  Value rounded = c("Clip", {c("Round", {scaled}), node.scalar(low, f32), node.scalar(high, f32)});
  if (!format.isPacked)
    return c.cast(rounded, format.element);
  Value nibbles = c.reshape(c.add(rounded, node.scalar(8.0, f32)), {0, 0, 0, head / 2, 2});
  Value bytes = c.add(c.slice(nibbles, 4, 0, 1), c.mul(c.slice(nibbles, 4, 1, 2), node.scalar(16.0, f32)));
  return c.cast(c.squeeze(bytes, {4}), format.element);
}

Value GroupQueryAttention::restore(Value stored, const Format &format) {
  if (!format.scale || c.failed)
    return stored;
  Type f32 = node.builder.getF32Type();
  Value x = stored;
  if (format.isPacked) {
    Value low = c("BitwiseAnd", {x, node.scalar(15.0, format.element)});
    Value high = c("BitShift", {x, node.scalar(4.0, format.element)}, {{"direction", std::string("RIGHT")}});
    x = c.reshape(c.concat({c.unsqueeze(low, {4}), c.unsqueeze(high, {4})}, 4), {0, 0, 0, head});
    x = c.sub(c.cast(x, f32), node.scalar(8.0, f32));
  }
  return c.cast(c.mul(c.cast(x, f32), format.scale), Composer::elementOf(q));
}

/// Where the queries stand: behind the past, which in the first step is empty.
void GroupQueryAttention::placeQueries() {
  queries = c.extent(q, 1);
  total = c.reshape(c.cast(node.operand(6), i64), ArrayRef<int64_t>{});
  totals = c.add(c.reshape(c.cast(node.operand(5), i64), {-1}), node.integers({1}));
  isFirst = c.compare("Equal", queries, total);
  past = c.select(isFirst, node.integers({0}), c.sub(totals, queries));
}

void GroupQueryAttention::turn() {
  if (Value weight = node.operand(14)) {
    NodeAttribute epsilon{"epsilon", node.getFloat("qk_norm_epsilon", 1e-6f)}, axis{"axis", int64_t(-1)};
    q = c("RMSNormalization", {q, weight}, {epsilon, axis});
    k = c("RMSNormalization", {k, node.operand(15)}, {epsilon, axis});
  }
  if (node.getInteger("do_rotary", 0)) {
    Value steps = c.unsqueeze(c.iota(queries), {0}), positions;
    if (Value given = node.operand(9)) {
      // In the first step only the first position counts.
      Value first = c.slice(c.reshape(given, {-1}), 0, 0, 1);
      positions = c.select(isFirst, c.add(first, steps), given);
    } else {
      positions = c.add(c.unsqueeze(past, {1}), steps);
    }
    bool isInterleaved = node.getInteger("rotary_interleaved", 0) != 0;
    int64_t rotated = 2 * *Composer::knownExtent(node.operand(7), 1);
    q = rotatePairs(c, q, positions, node.operand(7), node.operand(8), rotated, isInterleaved, false);
    k = rotatePairs(c, k, positions, node.operand(7), node.operand(8), rotated, isInterleaved, false);
  }
  q = c.transpose(q, {0, 2, 1, 3});
  k = c.transpose(k, {0, 2, 1, 3});
  v = c.transpose(v, {0, 2, 1, 3});
}

/// The cache grows where the step does not fit; the step's rows go behind each entry's past.
std::pair<Value, Value> GroupQueryAttention::appendTo(Value cache, Value current, const Format &format) {
  Value stored = store(current, format);
  if (!cache)
    return {current, stored};
  Value capacity = c.extent(cache, 2), zero = node.scalar(int64_t(0));
  Value missing = c("Max", {c.sub(total, capacity), zero});
  Value pads = c.join({zero, zero, zero, zero, zero, zero, missing, zero});
  Value present = c("TensorScatter", {c("Pad", {cache, pads}), stored, past}, {{"axis", int64_t(2)}});
  return {restore(c.slice(present, 2, zero, total), format), present};
}

void GroupQueryAttention::extendCache() {
  std::tie(keys, presentKeys) = appendTo(node.operand(3), k, keyFormat);
  std::tie(values, presentValues) = appendTo(node.operand(4), v, valueFormat);
}

/// How many of the most recent of `totals` tokens a cache of `capacity` rows holds: all up to the capacity, then as
/// many as are left when rows are dropped capacity - window + 1 at a time.
Value GroupQueryAttention::resident(Value totals, Value capacity) {
  Value group = c.add(c.sub(capacity, node.scalar(window)), node.scalar(int64_t(1)));
  Value excess = c("Max", {c.sub(totals, capacity), node.scalar(int64_t(0))});
  Value rounds = c.div(c.add(excess, c.sub(group, node.scalar(int64_t(1)))), group);
  return c.sub(totals, c.mul(rounds, group));
}

/// The cache holds the most recent positions from row 0 on. The step attends to the rows before it and its own.
std::pair<Value, Value> GroupQueryAttention::slideOver(Value cache, Value current, const Format &format) {
  Value stored = store(current, format), capacity = c.extent(cache, 2);
  Value all = c.concat({cache, stored}, 2);
  // Row i of the next cache is position totals - resident + i.
  Value held = resident(past, capacity), next = resident(totals, capacity);
  Value column = c.unsqueeze(past, {1});
  Value position = c.add(c.unsqueeze(c.sub(totals, next), {1}), c.unsqueeze(c.iota(capacity), {0}));
  Value before = c.sub(position, c.unsqueeze(c.sub(past, held), {1}));
  Value after = c.add(c.sub(position, column), capacity);
  Value row = c.select(c.compare("Less", position, column), before, after);
  // Rows behind the resident ones mean nothing; they must only be rows.
  Value last = c.sub(c.extent(all, 2), node.scalar(int64_t(1)));
  row = c("Min", {c("Max", {row, node.scalar(int64_t(0))}), last});
  Value rows =
      c("Expand", {c.reshape(row, {0, 1, -1, 1}), c.join({node.integers({1, keyHeads, 1}), c.extent(all, 3)})});
  Value present = c("GatherElements", {all, rows}, {{"axis", int64_t(2)}});
  return {restore(all, format), present};
}

void GroupQueryAttention::extendWindow() {
  std::tie(keys, presentKeys) = slideOver(node.operand(3), k, keyFormat);
  std::tie(values, presentValues) = slideOver(node.operand(4), v, valueFormat);
  Value capacity = c.extent(node.operand(3), 2), held = c.unsqueeze(resident(past, capacity), {1});
  Value rows = c.unsqueeze(c.iota(capacity), {0}), column = c.unsqueeze(past, {1});
  Value cached = c.select(c.compare("Less", rows, held), c.add(c.sub(column, held), rows), node.scalar(int64_t(-1)));
  keyPositions = c.concat({cached, c.add(column, c.unsqueeze(c.iota(queries), {0}))}, 1);
}

AttentionOperands GroupQueryAttention::makeOperands() {
  AttentionOperands operands;
  operands.query = q;
  operands.key = keys;
  operands.value = values;
  operands.bias = node.operand(10);
  operands.scale = node.getFloat("scale", 0);
  operands.softcap = node.getFloat("softcap", 0);
  operands.sink = node.operand(11);
  if (!operands.sink && node.getInteger("smooth_softmax", 0) == 1)
    operands.sink = c("Expand", {c.number(0, q), node.integers({heads})});
  // Both broadcast to [B, 1, S, T].
  Value places = c.add(c.reshape(past, {-1, 1, 1, 1}), c.reshape(c.iota(queries), {1, 1, -1, 1}));
  Value columns = isSliding ? c.unsqueeze(keyPositions, {1, 2}) : c.reshape(c.iota(c.extent(keys, 2)), {1, 1, 1, -1});
  if (!isCausal) {
    operands.allowed = c.compare("Less", columns, c.reshape(totals, {-1, 1, 1, 1}));
    return operands;
  }
  operands.allowed = c.compare("LessOrEqual", columns, places);
  if (window > 0)
    operands.allowed =
        c.logicalAnd(operands.allowed, c.compare("Greater", columns, c.sub(places, node.scalar(window))));
  if (isSliding) {
    operands.allowed = c.logicalAnd(operands.allowed, c.compare("GreaterOrEqual", columns, node.scalar(int64_t(0))));
    if (operands.bias) {
      // The bias is by absolute position.
      Value clamped = c("Max", {columns, node.scalar(int64_t(0))});
      Value shape = c.join({c.extent(q, 0), c.extent(operands.bias, 1), queries, c.extent(keys, 2)});
      Value whole = c.join({c.extent(q, 0), c.extent(operands.bias, 1), queries, c.extent(operands.bias, 3)});
      operands.bias = c("GatherElements", {c("Expand", {operands.bias, whole}), c("Expand", {clamped, shape})},
                        {{"axis", int64_t(3)}});
    }
  }
  return operands;
}

LogicalResult GroupQueryAttention::build() {
  if (failed(readOperands()) || c.failed || failed(readCacheFormat()))
    return failure();
  if (node.getInteger("do_rotary", 0)) {
    auto half = Composer::knownExtent(node.operand(7), 1);
    if (!node.operand(7) || !half || *half <= 0 || 2 * *half > head)
      return node.unsupported("do_rotary without cos_cache and sin_cache of a width that is known at compile time");
  }
  int64_t wanted = node.getInteger("qk_output", 0);
  if (wanted < 0 || wanted > 2)
    return node.error("expected attribute qk_output to be 0, 1 or 2, but got " + Twine(wanted));
  if (node.hasResult(3) && isSliding)
    return node.unsupported("qk_output with sliding_window_cache");
  placeQueries();
  turn();
  if (c.failed)
    return failure();
  if (isSliding)
    extendWindow();
  else
    extendCache();
  AttentionOperands operands = makeOperands();
  operands.wantsScores = wanted == 1 && node.hasResult(3);
  AttentionResults results = attend(c, operands);
  if (c.failed)
    return failure();
  node.setResult(0, results.y);
  node.setResult(1, presentKeys);
  node.setResult(2, presentValues);
  if (node.hasResult(3))
    node.setResult(3, wanted == 1 ? results.scores : results.weights);
  return success();
}

static LogicalResult buildGroupQueryAttention(NodeContext &node) { return GroupQueryAttention(node).build(); }

void tegula::addGroupQueryAttentionNodes(NodeTable &table) {
  table.add("com.microsoft", "GroupQueryAttention", 1, buildGroupQueryAttention);
}
