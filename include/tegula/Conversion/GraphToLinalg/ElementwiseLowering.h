// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The pattern of all ops that work element by element; internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_ELEMENTWISELOWERING_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_ELEMENTWISELOWERING_H

#include "tegula/Conversion/GraphToLinalg/Lowering.h"

namespace tegula {

/// Body of one op: graph element type of the first operand, computed scalars in and out.
using OpBody = mlir::Value (*)(mlir::OpBuilder &, mlir::Location, mlir::Operation *, mlir::Type, mlir::ValueRange);

template <typename OpTy> struct ElementwiseLowering : Lowering<OpTy> {
  ElementwiseLowering(const mlir::TypeConverter &converter, mlir::MLIRContext *context, OpBody body)
      : Lowering<OpTy>(converter, context), body(body) {}
  mlir::LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                      mlir::ConversionPatternRewriter &rewriter) const override {
    if (!this->resultTensor(op))
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    llvm::SmallVector<mlir::Type> elements;
    for (mlir::Value operand : op->getOperands())
      elements.push_back(getElement(operand));
    rewriter.replaceOp(op, buildElementwise(rewriter, op.getLoc(), adaptor.getOperands(), elements, op.getType(),
                                            [&](mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange arguments) {
                                              return body(b, loc, op, elements[0], arguments);
                                            }));
    return mlir::success();
  }
  OpBody body;
};

} // namespace tegula

#endif
