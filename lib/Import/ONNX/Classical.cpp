// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Numeric operators of ai.onnx.ml, as compositions of ai.onnx operators. A tree ensemble walks all trees of all rows at
// once: as many rounds of gathers as the deepest tree has levels, on tables of one element per node.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

#include "llvm/ADT/DenseMap.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

static constexpr const char *domain = "ai.onnx.ml";

static Value constantFloats(NodeContext &node, ArrayRef<float> values, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, node.builder.getF32Type());
  return node.create<graph::ConstantOp>(DenseElementsAttr::get(type, values));
}

static Value compose(NodeContext &node, StringRef opType, ArrayRef<Value> operands,
                     ArrayRef<NodeAttribute> attributes = {}, Type element = nullptr) {
  return llvm::is_contained(operands, Value()) ? nullptr : node.compose(opType, operands, attributes, element);
}

static Value toFloat(NodeContext &node, Value value) {
  Type f32 = node.builder.getF32Type();
  auto type = cast<TensorType>(value.getType());
  return type.getElementType() == f32 ? value : Value(node.create<graph::CastOp>(type.clone(f32), value, true));
}

static LogicalResult finish(NodeContext &node, unsigned index, Value value) {
  if (!value)
    return failure();
  node.setResult(index, value);
  return success();
}

/// `scores` [N, C] after `post_transform`; null, with the reason set, for one that is not known.
static Value transformScores(NodeContext &node, Value scores) {
  std::string transform = node.getString("post_transform", "NONE");
  if (transform == "NONE")
    return scores;
  if (transform == "SOFTMAX")
    return compose(node, "Softmax", {scores}, {{"axis", int64_t(-1)}});
  if (transform == "LOGISTIC")
    return compose(node, "Sigmoid", {scores});
  (void)node.unsupported("post_transform " + transform);
  return nullptr;
}

/// Results of a classifier: the label of the greatest score, and the transformed scores.
static LogicalResult finishClassifier(NodeContext &node, Value scores, ArrayRef<int64_t> labels) {
  Value best =
      compose(node, "ArgMax", {scores}, {{"axis", int64_t(1)}, {"keepdims", int64_t(0)}}, node.builder.getI64Type());
  Value label = best ? compose(node, "Gather", {node.integers(labels), best}, {{"axis", int64_t(0)}}) : nullptr;
  if (failed(finish(node, 0, label)))
    return failure();
  return finish(node, 1, transformScores(node, scores));
}

// --- linear models, scalers ------------------------------------------------------------------------------------------

/// x [N, F] times coefficients [rows, F] transposed, plus intercepts.
static Value multiply(NodeContext &node, StringRef intercepts, int64_t rows) {
  auto coefficients = node.getFloats("coefficients");
  if (!coefficients || rows <= 0 || coefficients->size() % rows != 0) {
    (void)node.error("expected coefficients for each of " + Twine(rows) + " results");
    return nullptr;
  }
  Value matrix = constantFloats(node, *coefficients, {rows, int64_t(coefficients->size()) / rows});
  Type unknown = UnrankedTensorType::get(node.builder.getF32Type());
  Value product = node.create<graph::MatMulOp>(unknown, toFloat(node, node.operand(0)), matrix, false, true);
  auto shift = node.getFloats(intercepts);
  if (shift && int64_t(shift->size()) == rows)
    product = node.create<graph::AddOp>(unknown, product, constantFloats(node, *shift, {rows}));
  return product;
}

static LogicalResult buildLinearClassifier(NodeContext &node) {
  auto labels = node.getIntegers("classlabels_ints");
  auto intercepts = node.getFloats("intercepts");
  if (!labels || node.hasAttribute("classlabels_strings"))
    return node.unsupported("labels that are strings");
  if (labels->size() < 2 || (intercepts && intercepts->size() != labels->size()))
    return node.unsupported("fewer rows of coefficients than classes");
  Value scores = multiply(node, "intercepts", labels->size());
  if (!scores)
    return failure();
  return finishClassifier(node, scores, *labels);
}

static LogicalResult buildLinearRegressor(NodeContext &node) {
  Value scores = multiply(node, "intercepts", node.getInteger("targets", 1));
  return scores ? finish(node, 0, transformScores(node, scores)) : failure();
}

