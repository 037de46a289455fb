// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  math ops on f32 scalars or vectors.
// Out: exp, tanh, log and erf as polynomials of arithmetic, which LLVM's loop vectorizer handles; the rest stays and
//      becomes an LLVM intrinsic or a call of libm.
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENAPPROXIMATEMATHPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
struct CodegenApproximateMathPass : tegula::impl::CodegenApproximateMathPassBase<CodegenApproximateMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      return llvm::is_contained({"math.exp", "math.tanh", "math.log", "math.erf"}, name);
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
