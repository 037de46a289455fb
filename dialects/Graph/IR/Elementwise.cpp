// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and folders of elementwise ops.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tegula::graph;

/// Result of broadcasting `operands` with element type `element`; unranked when an operand is.
static LogicalResult inferBroadcast(Operation *op, ValueRange operands, Type element, SmallVectorImpl<Type> &types) {
  SmallVector<ArrayRef<int64_t>> shapes;
  for (Value operand : operands) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type) {
      types.push_back(UnrankedTensorType::get(element));
      return success();
    }
    shapes.push_back(type.getShape());
  }
  auto shape = broadcastShapes(shapes);
  if (!shape) {
    InFlightDiagnostic diagnostic = op->emitOpError("expected operands that broadcast together, but got ");
    llvm::interleaveComma(operands.getTypes(), diagnostic);
    return diagnostic;
  }
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}

static Type elementType(Value value) { return cast<TensorType>(value.getType()).getElementType(); }

#define INFER_SAME_ELEMENT(Op)                                                                                         \
  LogicalResult Op::inferTypes(SmallVectorImpl<Type> &types) {                                                         \
    return inferBroadcast(*this, getOperation()->getOperands(), elementType(getOperation()->getOperand(0)), types);    \
  }
#define INFER_BOOL(Op)                                                                                                 \
  LogicalResult Op::inferTypes(SmallVectorImpl<Type> &types) {                                                         \
    return inferBroadcast(*this, getOperation()->getOperands(), IntegerType::get(getContext(), 1), types);             \
  }

INFER_SAME_ELEMENT(AddOp)
INFER_SAME_ELEMENT(SubOp)
INFER_SAME_ELEMENT(MulOp)
INFER_SAME_ELEMENT(DivOp)
INFER_SAME_ELEMENT(MaxOp)
INFER_SAME_ELEMENT(MinOp)
INFER_SAME_ELEMENT(ReluOp)
INFER_SAME_ELEMENT(NegOp)
INFER_SAME_ELEMENT(ExpOp)
INFER_SAME_ELEMENT(TanhOp)
INFER_SAME_ELEMENT(SigmoidOp)
INFER_BOOL(EqualOp)
INFER_BOOL(LessOp)
INFER_BOOL(GreaterOp)

LogicalResult CastOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getY()), types);
}
LogicalResult WhereOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getOperands(), elementType(getX()), types);
}

// --- folders ---------------------------------------------------------------------------------------------------------

static bool isUnsigned(Value value) { return elementType(value).isUnsignedInteger() || elementType(value).isInteger(1); }

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(),
                         [](ArrayRef<int64_t> v) { return int64_t(uint64_t(v[0]) + uint64_t(v[1])); },
                         [](ArrayRef<double> v) { return v[0] + v[1]; });
}
OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(),
                         [](ArrayRef<int64_t> v) { return int64_t(uint64_t(v[0]) - uint64_t(v[1])); },
                         [](ArrayRef<double> v) { return v[0] - v[1]; });
}
OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(),
                         [](ArrayRef<int64_t> v) { return int64_t(uint64_t(v[0]) * uint64_t(v[1])); },
                         [](ArrayRef<double> v) { return v[0] * v[1]; });
}
OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  bool isUnsignedDivision = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) -> std::optional<int64_t> {
        if (v[1] == 0 || (v[1] == -1 && !isUnsignedDivision && v[0] == std::numeric_limits<int64_t>::min()))
          return std::nullopt; // a run-time error, reported with its node
        return isUnsignedDivision ? int64_t(uint64_t(v[0]) / uint64_t(v[1])) : v[0] / v[1];
      },
      [](ArrayRef<double> v) { return v[0] / v[1]; });
}
OpFoldResult MaxOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) {
        return unsignedOrder ? int64_t(std::max(uint64_t(v[0]), uint64_t(v[1]))) : std::max(v[0], v[1]);
      },
      [](ArrayRef<double> v) { return std::isnan(v[0]) ? v[0] : std::isnan(v[1]) ? v[1] : std::max(v[0], v[1]); });
}
OpFoldResult MinOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) {
        return unsignedOrder ? int64_t(std::min(uint64_t(v[0]), uint64_t(v[1]))) : std::min(v[0], v[1]);
      },
      [](ArrayRef<double> v) { return std::isnan(v[0]) ? v[0] : std::isnan(v[1]) ? v[1] : std::min(v[0], v[1]); });
}
OpFoldResult NegOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return int64_t(0 - uint64_t(v[0])); },
                         [](ArrayRef<double> v) { return -v[0]; });
}
OpFoldResult EqualOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return int64_t(v[0] == v[1]); },
                         [](ArrayRef<double> v) { return v[0] == v[1]; });
}
OpFoldResult LessOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) { return int64_t(unsignedOrder ? uint64_t(v[0]) < uint64_t(v[1]) : v[0] < v[1]); },
      [](ArrayRef<double> v) { return v[0] < v[1]; });
}
OpFoldResult GreaterOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) { return int64_t(unsignedOrder ? uint64_t(v[0]) > uint64_t(v[1]) : v[0] > v[1]); },
      [](ArrayRef<double> v) { return v[0] > v[1]; });
}

OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getY().getType())
    return getX();
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape())
    return {};
  Type element = type.getElementType();
  if (auto values = getConstantIntegers(adaptor.getX())) {
    if (element.isInteger(1))
      for (int64_t &value : *values)
        value = value != 0;
    if (isa<IntegerType>(element))
      return makeIntegers(type, *values);
    if (element.isF32() || element.isF64())
      return makeFloats(type, SmallVector<double>(values->begin(), values->end()));
    return {};
  }
  if (auto values = getConstantFloats(adaptor.getX())) {
    if (element.isF32() || element.isF64() || element.isF16() || element.isBF16())
      return makeFloats(type, *values);
    if (!isa<IntegerType>(element))
      return {};
    SmallVector<int64_t> integers;
    for (double value : *values) {
      // Out-of-range conversion is left to run time, where it has the target's defined result.
      if (!(std::abs(value) < 9.0e18))
        return {};
      integers.push_back(element.isInteger(1) ? value != 0 : int64_t(value));
    }
    return makeIntegers(type, integers);
  }
  return {};
}

OpFoldResult WhereOp::fold(FoldAdaptor adaptor) {
  auto condition = getConstantIntegers(adaptor.getCondition());
  if (condition && isa<IntegerType>(elementType(getX())))
    return foldElementwise(adaptor.getOperands(), getType(),
                           [](ArrayRef<int64_t> v) { return v[0] ? v[1] : v[2]; }, nullptr);
  return {};
}
