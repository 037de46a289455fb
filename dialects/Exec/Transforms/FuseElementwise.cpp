// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  linalg.generic ops on tensors, one per graph op.
// Out: fewer of them: an elementwise producer is fused into its only consumer when the consumer reads each of its
//      elements at most once, so that nothing is computed twice; a broadcast of a cheap body (no division, no math
//      function) is fused too. A transpose takes no producer that reads many operands, nor a step behind a contraction,
//      whose own kernel computes it; nor does what reads a table. Contractions take no producers
//      but transposes: their operands are packed. No body grows beyond a size that the code generator handles well, so
//      that a chain of any length compiles in linear time. Elementwise ops and paddings move in front of a reshape that
//      merges dimensions of what a generic makes (groups of channels, of a convolution or a shuffle), so that they meet
//      it. The inner steps of an algorithm (`exec.inner_step`) stay as they are, but for transposes of what their
//      contractions read.
//
//   %1 = generic {exp} %x;  %2 = generic {add} %1, %y      =>      %2 = generic {exp; add} %x, %y
#include "tegula/Dialect/Exec/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECFUSEELEMENTWISEPASS
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"
} // namespace tegula

bool tegula::exec::isContraction(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0)
    return false;
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  Operation *sum = yield.getOperand(0).getDefiningOp();
  if (!sum || !isa<arith::AddFOp, arith::AddIOp>(sum))
    return false;
  Value accumulator = op.getBody()->getArgument(2);
  Value product = sum->getOperand(0) == accumulator   ? sum->getOperand(1)
                  : sum->getOperand(1) == accumulator ? sum->getOperand(0)
                                                      : nullptr;
  Operation *multiply = product ? product.getDefiningOp() : nullptr;
  if (!multiply || !isa<arith::MulFOp, arith::MulIOp>(multiply))
    return false;
  auto comesFrom = [&](Value value, unsigned argument) {
    while (auto *cast = value.getDefiningOp()) {
      // A zero point that is subtracted is a constant.
      auto subtract = dyn_cast<arith::SubIOp>(cast);
      bool isZeroPoint = subtract && matchPattern(subtract.getRhs(), m_Constant());
      if (!isZeroPoint && !isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(cast))
        return false;
      value = cast->getOperand(0);
    }
    return value == op.getBody()->getArgument(argument);
  };
  Value left = multiply->getOperand(0), right = multiply->getOperand(1);
  return (comesFrom(left, 0) && comesFrom(right, 1)) || (comesFrom(left, 1) && comesFrom(right, 0));
}

int64_t tegula::exec::countBodyOps(linalg::GenericOp op) {
  int64_t count = 0;
  op.getBody()->walk([&](Operation *) { ++count; });
  return count;
}

static bool isCheap(linalg::GenericOp op) {
  return llvm::all_of(op.getBody()->without_terminator(), [](Operation &inner) {
    return isa<arith::ArithDialect>(inner.getDialect()) &&
           !isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::RemFOp>(inner);
  });
}

/// A copy in another order of dimensions.
static bool isTranspose(linalg::GenericOp op) {
  Block *body = op.getBody();
  return op.getNumDpsInputs() == 1 && op.getNumReductionLoops() == 0 && llvm::hasSingleElement(*body) &&
         body->getTerminator()->getOperand(0) == body->getArgument(0) &&
         llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isPermutation(); });
}

/// Operands up to which it pays to read each of them across its rows instead of their result.
static constexpr int64_t fewOperands = 2;

/// Whether an op that computes along dimension `dim` first reads an operand of this map across its rows.
static bool crossesRows(AffineMap map, AffineExpr dim) {
  return map.getNumResults() != 0 && map.getResults().back() != dim &&
         map.isFunctionOfDim(cast<AffineDimExpr>(dim).getPosition());
}

/// Whether `consumer`, which reads the result of `producer` by `map`, would read many operands across their rows.
static bool crossesManyRows(linalg::GenericOp producer, linalg::GenericOp consumer, AffineMap map) {
  AffineMap result = consumer.getIndexingMapsArray().back();
  if (result.getNumResults() == 0)
    return false;
  AffineExpr dim = result.getResults().back();
  if (!isa<AffineDimExpr>(dim) || !crossesRows(map, dim))
    return false;
  auto across = llvm::count_if(consumer.getDpsInputOperands(), [&](OpOperand *input) {
    return crossesRows(consumer.getMatchingIndexingMap(input), dim);
  });
  // One value for a whole row or column is read once.
  auto along = llvm::count_if(producer.getDpsInputOperands(), [&](OpOperand *input) {
    return llvm::all_of(llvm::seq(0u, producer.getNumLoops()), [&](unsigned position) {
      return producer.getMatchingIndexingMap(input).isFunctionOfDim(position);
    });
  });
  // What the producer reads takes the place of what it makes.
  return along > 1 && across - 1 + along > fewOperands;
}

