// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  math ops on f32 (erf on f64, too) scalars or vectors.
// Out: arithmetic without calls, which LLVM's loop vectorizer handles (lib/Codegen/Common/Math); functions of f64, but
//      for erf, stay and become LLVM intrinsics or calls of libm. Where the module's target has AVX-512, x * 2^n is one
//      instruction, llvm.ldexp, with the same result.
#include "Math/Functions.h"
#include "tegula/Codegen/Passes.h"
#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_CODEGENAPPROXIMATEMATHPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
template <typename OpTy, auto function, unsigned width = 32> struct Approximate : OpRewritePattern<OpTy> {
  Approximate(MLIRContext *context, bool canScale) : OpRewritePattern<OpTy>(context), canScale(canScale) {}
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (width == 32 ? !element.isF32() : !element.isF64())
      return failure();
    FloatEmitter emit(rewriter, op.getLoc(), canScale);
    if constexpr (OpTy::template hasTrait<OpTrait::OneOperand>())
      rewriter.replaceOp(op, function(emit, op->getOperand(0)));
    else
      rewriter.replaceOp(op, function(emit, op->getOperand(0), op->getOperand(1)));
    return success();
  }
  bool canScale;
};
} // namespace

static void populatePatterns(RewritePatternSet &patterns, bool canScale) {
  patterns.add<
      Approximate<math::ExpOp, functions::exponential>, Approximate<math::Exp2Op, functions::exponentialOfTwo>,
      Approximate<math::ExpM1Op, functions::exponentialMinusOne>,
      Approximate<math::TanhOp, functions::hyperbolicTangent>, Approximate<math::SinhOp, functions::hyperbolicSine>,
      Approximate<math::CoshOp, functions::hyperbolicCosine>, Approximate<math::LogOp, functions::logarithm>,
      Approximate<math::Log2Op, functions::logarithmOfTwo>, Approximate<math::Log10Op, functions::logarithmOfTen>,
      Approximate<math::Log1pOp, functions::logarithmOfOnePlus>,
      Approximate<math::AsinhOp, functions::inverseHyperbolicSine>,
      Approximate<math::AcoshOp, functions::inverseHyperbolicCosine>,
      Approximate<math::AtanhOp, functions::inverseHyperbolicTangent>, Approximate<math::PowFOp, functions::power>,
      Approximate<math::SinOp, functions::sine>, Approximate<math::CosOp, functions::cosine>,
      Approximate<math::TanOp, functions::tangent>, Approximate<math::AsinOp, functions::inverseSine>,
      Approximate<math::AcosOp, functions::inverseCosine>, Approximate<math::AtanOp, functions::inverseTangent>,
      Approximate<math::ErfOp, functions::errorFunction>,
      Approximate<math::ErfOp, functions::errorFunctionOfDouble, 64>,
      Approximate<math::ErfcOp, functions::complementaryErrorFunction>>(patterns.getContext(), canScale);
}

void tegula::populateApproximateMathPatterns(RewritePatternSet &patterns) {
  populatePatterns(patterns, /*canScale=*/false);
}

namespace {
struct CodegenApproximateMathPass : tegula::impl::CodegenApproximateMathPassBase<CodegenApproximateMathPass> {
  void getDependentDialects(DialectRegistry &registry) const override {
    CodegenApproximateMathPassBase::getDependentDialects(registry);
    registry.insert<LLVM::LLVMDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    auto module = getOperation()->getParentOfType<ModuleOp>();
    auto target = module ? module->getAttrOfType<exec::CPUTargetAttr>("exec.target") : exec::CPUTargetAttr();
    populatePatterns(patterns, /*canScale=*/target && target.getVectorBits() >= 512);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