static LogicalResult buildNormalizer(NodeContext &node) {
  std::string norm = node.getString("norm", "MAX");
  Value x = toFloat(node, node.operand(0)), axes = node.integers({-1}), size;
  if (norm == "MAX")
    size = compose(node, "ReduceMax", {x, axes});
  else if (norm == "L1")
    size = compose(node, "ReduceSum", {compose(node, "Abs", {x}), axes});
  else if (norm == "L2")
    size = compose(node, "Sqrt", {compose(node, "ReduceSum", {compose(node, "Mul", {x, x}), axes})});
  else
    return node.unsupported("norm " + norm);
  // A row of zeros stays.
  Type f32 = node.builder.getF32Type(), i1 = node.builder.getI1Type();
  Value isZero = compose(node, "Equal", {size, node.scalar(0.0, f32)}, {}, i1);
  Value divisor = compose(node, "Where", {isZero, node.scalar(1.0, f32), size}, {}, f32);
  return finish(node, 0, compose(node, "Div", {x, divisor}));
}

static LogicalResult buildScaler(NodeContext &node) {
  Value x = toFloat(node, node.operand(0));
  if (auto offset = node.getFloats("offset"))
    x = compose(node, "Sub", {x, constantFloats(node, *offset, {int64_t(offset->size())})});
  if (auto scale = node.getFloats("scale"))
    x = compose(node, "Mul", {x, constantFloats(node, *scale, {int64_t(scale->size())})});
  return finish(node, 0, x);
}

static LogicalResult buildBinarizer(NodeContext &node) {
  Value x = node.operand(0), threshold = node.scalar(double(node.getFloat("threshold", 0)), node.elementType(0));
  Value isAbove = compose(node, "Greater", {x, threshold}, {}, node.builder.getI1Type());
  if (!isAbove)
    return failure();
  node.setResult(0, node.create<graph::CastOp>(x.getType(), isAbove, true));
  return success();
}

static LogicalResult buildFeatureExtractor(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x || x.getRank() < 1)
    return node.unsupported("an operand of unknown rank");
  Value indices = node.reshape(node.operand(1), {-1});
  Value chosen = compose(node, "Gather", {node.operand(0), indices}, {{"axis", int64_t(-1)}});
  return finish(node, 0, chosen && x.getRank() == 1 ? node.reshape(chosen, {1, -1}) : chosen);
}

// --- trees -----------------------------------------------------------------------------------------------------------

namespace {
/// All nodes of all trees in tables; a leaf's children are itself.
struct Ensemble {
  SmallVector<int64_t> features, trueNodes, falseNodes, roots;
  SmallVector<float> values;
  std::vector<std::string> modes;
  SmallVector<bool> tracksMissing;
  llvm::DenseMap<std::pair<int64_t, int64_t>, int64_t> places; ///< by tree and node id
  int64_t depth = 0;
};
} // namespace

