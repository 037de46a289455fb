// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One kernel of a model as a program of its own, which the compiler takes from stage `kernels` on like any other: its
// host function dispatches the kernel once. The kernel is cloned unchanged, dynamic extents included, so that what is
// measured is the code that the model will run.
//
#ifndef TEGULA_TUNER_BUILD_KERNELPROGRAM_H
#define TEGULA_TUNER_BUILD_KERNELPROGRAM_H

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <vector>

namespace tegula::tuner {

struct KernelProgram {
  /// Inputs of @main: the kernel's operands, then one vector of bytes for each dynamic extent of a result and for each
  /// scalar argument; only its length is used, so that no pass can fold the value.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The shape of each input at which the kernel is to be measured; empty when all inputs are static.
  std::vector<std::vector<int64_t>> inputShapes;
};

/// How many numbers `dims` a dispatch of the kernel takes: the dynamic extents of operands and results in order, then
/// the scalars.
int64_t countDims(exec::KernelOp kernel);

/// The program of `kernel`, to be measured at `dims` (as in tegula_kernel_function). Fails when their number is not
/// countDims or one is negative.
llvm::Expected<KernelProgram> makeKernelProgram(exec::KernelOp kernel, llvm::ArrayRef<int64_t> dims);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_BUILD_KERNELPROGRAM_H
