// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/BFloatDot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace tegula;

bool tegula::allowsBFloatDot(const ContractionInfo &info) {
  if (!info.lhsType.isBF16() || !info.rhsType.isBF16() || !info.resultType.isF32())
    return false;
  Block *body = linalg::GenericOp(info.op).getBody();
  Operation *sum = body->getTerminator()->getOperand(0).getDefiningOp();
  Value product = sum->getOperand(0) == body->getArgument(2) ? sum->getOperand(1) : sum->getOperand(0);
  auto multiply = product.getDefiningOp<arith::MulFOp>();
  auto isStored = [&](Value factor) {
    auto extend = factor.getDefiningOp<arith::ExtFOp>();
    return extend && isa<BlockArgument>(extend.getIn());
  };
  return multiply && bitEnumContainsAll(multiply.getFastmath(), arith::FastMathFlags::afn) &&
         isStored(multiply.getLhs()) && isStored(multiply.getRhs());
}

Value tegula::emitBFloatDot(OpBuilder &b, Location loc, Value sum, Value left, Value right) {
  int64_t bits = cast<VectorType>(sum.getType()).getNumElements() * 32;
  auto name = b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps." + Twine(bits));
  return LLVM::CallIntrinsicOp::create(b, loc, sum.getType(), name, ValueRange{sum, left, right}).getResults();
}
