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

def ExecLowerHostPass : Pass<"exec-lower-host", "::mlir::ModuleOp"> {
  let summary = "Gives the host function the runtime's signature and turns exec ops into calls of its services";
  let description = [{
    `@main` on planned memrefs and plain control flow becomes `tegula_program`. Every exec op becomes a call through the
    runtime's service table; a status other than zero is returned at once.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect"];
}

def ExecLowerKernelPass : Pass<"exec-lower-kernel", "::tegula::exec::KernelOp"> {
  let summary = "Gives a kernel's function the runtime's kernel signature";
  let description = [{
    The function gets the runtime's signature: grid_id, grid_size, buffers, dims, workspace; a failed `exec.check` leaves
    its status for the return. The function that computes the bytes of the workspace takes dims alone.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect"];
}

def ExecSeparateBuffersPass : Pass<"exec-separate-buffers", "::tegula::exec::KernelOp"> {
  let summary = "Tells LLVM by alias scopes that a kernel's buffers do not overlap";
  let description = [{
    Works on a kernel's function in the LLVM dialect with the runtime's signature. Each access whose address is traced to
    one entry of `buffers`, to `dims` or to `workspace` gets that memory's scope, and the scopes of all others as
    noalias scopes. Accesses that are not traced stay as they are.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ExecLowerDeviceKernelPass : Pass<"exec-lower-device-kernel", "::tegula::exec::KernelOp"> {
  let summary = "Gives the phases of a GPU kernel and their grid functions the runtime's signatures";
  let description = [{
    The kernel's functions are its phases, in order, and for each the host function `<phase>_grid`, marked `exec.grid`,
    that computes how many blocks to launch. A phase takes all buffers, all extents, the workspace and the address of
    the status, 64 bits each.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect"];
}

#endif
