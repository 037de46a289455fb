// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, softmax, normalizations and cumulative ops. Reductions that are a map before or after a plain one become
// that: ReduceL2 is sqrt(reduce_sum(x * x)).
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/GraphBuilder.h"
#include "tegula/Import/ONNX/NodeTable.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula;

namespace {
/// The axes of a node: known ones, or an operand.
struct Axes {
  std::optional<SmallVector<int64_t>> known;
  Value operand;
};
enum class Map { None, Abs, Square, Sqrt, Log };
} // namespace

static Type withElement(Type tensor, Type element) { return cast<TensorType>(tensor).clone(element); }

/// `axis` counted from the front; nothing (and an error) when it is out of range.
static std::optional<int64_t> normalizeAxis(NodeContext &node, int64_t axis, int64_t rank) {
  int64_t result = axis < 0 ? axis + rank : axis;
  if (result >= 0 && result < rank)
    return result;
  (void)node.error("expected an axis in " + Twine(-rank) + ".." + Twine(rank - 1) + ", but got " + Twine(axis));
  return std::nullopt;
}

static std::optional<Axes> getAxes(NodeContext &node, bool asOperand) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  std::optional<SmallVector<int64_t>> values;
  if (!asOperand) {
    values = node.getIntegers("axes");
  } else if (Value operand = node.operand(1)) {
    values = graph::getConstantIntegers(operand);
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!values && (!type || type.getRank() != 1)) {
      (void)node.unsupported("axes of unknown rank");
      return std::nullopt;
    }
    if (!values && (!type.hasStaticShape() || type.getNumElements() > 0))
      return Axes{std::nullopt, operand};
  }
  if (!x) {
    (void)node.unsupported("an operand of unknown rank");
    return std::nullopt;
  }
  SmallVector<int64_t> axes;
  if (!values || values->empty()) {
    if (!asOperand || !node.getInteger("noop_with_empty_axes", 0))
      axes = llvm::to_vector(llvm::seq<int64_t>(0, x.getRank()));
    return Axes{axes, nullptr};
  }
  for (int64_t value : *values) {
    auto axis = normalizeAxis(node, value, x.getRank());
    if (!axis)
      return std::nullopt;
    axes.push_back(*axis);
  }
  llvm::sort(axes);
  axes.erase(llvm::unique(axes), axes.end());
  return Axes{axes, nullptr};
}

static Value applyMap(NodeContext &node, Map map, Value value) {
  Type type = value.getType();
  switch (map) {
  case Map::None:
    return value;
  case Map::Abs:
    return node.create<graph::AbsOp>(type, value);
  case Map::Square:
    return node.create<graph::MulOp>(type, value, value);
  case Map::Sqrt:
    return node.create<graph::SqrtOp>(type, value);
  case Map::Log:
    return node.create<graph::LogOp>(type, value);
  }
  llvm_unreachable("all maps are above");
}

/// `before` and `after` compute in f32 for f16 and bf16, functions of integers in f64, as ONNX's function bodies do.
template <typename OpTy, Map before, Map after, bool asOperand> static LogicalResult buildReduce(NodeContext &node) {
  auto axes = getAxes(node, asOperand);
  if (!axes)
    return failure();
  Value value = node.operand(0);
  Type element = node.elementType(0), compute = element;
  bool isFunction = after != Map::None || std::is_same_v<OpTy, graph::ReduceLogSumExpOp>;
  if (isa<IntegerType>(element) && isFunction)
    compute = node.builder.getF64Type();
  else if ((element.isF16() || element.isBF16()) && (before != Map::None || after != Map::None))
    compute = node.builder.getF32Type();
  if (compute != element)
    value = node.create<graph::CastOp>(withElement(value.getType(), compute), value);
  value = applyMap(node, before, value);
  DenseI64ArrayAttr known = axes->known ? node.builder.getDenseI64ArrayAttr(*axes->known) : nullptr;
  Type type = node.resultType();
  bool emptyReducesAll = axes->operand && !node.getInteger("noop_with_empty_axes", 0);
  value = node.create<OpTy>(withElement(type, compute), value, axes->operand, known,
                            node.builder.getBoolAttr(node.getInteger("keepdims", 1) != 0),
                            node.builder.getBoolAttr(emptyReducesAll));
  value = applyMap(node, after, value);
  if (compute != element)
    value = node.create<graph::CastOp>(type, value);
  node.setResult(0, value);
  return success();
}

