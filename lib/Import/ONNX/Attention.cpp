// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/Attention.h"

#include <cmath>

using namespace mlir;
using namespace tegula;

AttentionResults tegula::attend(Composer &c, const AttentionOperands &operands) {
  AttentionResults results;
  if (c.failed)
    return results;
  int64_t heads = *Composer::knownExtent(operands.query, 1), head = *Composer::knownExtent(operands.query, 3);
  int64_t keyHeads = *Composer::knownExtent(operands.key, 1);
  float scale = operands.scale != 0 ? operands.scale : 1 / std::sqrt(float(head));
  Value q = c.mul(operands.query, c.number(scale, operands.query));
  // Heads that share a key are rows of one product: [B, K, N / K * S, ..] and [B, N, S, ..] have the same order. One
  // unknown extent is inferred; two are asked for.
  auto divide = [&](Value x, int64_t parts) {
    if (heads == keyHeads || c.failed)
      return x;
    int64_t repeats = heads / parts;
    auto queries = Composer::knownExtent(operands.query, 2), width = Composer::knownExtent(x, 3);
    if (queries || width)
      return c.reshape(x, {0, parts, queries ? repeats * *queries : -1, width.value_or(-1)});
    Value rows = c.mul(c.extent(operands.query, 2), c.node.scalar(repeats));
    return c.reshape(x, c.join({c.extent(operands.query, 0), c.node.scalar(parts), rows, c.extent(x, 3)}));
  };
  Value scores = divide(c("MatMul", {divide(q, keyHeads), c.transpose(operands.key, {0, 1, 3, 2})}), heads);
  if (operands.softcap != 0) {
    Value cap = c.number(operands.softcap, operands.query);
    scores = c.mul(c("Tanh", {c.div(scores, cap)}), cap);
  }
  if (operands.bias)
    scores = c.add(scores, operands.bias);
  if (operands.wantsScores)
    results.scores = operands.allowed ? c.select(operands.allowed, scores, c.number(0, operands.query)) : scores;
  if (operands.allowed)
    scores = c.select(operands.allowed, scores, c.lowest(operands.query));
  if (operands.sink) {
    Value sink = c.reshape(operands.sink, {1, heads, 1, 1}), axes = c.node.integers({-1});
    Value most = c("Max", {c("ReduceMax", {scores, axes}), sink});
    Value parts = c("Exp", {c.sub(scores, most)});
    Value sum = c.add(c("ReduceSum", {parts, axes}), c("Exp", {c.sub(sink, most)}));
    results.weights = c.div(parts, sum);
  } else {
    results.weights = c("Softmax", {scores}, {{"axis", int64_t(-1)}});
  }
  Value mixed = divide(c("MatMul", {divide(results.weights, keyHeads), operands.value}), heads);
  mixed = c.transpose(mixed, {0, 2, 1, 3});
  if (c.failed)
    return results;
  auto width = Composer::knownExtent(operands.value, 3);
  results.y = c.reshape(mixed, {0, 0, width ? heads * *width : -1});
  return results;
}

Value tegula::splitHeads(Composer &c, Value x, int64_t heads) {
  if (c.failed || Composer::rankedType(x).getRank() == 4)
    return x;
  auto hidden = Composer::knownExtent(x, 2);
  return c.reshape(x, {0, 0, heads, hidden ? *hidden / heads : -1});
}

Value tegula::causalMask(Composer &c, Value past, Value queries, Value keys) {
  Value positions = c.add(c.reshape(past, {-1, 1, 1, 1}), c.reshape(c.iota(queries), {1, 1, -1, 1}));
  return c.compare("LessOrEqual", c.reshape(c.iota(keys), {1, 1, 1, -1}), positions);
}

Value tegula::rotatePairs(Composer &c, Value x, Value positions, Value cosines, Value sines, int64_t rotated,
                          bool isInterleaved, bool areHeadsFirst) {
  auto head = Composer::knownExtent(x, 3);
  int64_t half = rotated / 2;
  auto angles = [&](Value cache) {
    return c.unsqueeze(c("Gather", {cache, positions}, {{"axis", int64_t(0)}}), {areHeadsFirst ? 1 : 2});
  };
  Value cosine = angles(cosines), sine = angles(sines);
  bool isWhole = head && *head == rotated;
  Value turning = isWhole ? x : c.slice(x, 3, 0, rotated);
  Value first, second;
  if (isInterleaved) {
    Value pairs = c.reshape(turning, {0, 0, 0, half, 2});
    first = c.squeeze(c.slice(pairs, 4, 0, 1), {4});
    second = c.squeeze(c.slice(pairs, 4, 1, 2), {4});
  } else {
    first = c.slice(turning, 3, 0, half);
    second = c.slice(turning, 3, half, rotated);
  }
  Value real = c.sub(c.mul(first, cosine), c.mul(second, sine));
  Value imaginary = c.add(c.mul(first, sine), c.mul(second, cosine));
  Value result = isInterleaved
                     ? c.reshape(c.concat({c.unsqueeze(real, {4}), c.unsqueeze(imaginary, {4})}, 4), {0, 0, 0, rotated})
                     : c.concat({real, imaginary}, 3);
  return isWhole ? result : c.concat({result, c.slice(x, 3, rotated, std::numeric_limits<int64_t>::max())}, 3);
}
