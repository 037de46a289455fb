// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a bufferized kernel: linalg ops on memrefs, perhaps inside kernel-level scf loops.
// Out: scf.for loops over scalars, innermost loops annotated for LLVM's vectorizer with the schedule's vector length
// and
//      interleaving; accumulators of reductions in registers; the first loop that can be is shared among the workers.
// A reduction whose operands walk their rows with the result's rows gets the row loop innermost, so that it runs on
// vectors. Sharing: when the kernel is one linalg op (with fills of its own results before it), its first parallel
// dimension that
//      is not of extent 1 is cut into even ranges. Any other kernel runs whole on worker 0.
//
//   linalg.generic {reduction} %x, %y   =>   scf.for %i = share { %s = scf.for %k iter_args(%a) {...}; store %s, %y[%i]
//   }
#include "Lower.h"

#include "tegula/Codegen/Loops.h"
#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace tegula;

/// The loop of `op` to share, and the matching dimension of each of its results; nothing when there is none.
static std::optional<unsigned> findSharedLoop(linalg::LinalgOp op) {
  auto ranges = op.getStaticLoopRanges();
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    if (op.getIteratorTypesArray()[loop] != utils::IteratorType::parallel)
      return std::nullopt; // a reduction outside: its loop would be repeated by every worker
    if (ranges[loop] == 1)
      continue;
    // Each worker writes its own part of every result.
    bool writesApart = llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
      return llvm::is_contained(op.getMatchingIndexingMap(&init).getResults(), getAffineDimExpr(loop, op.getContext()));
    });
    return writesApart ? std::optional(loop) : std::nullopt;
  }
  return std::nullopt;
}

/// Position of loop `loop` among the results of init `init`'s map.
static unsigned resultPosition(linalg::LinalgOp op, OpOperand &init, unsigned loop) {
  auto results = op.getMatchingIndexingMap(&init).getResults();
  return llvm::find(results, getAffineDimExpr(loop, op.getContext())) - results.begin();
}

/// For each linalg op the loop to share; empty when the kernel is not shared.
static DenseMap<Operation *, unsigned> planSharing(func::FuncOp kernel) {
  DenseMap<Operation *, unsigned> plan;
  SmallVector<linalg::LinalgOp> ops;
  bool shareable = true;
  for (Operation &op : kernel.getBody().front()) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      ops.push_back(linalgOp);
    else if (op.getNumRegions() || isa<memref::StoreOp>(op))
      shareable = false;
  }
  if (!shareable || ops.empty())
    return plan;
  linalg::LinalgOp root = ops.back();
  std::optional<unsigned> loop = findSharedLoop(root);
  if (!loop)
    return plan;
  plan[root] = *loop;
  for (linalg::LinalgOp op : ArrayRef(ops).drop_back()) {
    auto fill = dyn_cast<linalg::FillOp>(op.getOperation());
    OpOperand *filled = nullptr;
    if (fill)
      for (OpOperand &init : root.getDpsInitsMutable())
        if (init.get() == fill.getOutputs()[0])
          filled = &init;
    if (!filled)
      return DenseMap<Operation *, unsigned>();
    plan[fill] = resultPosition(root, *filled, *loop);
  }
  return plan;
}

/// Cuts dimension `dim` of `loop` into the range of this worker.
static void shareLoop(scf::ParallelOp loop, unsigned dim, int64_t tile) {
  OpBuilder builder(loop);
  Location loc = loop.getLoc();
  Value id = exec::GridIdOp::create(builder, loc, builder.getIndexType());
  Value size = exec::GridSizeOp::create(builder, loc, builder.getIndexType());
  Value bound = loop.getUpperBound()[dim];
  Value chunk = arith::CeilDivUIOp::create(builder, loc, bound, size);
  if (tile > 1) {
    Value unit = arith::ConstantIndexOp::create(builder, loc, tile);
    Value units = arith::CeilDivUIOp::create(builder, loc, chunk, unit);
    chunk = arith::MulIOp::create(builder, loc, units, unit);
  }
  Value start = arith::MulIOp::create(builder, loc, id, chunk);
  Value first = arith::MinUIOp::create(builder, loc, start, bound);
  Value last = arith::MinUIOp::create(builder, loc, arith::AddIOp::create(builder, loc, first, chunk), bound);
  loop.getLowerBoundMutable()[dim].set(first);
  loop.getUpperBoundMutable()[dim].set(last);
}

/// Cuts dimension `dim` of a nest (several in an scf.parallel, one in an scf.for) into the range of this worker.
static void shareDimension(const linalg::LinalgLoops &loops, unsigned dim, int64_t tile) {
  for (Operation *loop : loops) {
    auto parallel = dyn_cast<scf::ParallelOp>(loop);
    unsigned count = parallel ? parallel.getNumLoops() : 1;
    if (dim < count) {
      if (parallel)
        shareLoop(parallel, dim, tile);
      return;
    }
    dim -= count;
  }
}

