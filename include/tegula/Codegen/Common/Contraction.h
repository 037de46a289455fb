// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the matmul families of all targets share: recognizing a contraction, the part that each of its loops plays, and
// the form of the kernel around it.
//
#ifndef TEGULA_CODEGEN_COMMON_CONTRACTION_H
#define TEGULA_CODEGEN_COMMON_CONTRACTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace tegula {

/// One contraction `out += lhs * rhs` and the part that each of its loops plays.
struct ContractionInfo {
  mlir::linalg::GenericOp op;
  /// Operand numbers: `lhs` goes along the rows, `rhs` along the columns of the result.
  unsigned lhs = 0, rhs = 1;
  /// Loops, outermost of the result first: indexing both operands and the result (or the result only); lhs and result;
  /// rhs and result; summed over. Loops of extent 1 are in none.
  llvm::SmallVector<unsigned> batch, rows, columns, depth;
  /// Extent of each loop; ShapedType::kDynamic where it is known at run time only.
  llvm::SmallVector<int64_t> extents;
  /// Elements of a block of columns, where the right operand holds blocks of them (`graph.blocked_matmul`), and from
  /// the start of a block to that of the next one; else 0. `coefficients` then say where the first column of a block
  /// is.
  int64_t columnBlock = 0, columnBlockStep = 0;
  /// Coefficients of the loops in each result of the indexing map of operand 0, 1 and the output; after the loops, the
  /// constant.
  llvm::SmallVector<llvm::SmallVector<llvm::SmallVector<int64_t>>, 3> coefficients;
  /// Element types of lhs and rhs in memory and of the result; the sum is held in `accumulator`.
  mlir::Type lhsType, rhsType, resultType, accumulator;

  /// Product of the extents of `loops`, kDynamic when one is.
  int64_t extent(llvm::ArrayRef<unsigned> loops) const;
};

/// Whether `op` (on tensors or memrefs) is a contraction with linear indexing maps whose body is
/// `out + f(lhs) * g(rhs)`, where f and g are elementwise.
bool matchContraction(mlir::linalg::GenericOp op, ContractionInfo &info);

/// The linear form of an index expression: a coefficient for each of `dims` dimensions, then the constant. Fails for
/// expressions that are not linear.
mlir::FailureOr<llvm::SmallVector<int64_t>> getLinearForm(mlir::AffineExpr expression, unsigned dims);

namespace matmul {

/// A bufferized kernel: fill with zero, contraction, elementwise steps on its result.
struct KernelForm {
  ContractionInfo info;
  mlir::Operation *fill = nullptr;
  /// linalg.generic (elementwise) or memref.copy, in program order.
  llvm::SmallVector<mlir::Operation *> steps;
  /// Buffers that hold the result of the contraction or of a step, and those of them that outlive the kernel.
  llvm::SetVector<mlir::Value> tracked, stored;
};

/// What a family knows of a kernel whose result is computed by several ops: the last one, with the loops of its result
/// (`info`), and those before it (`inner`), which the family replaces.
struct KernelCore {
  ContractionInfo info;
  llvm::SmallVector<mlir::Operation *> inner;
};

/// Recognizes the form; an error at the first op that does not fit. With `core`, that stands for the contraction.
mlir::FailureOr<KernelForm> analyzeKernel(mlir::func::FuncOp kernel, const KernelCore *core = nullptr);

/// Calls `see(operand, forms)` for each operand that the steps load from memory: the linear forms of its indices over
/// the loops of the contraction. (A step's own maps are over the dimensions of the result.)
void forEachStepOperand(const KernelForm &form,
                        llvm::function_ref<void(mlir::OpOperand *, llvm::ArrayRef<llvm::SmallVector<int64_t>>)> see);

/// How a family applies the steps to what it holds in registers.
struct StepActions {
  /// The element of an operand that is in memory.
  llvm::function_ref<mlir::Value(mlir::OpOperand &)> load;
  /// Writes `value`, an element of `buffer`, where the buffer is stored; returns it as later steps see it.
  llvm::function_ref<mlir::Value(mlir::Value buffer, mlir::Value value)> define;
  /// Repeats an operation of a step's body on the mapped values.
  llvm::function_ref<void(mlir::Operation *, mlir::IRMapping &)> clone;
};
/// Applies the steps, in order, to `sum`, an element of the contraction's result.
void applySteps(const KernelForm &form, mlir::Value sum, const StepActions &actions);

/// Erases what a family has lowered: fill, contraction, steps, and the buffers that only they used.
void eraseKernelOps(KernelForm &form);
/// Erases a buffer that a kernel allocates and nobody reads any longer.
void eraseLocalBuffer(mlir::Value buffer);

/// Finds the only contraction of the kernel (on tensors or memrefs).
bool findContraction(mlir::func::FuncOp kernel, ContractionInfo &info);
/// The same for a kernel that is known to have one.
ContractionInfo contractionOf(mlir::func::FuncOp kernel);
/// Whether the kernel (on tensors or memrefs) has the form that `analyzeKernel` recognizes; emits nothing.
bool matchKernel(mlir::func::FuncOp kernel, ContractionInfo &info);
bool matchKernel(mlir::func::FuncOp kernel, const KernelCore &core);

} // namespace matmul
} // namespace tegula

#endif // TEGULA_CODEGEN_COMMON_CONTRACTION_H
