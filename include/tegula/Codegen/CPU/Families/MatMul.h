// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_matmul` family: kernels around one contraction (matrix products, batched or transposed, and convolutions),
// followed by elementwise work on its result.
//
#ifndef TEGULA_CODEGEN_CPU_FAMILIES_MATMUL_H
#define TEGULA_CODEGEN_CPU_FAMILIES_MATMUL_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelFamily.h"

#include <memory>

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

/// Replaces a bufferized contraction and the elementwise ops after it by loops over register blocks.
mlir::LogicalResult lowerMatMulKernel(mlir::func::FuncOp kernel, sched::CPUMatMulAttr schedule, int64_t vectorBits);

/// The `cpu_matmul` family.
std::unique_ptr<KernelFamily> createCPUMatMulFamily();

} // namespace tegula

#endif // TEGULA_CODEGEN_CPU_FAMILIES_MATMUL_H
