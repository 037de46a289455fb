// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference, verifiers and folders of reductions, softmax, normalizations and cumulative ops.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallSet.h"

#include <functional>

using namespace mlir;
using namespace tegula::graph;

static Type elementType(Value value) { return cast<TensorType>(value.getType()).getElementType(); }

static LogicalResult verifyAxes(Operation *op, Value x, ArrayRef<int64_t> axes) {
  auto type = dyn_cast<RankedTensorType>(x.getType());
  llvm::SmallSet<int64_t, 4> seen;
  for (int64_t axis : axes) {
    if (axis < 0 || (type && axis >= type.getRank()))
      return op->emitOpError("expected axes in 0..rank-1, but got ") << axis << " for " << x.getType();
    if (!seen.insert(axis).second)
      return op->emitOpError("expected every axis once, but got ") << axis << " twice";
  }
  return success();
}

// --- reductions ------------------------------------------------------------------------------------------------------

/// The axes that `operand` names if it is constant, normalized; nothing if it is not or if they are out of range.
static std::optional<SmallVector<int64_t>> getConstantAxes(Value operand, RankedTensorType type) {
  auto axes = getConstantIntegers(operand);
  if (!axes)
    return std::nullopt;
  for (int64_t &axis : *axes) {
    axis += axis < 0 ? type.getRank() : 0;
    if (axis < 0 || axis >= type.getRank())
      return std::nullopt;
  }
  llvm::sort(*axes);
  axes->erase(llvm::unique(*axes), axes->end());
  return axes;
}

template <typename OpTy> static LogicalResult inferReduce(OpTy op, SmallVectorImpl<Type> &types) {
  Type element = elementType(op.getY());
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  if (!x) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  std::optional<SmallVector<int64_t>> axes;
  if (auto attribute = op.getAxes())
    axes = llvm::to_vector(*attribute);
  else
    axes = getConstantAxes(op.getRunTimeAxes(), x);
  if (axes && axes->empty() && op.getRunTimeAxes() && op.getEmptyReducesAll())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, x.getRank()));
  if (!axes) {
    // Which dimensions go is unknown, but how many may be known.
    auto axesType = dyn_cast<RankedTensorType>(op.getRunTimeAxes().getType());
    int64_t rank = x.getRank();
    if (!op.getKeepDimensions()) {
      if (!axesType || !axesType.hasStaticShape() || axesType.getNumElements() > rank) {
        types.push_back(UnrankedTensorType::get(element));
        return success();
      }
      rank -= axesType.getNumElements();
    }
    types.push_back(RankedTensorType::get(SmallVector<int64_t>(rank, ShapedType::kDynamic), element));
    return success();
  }
  SmallVector<int64_t> shape;
  for (int64_t i = 0; i < x.getRank(); ++i) {
    if (!llvm::is_contained(*axes, i))
      shape.push_back(x.getDimSize(i));
    else if (op.getKeepDimensions())
      shape.push_back(1);
  }
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

template <typename OpTy> static LogicalResult verifyReduce(OpTy op) {
  if (bool(op.getAxes()) == bool(op.getRunTimeAxes()))
    return op.emitOpError("expected either axes or run_time_axes");
  if (elementType(op.getX()) != elementType(op.getY()))
    return op.emitOpError("expected equal element types of operand and result, but got ")
           << elementType(op.getX()) << " and " << elementType(op.getY());
  return op.getAxes() ? verifyAxes(op, op.getX(), *op.getAxes()) : success();
}

/// Constant run-time axes become the attribute (in place); small integers combine.
template <typename OpTy>
static OpFoldResult foldReduce(OpTy op, Attribute operand, int64_t initial,
                               std::function<int64_t(int64_t, int64_t)> combine) {
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  if (!x)
    return {};
  if (op.getRunTimeAxes()) {
    auto axes = getConstantAxes(op.getRunTimeAxes(), x);
    if (!axes)
      return {};
    if (axes->empty() && op.getEmptyReducesAll())
      axes = llvm::to_vector(llvm::seq<int64_t>(0, x.getRank()));
    op.setAxes(*axes);
    op.getRunTimeAxesMutable().clear();
    return op.getResult();
  }
  if (op.getAxes()->empty() && !std::is_same_v<OpTy, ReduceLogSumExpOp> && op.getX().getType() == op.getType())
    return op.getX();
  auto values = getConstantIntegers(operand);
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!combine || !values || !type || !type.hasStaticShape() || int64_t(op.getAxes()->size()) != x.getRank())
    return {};
  int64_t result = initial;
  for (int64_t value : *values)
    result = combine(result, value);
  return makeIntegers(type, {result});
}

