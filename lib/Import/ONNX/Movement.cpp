// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What old opsets say by attributes, new ones by operands; here attributes become constant operands.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildTranspose(NodeContext &node) {
  auto permutation = node.getIntegers("perm");
  if (!permutation) {
    auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
    if (!x)
      return node.unsupported("default permutation of an operand of unknown rank");
    permutation = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, x.getRank())));
  }
  return node.emit<graph::TransposeOp>(node.operand(0), *permutation);
}

static LogicalResult buildReshape(NodeContext &node) {
  return node.emit<graph::ReshapeOp>(node.operand(0), node.operand(1), node.getInteger("allowzero", 0) != 0);
}

static LogicalResult buildReshape1(NodeContext &node) {
  return node.emit<graph::ReshapeOp>(node.operand(0),
                                     node.integers(node.getIntegers("shape").value_or(SmallVector<int64_t>())), false);
}

static LogicalResult buildFlatten(NodeContext &node) {
  return node.emit<graph::FlattenOp>(node.operand(0), node.getInteger("axis", 1));
}

/// Operand `index`, or attribute `name` as a constant; null when there is neither.
static Value operandOrAttribute(NodeContext &node, unsigned index, StringRef name) {
  if (Value value = node.operand(index))
    return value;
  auto integers = node.getIntegers(name);
  return integers ? node.integers(*integers) : nullptr;
}

static LogicalResult buildSqueeze(NodeContext &node) {
  Value axes = operandOrAttribute(node, 1, "axes");
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  bool othersDiffer = false;
  if (!axes && x && !x.hasStaticShape()) {
    // Which dimensions go decides the rank: those that are known to be 1, and no other may turn out to be.
    SmallVector<int64_t> units;
    for (int64_t i = 0; i < x.getRank(); ++i)
      if (x.getDimSize(i) == 1)
        units.push_back(i);
    axes = node.integers(units);
    othersDiffer = true;
  }
  return node.emit<graph::SqueezeOp>(node.operand(0), axes, othersDiffer);
}

static LogicalResult buildUnsqueeze(NodeContext &node) {
  Value axes = operandOrAttribute(node, 1, "axes");
  return axes ? node.emit<graph::UnsqueezeOp>(node.operand(0), axes) : node.error("expected axes");
}

static LogicalResult buildShape(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  int64_t rank = x.getRank();
  auto normalize = [&](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank); };
  int64_t start = normalize(node.getInteger("start", 0)), end = normalize(node.getInteger("end", rank));
  return node.emit<graph::ShapeOp>(node.operand(0), start, std::max(start, end));
}

static LogicalResult buildSize(NodeContext &node) { return node.emit<graph::SizeOp>(node.operand(0)); }

static LogicalResult buildConcat(NodeContext &node) {
  SmallVector<Value> inputs;
  for (unsigned i = 0; i < node.operandCount(); ++i)
    inputs.push_back(node.operand(i));
  return node.emit<graph::ConcatOp>(inputs, node.getInteger("axis", 1)); // the default is opset 1's
}

static LogicalResult buildSplit(NodeContext &node) {
  Value sizes = operandOrAttribute(node, 1, "split");
  int64_t count = node.getInteger("num_outputs", node.resultCount());
  if (count != node.resultCount())
    return node.error("expected " + Twine(count) + " outputs, but got " + Twine(node.resultCount()));
  SmallVector<Type> types;
  for (unsigned i = 0; i < node.resultCount(); ++i)
    types.push_back(node.resultType(i, node.elementType(0)));
  auto split = node.create<graph::SplitOp>(types, node.operand(0), sizes, node.getInteger("axis", 0));
  for (unsigned i = 0; i < node.resultCount(); ++i)
    node.setResult(i, split.getResult(i));
  return success();
}

static LogicalResult buildSlice(NodeContext &node) {
  Value starts = operandOrAttribute(node, 1, "starts"), ends = operandOrAttribute(node, 2, "ends");
  if (!starts || !ends)
    return node.error("expected starts and ends");
  return node.emit<graph::SliceOp>(node.operand(0), starts, ends, operandOrAttribute(node, 3, "axes"), node.operand(4));
}

static LogicalResult buildExpand(NodeContext &node) {
  return node.emit<graph::ExpandOp>(node.operand(0), node.operand(1));
}

static LogicalResult buildTile(NodeContext &node) { return node.emit<graph::TileOp>(node.operand(0), node.operand(1)); }

/// Opset 1: input, tiles and axis, one number each.
static LogicalResult buildTile1(NodeContext &node) {
  Composer c(node);
  auto x = Composer::rankedType(node.operand(0));
  if (!x)
    return node.unsupported("an operand of unknown rank");
  Type i64 = node.builder.getI64Type();
  Value axis = c.reshape(c.cast(node.operand(2), i64), {1}), tiles = c.reshape(c.cast(node.operand(1), i64), {1});
  Value ones = node.integers(SmallVector<int64_t>(x.getRank(), 1));
  Value repeats = c("ScatterElements", {ones, axis, tiles}, {{"axis", int64_t(0)}});
  return c.failed ? failure() : node.emit<graph::TileOp>(node.operand(0), repeats);
}

static LogicalResult buildPad(NodeContext &node) {
  Value pads = operandOrAttribute(node, 1, "pads");
  if (!pads)
    pads = operandOrAttribute(node, 1, "paddings"); // opset 1
  if (!pads)
    return node.error("expected pads");
  std::string mode = node.getString("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
    return node.error("expected mode constant, reflect, edge or wrap, but got '" + mode + "'");
  Value value = node.operand(2);
  if (!value && node.hasAttribute("value"))
    value = node.scalar(node.getFloat("value", 0), node.elementType(0));
  return node.emit<graph::PadOp>(node.operand(0), pads, value, node.operand(3), node.builder.getStringAttr(mode));
}

/// DepthToSpace and SpaceToDepth have the same attributes.
template <typename OpTy> static LogicalResult buildBlocks(NodeContext &node) {
  std::string mode = node.getString("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return node.error("expected mode DCR or CRD, but got '" + mode + "'");
  int64_t block = node.getInteger("blocksize", 0);
  if (block <= 0)
    return node.error("expected a positive blocksize, but got " + Twine(block));
  return node.emit<OpTy>(node.operand(0), block, mode == "CRD");
}

static LogicalResult buildReverseSequence(NodeContext &node) {
  return node.emit<graph::ReverseSequenceOp>(node.operand(0), node.operand(1), node.getInteger("batch_axis", 1),
                                             node.getInteger("time_axis", 0));
}

void tegula::addMovementNodes(NodeTable &table) {
  table.add("Transpose", 1, buildTranspose);
  table.add("Reshape", 1, buildReshape1);
  table.add("Reshape", 5, buildReshape);
  table.add("Flatten", 1, buildFlatten);
  table.add("Squeeze", 1, buildSqueeze);
  table.add("Unsqueeze", 1, buildUnsqueeze);
  table.add("Shape", 1, buildShape);
  table.add("Size", 1, buildSize);
  table.add("Concat", 1, buildConcat);
  table.add("Split", 1, buildSplit);
  table.add("Slice", 1, buildSlice);
  table.add("Expand", 8, buildExpand);
  table.add("Tile", 1, buildTile1);
  table.add("Tile", 6, buildTile);
  table.add("Pad", 1, buildPad);
  table.add("DepthToSpace", 1, buildBlocks<graph::DepthToSpaceOp>);
  table.add("SpaceToDepth", 1, buildBlocks<graph::SpaceToDepthOp>);
  table.add("ReverseSequence", 10, buildReverseSequence);
}
