// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference of activation functions: the operand's shape, and a broadcast for prelu.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula::graph;

#define INFER_SAME_ELEMENT(Op)                                                                                         \
  LogicalResult Op::inferTypes(SmallVectorImpl<Type> &types) {                                                         \
    Type element = cast<TensorType>(getOperation()->getOperand(0).getType()).getElementType();                         \
    return inferBroadcast(*this, getOperation()->getOperands(), element, types);                                       \
  }

INFER_SAME_ELEMENT(ReluOp)
INFER_SAME_ELEMENT(SigmoidOp)
INFER_SAME_ELEMENT(SoftplusOp)
INFER_SAME_ELEMENT(SoftsignOp)
INFER_SAME_ELEMENT(MishOp)
INFER_SAME_ELEMENT(HardSwishOp)
INFER_SAME_ELEMENT(LeakyReluOp)
INFER_SAME_ELEMENT(ThresholdedReluOp)
INFER_SAME_ELEMENT(EluOp)
INFER_SAME_ELEMENT(CeluOp)
INFER_SAME_ELEMENT(SeluOp)
INFER_SAME_ELEMENT(HardSigmoidOp)
INFER_SAME_ELEMENT(SwishOp)
INFER_SAME_ELEMENT(GeluOp)
INFER_SAME_ELEMENT(ShrinkOp)
INFER_SAME_ELEMENT(PreluOp)
