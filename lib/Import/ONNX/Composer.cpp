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

Value Composer::join(ArrayRef<Value> integers) {
  SmallVector<Value> parts;
  for (Value value : integers)
    parts.push_back(reshape(value, {-1}));
  return (*this)("Concat", parts, {{"axis", int64_t(0)}});
}

Value Composer::iota(Value count) {
  return (*this)("Range", {node.scalar(int64_t(0)), count, node.scalar(int64_t(1))});
}
