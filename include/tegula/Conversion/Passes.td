// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CONVERSION_PASSES
#define TEGULA_CONVERSION_PASSES

include "mlir/Pass/PassBase.td"

def GraphToLinalgPass : Pass<"graph-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Lowers graph ops to linalg, tensor, arith, math and scf";
  let description = [{
    One pattern per op. Operands must be ranked. Element types become storage types: bool is i8, unsigned integers are
    signless. An op without a pattern is an error at its location.
  }];
  let dependentDialects = [
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::tegula::exec::ExecDialect"
  ];
}

#endif