template <typename OpTy, Map before = Map::None, Map after = Map::None>
static void addReduction(NodeTable &table, StringRef name, int64_t operandSince = 18) {
  table.add(name, 1, buildReduce<OpTy, before, after, false>);
  table.add(name, operandSince, buildReduce<OpTy, before, after, true>);
}

template <typename OpTy> static LogicalResult buildArgReduce(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  auto axis = normalizeAxis(node, node.getInteger("axis", 0), x.getRank());
  if (!axis)
    return failure();
  node.setResult(0,
                 node.create<OpTy>(node.resultType(0, node.builder.getI64Type()), node.operand(0), *axis,
                                   node.getInteger("keepdims", 1) != 0, node.getInteger("select_last_index", 0) != 0));
  return success();
}

/// Up to opset 12 a slice is everything from `axis` on; later it is one dimension.
template <typename OpTy, bool flattens> static LogicalResult buildSoftmax(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  auto axis = normalizeAxis(node, node.getInteger("axis", flattens ? 1 : -1), x.getRank());
  if (!axis)
    return failure();
  auto axes = llvm::to_vector(llvm::seq<int64_t>(*axis, flattens ? x.getRank() : *axis + 1));
  return node.emit<OpTy>(node.operand(0), axes);
}

static LogicalResult buildLayerNorm(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  auto axis = normalizeAxis(node, node.getInteger("axis", -1), x.getRank());
  if (!axis)
    return failure();
  Type stash = node.graph.convertElementType(int32_t(node.getInteger("stash_type", 1)));
  if (!isa_and_nonnull<FloatType>(stash))
    return node.error("expected a float stash_type, but got " + Twine(node.getInteger("stash_type", 1)));
  auto norm = node.create<graph::LayerNormOp>(
      TypeRange{node.resultType(), node.resultType(1, stash), node.resultType(2, stash)}, node.operand(0),
      node.operand(1), node.operand(2), uint64_t(*axis), llvm::APFloat(node.getFloat("epsilon", 1e-5f)));
  for (unsigned i = 0; i < 3; ++i)
    node.setResult(i, norm->getResult(i));
  return success();
}

static LogicalResult buildRmsNorm(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  auto axis = normalizeAxis(node, node.getInteger("axis", -1), x.getRank());
  if (!axis)
    return failure();
  return node.emit<graph::RmsNormOp>(node.operand(0), node.operand(1), uint64_t(*axis),
                                     llvm::APFloat(node.getFloat("epsilon", 1e-5f)));
}

/// Layer normalization of each channel, with one scale and bias per channel.
static LogicalResult buildInstanceNorm(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x || x.getRank() < 3)
    return node.unsupported("an operand of unknown rank or without spatial dimensions");
  auto perChannel = [&](Value value) -> Value {
    SmallVector<int64_t> shape{x.getDimSize(1)}, values{0};
    shape.append(x.getRank() - 2, 1);
    values.append(x.getRank() - 2, 1);
    Type element = cast<TensorType>(value.getType()).getElementType();
    return node.create<graph::ReshapeOp>(RankedTensorType::get(shape, element), value, node.integers(values), false);
  };
  Type stash = UnrankedTensorType::get(node.builder.getF32Type());
  auto norm = node.create<graph::LayerNormOp>(TypeRange{node.resultType(), stash, stash}, node.operand(0),
                                              perChannel(node.operand(1)), perChannel(node.operand(2)), 2,
                                              llvm::APFloat(node.getFloat("epsilon", 1e-5f)));
  node.setResult(0, norm.getY());
  return success();
}

