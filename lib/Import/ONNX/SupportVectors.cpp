// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// SVMClassifier and SVMRegressor of ai.onnx.ml.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Classifier.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula;

static constexpr const char *domain = "ai.onnx.ml";

/// The kernel function of rows x [N, F] with `vectors` [V, F]: [N, V].
static Value applyKernel(Composer &c, Value x, Value vectors, StringRef kind) {
  NodeContext &node = c.node;
  auto parameters = node.getFloats("kernel_params").value_or(SmallVector<float>());
  parameters.resize(3, 0.0f);
  if (c.failed)
    return nullptr;
  auto number = [&](float value) { return node.scalar(double(value), node.builder.getF32Type()); };
  if (kind == "RBF") {
    Value difference = c.sub(c.unsqueeze(x, {1}), vectors);
    Value distance = c("ReduceSum", {c.mul(difference, difference), node.integers({-1})}, {{"keepdims", int64_t(0)}});
    return c("Exp", {c.mul(distance, number(-parameters[0]))});
  }
  Value product = node.create<graph::MatMulOp>(UnrankedTensorType::get(node.builder.getF32Type()), x, vectors, false,
                                               /*transposeRhs=*/true);
  if (kind == "LINEAR")
    return product;
  Value moved = c.add(c.mul(product, number(parameters[0])), number(parameters[1]));
  if (kind == "POLY")
    return c("Pow", {moved, number(parameters[2])});
  if (kind == "SIGMOID")
    return c("Tanh", {moved});
  c.failed = true;
  (void)node.error("expected kernel_type LINEAR, POLY, RBF or SIGMOID, but got " + kind);
  return nullptr;
}

/// The probabilities of C classes from those of each pair (r[i][j], columns of [N]): they minimize the sum of
/// (r[j][i] * p[i] - r[i][j] * p[j])^2 and add up to 1 (Wu, Lin and Weng, method 2). The minimum solves Q p = lambda,
/// sum p = 1: Gauss elimination of Q on a right side of ones, and then scaling.
static Value couple(Composer &c, ArrayRef<SmallVector<Value>> r) {
  int64_t count = r.size();
  SmallVector<SmallVector<Value>> rows(count, SmallVector<Value>(count + 1));
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < count; ++j) {
      if (i == j)
        continue;
      rows[i][j] = c("Neg", {c.mul(r[j][i], r[i][j])});
      Value square = c.mul(r[j][i], r[j][i]);
      rows[i][i] = rows[i][i] ? c.add(rows[i][i], square) : square;
    }
    rows[i][count] = c.number(1, r[0][1]);
  }
  for (int64_t i = 0; i < count; ++i)
    for (int64_t k = i + 1; k < count; ++k) {
      Value factor = c.div(rows[k][i], rows[i][i]);
      for (int64_t j = i + 1; j <= count; ++j)
        rows[k][j] = c.sub(rows[k][j], c.mul(factor, rows[i][j]));
    }
  SmallVector<Value> p(count);
  for (int64_t i = count; i-- > 0;) {
    Value rest = rows[i][count];
    for (int64_t j = i + 1; j < count; ++j)
      rest = c.sub(rest, c.mul(rows[i][j], p[j]));
    p[i] = c.div(rest, rows[i][i]);
  }
  for (Value &column : p)
    column = c.unsqueeze(column, {1});
  Value all = c.concat(p, 1);
  return c.div(all, c("ReduceSum", {all, c.node.integers({1})}));
}

namespace {
/// The attributes of a classifier on pairs of classes.
struct Pairs {
  int64_t classes, vectors = 0, count;
  SmallVector<int64_t> sizes, starts;
  SmallVector<float> coefficients, rho, probabilityA, probabilityB;
};
} // namespace

/// [V, P]: what each support vector adds to the score of each pair of classes.
static Value pairWeights(NodeContext &node, const Pairs &pairs) {
  SmallVector<float> weights(pairs.vectors * pairs.count, 0.0f);
  int64_t pair = 0;
  for (int64_t i = 0; i < pairs.classes; ++i)
    for (int64_t j = i + 1; j < pairs.classes; ++j, ++pair) {
      for (int64_t m = pairs.starts[i]; m < pairs.starts[i] + pairs.sizes[i]; ++m)
        weights[m * pairs.count + pair] = pairs.coefficients[(j - 1) * pairs.vectors + m];
      for (int64_t m = pairs.starts[j]; m < pairs.starts[j] + pairs.sizes[j]; ++m)
        weights[m * pairs.count + pair] = pairs.coefficients[i * pairs.vectors + m];
    }
  return constantFloats(node, weights, {pairs.vectors, pairs.count});
}

