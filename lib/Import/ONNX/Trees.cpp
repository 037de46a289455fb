// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// TreeEnsembleClassifier and TreeEnsembleRegressor (ai.onnx.ml 1 and 3). All trees of all rows walk at once: as many
// rounds of gathers as the deepest tree has levels, on tables of one element per node.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Classifier.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace tegula;

static constexpr const char *domain = "ai.onnx.ml";

namespace {
/// All nodes of all trees in tables; a leaf's children are itself.
struct Ensemble {
  SmallVector<int64_t> features, trueNodes, falseNodes, roots;
  SmallVector<double> values;
  std::vector<std::string> modes;
  SmallVector<bool> tracksMissing;
  llvm::DenseMap<std::pair<int64_t, int64_t>, int64_t> places; ///< by tree and node id
  int64_t depth = 0;
};
} // namespace

/// The numbers of attribute `name`, or of the tensor of f32 or f64 in `name`_as_tensor; none when both are absent.
/// Nothing after an error.
static std::optional<SmallVector<double>> readNumbers(NodeContext &node, const Twine &name) {
  std::string tensorName = (name + "_as_tensor").str();
  SmallVector<double> numbers;
  if (node.hasAttribute(tensorName)) {
    ElementsAttr stored = node.getTensor(tensorName);
    auto tensor = dyn_cast_or_null<DenseElementsAttr>(stored);
    if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(stored))
      if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
        tensor = DenseElementsAttr::getFromRawBuffer(resource.getType(), blob->getData());
    if (!tensor || !isa<FloatType>(tensor.getElementType())) {
      (void)node.error("expected a tensor of f32 or f64 in attribute " + tensorName);
      return std::nullopt;
    }
    for (const APFloat &value : tensor.getValues<APFloat>()) {
      APFloat wide = value;
      bool isInexact;
      wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &isInexact);
      numbers.push_back(wide.convertToDouble());
    }
    return numbers;
  }
  if (auto values = node.getFloats(name.str()))
    numbers.append(values->begin(), values->end());
  return numbers;
}

/// In f64 as soon as the operand or a table is.
static Type computeType(NodeContext &node) {
  bool isWide = node.elementType(0).isF64();
  for (StringRef name : {"nodes_values_as_tensor", "class_weights_as_tensor", "target_weights_as_tensor"})
    if (node.hasAttribute(name))
      if (ElementsAttr tensor = node.getTensor(name))
        isWide |= tensor.getElementType().isF64();
  return isWide ? Type(node.builder.getF64Type()) : Type(node.builder.getF32Type());
}

static Value makeTable(NodeContext &node, ArrayRef<double> values, ArrayRef<int64_t> shape, Type element) {
  return node.create<graph::ConstantOp>(graph::makeFloats(RankedTensorType::get(shape, element), values));
}

