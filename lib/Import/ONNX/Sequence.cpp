// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sequences and optionals. SequenceMap has no row: ONNX's function body is a Loop.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

static graph::SequenceType sequenceOf(Type element) { return graph::SequenceType::get(element.getContext(), element); }
static graph::SequenceType sequenceOf(Value value) { return dyn_cast<graph::SequenceType>(value.getType()); }

/// What the model declares of the first result, else `fallback`.
static Type declared(NodeContext &node, Type fallback) {
  Type type = node.hasResult(0) ? node.graph.lookupType(node.node.output(0)) : nullptr;
  return type && type.getTypeID() == fallback.getTypeID() ? type : fallback;
}

/// An unranked tensor of the element type of `sequence`'s tensors; null for a sequence of something else.
static Type unknownElement(graph::SequenceType sequence) {
  auto tensor = sequence ? dyn_cast<TensorType>(sequence.getElement()) : nullptr;
  return tensor ? UnrankedTensorType::get(tensor.getElementType()) : nullptr;
}

/// The type of a tensor result: what is declared, or a tensor of `unknown`'s element type.
static Type tensorResult(NodeContext &node, Type unknown) {
  return node.resultType(0, cast<TensorType>(unknown).getElementType());
}

static LogicalResult buildConstruct(NodeContext &node) {
  SmallVector<Value> elements;
  for (unsigned i = 0; i < node.operandCount(); ++i) {
    Value element = node.operand(i);
    if (!element || !isa<TensorType>(element.getType()))
      return node.unsupported("elements that are no tensors");
    elements.push_back(element);
  }
  if (elements.empty())
    return node.error("expected at least one element");
  Type element = UnrankedTensorType::get(node.elementType(0));
  for (Value value : elements)
    if (cast<TensorType>(value.getType()).getElementType() != node.elementType(0))
      return node.error("expected elements of one type");
  node.setResult(0, node.create<graph::SequenceConstructOp>(declared(node, sequenceOf(element)), elements));
  return success();
}

static LogicalResult buildEmpty(NodeContext &node) {
  Type element = node.graph.convertAnyElementType(int32_t(node.getInteger("dtype", onnx::TensorProto::FLOAT)));
  if (!element)
    return node.error("expected dtype to be an element type, but got " + Twine(node.getInteger("dtype", 0)));
  // It holds nothing yet; what it will hold the types of later values tell.
  Type type = sequenceOf(UnrankedTensorType::get(element));
  node.setResult(0, node.create<graph::SequenceConstructOp>(type, ValueRange()));
  return success();
}

static LogicalResult buildAt(NodeContext &node) {
  Type unknown = unknownElement(sequenceOf(node.operand(0)));
  if (!unknown || !isa<TensorType>(node.operand(1).getType()))
    return node.unsupported("a sequence of something else than tensors");
  node.setResult(0, node.create<graph::SequenceAtOp>(tensorResult(node, unknown), node.operand(0), node.operand(1)));
  return success();
}

static LogicalResult buildInsert(NodeContext &node) {
  Type unknown = unknownElement(sequenceOf(node.operand(0)));
  if (!unknown || !isa<TensorType>(node.operand(1).getType()))
    return node.unsupported("a sequence of something else than tensors");
  node.setResult(0, node.create<graph::SequenceInsertOp>(declared(node, sequenceOf(unknown)), node.operand(0),
                                                         node.operand(1), node.operand(2)));
  return success();
}

static LogicalResult buildErase(NodeContext &node) {
  graph::SequenceType type = sequenceOf(node.operand(0));
  if (!type)
    return node.unsupported("an operand that is no sequence");
  node.setResult(0, node.create<graph::SequenceEraseOp>(type, node.operand(0), node.operand(1)));
  return success();
}

static LogicalResult buildLength(NodeContext &node) {
  if (!sequenceOf(node.operand(0)))
    return node.unsupported("an operand that is no sequence");
  Type type = RankedTensorType::get({}, node.builder.getI64Type());
  node.setResult(0, node.create<graph::SequenceLengthOp>(type, node.operand(0)));
  return success();
}

static LogicalResult buildSplit(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  int64_t axis = node.getInteger("axis", 0);
  if (axis < -x.getRank() || axis >= x.getRank())
    return node.error("expected an axis of " + Twine(-x.getRank()) + " to " + Twine(x.getRank() - 1) + ", but got " +
                      Twine(axis));
  Type type = sequenceOf(UnrankedTensorType::get(x.getElementType()));
  node.setResult(0, node.create<graph::SplitToSequenceOp>(declared(node, type), node.operand(0), node.operand(1),
                                                          axis < 0 ? axis + x.getRank() : axis,
                                                          node.getInteger("keepdims", 1) != 0));
  return success();
}

static LogicalResult buildConcat(NodeContext &node) {
  Type unknown = unknownElement(sequenceOf(node.operand(0)));
  if (!unknown)
    return node.unsupported("a sequence of something else than tensors");
  node.setResult(0, node.create<graph::ConcatFromSequenceOp>(tensorResult(node, unknown), node.operand(0),
                                                             node.getInteger("axis", 0),
                                                             node.getInteger("new_axis", 0) != 0));
  return success();
}

static LogicalResult buildOptional(NodeContext &node) {
  Value value = node.operand(0);
  Type element = value ? value.getType() : node.getType("type");
  if (!element || isa<graph::OptionalType>(element))
    return node.unsupported("an optional of something else than tensors and sequences");
  Type type = graph::OptionalType::get(node.builder.getContext(), element);
  node.setResult(0, node.create<graph::OptionalConstructOp>(type, value));
  return success();
}

/// A tensor or sequence is there; an absent operand is not.
static LogicalResult buildHasElement(NodeContext &node) {
  Value value = node.operand(0);
  auto type = RankedTensorType::get({}, node.builder.getI1Type());
  if (value && isa<graph::OptionalType>(value.getType()))
    node.setResult(0, node.create<graph::OptionalHasElementOp>(type, value));
  else
    node.setResult(0, node.create<graph::ConstantOp>(DenseElementsAttr::get(type, value != nullptr)));
  return success();
}

static LogicalResult buildGetElement(NodeContext &node) {
  Value value = node.operand(0);
  auto type = dyn_cast<graph::OptionalType>(value.getType());
  if (type)
    value = node.create<graph::OptionalGetElementOp>(declared(node, type.getElement()), value);
  node.setResult(0, value);
  return success();
}

void tegula::addSequenceNodes(NodeTable &table) {
  table.add("SequenceConstruct", 11, buildConstruct);
  table.add("SequenceEmpty", 11, buildEmpty);
  table.add("SequenceAt", 11, buildAt);
  table.add("SequenceInsert", 11, buildInsert);
  table.add("SequenceErase", 11, buildErase);
  table.add("SequenceLength", 11, buildLength);
  table.add("SplitToSequence", 11, buildSplit);
  table.add("ConcatFromSequence", 11, buildConcat);
  table.add("Optional", 15, buildOptional);
  table.add("OptionalHasElement", 15, buildHasElement);
  table.add("OptionalGetElement", 15, buildGetElement);
  table.serve(NodeTable::Serves::Values,
              {"SequenceConstruct", "SequenceEmpty", "SequenceAt", "SequenceInsert", "SequenceErase", "SequenceLength",
               "SplitToSequence", "ConcatFromSequence", "Optional", "OptionalHasElement", "OptionalGetElement"});
  table.runOnHost({"SequenceConstruct", "SequenceEmpty", "SequenceAt", "SequenceInsert", "SequenceErase",
                   "SequenceLength", "SplitToSequence", "ConcatFromSequence"});
}