/// x / norm, and 0 where the norm is 0.
static LogicalResult buildLpNormalization(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x)
    return node.unsupported("an operand of unknown rank");
  auto axis = normalizeAxis(node, node.getInteger("axis", -1), x.getRank());
  if (!axis)
    return failure();
  int64_t p = node.getInteger("p", 2);
  if (p != 1 && p != 2)
    return node.error("expected p to be 1 or 2, but got " + Twine(p));
  Value value = node.operand(0);
  Type element = x.getElementType(), compute = element;
  if (element.isF16() || element.isBF16())
    value = node.create<graph::CastOp>(withElement(x, compute = node.builder.getF32Type()), value);
  SmallVector<int64_t> shape(x.getShape());
  shape[*axis] = 1;
  auto normType = RankedTensorType::get(shape, compute);
  Value norm = applyMap(node, p == 1 ? Map::Abs : Map::Square, value);
  norm = node.create<graph::ReduceSumOp>(normType, norm, Value(), node.builder.getDenseI64ArrayAttr({*axis}),
                                         node.builder.getBoolAttr(true), node.builder.getBoolAttr(false));
  if (p == 2)
    norm = applyMap(node, Map::Sqrt, norm);
  Value zero = node.scalar(0.0, compute);
  Value isZero = node.create<graph::EqualOp>(RankedTensorType::get(shape, node.builder.getI1Type()), norm, zero);
  Value quotient = node.create<graph::DivOp>(value.getType(), value, norm);
  quotient = node.create<graph::WhereOp>(value.getType(), isZero, zero, quotient);
  if (compute != element)
    quotient = node.create<graph::CastOp>(x, quotient);
  node.setResult(0, quotient);
  return success();
}

template <typename OpTy> static LogicalResult buildCumulative(NodeContext &node) {
  return node.emit<OpTy>(node.operand(0), node.operand(1), node.getInteger("exclusive", 0) != 0,
                         node.getInteger("reverse", 0) != 0);
}

void tegula::addReductionNodes(NodeTable &table) {
  addReduction<graph::ReduceSumOp>(table, "ReduceSum", 13);
  addReduction<graph::ReduceMeanOp>(table, "ReduceMean");
  addReduction<graph::ReduceProductOp>(table, "ReduceProd");
  addReduction<graph::ReduceMaxOp>(table, "ReduceMax");
  addReduction<graph::ReduceMinOp>(table, "ReduceMin");
  addReduction<graph::ReduceLogSumExpOp>(table, "ReduceLogSumExp");
  addReduction<graph::ReduceSumOp, Map::Abs>(table, "ReduceL1");
  addReduction<graph::ReduceSumOp, Map::Square, Map::Sqrt>(table, "ReduceL2");
  addReduction<graph::ReduceSumOp, Map::Square>(table, "ReduceSumSquare");
  addReduction<graph::ReduceSumOp, Map::None, Map::Log>(table, "ReduceLogSum");
  table.add("ArgMax", 1, buildArgReduce<graph::ArgMaxOp>);
  table.add("ArgMin", 1, buildArgReduce<graph::ArgMinOp>);
  table.add("Softmax", 1, buildSoftmax<graph::SoftmaxOp, true>);
  table.add("Softmax", 13, buildSoftmax<graph::SoftmaxOp, false>);
  table.add("LogSoftmax", 1, buildSoftmax<graph::LogSoftmaxOp, true>);
  table.add("LogSoftmax", 13, buildSoftmax<graph::LogSoftmaxOp, false>);
  table.add("Hardmax", 1, buildSoftmax<graph::HardmaxOp, true>);
  table.add("Hardmax", 13, buildSoftmax<graph::HardmaxOp, false>);
  table.add("LayerNormalization", 17, buildLayerNorm);
  table.add("RMSNormalization", 23, buildRmsNorm);
  table.add("InstanceNormalization", 1, buildInstanceNorm);
  table.add("LpNormalization", 1, buildLpNormalization);
  table.add("CumSum", 11, buildCumulative<graph::CumulativeSumOp>);
  table.add("CumProd", 26, buildCumulative<graph::CumulativeProductOp>);
}
