// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of linear quantization.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula::graph;

static Type elementType(Value value) { return cast<TensorType>(value.getType()).getElementType(); }

template <typename OpTy> static LogicalResult verifyGranularity(OpTy op) {
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  auto scale = dyn_cast<RankedTensorType>(op.getScale().getType());
  if (Value zeroPoint = op.getZeroPoint()) {
    auto type = dyn_cast<RankedTensorType>(zeroPoint.getType());
    auto mayBeSingle = [](RankedTensorType parameter) {
      return parameter.getRank() == 0 ||
             (parameter.getRank() == 1 && (parameter.isDynamicDim(0) || parameter.getDimSize(0) == 1));
    };
    if (scale && type && failed(verifyCompatibleShape(scale, type)) && !(mayBeSingle(scale) && mayBeSingle(type)))
      return op.emitOpError("expected scale and zero point of one shape, but got ") << scale << " and " << type;
  }
  if (!x || !scale || scale.getRank() == 0 || (scale.getRank() == 1 && scale.getDimSize(0) == 1))
    return success();
  int64_t axis = op.getAxis(), block = op.getBlockSize();
  bool mayBeSingle = block == 0 && scale.getRank() == 1 && scale.isDynamicDim(0);
  if (axis < 0 || (axis >= x.getRank() && !mayBeSingle))
    return op.emitOpError("expected an axis in 0..rank-1, but got ") << axis << " for " << x;
  auto contradict = [](int64_t a, int64_t b) {
    return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
  };
  if (block == 0) {
    if (scale.getRank() != 1 || (axis < x.getRank() && contradict(scale.getDimSize(0), x.getDimSize(axis))))
      return op.emitOpError("expected one scale per index of dimension ")
             << axis << " of " << x << ", but got " << scale;
    return success();
  }
  if (block < 0 || scale.getRank() != x.getRank())
    return op.emitOpError("expected a positive block size and a scale of the operand's rank, but got ")
           << block << " and " << scale << " for " << x;
  for (int64_t i = 0; i < x.getRank(); ++i) {
    int64_t extent = x.getDimSize(i);
    if (i == axis && !ShapedType::isDynamic(extent))
      extent = (extent + block - 1) / block;
    if (contradict(extent, scale.getDimSize(i)))
      return op.emitOpError("expected ") << extent << " scales in dimension " << i << ", but got "
                                         << scale.getDimSize(i);
  }
  return success();
}

LogicalResult QuantizeOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getY()), types);
}
LogicalResult DequantizeOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getY()), types);
}

LogicalResult QuantizeOp::verify() {
  if (getZeroPoint() && elementType(getZeroPoint()) != elementType(getY()))
    return emitOpError("expected a zero point of the result's element type ")
           << elementType(getY()) << ", but got " << elementType(getZeroPoint());
  Type precision = getPrecision();
  if (!precision.isF32() && !precision.isF16() && !precision.isBF16())
    return emitOpError("expected precision f32, f16 or bf16, but got ") << precision;
  return verifyGranularity(*this);
}
LogicalResult DequantizeOp::verify() {
  if (getZeroPoint() && elementType(getZeroPoint()) != elementType(getX()))
    return emitOpError("expected a zero point of the operand's element type ")
           << elementType(getX()) << ", but got " << elementType(getZeroPoint());
  return verifyGranularity(*this);
}
