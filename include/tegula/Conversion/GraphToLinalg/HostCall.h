// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls of host operations: tensors go in and out as values of the runtime. Internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_HOSTCALL_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_HOSTCALL_H

#include "tegula/Conversion/GraphToLinalg/Lowering.h"

namespace tegula {

/// The handle of a converted value whose graph type is `graphType`: tensors are boxed, other values are handles
/// already. A null value is nothing.
mlir::Value toHandle(mlir::OpBuilder &b, mlir::Location loc, mlir::Value converted, mlir::Type graphType);
/// The inverse: the converted value of graph type `graphType` in a handle.
mlir::Value fromHandle(mlir::OpBuilder &b, mlir::Location loc, mlir::Value handle, mlir::Type graphType);

/// Parameters of host operations.
mlir::Value boxInteger(mlir::OpBuilder &b, mlir::Location loc, int64_t value);
/// A tensor of strings, one-dimensional without a shape.
mlir::Value boxStrings(mlir::OpBuilder &b, mlir::Location loc, mlir::ArrayAttr strings,
                       std::optional<llvm::ArrayRef<int64_t>> shape = std::nullopt);

/// Calls host operation `name`.
llvm::SmallVector<mlir::Value> callHost(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef name,
                                        mlir::ValueRange handles, unsigned resultCount = 1);

/// Whether the tensors among these types have a rank: only such can be boxed.
bool canBox(mlir::TypeRange graphTypes);

/// Lowers an op to one host operation on its operands, followed by `parameters(op)`.
template <typename OpTy> struct HostCallLowering : Lowering<OpTy> {
  using Parameters = llvm::SmallVector<mlir::Value> (*)(OpTy, mlir::OpBuilder &);
  HostCallLowering(const mlir::TypeConverter &converter, mlir::MLIRContext *context, llvm::StringRef name,
                   Parameters parameters)
      : Lowering<OpTy>(converter, context), name(name), parameters(parameters) {}

  llvm::LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                      mlir::ConversionPatternRewriter &rewriter) const override {
    mlir::Location loc = op.getLoc();
    if (!canBox(op->getOperandTypes()) || !canBox(op->getResultTypes()))
      return rewriter.notifyMatchFailure(op, "a tensor of unknown rank");
    llvm::SmallVector<mlir::Value> handles;
    for (auto [value, original] : llvm::zip(adaptor.getOperands(), op->getOperands()))
      handles.push_back(toHandle(rewriter, loc, value, original.getType()));
    if (parameters)
      llvm::append_range(handles, parameters(op, rewriter));
    llvm::SmallVector<mlir::Value> results = callHost(rewriter, loc, name, handles, op->getNumResults());
    for (auto [value, result] : llvm::zip(results, op->getResults()))
      value = fromHandle(rewriter, loc, value, result.getType());
    rewriter.replaceOp(op, results);
    return mlir::success();
  }

  llvm::StringRef name;
  Parameters parameters;
};

} // namespace tegula

#endif