/// The class that wins most pairs, [N]; the first of several.
static Value vote(Composer &c, Value scores, const Pairs &pairs) {
  NodeContext &node = c.node;
  Type f32 = node.builder.getF32Type();
  // Votes are those of the pairs' second classes, and what a win of the first class moves.
  SmallVector<float> seconds(pairs.classes, 0.0f), moves(pairs.count * pairs.classes, 0.0f);
  int64_t pair = 0;
  for (int64_t i = 0; i < pairs.classes; ++i)
    for (int64_t j = i + 1; j < pairs.classes; ++j, ++pair) {
      seconds[j] += 1;
      moves[pair * pairs.classes + i] = 1;
      moves[pair * pairs.classes + j] = -1;
    }
  Value wins = c.cast(c.compare("Greater", scores, node.scalar(0.0, f32)), f32);
  Value votes = c.add(c("MatMul", {wins, constantFloats(node, moves, {pairs.count, pairs.classes})}),
                      constantFloats(node, seconds, {pairs.classes}));
  return c("ArgMax", {votes}, {{"axis", int64_t(1)}, {"keepdims", int64_t(0)}}, node.builder.getI64Type());
}

/// [N, P] scores of pairs as [N, C] probabilities.
static Value estimate(Composer &c, Value scores, const Pairs &pairs) {
  NodeContext &node = c.node;
  Value slopes = constantFloats(node, ArrayRef(pairs.probabilityA).take_front(pairs.count), {pairs.count}),
        shifts = constantFloats(node, ArrayRef(pairs.probabilityB).take_front(pairs.count), {pairs.count});
  Value all = c("Sigmoid", {c("Neg", {c.add(c.mul(scores, slopes), shifts)})});
  all = c("Clip", {all, c.number(1e-7, scores), c.number(1 - 1e-7, scores)});
  SmallVector<SmallVector<Value>> r(pairs.classes, SmallVector<Value>(pairs.classes));
  int64_t pair = 0;
  for (int64_t i = 0; i < pairs.classes; ++i)
    for (int64_t j = i + 1; j < pairs.classes; ++j, ++pair) {
      r[i][j] = c.reshape(c.slice(all, 1, pair, pair + 1), {-1});
      r[j][i] = c.sub(c.number(1, scores), r[i][j]);
    }
  return couple(c, r);
}

