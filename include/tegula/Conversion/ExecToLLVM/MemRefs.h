// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What lowerings to the runtime's ABI share: memrefs from bare pointers and back, since it passes pointers and extents,
// never descriptors, and the status that a kernel leaves.
#ifndef TEGULA_CONVERSION_EXECTOLLVM_MEMREFS_H
#define TEGULA_CONVERSION_EXECTOLLVM_MEMREFS_H

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace tegula {

/// An identity-layout memref of `type` at `pointer`; `dynamicSizes` are i64, one per dynamic dimension. Made of an LLVM
/// descriptor behind an unrealized_conversion_cast, which the memref lowering dissolves.
mlir::Value makeMemRef(mlir::OpBuilder &builder, mlir::Location loc, mlir::MemRefType type, mlir::Value pointer,
                       mlir::ValueRange dynamicSizes);
/// Replaces the arguments of a kernel's function, memrefs with identity layout and indices, by what the runtime passes:
/// `nextBuffer` gives the pointer of each memref in order, `nextDim` each dynamic extent and index as i64.
void replaceKernelArguments(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::BlockArgument> arguments,
                            llvm::function_ref<mlir::Value()> nextBuffer, llvm::function_ref<mlir::Value()> nextDim);
/// Replaces a kernel's check by a store of its status to `status`, a pointer, where the condition fails; the kernel
/// goes on.
void lowerKernelCheck(mlir::OpBuilder &builder, exec::CheckOp check, mlir::Value status);
/// The address of a memref's first element as !llvm.ptr (strided layouts: offset included).
mlir::Value getPointer(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value memref);
/// The dynamic extents of a memref as i64.
llvm::SmallVector<mlir::Value> getDynamicExtents(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value memref);
/// Size of a memref in bytes as i64.
mlir::Value getByteSize(mlir::OpBuilder &builder, mlir::Location loc, mlir::MemRefType type,
                        mlir::ValueRange dynamicSizes);
mlir::Value constantI64(mlir::OpBuilder &builder, mlir::Location loc, int64_t value);
mlir::Value constantI32(mlir::OpBuilder &builder, mlir::Location loc, int32_t value);
/// An array of i64 or pointers on the stack of the entry block of `function`, holding `values`.
mlir::Value makeStackArray(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *function,
                           mlir::ValueRange values, mlir::Type element);

} // namespace tegula

#endif
