// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  math ops on scalars in a GPU kernel.
// Out: those that PTX has instructions for (square root, rounding, absolute value, fma, minimum and maximum, bit
//      counts) and arithmetic: half precision computes in f32, and functions of f32 are those of the CPU. What is left
//      then is an error at its node: there is no math library on the device.
#include "tegula/Codegen/Passes.h"
#include "tegula/Kernel/Unsupported.h"

#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENEXPANDMATHPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

/// What LLVM's NVPTX backend selects an instruction for.
static bool hasInstruction(Operation *op) {
  return isa<math::SqrtOp, math::FloorOp, math::CeilOp, math::TruncOp, math::RoundEvenOp, math::AbsFOp, math::AbsIOp,
             math::FmaOp, math::CopySignOp, math::CtPopOp, math::CountLeadingZerosOp, math::CountTrailingZerosOp,
             math::IsNaNOp, math::IsInfOp, math::IsFiniteOp, math::IsNormalOp>(op);
}

namespace {
struct CodegenExpandMathPass : tegula::impl::CodegenExpandMathPassBase<CodegenExpandMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    math::populateExpansionPatterns(patterns, {"fpowi", "round", "rsqrt", "ipowi"});
    populateMathF32ExpansionPatterns(patterns, [](StringRef name) { return name != "math.absf"; });
    tegula::populateApproximateMathPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    bool failed = false;
    getOperation().walk([&](Operation *op) {
      if (!isa<math::MathDialect>(op->getDialect()) || hasInstruction(op))
        return;
      tegula::emitUnsupported(op) << "expected a function that GPUs can compute, but got " << op->getName() << " of "
                                  << op->getResultTypes().front();
      failed = true;
    });
    if (failed)
      signalPassFailure();
  }
};
} // namespace
