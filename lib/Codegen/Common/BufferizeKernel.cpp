// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a kernel on tensors: operands through bufferization.to_tensor, results through
//      bufferization.materialize_in_destination.
// Out: the same kernel on memrefs; an op that produces a result writes straight into the result's memory (empty-tensor
//      elimination), copies are linalg.generic ops.
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENBUFFERIZEKERNELPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

/// Small constant tensors are built element by element: kernels own no globals.
static void expandConstants(Operation *root) {
  root->walk([](arith::ConstantOp constant) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements)
      return;
    OpBuilder builder(constant);
    SmallVector<Value> scalars;
    for (Attribute value : elements.getValues<Attribute>())
      scalars.push_back(arith::ConstantOp::create(builder, constant.getLoc(), cast<TypedAttr>(value)));
    Value tensor = tensor::FromElementsOp::create(builder, constant.getLoc(), cast<RankedTensorType>(constant.getType()),
                                                  scalars);
    constant.replaceAllUsesWith(tensor);
    constant.erase();
  });
}

namespace {
struct CodegenBufferizeKernelPass : tegula::impl::CodegenBufferizeKernelPassBase<CodegenBufferizeKernelPass> {
  void runOnOperation() override {
    Operation *kernel = getOperation();
    expandConstants(kernel);
    RewritePatternSet patterns(&getContext());
    patterns.add<linalg::DecomposePadOpPattern>(&getContext());
    if (failed(applyPatternsGreedily(kernel, std::move(patterns))))
      return signalPassFailure();

    bufferization::OneShotBufferizationOptions options;
    options.allowUnknownOps = true; // checks and grid ops have no tensors
    IRRewriter rewriter(&getContext());
    if (failed(bufferization::eliminateEmptyTensors(rewriter, kernel)))
      return signalPassFailure();
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotBufferize(kernel, options, state)))
      return signalPassFailure();

    SmallVector<memref::CopyOp> copies;
    kernel->walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies) {
      OpBuilder builder(copy);
      if (copy.getSource() != copy.getTarget())
        linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
      copy.erase();
    }
  }
};
} // namespace
