// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  arith.truncf of f32 to bf16, scalars or vectors.
// Out: integer arithmetic on their bits, rounding to nearest even. LLVM would take vcvtneps2bf16 where there is one,
//      which makes zeros of denormals; these are numbers of the model.
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENROUNDBFLOATSPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
struct CodegenRoundBfloatsPass : tegula::impl::CodegenRoundBfloatsPassBase<CodegenRoundBfloatsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    arith::populateExpandBFloat16Patterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
