// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of contractions.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Einsum.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Window.h"

using namespace mlir;
using namespace tegula::graph;

LogicalResult MatMulOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto lhs = dyn_cast<RankedTensorType>(getLhs().getType());
  auto rhs = dyn_cast<RankedTensorType>(getRhs().getType());
  Type element = cast<TensorType>(getY().getType()).getElementType();
  if (!lhs || !rhs) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  SmallVector<int64_t> left(lhs.getShape()), right(rhs.getShape());
  if (left.empty() || right.empty())
    return emitOpError("expected operands of rank 1 or more, but got ") << lhs << " and " << rhs;
  if (getTransposeLhs() && left.size() > 1)
    std::swap(left[left.size() - 1], left[left.size() - 2]);
  if (getTransposeRhs() && right.size() > 1)
    std::swap(right[right.size() - 1], right[right.size() - 2]);
  int64_t leftDepth = left.back(), rightDepth = right.size() == 1 ? right[0] : right[right.size() - 2];
  if (!ShapedType::isDynamic(leftDepth) && !ShapedType::isDynamic(rightDepth) && leftDepth != rightDepth)
    return emitOpError("expected equal inner dimensions, but got ") << leftDepth << " and " << rightDepth;
  ArrayRef<int64_t> leftBatch = ArrayRef(left).drop_back(std::min<size_t>(left.size(), 2));
  ArrayRef<int64_t> rightBatch = ArrayRef(right).drop_back(std::min<size_t>(right.size(), 2));
  auto shape = broadcastShapes({leftBatch, rightBatch});
  if (!shape)
    return emitOpError("expected batch dimensions that broadcast together, but got ") << lhs << " and " << rhs;
  if (left.size() > 1)
    shape->push_back(left[left.size() - 2]);
  if (right.size() > 1)
    shape->push_back(right.back());
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}

/// Operands and result of one element type, bf16 with an f32 result, or 8-bit integers with an i32 result.
static LogicalResult verifyElements(Operation *op, Value lhs, Value rhs, Value result) {
  auto element = [](Value value) { return cast<TensorType>(value.getType()).getElementType(); };
  Type left = element(lhs), right = element(rhs), to = element(result);
  auto isByte = [](Type type) { return isa<IntegerType>(type) && type.getIntOrFloatBitWidth() == 8; };
  if ((left == right && (right == to || (right.isBF16() && to.isF32()))) ||
      (isByte(left) && isByte(right) && to.isSignlessInteger(32)))
    return success();
  return op->emitOpError("expected equal element types, bf16 and an f32 result, or 8-bit integers and an i32 result, "
                         "but got ")
         << left << ", " << right << " and " << to;
}

/// Zero points belong to 8-bit operands and are values of their types.
static LogicalResult verifyZeroPoints(Operation *op, Value lhs, int64_t lhsZero, Value rhs, int64_t rhsZero) {
  for (auto [operand, zero] : {std::pair(lhs, lhsZero), std::pair(rhs, rhsZero)}) {
    if (zero == 0)
      continue;
    Type type = cast<TensorType>(operand.getType()).getElementType();
    int64_t low = type.isUnsignedInteger() ? 0 : -128;
    if (!type.isInteger(8) || zero < low || zero > low + 255)
      return op->emitOpError("expected a zero point that the 8-bit type of its operand holds, but got ")
             << zero << " for " << type;
  }
  return success();
}

LogicalResult MatMulOp::verify() {
  if (failed(verifyElements(*this, getLhs(), getRhs(), getY())) ||
      failed(verifyZeroPoints(*this, getLhs(), getLhsZeroPoint(), getRhs(), getRhsZeroPoint())))
    return failure();
  SmallVector<Type> types;
  return inferTypes(types);
}

LogicalResult ConvOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto weight = dyn_cast<RankedTensorType>(getWeight().getType());
  Type element = cast<TensorType>(getY().getType()).getElementType();
  if (!x || !weight) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  if (failed(verify())) // inference comes before the verifier
    return failure();
  SmallVector<int64_t> shape{x.getDimSize(0), weight.getDimSize(0)};
  if (failed(inferWindows(*this, x.getShape(), weight.getShape().drop_front(2), getStrides(), getDilations(), getPads(),
                          getAutoPad(), /*ceilMode=*/false, shape)))
    return failure();
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

/// What both convolutions ask: ranks, window, and the group's divisions.
static LogicalResult verifyConvolution(Operation *op, RankedTensorType x, RankedTensorType weight, Value bias,
                                       ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations, ArrayRef<int64_t> pads,
                                       StringRef autoPad, int64_t group, bool isTransposed) {
  if (x.getRank() < 3 || x.getRank() != weight.getRank())
    return op->emitOpError("expected operand and weight of equal rank, at least 3, but got ") << x << " and " << weight;
  if (failed(verifyWindow(op, x.getRank() - 2, strides, dilations, pads, autoPad)))
    return failure();
  if (group <= 0)
    return op->emitOpError("expected a positive group, but got ") << group;
  for (int64_t extent : weight.getShape().drop_front(2))
    if (extent == 0)
      return op->emitOpError("expected positive kernel extents, but got ") << weight;
  int64_t channels = x.getDimSize(1), outer = weight.getDimSize(0), inner = weight.getDimSize(1);
  // Input channels by the weight, and the extent that the group divides.
  int64_t expected = isTransposed ? outer : ShapedType::isDynamic(inner) ? inner : inner * group;
  if (!ShapedType::isDynamic(channels) && !ShapedType::isDynamic(expected) && channels != expected)
    return op->emitOpError("expected ") << expected << " input channels as the weight says, but got " << channels;
  if (!ShapedType::isDynamic(outer) && outer % group != 0)
    return op->emitOpError("expected ") << (isTransposed ? "input" : "output") << " channels divisible by group "
                                        << group << ", but got " << outer;
  if (!ShapedType::isDynamic(channels) && channels % group != 0)
    return op->emitOpError("expected input channels divisible by group ") << group << ", but got " << channels;
  if (!bias)
    return success();
  auto biasType = dyn_cast<RankedTensorType>(bias.getType());
  int64_t results = !isTransposed ? outer : ShapedType::isDynamic(inner) ? inner : inner * group;
  if (biasType && (biasType.getRank() != 1 ||
                   (!biasType.isDynamicDim(0) && !ShapedType::isDynamic(results) && biasType.getDimSize(0) != results)))
    return op->emitOpError("expected a one-dimensional bias of ") << results << " elements, but got " << biasType;
  return success();
}

