// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// TreeEnsemble (ai.onnx.ml 5): all trees of all rows walk at once, as many rounds of gathers as the deepest tree has
// levels. Places are inner nodes, then leaves; a leaf's children are itself.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"

using namespace mlir;
using namespace tegula;

namespace {
enum Mode { LessOrEqual, Less, GreaterOrEqual, Greater, Equal, NotEqual, Member };

struct Trees {
  SmallVector<int64_t> features, modes, roots, children[2]; ///< children: where the comparison holds, and where not
  int64_t inner = 0, leaves = 0, depth = 0;
  Value splits, sets; ///< sets: [inner, largest set], NaN where there is no member; null without member nodes
};
} // namespace

static LogicalResult readTrees(NodeContext &node, Trees &trees) {
  auto list = [&](StringRef name) { return node.getIntegers(name).value_or(SmallVector<int64_t>()); };
  ElementsAttr modes = node.getTensor("nodes_modes"), splits = node.getTensor("nodes_splits");
  auto modeValues = modes ? graph::getConstantIntegers(modes) : std::nullopt;
  trees.features = list("nodes_featureids");
  trees.roots = list("tree_roots");
  trees.inner = trees.features.size();
  trees.leaves = list("leaf_targetids").size();
  SmallVector<int64_t> ids[] = {list("nodes_truenodeids"), list("nodes_falsenodeids")};
  SmallVector<int64_t> areLeaves[] = {list("nodes_trueleafs"), list("nodes_falseleafs")};
  size_t count = trees.inner;
  if (modes && !modeValues)
    return node.unsupported("more than " + Twine(graph::maxFoldedElements) + " nodes");
  if (!modeValues || !splits || count == 0 || trees.roots.empty() || modeValues->size() != count ||
      splits.getNumElements() != trees.inner)
    return node.error("expected roots and node attributes of equal lengths, at least 1");
  trees.modes = *modeValues;
  for (int side = 0; side < 2; ++side) {
    if (ids[side].size() != count || areLeaves[side].size() != count)
      return node.error("expected node attributes of equal lengths");
    for (size_t i = 0; i < count; ++i) {
      int64_t id = ids[side][i], limit = areLeaves[side][i] ? trees.leaves : trees.inner;
      if (id < 0 || id >= limit)
        return node.error("expected children in 0.." + Twine(limit - 1) + ", but got " + Twine(id));
      trees.children[side].push_back(areLeaves[side][i] ? trees.inner + id : id);
    }
    for (int64_t leaf = 0; leaf < trees.leaves; ++leaf)
      trees.children[side].push_back(trees.inner + leaf);
  }
  // Levels from the roots; more nodes than there are mean a cycle.
  SmallVector<int64_t> level;
  for (int64_t root : trees.roots) {
    if (root < 0 || root >= trees.inner)
      return node.error("expected roots in 0.." + Twine(trees.inner - 1) + ", but got " + Twine(root));
    level.push_back(root);
  }
  for (int64_t seen = 0; !level.empty(); ++trees.depth) {
    SmallVector<int64_t> next;
    seen += level.size();
    if (seen > trees.inner)
      return node.error("expected trees, but got nodes with several parents or a cycle");
    for (int64_t place : level)
      for (SmallVector<int64_t> &children : trees.children)
        if (children[place] < trees.inner)
          next.push_back(children[place]);
    level = next;
  }
  trees.splits = node.create<graph::ConstantOp>(splits);
  return success();
}

/// membership_values are the sets of the member nodes, in their order, each closed by a NaN.
static LogicalResult readSets(NodeContext &node, Trees &trees) {
  if (!llvm::is_contained(trees.modes, int64_t(Member)))
    return success();
  ElementsAttr attribute = node.getTensor("membership_values");
  if (!attribute)
    return node.error("expected membership_values");
  auto values = graph::getConstantFloats(attribute);
  if (!values)
    return node.unsupported("more than " + Twine(graph::maxFoldedElements) + " members of sets");
  SmallVector<SmallVector<double>> sets(trees.inner);
  size_t next = 0, largest = 1;
  for (auto [i, mode] : llvm::enumerate(trees.modes)) {
    if (mode != Member)
      continue;
    while (next < values->size() && (*values)[next] == (*values)[next])
      sets[i].push_back((*values)[next++]);
    if (next++ >= values->size())
      return node.error("expected a set in membership_values for each member node, each closed by a NaN");
    largest = std::max(largest, sets[i].size());
  }
  SmallVector<double> table;
  for (SmallVector<double> &set : sets) {
    set.resize(largest, std::numeric_limits<double>::quiet_NaN());
    llvm::append_range(table, set);
  }
  auto type = RankedTensorType::get({trees.inner, int64_t(largest)}, attribute.getElementType());
  trees.sets = node.create<graph::ConstantOp>(graph::makeFloats(type, table));
  return success();
}

