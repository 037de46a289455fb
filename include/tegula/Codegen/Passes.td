// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CODEGEN_PASSES
#define TEGULA_CODEGEN_PASSES

include "mlir/Pass/PassBase.td"

def CodegenBufferizeKernelPass : Pass<"codegen-bufferize-kernel", "::tegula::exec::KernelOp"> {
  let summary = "Bufferizes a kernel; results are computed in place";
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::affine::AffineDialect"
  ];
}

def CodegenBufferizeHostPass : Pass<"codegen-bufferize-host", "::mlir::ModuleOp"> {
  let summary = "Bufferizes the host function";
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

def CodegenApproximateMathPass : Pass<"codegen-approximate-math"> {
  let summary = "Replaces math functions by polynomials that vectorize";
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def CodegenAssignSchedulesPass : Pass<"codegen-assign-schedules", "::mlir::ModuleOp"> {
  let summary = "Gives each kernel without a schedule its family's default for the module's CPU target";
  let dependentDialects = ["::tegula::sched::SchedDialect"];
}

def CodegenLowerFamilyPass : Pass<"codegen-lower-family", "::tegula::exec::KernelOp"> {
  let summary = "Lowers a bufferized kernel with the family that owns its schedule";
  let dependentDialects = [
    "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect"
  ];
}

#endif
