// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/Composer.h"

#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula;

Value Composer::cast(Value x, Type element) {
  if (failed || elementOf(x) == element)
    return failed ? nullptr : x;
  return node.create<graph::CastOp>(llvm::cast<TensorType>(x.getType()).clone(element), x);
}

/// The reason that a node cannot be composed of its steps.
static Value refuse(Composer &c, Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  (void)c.node.unsupported("elements of type " + text);
  c.failed = true;
  return nullptr;
}

Value Composer::number(double value, Value like) {
  if (failed)
    return nullptr;
  Type element = elementOf(like);
  return isa<FloatType, IntegerType>(element) ? node.scalar(value, element) : refuse(*this, element);
}

Value Composer::lowest(Value like) {
  if (failed)
    return nullptr;
  auto type = dyn_cast<FloatType>(elementOf(like));
  if (!type)
    return refuse(*this, elementOf(like));
  return number(llvm::APFloat::getLargest(type.getFloatSemantics(), /*Negative=*/true).convertToDouble(), like);
}

Value Composer::join(ArrayRef<Value> integers) {
  SmallVector<Value> parts;
  for (Value value : integers)
    parts.push_back(reshape(value, {-1}));
  return (*this)("Concat", parts, {{"axis", int64_t(0)}});
}

Value Composer::iota(Value count) {
  return (*this)("Range", {node.scalar(int64_t(0)), count, node.scalar(int64_t(1))});
}

std::optional<int64_t> Composer::knownExtent(Value x, int64_t dimension) {
  RankedTensorType type = rankedType(x);
  if (!type || dimension >= type.getRank() || type.isDynamicDim(dimension))
    return std::nullopt;
  return type.getDimSize(dimension);
}

Value Composer::extent(Value x, int64_t dimension) {
  if (failed)
    return nullptr;
  if (auto known = knownExtent(x, dimension))
    return node.scalar(*known);
  Value extent = (*this)("Shape", {x}, {{"start", dimension}, {"end", dimension + 1}}, node.builder.getI64Type());
  return reshape(extent, ArrayRef<int64_t>{});
}
