// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_CODEGEN_PASSES
#define TEGULA_CODEGEN_PASSES

include "mlir/Pass/PassBase.td"

def CodegenBufferizeKernelPass : Pass<"codegen-bufferize-kernel", "::tegula::exec::KernelOp"> {
  let summary = "Bufferizes a kernel; results are computed in place";
  let description = [{
    One-Shot Bufferize of an isolated kernel in destination-passing style: an op that produces a result writes straight
    into the result's argument (empty-tensor elimination); copies that remain are linalg.generic ops.
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::affine::AffineDialect"
  ];
}

def CodegenBufferizeHostPass : Pass<"codegen-bufferize-host", "::mlir::ModuleOp"> {
  let summary = "Bufferizes the host function";
  let description = [{
    The host function's tensors become memrefs with identity layout, each with a memref.alloc of its own;
    `exec-plan-memory` places them afterwards.
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

def CodegenApproximateMathPass : Pass<"codegen-approximate-math"> {
  let summary = "Replaces functions of f32 by arithmetic that vectorizes";
  let description = [{
    Exponentials, logarithms, powers, trigonometric and hyperbolic functions, their inverses and the error functions of f32
    become arithmetic without branches and calls, at most 2 ULP off, with C's results for infinities, NaN, zeros and
    denormals. So does erf of f64 (3 ULP), for which LLVM has no intrinsic; other functions of f64 stay and become
    intrinsics or calls of libm.
  }];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def CodegenRoundBfloatsPass : Pass<"codegen-round-bfloats", "::tegula::exec::KernelOp"> {
  let summary = "Rounds f32 to bf16 by integer arithmetic, which keeps denormals";
  let description = [{
    Conversions between f32 and bf16 become arithmetic on their bits that vectorizes, rounding to nearest even; a NaN
    becomes the quiet one. The instruction of x86 for it makes zeros of denormals.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
}

def CodegenEmulateTilesPass : Pass<"codegen-emulate-tiles"> {
  let summary = "Replaces operations on tile registers by vector code where the target asks for it";
  let description = [{
    For a target with `emulated_tiles`: what kernels for tile registers (AMX) compute, on a processor that has none, for
    tests. A tile is a two-dimensional vector. Sums of bf16 are added in the order of the instruction, but denormals are
    numbers, which it takes for zeros.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def CodegenAssignSchedulesPass : Pass<"codegen-assign-schedules", "::mlir::ModuleOp"> {
  let summary = "Gives each kernel without a schedule its family's default for the module's target";
  let description = [{
    A kernel without a schedule gets the analytic default of the first family that takes it. One that has a schedule keeps
    it if its family verifies it; anything else is an error. `provenance` says where each schedule came from.
  }];
  let dependentDialects = ["::tegula::sched::SchedDialect"];
}

def CodegenLowerFamilyPass : Pass<"codegen-lower-family", "::tegula::exec::KernelOp"> {
  let summary = "Lowers a bufferized kernel with the family that owns its schedule";
  let description = [{
    The family that owns the kernel's schedule replaces its linalg ops by loops over the worker's share of the grid. A
    kernel without a schedule, or with one of another target, is an error. `exec.work` on the kernel is an estimate of its
    time on one worker in units of about ten picoseconds: terms `[c, d...]`, each `c` times the dims of these numbers
    (dynamic extents of the arguments in order, then scalars).
  }];
  let dependentDialects = [
    "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::amx::AMXDialect"
  ];
}

def CodegenFillBordersPass : Pass<"codegen-fill-borders", "::tegula::exec::KernelOp"> {
  let summary = "Writes the padding of a kernel's results";
  let description = [{
    Each `exec.fill_border` becomes loops at the kernel's begin, over the worker's share of the dimensions in front of the
    first padded one.
  }];
  let dependentDialects = [
    "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
    "::mlir::arith::ArithDialect"
  ];
}

def CodegenPlaceTemporariesPass : Pass<"codegen-place-temporaries", "::tegula::exec::KernelOp"> {
  let summary = "Gives each temporary of a kernel its place in the worker's workspace";
  let description = [{
    Each `memref.alloc` becomes an `exec.temporary` behind the ones before it. One of dynamic size gets as much as its
    extents can come to in any round of the loops around it and for any worker, computed from the extents of the
    kernel's operands; `<kernel>_workspace` computes all of it, for the runtime to reserve before the kernel runs.
    Extents that cannot be bounded so are an error.
  }];
  let dependentDialects = ["::tegula::exec::ExecDialect", "::mlir::arith::ArithDialect", "::mlir::affine::AffineDialect",
                           "::mlir::memref::MemRefDialect"];
}

def CodegenSeparateHostPass : Pass<"codegen-separate-host", "::mlir::ModuleOp"> {
  let summary = "Keeps the host function off the device's memory";
  let description = [{
    On a GPU target the host function only passes device memory on. Its copies become dispatches of copy kernels; a
    load or a store of an element, for which the host would have to wait for the device, is an error at its node.
  }];
  let dependentDialects = [
    "::tegula::exec::ExecDialect", "::tegula::sched::SchedDialect", "::mlir::linalg::LinalgDialect"
  ];
}

def CodegenExpandMathPass : Pass<"codegen-expand-math", "::tegula::exec::KernelOp"> {
  let summary = "Replaces math functions that GPUs have no instructions for by arithmetic";
  let description = [{
    Half precision is computed in f32; f32 functions become polynomials. What is left without a form on the device, such
    as exp of f64, is an error at its node.
  }];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

#endif
