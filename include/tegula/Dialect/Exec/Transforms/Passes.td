// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_EXEC_TRANSFORMS_PASSES
#define TEGULA_EXEC_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def ExecFuseElementwisePass : Pass<"exec-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Fuses elementwise producers into their only consumer where nothing is computed twice";
  let description = [{
    An elementwise producer moves into its only consumer when the consumer reads each element at most once; a broadcast
    of a cheap body moves too. Contractions take no producers, since their operands are packed. Elementwise operations and
    paddings behind a reshape that merges dimensions of another operation's result, as those of groups of channels, move
    in front of it.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::affine::AffineDialect"];
}

def ExecMarkAttentionPass : Pass<"exec-mark-attention", "::mlir::func::FuncOp"> {
  let summary = "Marks matrix product, softmax and matrix product of 8-bit integers as the steps of one kernel";
  let description = [{
    A product of 8-bit integers, elementwise steps that make f32 scores of its sums, their softmax, its quantization to 8
    bits and a product with 8-bit values, each with no other use, are marked as the steps of attention
    (`exec.inner_step`, `exec.last_step`), as `graph.attention` is lowered. Queries and values have up to 16 elements,
    and there are up to 256 keys, or as many as a run says: products of longer ones take less time in kernels of their
    own. Without a CPU target on the module nothing changes.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::tegula::exec::ExecDialect"];
}

def ExecFormKernelsPass : Pass<"exec-form-kernels", "::mlir::ModuleOp"> {
  let summary = "Cuts the tensor operations of the host function into kernels and dispatches";
  let description = [{
    Each tensor operation roots a group; a contraction takes the elementwise chain that alone uses its result. Groups
    become isolated `exec.kernel` symbols around ordinary functions; dispatches stand in their place. Extents of results
    must be computable before the kernel runs. Where a kernel reads what another one writes, a missed remark of the
    category `fusion` says why they are two (`--remarks-filter-missed=fusion`; `tegula compile --remarks=fusion`).
  }];
  let dependentDialects = [
    "::tegula::exec::ExecDialect", "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"
  ];
}

def ExecDedupKernelsPass : Pass<"exec-dedup-kernels", "::mlir::ModuleOp"> {
  let summary = "Merges kernels that are equal but for their names, and gives each its key";
  let description = [{
    Kernels of equal signature become one, whose `nodes` name all that it serves. `key` is the hash of the signature: a
    text of our own of operations, types, maps, attributes and constants, without names and locations.
  }];
}

def ExecPlanMemoryPass : Pass<"exec-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Places the host function's buffers: static ones in the arena by liveness, others at run time";
  let description = [{
    Static buffers of the top level share the arena when their lifetimes are disjoint: biggest first, at the lowest gap
    that fits. Buffers of dynamic size are allocated at run time and released after their last use; results live in
    output storage.
  }];
  let dependentDialects = ["::tegula::exec::ExecDialect"];
}

def ExecReleaseHandlesPass : Pass<"exec-release-handles", "::mlir::ModuleOp"> {
  let summary = "Gives every reference of the host function to a value of the runtime back";
  let description = [{
    A block owns one reference for each handle that it defines (as an argument or as a result) and drops it after the
    handle's last use in the block; a handle that the block yields or carries into a round is retained for the receiver.
    So a loop leaves nothing behind but what it carries. Arguments of the host function belong to the caller.
  }];
  let dependentDialects = ["::tegula::exec::ExecDialect"];
}

#endif