/// Puts the loop that walks the results' last dimension innermost when the operands walk theirs with it too: a window
/// or a reduction of columns then runs on whole rows instead of scalars. Each element still sees its operands in the
/// order of the reduction loops. Returns where loop `followed` is then.
static unsigned moveRowLoopInside(linalg::GenericOp op, IRRewriter &rewriter, unsigned followed) {
  if (op.getNumReductionLoops() == 0 || op.getNumLoops() < 2)
    return followed;
  std::optional<unsigned> row;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    auto last = map.getNumResults() ? dyn_cast<AffineDimExpr>(map.getResults().back()) : AffineDimExpr(nullptr);
    if (!last || (row && *row != last.getPosition()))
      return followed;
    row = last.getPosition();
  }
  if (!row || *row + 1 == op.getNumLoops() || op.getStaticLoopRanges()[*row] == 1)
    return followed;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    bool walksRows = map.getNumResults() && map.getResults().back().isFunctionOfDim(*row);
    if (!walksRows && map.isFunctionOfDim(*row))
      return followed;
  }
  SmallVector<unsigned> order;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (loop != *row)
      order.push_back(loop);
  order.push_back(*row);
  (void)linalg::interchangeGenericOp(rewriter, op, order); // in place; a permutation of the loops always fits
  return llvm::find(order, followed) - order.begin();
}

/// scf.parallel without reductions as a nest of scf.for.
static void serialize(scf::ParallelOp loop, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(loop);
  SmallVector<Value> inductions;
  Location loc = loop.getLoc();
  scf::ForOp inner;
  for (auto [lower, upper, step] : llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    inner = scf::ForOp::create(rewriter, loc, lower, upper, step);
    inductions.push_back(inner.getInductionVar());
    rewriter.setInsertionPointToStart(inner.getBody());
  }
  Block *body = loop.getBody();
  rewriter.eraseOp(body->getTerminator());
  if (inner)
    rewriter.inlineBlockBefore(body, inner.getBody()->getTerminator(), inductions);
  else
    rewriter.inlineBlockBefore(body, loop, {});
  rewriter.eraseOp(loop);
}

/// Whether the loop adds to memory that a loop around it visits again.
static bool accumulates(scf::ForOp loop) {
  return llvm::any_of(loop.getBody()->getOps<memref::StoreOp>(), [&](memref::StoreOp store) {
    return llvm::any_of(loop.getBody()->getOps<memref::LoadOp>(),
                        [&](memref::LoadOp load) { return load.getMemRef() == store.getMemRef(); });
  });
}

/// Tells LLVM how to make vectors of an innermost loop. `vectorBits` is the machine's.
static void annotate(scf::ForOp loop, sched::CPUMapAttr schedule, int64_t vectorBits) {
  MLIRContext *context = loop.getContext();
  auto boolean = [&](bool value) { return BoolAttr::get(context, value); };
  auto integer = [&](int64_t value) { return IntegerAttr::get(IntegerType::get(context, 32), value); };
  BoolAttr withMasks;
  LLVM::LoopUnrollAttr unroll;
  if (std::optional<APInt> trips = loop.getStaticTripCount()) {
    constexpr int64_t fewElements = 4, fewVectors = 4;
    int64_t length = vectorBits / 32;
    if (trips->sle(fewElements))
      unroll = LLVM::LoopUnrollAttr::get(context, nullptr, nullptr, nullptr, /*full=*/boolean(true), nullptr, nullptr,
                                         nullptr);
    // From AVX-512 on every operation can be masked: the rest of a row of 7 or 13 elements is one more vector. But what
    // a masked store wrote reaches the next load late.
    else if (vectorBits >= 512 && !accumulates(loop) && trips->slt(fewVectors * length) &&
             trips->getSExtValue() % length != 0)
      withMasks = boolean(true);
  }
  auto vectorize = LLVM::LoopVectorizeAttr::get(
      context, /*disable=*/boolean(false), /*predicateEnable=*/withMasks, /*scalableEnable=*/nullptr,
      /*width=*/schedule.getVector() ? integer(schedule.getVector()) : nullptr, nullptr, nullptr, nullptr);
  auto interleave = schedule.getInterleave() ? LLVM::LoopInterleaveAttr::get(context, integer(schedule.getInterleave()))
                                             : LLVM::LoopInterleaveAttr();
  loop->setAttr("llvm.loop_annotation", LLVM::LoopAnnotationAttr::get(context, nullptr, vectorize, interleave, unroll,
                                                                      nullptr, nullptr, nullptr, nullptr, nullptr,
                                                                      nullptr, nullptr, nullptr, nullptr, nullptr, {}));
}

LogicalResult tegula::lowerMapKernel(func::FuncOp kernel, sched::CPUMapAttr schedule, int64_t vectorBits) {
  DenseMap<Operation *, unsigned> plan = planSharing(kernel);
  IRRewriter rewriter(kernel.getContext());
  SmallVector<linalg::LinalgOp> ops;
  kernel.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  for (linalg::LinalgOp op : ops) {
    rewriter.setInsertionPoint(op);
    auto shared = plan.find(op);
    unsigned dimension = shared == plan.end() ? 0 : shared->second;
    if (auto generic = dyn_cast<linalg::GenericOp>(op.getOperation()))
      dimension = moveRowLoopInside(generic, rewriter, dimension);
    FailureOr<linalg::LinalgLoops> loops = linalg::linalgOpToParallelLoops(rewriter, op);
    if (failed(loops))
      return op->emitOpError("has no loop form");
    if (shared != plan.end())
      shareDimension(*loops, dimension, schedule.getTile());
    rewriter.eraseOp(op);
  }
  SmallVector<scf::ParallelOp> parallel;
  kernel.walk([&](scf::ParallelOp loop) { parallel.push_back(loop); });
  for (scf::ParallelOp loop : parallel)
    serialize(loop, rewriter);

  if (failed(foldLoopIndices(kernel)))
    return failure();
  for (scf::ForOp loop : findInnermostLoops(kernel)) {
    annotate(loop, schedule, vectorBits);
    promoteAccumulators(loop, rewriter);
  }
  if (plan.empty())
    runOnFirstWorker(kernel);
  return success();
}