/// With vectors_per_class a vote over all pairs of classes; without, one row of coefficients per class.
static LogicalResult buildSvmClassifier(NodeContext &node) {
  Composer c(node);
  Value labels = readLabels(node, "classlabels_ints");
  auto coefficients = node.getFloats("coefficients"), rho = node.getFloats("rho");
  if (!labels)
    return failure();
  if (!coefficients || coefficients->empty() || !rho || rho->empty())
    return node.error("expected attributes coefficients and rho, but one is missing");
  Pairs pairs;
  pairs.classes = *Composer::knownExtent(labels, 0);
  pairs.count = pairs.classes * (pairs.classes - 1) / 2;
  pairs.coefficients = *coefficients;
  pairs.rho = *rho;
  pairs.probabilityA = node.getFloats("prob_a").value_or(SmallVector<float>());
  pairs.probabilityB = node.getFloats("prob_b").value_or(SmallVector<float>());
  pairs.sizes = node.getIntegers("vectors_per_class").value_or(SmallVector<int64_t>());
  for (int64_t size : pairs.sizes) {
    if (size < 0 || size > (int64_t(1) << 31))
      return node.error("expected vectors_per_class of 0 or more, but got " + Twine(size));
    pairs.starts.push_back(pairs.vectors);
    pairs.vectors += size;
  }
  Type f32 = node.builder.getF32Type(), i64 = node.builder.getI64Type();
  Value x = readRows(c, f32);
  if (c.failed)
    return failure();
  int64_t length = coefficients->size();
  bool arePositive = llvm::all_of(*coefficients, [](float value) { return value >= 0; });
  if (pairs.vectors == 0) {
    if (length % pairs.classes)
      return node.error("expected coefficients for each of " + Twine(pairs.classes) + " classes");
    Value rows = constantFloats(node, *coefficients, {pairs.classes, length / pairs.classes});
    Value scores = c.add(applyKernel(c, x, rows, "LINEAR"), node.scalar(double(rho->front()), f32));
    Value best = c("ArgMax", {scores}, {{"axis", int64_t(1)}, {"keepdims", int64_t(0)}}, i64);
    if (pairs.classes == 2 && pairs.probabilityA.empty()) {
      // Of two classes the second one is taken as soon as the greatest score is above the limit.
      Value most = c("ReduceMax", {scores, node.integers({1})}, {{"keepdims", int64_t(0)}});
      Value isSecond =
          c.compare(arePositive ? "GreaterOrEqual" : "Greater", most, c.number(arePositive ? 0.5 : 0, scores));
      best = c.select(isSecond, node.scalar(int64_t(1)), best);
    }
    return finishClassifier(c, labels, best, transformScores(c, scores));
  }
  auto vectors = node.getFloats("support_vectors").value_or(SmallVector<float>());
  bool hasProbabilities = !pairs.probabilityA.empty();
  if (pairs.classes < 2 || int64_t(pairs.sizes.size()) != pairs.classes ||
      length < (pairs.classes - 1) * pairs.vectors || int64_t(rho->size()) < pairs.count || vectors.empty() ||
      vectors.size() % pairs.vectors ||
      (hasProbabilities &&
       (int64_t(pairs.probabilityA.size()) < pairs.count || int64_t(pairs.probabilityB.size()) < pairs.count)))
    return node.error("expected attributes for " + Twine(pairs.classes) + " classes and " + Twine(pairs.vectors) +
                      " support vectors");
  constexpr int64_t mostCoupled = 16;
  if (hasProbabilities && pairs.classes > mostCoupled)
    return node.unsupported("attribute prob_a with more than " + Twine(mostCoupled) + " classes");
  Value table = constantFloats(node, vectors, {pairs.vectors, int64_t(vectors.size()) / pairs.vectors});
  Value kernel = applyKernel(c, x, table, node.getString("kernel_type", "LINEAR"));
  Value scores = c.add(c("MatMul", {kernel, pairWeights(node, pairs)}),
                       constantFloats(node, ArrayRef(*rho).take_front(pairs.count), {pairs.count}));
  Value best = vote(c, scores, pairs);
  if (hasProbabilities)
    return finishClassifier(c, labels, best, transformScores(c, estimate(c, scores, pairs)));
  if (pairs.classes > 2)
    return finishClassifier(c, labels, best, transformScores(c, scores));
  bool isRaw = node.getString("post_transform", "NONE") == "NONE";
  return finishClassifier(c, labels, best,
                          transformBinary(c, scores, isRaw ? Opposite::Negation : Opposite::Complement));
}

static LogicalResult buildSvmRegressor(NodeContext &node) {
  Composer c(node);
  auto coefficients = node.getFloats("coefficients"), rho = node.getFloats("rho");
  auto vectors = node.getFloats("support_vectors").value_or(SmallVector<float>());
  int64_t count = node.getInteger("n_supports", 0);
  if (!coefficients || coefficients->empty() || !rho || rho->empty())
    return node.error("expected attributes coefficients and rho, but one is missing");
  Type f32 = node.builder.getF32Type();
  Value x = readRows(c, f32);
  if (c.failed)
    return failure();
  int64_t length = coefficients->size();
  Value y;
  if (count > 0) {
    if (length != count || vectors.empty() || vectors.size() % count)
      return node.error("expected one coefficient for each of " + Twine(count) + " support vectors");
    Value table = constantFloats(node, vectors, {count, int64_t(vectors.size()) / count});
    Value kernel = applyKernel(c, x, table, node.getString("kernel_type", "LINEAR"));
    y = c("MatMul", {kernel, constantFloats(node, *coefficients, {count, 1})});
  } else {
    y = applyKernel(c, x, constantFloats(node, *coefficients, {1, length}), "LINEAR");
  }
  y = c.add(y, node.scalar(double(rho->front()), f32));
  if (node.getInteger("one_class", 0))
    y = c.select(c.compare("Greater", y, c.number(0, y)), c.number(1, y), c.number(-1, y));
  y = transformScores(c, y);
  return c.finish(y);
}

void tegula::addSupportVectorNodes(NodeTable &table) {
  table.add(domain, "SVMClassifier", 1, buildSvmClassifier);
  table.add(domain, "SVMRegressor", 1, buildSvmRegressor);
  table.serve(NodeTable::Serves::Strings, {"SVMClassifier"}, domain);
}
