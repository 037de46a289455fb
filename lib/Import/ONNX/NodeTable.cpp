// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/NodeTable.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

const NodeTable &NodeTable::get() {
  static const NodeTable table = [] {
    NodeTable rows;
    addStructureNodes(rows);
    addElementwiseNodes(rows);
    addActivationNodes(rows);
    addReductionNodes(rows);
    addQuantizationNodes(rows);
    addContractionNodes(rows);
    addLinearAlgebraNodes(rows);
    addMovementNodes(rows);
    addConvolutionNodes(rows);
    addPoolingNodes(rows);
    addClassicalNodes(rows);
    addControlFlowNodes(rows);
    addContribNodes(rows);
    addContribAttentionNodes(rows);
    addContribQuantizationNodes(rows);
    addGroupQueryAttentionNodes(rows);
    addRecurrentNodes(rows);
    addNormalizationNodes(rows);
    addIndexingNodes(rows);
    addGenerationNodes(rows);
    addResamplingNodes(rows);
    addSignalNodes(rows);
    addTrainingNodes(rows);
    addGradientNodes(rows);
    addRandomNodes(rows);
    addTreeEnsembleNodes(rows);
    addTreeNodes(rows);
    addSupportVectorNodes(rows);
    addSequenceNodes(rows);
    addTextNodes(rows);
    addBeamSearchNodes(rows);
    addTextGenerationNodes(rows);
    addMapNodes(rows);
    addVisionNodes(rows);
    addEncodingNodes(rows);
    return rows;
  }();
  return table;
}

NodeBuilder NodeTable::lookup(StringRef domain, StringRef opType, int64_t version) const {
  auto found = rows.find({domain == "ai.onnx" ? "" : domain.str(), opType.str()});
  if (found == rows.end())
    return nullptr;
  auto row = found->second.upper_bound(version);
  return row == found->second.begin() ? nullptr : std::prev(row)->second;
}

unsigned NodeContext::operandCount() const { return node.input_size(); }
unsigned NodeContext::resultCount() const { return node.output_size(); }

Value NodeContext::operand(unsigned index) const {
  if (index >= operandCount() || node.input(index).empty())
    return nullptr;
  return graph.lookup(node.input(index));
}

bool NodeContext::hasResult(unsigned index) const { return index < resultCount() && !node.output(index).empty(); }

Type NodeContext::resultType(unsigned index, Type element) const {
  if (index < resultCount())
    if (Type type = graph.lookupType(node.output(index)))
      return type;
  return UnrankedTensorType::get(element ? element : elementType(0));
}

Type NodeContext::elementType(unsigned operandIndex) const {
  Value value = operand(operandIndex);
  auto type = value ? dyn_cast<TensorType>(value.getType()) : nullptr;
  return type ? type.getElementType() : Float32Type::get(builder.getContext());
}

void NodeContext::setResult(unsigned index, Value value) {
  if (hasResult(index))
    graph.bind(node.output(index), value);
}

static const onnx::AttributeProto *findAttribute(const onnx::NodeProto &node, StringRef name) {
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

bool NodeContext::hasAttribute(StringRef name) const { return findAttribute(node, name); }
int64_t NodeContext::getInteger(StringRef name, int64_t fallback) const {
  const onnx::AttributeProto *attribute = findAttribute(node, name);
  return attribute ? attribute->i() : fallback;
}
float NodeContext::getFloat(StringRef name, float fallback) const {
  const onnx::AttributeProto *attribute = findAttribute(node, name);
  return attribute ? attribute->f() : fallback;
}
std::string NodeContext::getString(StringRef name, StringRef fallback) const {
  const onnx::AttributeProto *attribute = findAttribute(node, name);
  return attribute ? attribute->s() : fallback.str();
}
std::optional<SmallVector<int64_t>> NodeContext::getIntegers(StringRef name) const {
  if (const onnx::AttributeProto *attribute = findAttribute(node, name))
    return SmallVector<int64_t>(attribute->ints().begin(), attribute->ints().end());
  return std::nullopt;
}
std::optional<SmallVector<float>> NodeContext::getFloats(StringRef name) const {
  if (const onnx::AttributeProto *attribute = findAttribute(node, name))
    return SmallVector<float>(attribute->floats().begin(), attribute->floats().end());
  return std::nullopt;
}
std::optional<std::vector<std::string>> NodeContext::getStrings(StringRef name) const {
  if (const onnx::AttributeProto *attribute = findAttribute(node, name))
    return std::vector<std::string>(attribute->strings().begin(), attribute->strings().end());
  return std::nullopt;
}
ElementsAttr NodeContext::getTensor(StringRef name) const {
  const onnx::AttributeProto *attribute = findAttribute(node, name);
  return attribute && attribute->has_t() ? graph.convertTensor(attribute->t(), location) : nullptr;
}
Value NodeContext::makeConstant(StringRef name) {
  const onnx::AttributeProto *attribute = findAttribute(node, name);
  return attribute && attribute->has_t() ? graph.buildConstant(attribute->t(), builder, location) : nullptr;
}
Value NodeContext::strings(ArrayRef<std::string> values, ArrayRef<int64_t> shape) {
  onnx::TensorProto tensor;
  tensor.set_data_type(onnx::TensorProto::STRING);
  for (int64_t extent : shape)
    tensor.add_dims(extent);
  for (const std::string &value : values)
    tensor.add_string_data(value);
  Value constant = graph.buildConstant(tensor, builder, location);
  failedForGood |= !constant;
  return constant;
}
Type NodeContext::getType(StringRef name) const {
  const onnx::AttributeProto *attribute = findAttribute(node, name);
  return attribute && attribute->has_tp() ? graph.convertType(attribute->tp()) : nullptr;
}
const onnx::GraphProto *NodeContext::getGraph(StringRef name) const {
  const onnx::AttributeProto *attribute = findAttribute(node, name);
  return attribute && attribute->has_g() ? &attribute->g() : nullptr;
}

Value NodeContext::compose(StringRef opType, ArrayRef<Value> operands, ArrayRef<NodeAttribute> attributes,
                           Type element) {
  return graph.compose(*this, opType, operands, attributes, element);
}

void NodeContext::refine(Operation *op) { failedForGood |= failed(graph.refineTypes(op)); }

Value NodeContext::reshape(Value value, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> extents;
  for (int64_t extent : shape)
    extents.push_back(extent == -1 ? ShapedType::kDynamic : extent);
  return create<graph::ReshapeOp>(
      cast<TensorType>(value.getType())
          .cloneWith(ArrayRef<int64_t>(extents), cast<TensorType>(value.getType()).getElementType()),
      value, integers(shape), false);
}

Value NodeContext::integers(ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, builder.getI64Type());
  return create<graph::ConstantOp>(graph::makeIntegers(type, values));
}
Value NodeContext::scalar(int64_t value) {
  return create<graph::ConstantOp>(graph::makeIntegers(RankedTensorType::get({}, builder.getI64Type()), {value}));
}
Value NodeContext::scalar(double value, Type element) {
  auto type = RankedTensorType::get({}, element);
  if (isa<FloatType>(element))
    return create<graph::ConstantOp>(graph::makeFloats(type, {value}));
  return create<graph::ConstantOp>(graph::makeIntegers(type, {int64_t(value)}));
}

LogicalResult NodeContext::unsupported(const Twine &why) {
  reason = why.str();
  return failure();
}
LogicalResult NodeContext::error(const Twine &message) {
  failedForGood = true;
  return emitError(location) << message;
}
