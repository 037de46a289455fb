// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of normalizations with given statistics or neighbourhoods.
#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula::graph;

LogicalResult BatchNormOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult BatchNormOp::verify() {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (x && x.getRank() < 1)
    return emitOpError("expected an operand of rank 1 or more, but got ") << x;
  int64_t channels = !x ? ShapedType::kDynamic : x.getRank() > 1 ? x.getDimSize(1) : 1;
  for (Value parameter : getOperands().drop_front()) {
    auto type = dyn_cast<RankedTensorType>(parameter.getType());
    if (!type)
      continue;
    if (type.getRank() != 1)
      return emitOpError("expected one-dimensional parameters, but got ") << type;
    int64_t extent = type.getDimSize(0);
    if (!ShapedType::isDynamic(channels) && !ShapedType::isDynamic(extent) && channels != extent)
      return emitOpError("expected parameters of ") << channels << " elements, but got " << type;
  }
  return success();
}

LogicalResult LocalResponseNormOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult LocalResponseNormOp::verify() {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (x && x.getRank() < 2)
    return emitOpError("expected an operand of rank 2 or more, but got ") << x;
  auto size = int64_t(getSize()); // unsigned as it comes
  if (size <= 0 || size > (int64_t(1) << 31))
    return emitOpError("expected a size from 1 to 2^31, but got ") << size;
  return success();
}
