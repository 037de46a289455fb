// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Types.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

Type tegula::graph::joinTypes(Type known, Type inferred) {
  auto first = dyn_cast<TensorType>(known), second = dyn_cast<TensorType>(inferred);
  if (!first || !second)
    return known;
  if (first.getElementType() != second.getElementType())
    return nullptr;
  if (!second.hasRank())
    return known;
  if (!first.hasRank())
    return inferred;
  if (first.getRank() != second.getRank())
    return nullptr;
  SmallVector<int64_t> shape;
  for (auto [a, b] : llvm::zip(first.getShape(), second.getShape())) {
    if (!ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b)
      return nullptr;
    shape.push_back(ShapedType::isDynamic(a) ? b : a);
  }
  return RankedTensorType::get(shape, first.getElementType());
}

Type tegula::graph::meetTypes(Type first, Type second) {
  auto a = dyn_cast<TensorType>(first), b = dyn_cast<TensorType>(second);
  if (!a || !b)
    return first == second ? first : nullptr;
  if (a.getElementType() != b.getElementType())
    return nullptr;
  if (!a.hasRank() || !b.hasRank() || a.getRank() != b.getRank())
    return UnrankedTensorType::get(a.getElementType());
  SmallVector<int64_t> shape;
  for (auto [x, y] : llvm::zip(a.getShape(), b.getShape()))
    shape.push_back(x == y ? x : ShapedType::kDynamic);
  return RankedTensorType::get(shape, a.getElementType());
}
