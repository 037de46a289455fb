// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "KernelForm.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;

Value matmul::cloneElementwise(OpBuilder &b, Location loc, Operation *op, IRMapping &mapping) {
  VectorType vector;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<VectorType>(mapping.lookupOrDefault(operand).getType()))
      vector = type;
  if (!vector)
    return b.clone(*op, mapping)->getResult(0);
  IRMapping local;
  for (Value operand : op->getOperands()) {
    Value mapped = mapping.lookupOrDefault(operand);
    if (!isa<VectorType>(mapped.getType()))
      mapped = vector::BroadcastOp::create(b, loc, VectorType::get(vector.getShape(), mapped.getType()), mapped);
    local.map(operand, mapped);
  }
  Operation *clone = b.clone(*op, local);
  for (Value result : clone->getResults())
    result.setType(VectorType::get(vector.getShape(), result.getType()));
  for (auto [from, to] : llvm::zip(op->getResults(), clone->getResults()))
    mapping.map(from, to);
  return clone->getResult(0);
}
