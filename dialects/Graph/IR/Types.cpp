// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Types.h"

#include "tegula/Dialect/Graph/IR/Graph.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula::graph;

bool tegula::graph::isValueType(Type type) { return isa<SequenceType, OptionalType, MapType>(type); }

/// `combine` of what two sequences or two optionals hold; equal maps; null for two kinds.
static Type combineElements(Type first, Type second, Type (*combine)(Type, Type)) {
  if (auto a = dyn_cast<SequenceType>(first))
    if (auto b = dyn_cast<SequenceType>(second)) {
      Type element = combine(a.getElement(), b.getElement());
      return element ? Type(SequenceType::get(first.getContext(), element)) : nullptr;
    }
  if (auto a = dyn_cast<OptionalType>(first))
    if (auto b = dyn_cast<OptionalType>(second)) {
      Type element = combine(a.getElement(), b.getElement());
      return element ? Type(OptionalType::get(first.getContext(), element)) : nullptr;
    }
  return first == second ? first : nullptr;
}

Type tegula::graph::forgetExtents(Type type) {
  if (auto sequence = dyn_cast<SequenceType>(type)) // its elements may even change their rank
    if (auto tensor = dyn_cast<TensorType>(sequence.getElement()))
      return SequenceType::get(type.getContext(), UnrankedTensorType::get(tensor.getElementType()));
  if (auto optional = dyn_cast<OptionalType>(type))
    return OptionalType::get(type.getContext(), forgetExtents(optional.getElement()));
  auto ranked = dyn_cast<RankedTensorType>(type);
  return ranked ? Type(RankedTensorType::get(SmallVector<int64_t>(ranked.getRank(), ShapedType::kDynamic),
                                             ranked.getElementType()))
                : type;
}

Type tegula::graph::joinTypes(Type known, Type inferred) {
  if (isValueType(known) && isValueType(inferred))
    return combineElements(known, inferred, joinTypes);
  if (isValueType(known) != isValueType(inferred) && !isa<NoneType>(known))
    return nullptr;
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
  // A sequence is an optional that holds it: both are one handle at run time.
  for (auto [optional, held] : {std::pair(first, second), std::pair(second, first)})
    if (auto type = dyn_cast<OptionalType>(optional); type && isa<SequenceType>(held)) {
      Type element = meetTypes(type.getElement(), held);
      return element ? Type(OptionalType::get(first.getContext(), element)) : nullptr;
    }
  if (isValueType(first) && isValueType(second))
    return combineElements(first, second, meetTypes);
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

int32_t tegula::graph::getOnnxElementType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return 9;
    case 2:
      return isUnsigned ? 25 : 26;
    case 4:
      return isUnsigned ? 21 : 22;
    case 8:
      return isUnsigned ? 2 : 3;
    case 16:
      return isUnsigned ? 4 : 5;
    case 32:
      return isUnsigned ? 12 : 6;
    default:
      return isUnsigned ? 13 : 7;
    }
  }
  if (auto complex = dyn_cast<ComplexType>(element))
    return complex.getElementType().isF32() ? 14 : 15;
  if (isa<StringType>(element))
    return 8;
  if (element.isF32())
    return 1;
  if (element.isF16())
    return 10;
  if (element.isF64())
    return 11;
  if (element.isBF16())
    return 16;
  if (isa<Float8E4M3FNType>(element))
    return 17;
  if (isa<Float8E4M3FNUZType>(element))
    return 18;
  if (isa<Float8E5M2Type>(element))
    return 19;
  if (isa<Float8E5M2FNUZType>(element))
    return 20;
  if (isa<Float4E2M1FNType>(element))
    return 23;
  if (isa<Float8E8M0FNUType>(element))
    return 24;
  return 0;
}
