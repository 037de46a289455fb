// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Type inference of ops that look into strings.
#include "Inference.h"

using namespace mlir;
using namespace tegula::graph;

/// The shape of `x` with elements of another type.
static Type sameShape(Value x, Type element) { return cast<TensorType>(x.getType()).clone(element); }

LogicalResult StringConstantOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getY().getType());
  if (!type || !type.hasStaticShape() || type.getNumElements() != int64_t(getValue().size()))
    return emitOpError("expected a static type of ") << getValue().size() << " elements, but got " << getY().getType();
  return success();
}

LogicalResult StringConstantOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getY().getType());
  return success();
}

LogicalResult StringConcatOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getOperands(), StringType::get(getContext()), types);
}

LogicalResult StringSplitOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type text = StringType::get(getContext());
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (x) {
    SmallVector<int64_t> shape(x.getShape());
    shape.push_back(ShapedType::kDynamic);
    types.push_back(RankedTensorType::get(shape, text));
  } else {
    types.push_back(UnrankedTensorType::get(text));
  }
  types.push_back(sameShape(getX(), IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult StringNormalizeOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type text = StringType::get(getContext());
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (!x) {
    types.push_back(UnrankedTensorType::get(text));
    return success();
  }
  bool isRow = x.getRank() == 2 && (x.isDynamicDim(0) || x.getDimSize(0) == 1);
  if (x.getRank() != 1 && !isRow)
    return emitOpError("expected a shape of [n] or [1, n], but got ") << x;
  SmallVector<int64_t> shape(x.getRank(), 1);
  shape.back() = ShapedType::kDynamic;
  types.push_back(RankedTensorType::get(shape, text));
  return success();
}

LogicalResult RegexFullMatchOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(sameShape(getX(), IntegerType::get(getContext(), 1)));
  return success();
}

LogicalResult FormatOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(sameShape(getX(), StringType::get(getContext())));
  return success();
}

LogicalResult ParseOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(sameShape(getX(), cast<TensorType>(getY().getType()).getElementType()));
  return success();
}