static LogicalResult readEnsemble(NodeContext &node, Ensemble &trees) {
  auto list = [&](StringRef name) { return node.getIntegers(name).value_or(SmallVector<int64_t>()); };
  auto treeIds = list("nodes_treeids"), nodeIds = list("nodes_nodeids"), trueIds = list("nodes_truenodeids"),
       falseIds = list("nodes_falsenodeids"), missing = list("nodes_missing_value_tracks_true");
  trees.features = list("nodes_featureids");
  auto values = readNumbers(node, "nodes_values");
  trees.modes = node.getStrings("nodes_modes").value_or(std::vector<std::string>());
  size_t count = nodeIds.size();
  if (!values)
    return failure();
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
static Value walkTrees(Composer &c, Ensemble &trees, Value x) {
  NodeContext &node = c.node;
  Type i1 = node.builder.getI1Type();
  int64_t count = trees.values.size();
  Value features = node.integers(trees.features), trueNodes = node.integers(trees.trueNodes),
        falseNodes = node.integers(trees.falseNodes),
        thresholds = makeTable(node, trees.values, {count}, Composer::elementOf(x));
  Value shape = c.join({c.extent(x, 0), node.scalar(int64_t(trees.roots.size()))});
  Value place = c("Expand", {node.integers(trees.roots), shape});
  static const std::pair<StringRef, StringRef> comparisons[] = {
      {"BRANCH_LEQ", "LessOrEqual"}, {"BRANCH_LT", "Less"},  {"BRANCH_GTE", "GreaterOrEqual"},
      {"BRANCH_GT", "Greater"},      {"BRANCH_EQ", "Equal"}, {"BRANCH_NEQ", "Equal"}};
  auto gather = [&](Value table) { return c("Gather", {table, place}, {{"axis", int64_t(0)}}); };
  auto marked = [&](SmallVector<int64_t> marks) { return c.cast(gather(node.integers(marks)), i1); };
  for (int64_t level = 0; level < trees.depth && !c.failed; ++level) {
    Value feature = c("GatherElements", {x, gather(features)}, {{"axis", int64_t(1)}});
    Value threshold = gather(thresholds), goesTrue;
    for (auto [mode, opType] : comparisons) {
      if (!llvm::is_contained(trees.modes, mode))
        continue;
      Value holds = c.compare(opType, feature, threshold);
      if (mode == "BRANCH_NEQ")
        holds = c("Not", {holds});
      if (!goesTrue) {
        goesTrue = holds;
        continue;
      }
      SmallVector<int64_t> marks;
      for (const std::string &other : trees.modes)
        marks.push_back(other == mode);
      goesTrue = c.select(marked(marks), holds, goesTrue);
    }
    if (llvm::is_contained(trees.tracksMissing, true)) {
      SmallVector<int64_t> marks(trees.tracksMissing.begin(), trees.tracksMissing.end());
      goesTrue = c("Or", {goesTrue, c.logicalAnd(c("IsNaN", {feature}, {}, i1), marked(marks))});
    }
    place = c.select(goesTrue, gather(trueNodes), gather(falseNodes));
  }
  return place;
}

namespace {
/// What the leaves add up to.
struct Sums {
  Value scores;                 ///< [N, columns]
  SmallVector<int64_t> columns; ///< those that weights are of, in the attribute's order
  bool arePositive = true;      ///< all weights are 0 or more
};
} // namespace

/// Aggregates of the leaves' weights, plus base values. `prefix` is "class" or "target".
static LogicalResult sumLeaves(Composer &c, Ensemble &trees, StringRef prefix, int64_t columns, StringRef aggregate,
                               Sums &sums) {
  NodeContext &node = c.node;
  auto list = [&](StringRef suffix) {
    return node.getIntegers((prefix + suffix).str()).value_or(SmallVector<int64_t>());
  };
  auto treeIds = list("_treeids"), nodeIds = list("_nodeids");
  sums.columns = list("_ids");
  auto weights = readNumbers(node, prefix + "_weights"), base = readNumbers(node, "base_values");
  if (!weights || !base)
    return failure();
  if (treeIds.size() != weights->size() || nodeIds.size() != weights->size() || sums.columns.size() != weights->size())
    return node.error("expected " + prefix + " attributes of equal lengths");
  // Where a leaf has no weight of a column: 0, or what no minimum or maximum takes.
  bool isLeast = aggregate == "MIN", isMost = aggregate == "MAX";
  double infinity = std::numeric_limits<double>::infinity(), missing = isLeast ? infinity : isMost ? -infinity : 0;
  int64_t count = trees.values.size();
  if (columns <= 0 || columns > (int64_t(1) << 32) / std::max<int64_t>(count, 1))
    return node.error("expected a number of results that is positive, but got " + Twine(columns));
  SmallVector<double> table(count * columns, missing);
  for (size_t i = 0; i < weights->size(); ++i) {
    auto place = trees.places.find({treeIds[i], nodeIds[i]});
    if (place == trees.places.end() || sums.columns[i] < 0 || sums.columns[i] >= columns)
      return node.error("expected weights of existing nodes and of results 0 to " + Twine(columns - 1));
    double &entry = table[place->second * columns + sums.columns[i]];
    entry = (entry == missing ? 0 : entry) + (*weights)[i];
    sums.arePositive &= (*weights)[i] >= 0;
  }
  Type element = computeType(node);
  Value x = readRows(c, element);
  if (c.failed)
    return failure();
  Value leaves = walkTrees(c, trees, x);
  Value chosen = c("Gather", {makeTable(node, table, {count, columns}, element), leaves}, {{"axis", int64_t(0)}});
  StringRef reduction = isLeast                  ? "ReduceMin"
                        : isMost                 ? "ReduceMax"
                        : aggregate == "AVERAGE" ? "ReduceMean"
                                                 : "ReduceSum";
  Value scores = c(reduction, {chosen, node.integers({1})}, {{"keepdims", int64_t(0)}});
  if ((isLeast || isMost) && !c.failed)
    scores = c.select(c("IsInf", {scores}, {}, node.builder.getI1Type()), node.scalar(0.0, element), scores);
  if (!base->empty()) {
    bool isOneForTwo = prefix == "class" && columns == 2 && base->size() == 1;
    if (int64_t(base->size()) != columns && !isOneForTwo)
      return node.unsupported("attribute base_values that is not one per result");
    scores = c.add(scores, makeTable(node, *base, {int64_t(base->size())}, element));
  }
  sums.scores = scores;
  return success();
}

/// The label of the greatest score. Of two labels, the weights may be those of one: then the score of the second label
/// is compared with 1/2 when all weights are positive, and with 0 otherwise.
static LogicalResult buildTreeClassifier(NodeContext &node) {
  Composer c(node);
  Value labels = readLabels(node, "classlabels_int64s");
  if (!labels)
    return failure();
  int64_t count = *Composer::knownExtent(labels, 0);
  Ensemble trees;
  Sums sums;
  if (failed(readEnsemble(node, trees)) || failed(sumLeaves(c, trees, "class", count, "SUM", sums)))
    return failure();
  Type i64 = node.builder.getI64Type();
  if (count == 2 && !sums.columns.empty() && llvm::all_equal(sums.columns)) {
    if (auto base = node.getFloats("base_values"); base && base->size() > 1)
      return node.unsupported("attribute base_values of two classes with the weights of one");
    int64_t column = sums.columns.front();
    Value score = c.slice(sums.scores, 1, column, column + 1);
    Value isSecond = c.compare("Greater", c.reshape(score, {-1}), c.number(sums.arePositive ? 0.5 : 0, sums.scores));
    // Weights of the first class stand for the second: converters write them so.
    Value scores = column == 0 ? transformBinary(c, score, sums.arePositive ? Opposite::Complement : Opposite::Negation)
                               : transformScores(c, sums.scores);
    return finishClassifier(c, labels, c.cast(isSecond, i64), scores);
  }
  Value best = c("ArgMax", {sums.scores}, {{"axis", int64_t(1)}, {"keepdims", int64_t(0)}}, i64);
  return finishClassifier(c, labels, best, transformScores(c, sums.scores));
}

static LogicalResult buildTreeRegressor(NodeContext &node) {
  Composer c(node);
  std::string aggregate = node.getString("aggregate_function", "SUM");
  if (aggregate != "SUM" && aggregate != "AVERAGE" && aggregate != "MIN" && aggregate != "MAX")
    return node.error("expected aggregate_function SUM, AVERAGE, MIN or MAX, but got " + aggregate);
  Ensemble trees;
  Sums sums;
  if (failed(readEnsemble(node, trees)) ||
      failed(sumLeaves(c, trees, "target", node.getInteger("n_targets", 1), aggregate, sums)))
    return failure();
  Value result = c.cast(transformScores(c, sums.scores), node.builder.getF32Type());
  return c.finish(result);
}

void tegula::addTreeNodes(NodeTable &table) {
  table.add(domain, "TreeEnsembleClassifier", 1, buildTreeClassifier);
  table.add(domain, "TreeEnsembleRegressor", 1, buildTreeRegressor);
  table.serve(NodeTable::Serves::Strings, {"TreeEnsembleClassifier"}, domain);
}
