// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where an extent comes from: two dynamic extents with the same origin are equal, so that a reshape that splits the
// result of a matrix product by the shape of its operand needs no run-time check and keeps its static dimensions.
#include "Inference.h"

#include "tegula/Dialect/Graph/IR/Blocked.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::graph;

/// Ops whose result has the shape of operand 0.
static bool keepsShape(Operation *op) {
  static const llvm::StringSet<> names = {"graph.abs",
                                          "graph.acos",
                                          "graph.acosh",
                                          "graph.asin",
                                          "graph.asinh",
                                          "graph.atan",
                                          "graph.atanh",
                                          "graph.bitcast",
                                          "graph.cast",
                                          "graph.ceil",
                                          "graph.celu",
                                          "graph.cos",
                                          "graph.cosh",
                                          "graph.elu",
                                          "graph.erf",
                                          "graph.exp",
                                          "graph.floor",
                                          "graph.gelu",
                                          "graph.hard_sigmoid",
                                          "graph.hard_swish",
                                          "graph.is_inf",
                                          "graph.is_nan",
                                          "graph.layer_norm",
                                          "graph.leaky_relu",
                                          "graph.log",
                                          "graph.log_softmax",
                                          "graph.mish",
                                          "graph.neg",
                                          "graph.not",
                                          "graph.reciprocal",
                                          "graph.relu",
                                          "graph.reverse_sequence",
                                          "graph.rms_norm",
                                          "graph.round",
                                          "graph.scatter_elements",
                                          "graph.scatter_nd",
                                          "graph.selu",
                                          "graph.shrink",
                                          "graph.sigmoid",
                                          "graph.sign",
                                          "graph.sin",
                                          "graph.sinh",
                                          "graph.softmax",
                                          "graph.softplus",
                                          "graph.softsign",
                                          "graph.sqrt",
                                          "graph.swish",
                                          "graph.tan",
                                          "graph.tanh",
                                          "graph.tensor_scatter",
                                          "graph.thresholded_relu",
                                          "graph.trilu",
                                          "graph.batch_norm"};
  return names.contains(op->getName().getStringRef());
}

/// Ops whose result has the multidirectional broadcast of all operands' shapes.
static bool broadcasts(Operation *op) {
  static const llvm::StringSet<> names = {"graph.add",     "graph.sub",
                                          "graph.mul",     "graph.div",
                                          "graph.max",     "graph.min",
                                          "graph.pow",     "graph.mod",
                                          "graph.and",     "graph.or",
                                          "graph.xor",     "graph.equal",
                                          "graph.less",    "graph.less_or_equal",
                                          "graph.greater", "graph.greater_or_equal",
                                          "graph.where"};
  return names.contains(op->getName().getStringRef());
}

namespace {
enum class ShapeRule { Other, KeepsShape, Broadcasts };
} // namespace

/// Asked at every step of every trace: names are compared once for each kind of op.
static ShapeRule getShapeRule(Operation *op) {
  thread_local llvm::DenseMap<TypeID, ShapeRule> known;
  auto info = op->getRegisteredInfo();
  if (!info)
    return ShapeRule::Other;
  auto [entry, isNew] = known.try_emplace(info->getTypeID(), ShapeRule::Other);
  if (isNew)
    entry->second = keepsShape(op) ? ShapeRule::KeepsShape : broadcasts(op) ? ShapeRule::Broadcasts : ShapeRule::Other;
  return entry->second;
}

namespace {
struct Tracer {
  OriginQuery &query;
  int depth;
  int budget = 128;

  PartialInteger trace(Value tensor, int64_t dimension) {
    auto &known = query.origins[depth];
    if (auto found = known.find({tensor, dimension}); found != known.end())
      return found->second;
    return known[{tensor, dimension}] = walk(tensor, dimension);
  }

  PartialInteger walk(Value tensor, int64_t dimension) {
    while (true) {
      auto type = dyn_cast<RankedTensorType>(tensor.getType());
      if (type && !type.isDynamicDim(dimension))
        return {type.getDimSize(dimension), nullptr, 0};
      PartialInteger here{std::nullopt, tensor, dimension};
      Operation *op = tensor.getDefiningOp();
      if (!type || !op || --budget < 0 || !step(op, tensor, dimension))
        return here;
    }
  }