LogicalResult ConvOp::verify() {
  if (failed(verifyElements(*this, getX(), getWeight(), getY())) ||
      failed(verifyZeroPoints(*this, getX(), getXZeroPoint(), getWeight(), getWeightZeroPoint())))
    return failure();
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto weight = dyn_cast<RankedTensorType>(getWeight().getType());
  if (!x || !weight)
    return success();
  return verifyConvolution(*this, x, weight, getBias(), getStrides(), getDilations(), getPads(), getAutoPad(),
                           getGroup(), /*isTransposed=*/false);
}

LogicalResult ConvTransposeOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto weight = dyn_cast<RankedTensorType>(getWeight().getType());
  Type element = cast<TensorType>(getY().getType()).getElementType();
  if (!x || !weight) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  if (failed(verify()))
    return failure();
  int64_t inner = weight.getDimSize(1), spatial = x.getRank() - 2;
  SmallVector<int64_t> shape{x.getDimSize(0), ShapedType::isDynamic(inner) ? inner : inner * int64_t(getGroup())};
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t extent = x.getDimSize(i + 2), kernel = weight.getDimSize(i + 2);
    if (getOutputShape()) {
      shape.push_back((*getOutputShape())[i]);
    } else if (ShapedType::isDynamic(extent) || ShapedType::isDynamic(kernel)) {
      shape.push_back(ShapedType::kDynamic);
    } else if (getAutoPad() != "NOTSET") {
      shape.push_back(extent * getStrides()[i]);
    } else {
      int64_t result = getStrides()[i] * (extent - 1) + getOutputPadding()[i] + getDilations()[i] * (kernel - 1) + 1 -
                       getPads()[i] - getPads()[i + spatial];
      if (result < 0)
        return emitOpError("expected pads that leave an extent of 0 or more in spatial dimension ")
               << i << ", but got " << result;
      shape.push_back(result);
    }
  }
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult ConvTransposeOp::verify() {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto weight = dyn_cast<RankedTensorType>(getWeight().getType());
  if (!x || !weight)
    return success();
  if (failed(verifyConvolution(*this, x, weight, getBias(), getStrides(), getDilations(), getPads(), getAutoPad(),
                               getGroup(), /*isTransposed=*/true)))
    return failure();
  size_t spatial = x.getRank() - 2;
  if (getOutputPadding().size() != spatial ||
      llvm::any_of(getOutputPadding(), [](int64_t v) { return v < 0 || v > (int64_t(1) << 31); }))
    return emitOpError("expected ") << spatial << " output paddings from 0 to 2^31";
  if (getOutputShape() && (getOutputShape()->size() != spatial ||
                           llvm::any_of(*getOutputShape(), [](int64_t v) { return v < 0 || v > (int64_t(1) << 40); })))
    return emitOpError("expected an output shape of ") << spatial << " extents, none negative";
  return success();
}

LogicalResult EinsumOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type element = cast<TensorType>(getY().getType()).getElementType();
  SmallVector<int64_t> ranks;
  for (Type type : getOperandTypes()) {
    auto ranked = dyn_cast<RankedTensorType>(type);
    if (!ranked) {
      types.push_back(UnrankedTensorType::get(element));
      return success();
    }
    ranks.push_back(ranked.getRank());
  }
  EinsumEquation equation;
  std::string error;
  if (!parseEinsum(getEquation(), ranks, equation, error))
    return emitOpError(error);
  SmallVector<int64_t> extents(equation.labelCount, ShapedType::kDynamic);
  for (int64_t i = 0; i < equation.ellipsis; ++i)
    extents[i] = 1;
  for (auto [type, labels] : llvm::zip(getOperandTypes(), equation.operands))
    for (auto [extent, label] : llvm::zip(cast<RankedTensorType>(type).getShape(), labels)) {
      bool broadcasts = label < equation.ellipsis;
      if (broadcasts) {
        auto joined = broadcastShapes({ArrayRef(extents[label]), ArrayRef(extent)});
        if (!joined)
          return emitOpError("expected dimensions of '...' that broadcast together, but got ")
                 << extents[label] << " and " << extent;
        extents[label] = (*joined)[0];
        continue;
      }
      if (ShapedType::isDynamic(extent))
        continue;
      if (!ShapedType::isDynamic(extents[label]) && extents[label] != extent)
        return emitOpError("expected dimensions of one label to be equal, but got ")
               << extents[label] << " and " << extent;
      extents[label] = extent;
    }
  SmallVector<int64_t> shape;
  for (int64_t label : equation.result)
    shape.push_back(extents[label]);
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult EinsumOp::verify() {
  if (getOperands().empty())
    return emitOpError("expected at least one operand");
  SmallVector<Type> types;
  return inferTypes(types);
}