#define REDUCTION(Op, initial, combine)                                                                                \
  LogicalResult Op::inferTypes(SmallVectorImpl<Type> &types) { return inferReduce(*this, types); }                     \
  LogicalResult Op::verify() { return verifyReduce(*this); }                                                           \
  OpFoldResult Op::fold(FoldAdaptor adaptor) { return foldReduce(*this, adaptor.getX(), initial, combine); }

REDUCTION(ReduceSumOp, 0, [](int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); })
REDUCTION(ReduceProductOp, 1, [](int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); })
REDUCTION(ReduceMeanOp, 0, nullptr)
REDUCTION(ReduceMaxOp, 0, nullptr)
REDUCTION(ReduceMinOp, 0, nullptr)
REDUCTION(ReduceLogSumExpOp, 0, nullptr)
#undef REDUCTION

// --- arg_max, arg_min ------------------------------------------------------------------------------------------------

template <typename OpTy> static LogicalResult inferArgReduce(OpTy op, SmallVectorImpl<Type> &types) {
  Type element = IntegerType::get(op.getContext(), 64);
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  if (!x) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  SmallVector<int64_t> shape(x.getShape());
  if (op.getKeepDimensions())
    shape[op.getAxis()] = 1;
  else
    shape.erase(shape.begin() + op.getAxis());
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult ArgMaxOp::inferTypes(SmallVectorImpl<Type> &types) { return inferArgReduce(*this, types); }
LogicalResult ArgMinOp::inferTypes(SmallVectorImpl<Type> &types) { return inferArgReduce(*this, types); }
LogicalResult ArgMaxOp::verify() { return verifyAxes(*this, getX(), getAxis()); }
LogicalResult ArgMinOp::verify() { return verifyAxes(*this, getX(), getAxis()); }

// --- softmax ---------------------------------------------------------------------------------------------------------

LogicalResult SoftmaxOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getX()), types);
}
LogicalResult LogSoftmaxOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getX()), types);
}
LogicalResult HardmaxOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getX()), types);
}
LogicalResult SoftmaxOp::verify() { return verifyAxes(*this, getX(), getAxes()); }
LogicalResult LogSoftmaxOp::verify() { return verifyAxes(*this, getX(), getAxes()); }
LogicalResult HardmaxOp::verify() {
  for (size_t i = 1; i < getAxes().size(); ++i)
    if (getAxes()[i] != getAxes()[i - 1] + 1)
      return emitOpError("expected consecutive axes, but got ") << getAxes()[i - 1] << " before " << getAxes()[i];
  return verifyAxes(*this, getX(), getAxes());
}

// --- normalizations --------------------------------------------------------------------------------------------------

LogicalResult LayerNormOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  Type stash = elementType(getMean());
  if (!x) {
    types.append(
        {UnrankedTensorType::get(elementType(getX())), UnrankedTensorType::get(stash), UnrankedTensorType::get(stash)});
    return success();
  }
  SmallVector<int64_t> shape(x.getShape());
  std::fill(shape.begin() + getAxis(), shape.end(), 1);
  types.append({x, RankedTensorType::get(shape, stash), RankedTensorType::get(shape, stash)});
  return success();
}

/// Parameters of a normalization are broadcast to its operand, never the other way round.
static LogicalResult verifyParameters(Operation *op, Value x, ValueRange parameters) {
  auto type = dyn_cast<RankedTensorType>(x.getType());
  for (Value value : parameters) {
    auto parameter = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !parameter)
      continue;
    bool fits =
        parameter.getRank() <= type.getRank() &&
        llvm::all_of(llvm::zip(parameter.getShape(), type.getShape().take_back(parameter.getRank())), [](auto extents) {
          auto [own, target] = extents;
          return own == target || own == 1 || ShapedType::isDynamic(own) || ShapedType::isDynamic(target);
        });
    if (!fits)
      return op->emitOpError("expected scale and bias that can be broadcast to ") << type << ", but got " << parameter;
  }
  return success();
}

LogicalResult LayerNormOp::verify() {
  if (failed(verifyAxes(*this, getX(), getAxis())))
    return failure();
  return verifyParameters(*this, getX(), getOperands().drop_front());
}

LogicalResult RmsNormOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getY()), types);
}
LogicalResult RmsNormOp::verify() {
  if (failed(verifyAxes(*this, getX(), getAxis())))
    return failure();
  return verifyParameters(*this, getX(), getOperands().drop_front());
}

// --- cumulative ops --------------------------------------------------------------------------------------------------

LogicalResult CumulativeSumOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getX()), types);
}
LogicalResult CumulativeProductOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getX()), types);
}