  /// Moves to an operand's dimension that is equal; false where there is none.
  bool step(Operation *op, Value &tensor, int64_t &dimension) {
    int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
    auto to = [&](Value operand, int64_t place) {
      RankedTensorType type = rankedOf(operand);
      if (!type || place < 0 || place >= type.getRank())
        return false;
      tensor = operand;
      dimension = place;
      return true;
    };
    ShapeRule rule = getShapeRule(op);
    if (rule == ShapeRule::KeepsShape)
      return to(op->getOperand(0), dimension);
    if (rule == ShapeRule::Broadcasts)
      return stepBroadcast(op->getOperands(), rank, 0, tensor, dimension);
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return to(transpose.getX(), transpose.getPermutation()[dimension]);
    if (auto matmul = dyn_cast<MatMulOp>(op)) {
      RankedTensorType left = rankedOf(matmul.getLhs()), right = rankedOf(matmul.getRhs());
      if (!left || !right || left.getRank() < 2 || right.getRank() < 2)
        return false;
      if (dimension == rank - 2)
        return to(matmul.getLhs(), left.getRank() - (matmul.getTransposeLhs() ? 1 : 2));
      if (dimension == rank - 1)
        return to(matmul.getRhs(), right.getRank() - (matmul.getTransposeRhs() ? 2 : 1));
      return stepBroadcast({matmul.getLhs(), matmul.getRhs()}, rank, 2, tensor, dimension);
    }
    if (auto attention = dyn_cast<AttentionOp>(op)) {
      if (dimension == rank - 1) {
        RankedTensorType v = rankedOf(attention.getV());
        return v && to(attention.getV(), v.getRank() - 1);
      }
      SmallVector<Value> operands{attention.getQ()};
      if (dimension < rank - 2)
        operands.append({attention.getK(), attention.getV()});
      for (Value operand : {attention.getBias(), attention.getMask()})
        if (operand)
          operands.push_back(operand);
      return stepBroadcast(operands, rank, dimension < rank - 2 ? 2 : 1, tensor, dimension);
    }
    if (auto concat = dyn_cast<ConcatOp>(op)) {
      auto axis = normalizeAxis(concat.getAxis(), rank);
      return axis && *axis != dimension && to(concat.getInputs()[0], dimension);
    }
    if (auto split = dyn_cast<SplitOp>(op)) {
      auto axis = normalizeAxis(split.getAxis(), rank);
      return axis && *axis != dimension && to(split.getX(), dimension);
    }
    if (auto slice = dyn_cast<SliceOp>(op)) {
      if (!slice.getAxes()) {
        auto count = lengthOf(slice.getStarts());
        return count && dimension >= *count && to(slice.getX(), dimension);
      }
      auto axes = getConstantAxes(slice.getAxes(), rank);
      return axes && !llvm::is_contained(*axes, dimension) && to(slice.getX(), dimension);
    }
    if (auto gather = dyn_cast<GatherOp>(op)) {
      RankedTensorType x = rankedOf(gather.getX()), indices = rankedOf(gather.getIndices());
      auto axis = x && indices ? normalizeAxis(gather.getAxis(), x.getRank()) : std::nullopt;
      if (!axis)
        return false;
      if (dimension < *axis)
        return to(gather.getX(), dimension);
      if (dimension < *axis + indices.getRank())
        return to(gather.getIndices(), dimension - *axis);
      return to(gather.getX(), dimension - indices.getRank() + 1);
    }
    if (auto unsqueeze = dyn_cast<UnsqueezeOp>(op)) {
      auto axes = getConstantAxes(unsqueeze.getAxes(), rank);
      if (!axes || llvm::is_contained(*axes, dimension))
        return false;
      int64_t before = llvm::count_if(*axes, [&](int64_t axis) { return axis < dimension; });
      return to(unsqueeze.getX(), dimension - before);
    }
    if (auto squeeze = dyn_cast<SqueezeOp>(op)) {
      RankedTensorType x = rankedOf(squeeze.getX());
      auto axes = x && squeeze.getAxes() ? getConstantAxes(squeeze.getAxes(), x.getRank()) : std::nullopt;
      if (!axes)
        return false;
      int64_t seen = 0;
      for (int64_t i = 0; i < x.getRank(); ++i)
        if (!llvm::is_contained(*axes, i) && seen++ == dimension)
          return to(squeeze.getX(), i);
      return false;
    }
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      auto entries = depth < maxOriginDepth ? getPartialIntegers(reshape.getShape(), query, depth) : std::nullopt;
      if (!entries || dimension >= int64_t(entries->size()))
        return false;
      const PartialInteger &entry = (*entries)[dimension];
      if (entry.value == 0 && !reshape.getAllowZero())
        return to(reshape.getX(), dimension);
      return entry.tensor && to(entry.tensor, entry.dimension);
    }
    return false;
  }

  /// The one operand that decides the extent: all others are absent there, static 1, or of the same origin.
  bool stepBroadcast(ValueRange operands, int64_t rank, int64_t trailing, Value &tensor, int64_t &dimension) {
    PartialInteger decided;
    for (Value operand : operands) {
      RankedTensorType type = rankedOf(operand);
      if (!type)
        return false;
      int64_t place = dimension - (rank - type.getRank());
      if (place < 0 || place >= type.getRank() - trailing)
        continue;
      if (!type.isDynamicDim(place)) {
        if (type.getDimSize(place) == 1)
          continue;
        return false;
      }
      PartialInteger origin = trace(operand, place);
      if (!origin.tensor ||
          (decided.tensor && (decided.tensor != origin.tensor || decided.dimension != origin.dimension)))
        return false;
      decided = origin;
    }
    if (!decided.tensor)
      return false;
    tensor = decided.tensor;
    dimension = decided.dimension;
    return true;
  }
};
} // namespace

PartialInteger graph::getExtentOrigin(Value tensor, int64_t dimension) {
  OriginQuery query;
  return getExtentOrigin(tensor, dimension, query, 0);
}
PartialInteger graph::getExtentOrigin(Value tensor, int64_t dimension, OriginQuery &query, int depth) {
  return Tracer{query, depth}.trace(tensor, dimension);
}
