// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_EXEC_TRANSFORMS_PASSES
#define TEGULA_EXEC_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def ExecFuseElementwisePass : Pass<"exec-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Fuses elementwise producers into their only consumer where nothing is computed twice";
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::affine::AffineDialect"];
}

def ExecFormKernelsPass : Pass<"exec-form-kernels", "::mlir::ModuleOp"> {
  let summary = "Cuts the tensor operations of the host function into kernels and dispatches";
  let dependentDialects = [
    "::tegula::exec::ExecDialect", "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"
  ];
}

def ExecDedupKernelsPass : Pass<"exec-dedup-kernels", "::mlir::ModuleOp"> {
  let summary = "Merges kernels that are equal but for their names, and gives each its key";
}

def ExecPlanMemoryPass : Pass<"exec-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Places the host function's buffers: static ones in the arena by liveness, others at run time";
  let dependentDialects = ["::tegula::exec::ExecDialect"];
}

#endif