static LogicalResult readEnsemble(NodeContext &node, Ensemble &trees) {
  auto list = [&](StringRef name) { return node.getIntegers(name).value_or(SmallVector<int64_t>()); };
  auto treeIds = list("nodes_treeids"), nodeIds = list("nodes_nodeids"), trueIds = list("nodes_truenodeids"),
       falseIds = list("nodes_falsenodeids"), missing = list("nodes_missing_value_tracks_true");
  trees.features = list("nodes_featureids");
  auto values = node.getFloats("nodes_values");
  trees.modes = node.getStrings("nodes_modes").value_or(std::vector<std::string>());
  size_t count = nodeIds.size();
  if (!values)
    return node.unsupported("thresholds that are not 32-bit floats");
  trees.values = *values;
  if (count == 0 || treeIds.size() != count || trueIds.size() != count || falseIds.size() != count ||
      trees.features.size() != count || trees.values.size() != count || trees.modes.size() != count ||
      (!missing.empty() && missing.size() != count))
    return node.error("expected node attributes of equal lengths, at least 1");
  for (size_t i = 0; i < count; ++i)
    if (!trees.places.try_emplace({treeIds[i], nodeIds[i]}, i).second)
      return node.error("expected every node once, but got node " + Twine(nodeIds[i]) + " of tree " +
                        Twine(treeIds[i]) + " twice");
  SmallVector<bool> isChild(count, false);
  for (size_t i = 0; i < count; ++i) {
    bool isLeaf = trees.modes[i] == "LEAF";
    for (auto [ids, table] : {std::pair(&trueIds, &trees.trueNodes), std::pair(&falseIds, &trees.falseNodes)}) {
      auto child = isLeaf ? trees.places.end() : trees.places.find({treeIds[i], (*ids)[i]});
      if (!isLeaf && child == trees.places.end())
        return node.error("expected node " + Twine((*ids)[i]) + " in tree " + Twine(treeIds[i]) +
                          ", but it is missing");
      table->push_back(isLeaf ? int64_t(i) : child->second);
      if (!isLeaf)
        isChild[child->second] = true;
    }
    if (isLeaf)
      trees.features[i] = 0;
    trees.tracksMissing.push_back(!missing.empty() && missing[i]);
  }
  // Levels from the roots; more levels than nodes means a cycle.
  SmallVector<int64_t> level;
  for (size_t i = 0; i < count; ++i)
    if (!isChild[i])
      level.push_back(i);
  trees.roots = level;
  size_t seen = 0;
  for (trees.depth = 0;; ++trees.depth) {
    SmallVector<int64_t> next;
    for (int64_t i : level)
      if (trees.modes[i] != "LEAF")
        next.append({trees.trueNodes[i], trees.falseNodes[i]});
    seen += level.size();
    if (seen > count || trees.roots.empty())
      return node.error("expected trees, but got nodes with several parents or a cycle");
    if (next.empty())
      return success();
    level = next;
  }
}

/// The leaf that each row of `x` reaches in each tree, [N, T].
static Value walkTrees(NodeContext &node, Ensemble &trees, Value x) {
  Type i1 = node.builder.getI1Type(), i64 = node.builder.getI64Type();
  int64_t count = trees.values.size();
  Value features = node.integers(trees.features), trueNodes = node.integers(trees.trueNodes),
        falseNodes = node.integers(trees.falseNodes), thresholds = constantFloats(node, trees.values, {count});
  Value batch = compose(node, "Shape", {x}, {{"start", int64_t(0)}, {"end", int64_t(1)}}, i64);
  Value shape = compose(node, "Concat", {batch, node.integers({int64_t(trees.roots.size())})}, {{"axis", int64_t(0)}});
  Value place = compose(node, "Expand", {node.integers(trees.roots), shape});
  static const std::pair<StringRef, StringRef> comparisons[] = {
      {"BRANCH_LEQ", "LessOrEqual"}, {"BRANCH_LT", "Less"},  {"BRANCH_GTE", "GreaterOrEqual"},
      {"BRANCH_GT", "Greater"},      {"BRANCH_EQ", "Equal"}, {"BRANCH_NEQ", "Equal"}};
  auto gather = [&](Value table) { return compose(node, "Gather", {table, place}, {{"axis", int64_t(0)}}); };
  for (int64_t level = 0; level < trees.depth && place; ++level) {
    Value feature = compose(node, "GatherElements", {x, gather(features)}, {{"axis", int64_t(1)}});
    Value threshold = gather(thresholds), goesTrue;
    for (auto [mode, opType] : comparisons) {
      if (!llvm::is_contained(trees.modes, mode))
        continue;
      Value holds = compose(node, opType, {feature, threshold}, {}, i1);
      if (mode == "BRANCH_NEQ")
        holds = compose(node, "Not", {holds});
      if (!goesTrue) {
        goesTrue = holds;
        continue;
      }
      SmallVector<int64_t> marks;
      for (const std::string &other : trees.modes)
        marks.push_back(other == mode);
      Value isMode =
          compose(node, "Cast", {gather(node.integers(marks))}, {{"to", int64_t(onnx::TensorProto::BOOL)}}, i1);
      goesTrue = compose(node, "Where", {isMode, holds, goesTrue}, {}, i1);
    }
    if (llvm::is_contained(trees.tracksMissing, true)) {
      SmallVector<int64_t> marks(trees.tracksMissing.begin(), trees.tracksMissing.end());
      Value tracks =
          compose(node, "Cast", {gather(node.integers(marks))}, {{"to", int64_t(onnx::TensorProto::BOOL)}}, i1);
      Value isMissing = compose(node, "IsNaN", {feature}, {}, i1);
      goesTrue = compose(node, "Or", {goesTrue, compose(node, "And", {isMissing, tracks})});
    }
    place = compose(node, "Where", {goesTrue, gather(trueNodes), gather(falseNodes)}, {}, i64);
  }
  return place;
}

