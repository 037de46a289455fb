// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel is, as text of our own: two kernels are the same for deduplication, database and lock file when their
// signatures are equal. The text holds operations, types, indexing maps, attributes, constants (up to 64 bytes as they
// are, longer ones by hash), which operands are constants of the model, strides, alignment, aliasing and the precision
// mode; it holds no names, no locations and nothing in the way LLVM happens to print it, so that a key outlives an
// update of LLVM. Thread count and measured sizes belong to a measurement, not to the kernel.
//
//   tegula-kernel 1; precision f32; operands f32[64]{1}, const f32[64]{1}; results f32[64]{1}; aligned element;
//   alias none; v3 = bufferization.to_tensor(v0){restrict = unit} -> tensor[64]f32; ...
//
#ifndef TEGULA_KERNEL_KERNELSIGNATURE_H
#define TEGULA_KERNEL_KERNELSIGNATURE_H

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

#include <string>

namespace tegula {

/// Which operands of each kernel of a module are constants in every dispatch. Knows the module as it was when made.
class ConstantOperands {
public:
  explicit ConstantOperands(mlir::ModuleOp module);
  /// One entry for each operand of the kernel; all false for a kernel without dispatches.
  llvm::SmallVector<bool> of(exec::KernelOp kernel) const;

private:
  llvm::DenseMap<llvm::StringRef, llvm::SmallVector<bool>> byKernel;
};

/// One line. `kernel` is on tensors, as stage `kernels` leaves it. `precision` is the mode of the compilation.
std::string getSignature(exec::KernelOp kernel, llvm::ArrayRef<bool> constantOperands,
                         llvm::StringRef precision = "f32");

/// 16 hexadecimal digits: XXH3-64 of the signature.
std::string getSignatureKey(llvm::StringRef signature);

/// Whether the text starts as a signature does; its version may be another.
bool isSignature(llvm::StringRef text);

} // namespace tegula

#endif // TEGULA_KERNEL_KERNELSIGNATURE_H
