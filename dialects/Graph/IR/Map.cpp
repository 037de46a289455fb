// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Type inference of maps.
#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula::graph;

static Type getElement(Value tensor) { return cast<TensorType>(tensor.getType()).getElementType(); }

LogicalResult ZipMapOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (x && x.getRank() != 1 && x.getRank() != 2)
    return emitOpError("expected a shape of [rows, labels] or [labels], but got ") << x;
  types.push_back(
      SequenceType::get(getContext(), MapType::get(getContext(), getElement(getLabels()), getElement(getX()))));
  return success();
}

LogicalResult DictVectorizeOp::inferTypes(SmallVectorImpl<Type> &types) {
  if (getMap().getType().getKey() != getElement(getVocabulary()))
    return emitOpError("expected a vocabulary of ")
           << getMap().getType().getKey() << ", but got " << getElement(getVocabulary());
  auto vocabulary = dyn_cast<RankedTensorType>(getVocabulary().getType());
  int64_t extent = vocabulary && vocabulary.getRank() == 1 ? vocabulary.getDimSize(0) : ShapedType::kDynamic;
  types.push_back(RankedTensorType::get({1, extent}, getMap().getType().getValue()));
  return success();
}

LogicalResult MapValuesOp::inferTypes(SmallVectorImpl<Type> &types) {
  int64_t extent = int64_t(getExtent()) > 0 ? int64_t(getExtent()) : ShapedType::kDynamic;
  types.push_back(RankedTensorType::get({1, extent}, getMap().getType().getValue()));
  return success();
}