/// Sums of the leaves' weights, [N, columns], plus base values. `prefix` is "class" or "target".
static Value sumLeaves(NodeContext &node, Ensemble &trees, StringRef prefix, int64_t columns, bool isMean) {
  auto list = [&](StringRef suffix) {
    return node.getIntegers((prefix + suffix).str()).value_or(SmallVector<int64_t>());
  };
  auto treeIds = list("_treeids"), nodeIds = list("_nodeids"), ids = list("_ids");
  auto weights = node.getFloats((prefix + "_weights").str()).value_or(SmallVector<float>());
  if (treeIds.size() != weights.size() || nodeIds.size() != weights.size() || ids.size() != weights.size()) {
    (void)node.error("expected " + prefix + " attributes of equal lengths");
    return nullptr;
  }
  int64_t count = trees.values.size();
  SmallVector<float> table(count * columns, 0.0f);
  for (size_t i = 0; i < weights.size(); ++i) {
    auto place = trees.places.find({treeIds[i], nodeIds[i]});
    if (place == trees.places.end() || ids[i] < 0 || ids[i] >= columns) {
      (void)node.error("expected weights of existing nodes and of results 0 to " + Twine(columns - 1));
      return nullptr;
    }
    table[place->second * columns + ids[i]] += weights[i];
  }
  Value leaves = walkTrees(node, trees, toFloat(node, node.operand(0)));
  Value chosen =
      compose(node, "Gather", {constantFloats(node, table, {count, columns}), leaves}, {{"axis", int64_t(0)}});
  Value sums =
      compose(node, isMean ? "ReduceMean" : "ReduceSum", {chosen, node.integers({1})}, {{"keepdims", int64_t(0)}});
  if (auto base = node.getFloats("base_values"); base && !base->empty()) {
    if (int64_t(base->size()) != columns) {
      (void)node.unsupported("base values that are not one per result");
      return nullptr;
    }
    sums = compose(node, "Add", {sums, constantFloats(node, *base, {columns})});
  }
  return sums;
}

static LogicalResult buildTreeClassifier(NodeContext &node) {
  auto labels = node.getIntegers("classlabels_int64s");
  if (!labels || labels->empty())
    return node.unsupported("labels that are strings");
  auto ids = node.getIntegers("class_ids").value_or(SmallVector<int64_t>());
  if (labels->size() == 2 && llvm::all_equal(ids))
    return node.unsupported("two classes with the weights of one");
  Ensemble trees;
  if (failed(readEnsemble(node, trees)))
    return failure();
  Value scores = sumLeaves(node, trees, "class", labels->size(), false);
  return scores ? finishClassifier(node, scores, *labels) : failure();
}

static LogicalResult buildTreeRegressor(NodeContext &node) {
  std::string aggregate = node.getString("aggregate_function", "SUM");
  if (aggregate != "SUM" && aggregate != "AVERAGE")
    return node.unsupported("aggregate_function " + aggregate);
  Ensemble trees;
  if (failed(readEnsemble(node, trees)))
    return failure();
  Value scores = sumLeaves(node, trees, "target", node.getInteger("n_targets", 1), aggregate == "AVERAGE");
  return scores ? finish(node, 0, transformScores(node, scores)) : failure();
}

void tegula::addClassicalNodes(NodeTable &table) {
  table.add(domain, "ArrayFeatureExtractor", 1, buildFeatureExtractor);
  table.add(domain, "Binarizer", 1, buildBinarizer);
  table.add(domain, "LinearClassifier", 1, buildLinearClassifier);
  table.add(domain, "LinearRegressor", 1, buildLinearRegressor);
  table.add(domain, "Normalizer", 1, buildNormalizer);
  table.add(domain, "Scaler", 1, buildScaler);
  table.add(domain, "TreeEnsembleClassifier", 1, buildTreeClassifier);
  table.add(domain, "TreeEnsembleRegressor", 1, buildTreeRegressor);
}
