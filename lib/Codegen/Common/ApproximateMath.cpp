// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  math ops on scalars or vectors of f32 or f64.
// Out: exp, tanh, log and erf of f32, and erf of f64 (for which LLVM has no intrinsic), as polynomials of arithmetic,
//      which LLVM's loop vectorizer handles; the rest stays and becomes an LLVM intrinsic or a call of libm.
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENAPPROXIMATEMATHPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {

/// erf of f64 within three units in the last place. With y = |x|: below 1/2 it is y * P(y * y); from there on
/// 1 - exp(-y * y) / (1 + 2 * y) * Q((y - 3.75) / (y + 3.75)), where 6 and above count as 6. P and Q are Chebyshev
/// fits; their coefficients begin with that of the highest power.
struct ErfOfF64 : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const override {
    static constexpr double near[] = {1.3154535675893385e-08,  -1.6265888580274038e-07, 1.6458661987028338e-06,
                                      -1.4925576004545132e-05, 0.0001205533195094064,   -0.0008548327014261597,
                                      0.005223977625391082,    -0.026866170645129594,   0.11283791670955123,
                                      -0.37612638903183754,    1.1283791670955126};
    static constexpr double far[] = {-1.0343651771942935e-08, -1.336696646782349e-07, -4.84861093152819e-07,
                                     -2.385996271330783e-07,  1.674553467425207e-06,  -9.812992396269633e-07,
                                     -1.1435683725637103e-05, 2.238853769916749e-05,  5.164977796939678e-05,
                                     -0.00029015429551498985, 0.00029371350740708366, 0.001755625837786653,
                                     -0.009746579542732807,   0.028362277421698216,   -0.05869339859070333,
                                     0.09230432116018954,     -0.10880393014170392,   0.08227673849015116,
                                     0.003585415485463646,    -0.14024059858554702,   1.2375126308378275};
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF64())
      return failure();
    Location loc = op.getLoc();
    auto constant = [&](double value) { return createScalarOrSplatConstant(rewriter, loc, type, APFloat(value)); };
    auto add = [&](Value x, Value y) -> Value { return arith::AddFOp::create(rewriter, loc, x, y); };
    auto subtract = [&](Value x, Value y) -> Value { return arith::SubFOp::create(rewriter, loc, x, y); };
    auto multiply = [&](Value x, Value y) -> Value { return arith::MulFOp::create(rewriter, loc, x, y); };
    auto divide = [&](Value x, Value y) -> Value { return arith::DivFOp::create(rewriter, loc, x, y); };
    auto polynomial = [&](ArrayRef<double> coefficients, Value x) {
      Value sum = constant(coefficients.front());
      for (double coefficient : coefficients.drop_front())
        sum = add(multiply(sum, x), constant(coefficient));
      return sum;
    };
    Value x = op.getOperand(), y = math::AbsFOp::create(rewriter, loc, x), one = constant(1), center = constant(3.75);
    Value small = multiply(y, polynomial(near, multiply(y, y)));
    Value bounded = arith::MinimumFOp::create(rewriter, loc, y, constant(6));
    Value place = divide(subtract(bounded, center), add(bounded, center));
    Value power =
        math::ExpOp::create(rewriter, loc, Value(arith::NegFOp::create(rewriter, loc, multiply(bounded, bounded))));
    Value tail = divide(multiply(power, polynomial(far, place)), add(one, add(bounded, bounded)));
    Value isSmall = arith::CmpFOp::create(rewriter, loc, arith::CmpFPredicate::OLT, y, constant(0.5));
    Value magnitude = arith::SelectOp::create(rewriter, loc, isSmall, small, subtract(one, tail));
    rewriter.replaceOpWithNewOp<math::CopySignOp>(op, magnitude, x);
    return success();
  }
};

struct CodegenApproximateMathPass : tegula::impl::CodegenApproximateMathPassBase<CodegenApproximateMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      return llvm::is_contained({"math.exp", "math.tanh", "math.log", "math.erf"}, name);
    });
    patterns.add<ErfOfF64>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