static LogicalResult buildTreeEnsemble(NodeContext &node) {
  Trees trees;
  auto targets = node.getIntegers("leaf_targetids");
  ElementsAttr weights = node.getTensor("leaf_weights");
  int64_t columns = node.getInteger("n_targets", 1), aggregate = node.getInteger("aggregate_function", 1);
  int64_t transform = node.getInteger("post_transform", 0);
  if (!targets || !weights || weights.getNumElements() != int64_t(targets->size()) || columns < 1)
    return node.error("expected leaf_targetids and leaf_weights of equal lengths");
  if (aggregate > 1)
    return node.unsupported("aggregate_function " + Twine(aggregate));
  if (transform > 2)
    return node.unsupported("post_transform " + Twine(transform));
  if (failed(readTrees(node, trees)) || failed(readSets(node, trees)))
    return failure();

  Composer c(node);
  Value x = node.operand(0);
  Type i64 = node.builder.getI64Type();
  Value batch = c("Shape", {x}, {{"start", int64_t(0)}, {"end", int64_t(1)}}, i64);
  Value place =
      c("Expand", {node.integers(trees.roots), c.join({batch, node.integers({int64_t(trees.roots.size())})})});
  auto gather = [&](Value table, Value at) { return c("Gather", {table, at}, {{"axis", int64_t(0)}}); };
  static constexpr const char *comparisons[] = {"LessOrEqual", "Less", "GreaterOrEqual", "Greater", "Equal", "Equal"};
  for (int64_t level = 0; level < trees.depth && !c.failed; ++level) {
    Value at = c("Min", {place, node.scalar(trees.inner - 1)});
    Value feature = c("GatherElements", {x, gather(node.integers(trees.features), at)}, {{"axis", int64_t(1)}});
    Value split = gather(trees.splits, at), mode = gather(node.integers(trees.modes), at), holds;
    for (int64_t kind = LessOrEqual; kind <= Member; ++kind) {
      if (!llvm::is_contained(trees.modes, kind))
        continue;
      Value result;
      if (kind == Member) {
        Value last = node.integers({-1});
        Value isThis = c.compare("Equal", c("Unsqueeze", {feature, last}), gather(trees.sets, at));
        result = c("ReduceMax", {c.cast(isThis, i64), last}, {{"keepdims", int64_t(0)}});
        result = c.compare("Greater", result, node.scalar(int64_t(0)));
      } else {
        result = c.compare(comparisons[kind], feature, split);
        result = kind == NotEqual ? c("Not", {result}) : result;
      }
      holds = holds ? c.select(c.compare("Equal", mode, node.scalar(kind)), result, holds) : result;
    }
    place = c.select(holds, gather(node.integers(trees.children[0]), place),
                     gather(node.integers(trees.children[1]), place));
  }
  // Each leaf's weight in the column of its target.
  SmallVector<int64_t> marks(targets->size() * columns, 0);
  for (auto [leaf, target] : llvm::enumerate(*targets)) {
    if (target < 0 || target >= columns)
      return node.error("expected targets in 0.." + Twine(columns - 1) + ", but got " + Twine(target));
    marks[leaf * columns + target] = 1;
  }
  Value table = c.cast(c.reshape(node.integers(marks), {trees.leaves, columns}), weights.getElementType());
  table = c.mul(c.reshape(node.create<graph::ConstantOp>(weights), {-1, 1}), table);
  Value scores = gather(table, c.sub(place, node.scalar(trees.inner)));
  scores = c(aggregate == 0 ? "ReduceMean" : "ReduceSum", {scores, node.integers({1})}, {{"keepdims", int64_t(0)}});
  if (transform)
    scores = transform == 1 ? c("Softmax", {scores}) : c("Sigmoid", {scores});
  return c.finish(scores);
}

void tegula::addTreeEnsembleNodes(NodeTable &table) { table.add("ai.onnx.ml", "TreeEnsemble", 5, buildTreeEnsemble); }
