// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a host function on tensors whose only tensor computations are dispatches.
// Out: the host function on identity-layout memrefs; every value has a memref.alloc of its own, which PlanMemory places.
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENBUFFERIZEHOSTPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
struct CodegenBufferizeHostPass : tegula::impl::CodegenBufferizeHostPassBase<CodegenBufferizeHostPass> {
  void runOnOperation() override {
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.allowReturnAllocsFromLoops = true; // a loop-carried value may change its shape
    options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
    options.opFilter.denyOperation([](Operation *op) {
      return isa<tegula::exec::KernelOp>(op) || op->getParentOfType<tegula::exec::KernelOp>();
    });
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options, state)))
      signalPassFailure();
  }
};
} // namespace
