// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/BFloatDot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

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

Value tegula::emitBFloatDot(OpBuilder &b, Location loc, Value sum, Value left, Value right, bool hasInstruction) {
  auto type = cast<VectorType>(sum.getType());
  int64_t lanes = type.getNumElements();
  if (hasInstruction) {
    auto name = b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps." + Twine(lanes * 32));
    return LLVM::CallIntrinsicOp::create(b, loc, type, name, ValueRange{sum, left, right}).getResults();
  }
  for (int64_t i : {0, 1}) {
    SmallVector<int64_t> own;
    for (int64_t lane = 0; lane < lanes; ++lane)
      own.push_back(2 * lane + i);
    auto widen = [&](Value pairs) -> Value {
      return arith::ExtFOp::create(b, loc, type, vector::ShuffleOp::create(b, loc, pairs, pairs, own).getResult());
    };
    sum = vector::FMAOp::create(b, loc, widen(left), widen(right), sum);
  }
  return sum;
}