/// Whether `op` is a step behind a contraction, whose kernel computes it in registers.
static bool followsContraction(linalg::GenericOp op) {
  while (op && op.getNumReductionLoops() == 0) {
    linalg::GenericOp above;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto maker = operand->get().getDefiningOp<linalg::GenericOp>();
      if (!maker || !maker->hasOneUse() || !op.getMatchingIndexingMap(operand).isIdentity())
        continue;
      if (exec::isContraction(maker))
        return true;
      above = maker;
    }
    op = above;
  }
  return false;
}

/// Whether no contraction's kernel takes `op` behind one: it reads by indices that it computes.
static bool readsByComputedIndices(linalg::GenericOp op) {
  return op.getBody()
      ->walk([](Operation *inner) {
        return isa<tensor::ExtractOp, linalg::IndexOp>(inner) ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

StringRef tegula::exec::findFusionObstacle(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer)
    return "one of them is no elementwise operation";
  if (!producer->hasOneUse())
    return "others read the result too";
  // FoldTranspose is for contractions.
  if (isContraction(consumer) || consumer->hasAttr("exec.inner_step"))
    return "a contraction packs its operands, from memory";
  if (countBodyOps(producer) + countBodyOps(consumer) > maxFusedOps)
    return "the kernel would grow too large";
  // A body with checks must run exactly once per element, in its own kernel order.
  bool hasEffects = false;
  producer.getBody()->walk([&](Operation *inner) { hasEffects |= isa<CheckOp>(inner); });
  if (hasEffects)
    return "the producer may end the run";
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  if ((!map.isIdentity() || readsByComputedIndices(consumer)) && followsContraction(producer))
    return "the kernel of a contraction computes it";
  if (map.isPermutation())
    return crossesManyRows(producer, consumer, map) ? "many operands would be read across their rows" : "";
  return isCheap(producer) && consumer.getNumReductionLoops() == 0 ? "" : "elements would be computed several times";
}

static bool shouldFuse(OpOperand *operand) { return tegula::exec::findFusionObstacle(operand).empty(); }

/// Whether the reader of merged dimensions computes on those of the op in front, of known extents. Its rows stay whole.
static bool shouldExpand(OpOperand *operand) {
  auto collapse = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse || !collapse->hasOneUse())
    return false;
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (consumer && (consumer.getNumReductionLoops() != 0 || consumer->hasAttr("exec.inner_step")))
    return false;
  auto producer = collapse.getSrc().getDefiningOp<linalg::GenericOp>();
  if (!producer || !producer->hasOneUse())
    return false;
  SmallVector<ReassociationIndices> groups = collapse.getReassociationIndices();
  auto isKnown = [&](int64_t dim) { return !collapse.getSrcType().isDynamicDim(dim); };
  return !groups.empty() && groups.back().size() == 1 && llvm::all_of(groups, [&](ArrayRef<int64_t> group) {
    return group.size() == 1 || llvm::all_of(group, isKnown);
  });
}

namespace {
/// A contraction packs its operands from any strides: it takes a permutation of dimensions, and nothing that computes.
/// It stays the same op, with its attributes.
struct FoldTranspose : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!tegula::exec::isContraction(op))
      return failure();
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (!producer || !producer->hasOneUse() || !isTranspose(producer) || !map.isProjectedPermutation())
        continue;
      // The producer's loops, by the consumer's; then the element that they read.
      AffineMap loops = inversePermutation(producer.getIndexingMapsArray()[1]).compose(map);
      SmallVector<AffineMap> maps = op.getIndexingMapsArray();
      maps[operand->getOperandNumber()] = producer.getIndexingMapsArray()[0].compose(loops);
      rewriter.modifyOpInPlace(op, [&] {
        operand->set(producer.getDpsInputs()[0]);
        op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      });
      rewriter.eraseOp(producer);
      return success();
    }
    return failure();
  }
};

/// What takes the place of a step of a kernel is the same step: upstream patterns, which make constant operands parts
/// of bodies and drop unused ones, do not keep attributes.
struct KeepSteps : RewriterBase::Listener {
  void notifyOperationReplaced(Operation *op, ValueRange replacement) override {
    Operation *next = replacement.empty() ? nullptr : replacement.front().getDefiningOp();
    if (!isa<linalg::GenericOp>(op) || !isa_and_nonnull<linalg::GenericOp>(next))
      return;
    for (StringRef name : {"exec.inner_step", "exec.last_step"})
      if (Attribute step = op->getAttr(name))
        next->setAttr(name, step);
  }
};

struct ExecFuseElementwisePass : tegula::impl::ExecFuseElementwisePassBase<ExecFuseElementwisePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, shouldExpand);
    patterns.add<FoldTranspose>(&getContext());
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    KeepSteps listener;
    GreedyRewriteConfig config;
    config.setListener(&listener);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
