// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of pools.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Window.h"

using namespace mlir;
using namespace tegula::graph;

template <typename OpTy> static LogicalResult inferPool(OpTy op, SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  Type element = cast<TensorType>(op.getX().getType()).getElementType();
  if (!x) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  if (failed(op.verify())) // inference comes before the verifier
    return failure();
  SmallVector<int64_t> shape(x.getShape().take_front(2));
  if (failed(inferWindows(op, x.getShape(), op.getKernel(), op.getStrides(), op.getDilations(), op.getPads(),
                          op.getAutoPad(), op.getCeilMode(), shape)))
    return failure();
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

template <typename OpTy> static LogicalResult verifyPool(OpTy op) {
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  int64_t spatial = op.getKernel().size();
  if (x && (x.getRank() < 3 || x.getRank() != spatial + 2))
    return op.emitOpError("expected an operand of rank ")
           << std::max<int64_t>(spatial, 1) + 2 << " for a kernel of " << spatial << " dimensions, but got " << x;
  if (llvm::any_of(op.getKernel(), [](int64_t v) { return v <= 0 || v > (int64_t(1) << 31); }))
    return op.emitOpError("expected positive kernel extents below 2^31");
  return verifyWindow(op, spatial, op.getStrides(), op.getDilations(), op.getPads(), op.getAutoPad());
}

LogicalResult MaxPoolOp::inferTypes(SmallVectorImpl<Type> &types) {
  if (failed(inferPool(*this, types)))
    return failure();
  if (Value indices = getIndices()) {
    Type element = cast<TensorType>(indices.getType()).getElementType();
    if (auto ranked = dyn_cast<RankedTensorType>(types[0]))
      types.push_back(RankedTensorType::get(ranked.getShape(), element));
    else
      types.push_back(UnrankedTensorType::get(element));
  }
  return success();
}
LogicalResult AveragePoolOp::inferTypes(SmallVectorImpl<Type> &types) { return inferPool(*this, types); }
LogicalResult LpPoolOp::inferTypes(SmallVectorImpl<Type> &types) { return inferPool(*this, types); }

LogicalResult MaxPoolOp::verify() { return verifyPool(*this); }
LogicalResult AveragePoolOp::verify() { return verifyPool(*this); }
LogicalResult LpPoolOp::verify() {
  if (int64_t(getP()) <= 0)
    return emitOpError("expected a positive p, but got ") << int64_t(getP());
  return verifyPool(*this);
}

LogicalResult GlobalPoolOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (!x) {
    types.push_back(getX().getType());
    return success();
  }
  if (failed(verify()))
    return failure();
  SmallVector<int64_t> shape(x.getShape().take_front(2));
  shape.resize(x.getRank(), 1);
  types.push_back(RankedTensorType::get(shape, x.getElementType()));
  return success();
}

LogicalResult GlobalPoolOp::verify() {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (x && x.getRank() < 2)
    return emitOpError("expected an operand of rank 2 or more, but got ") << x;
  if (getKind() != "average" && getKind() != "max" && getKind() != "lp")
    return emitOpError("expected kind to be average, max or lp, but got ") << getKind();
  if (int64_t(getP()) <= 0)
    return emitOpError("expected a positive p, but got ") << int64_t(getP());
  return success();
}
