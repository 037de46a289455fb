// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Loops.h"

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace tegula;

LogicalResult tegula::foldLoopIndices(func::FuncOp kernel) {
  RewritePatternSet patterns(kernel.getContext());
  affine::AffineApplyOp::getCanonicalizationPatterns(patterns, kernel.getContext());
  return applyPatternsGreedily(kernel, std::move(patterns));
}

SmallVector<scf::ForOp> tegula::findInnermostLoops(func::FuncOp kernel) {
  SmallVector<scf::ForOp> innermost;
  kernel.walk([&](scf::ForOp loop) {
    bool hasLoop = false;
    loop.getBody()->walk([&](Operation *inner) { hasLoop |= isa<LoopLikeOpInterface>(inner); });
    if (!hasLoop)
      innermost.push_back(loop);
  });
  return innermost;
}

scf::ForOp tegula::promoteAccumulators(scf::ForOp loop, IRRewriter &rewriter) {
  for (auto store : llvm::to_vector(loop.getBody()->getOps<memref::StoreOp>())) {
    auto invariant = [&](Value value) { return loop.isDefinedOutsideOfLoop(value); };
    if (!invariant(store.getMemRef()) || !llvm::all_of(store.getIndices(), invariant))
      continue;
    memref::LoadOp accumulator;
    bool other = false;
    for (Operation *user : store.getMemRef().getUsers()) {
      if (!loop->isProperAncestor(user) || user == store)
        continue;
      auto load = dyn_cast<memref::LoadOp>(user);
      if (load && load->getBlock() == loop.getBody() && !accumulator && load.getIndices() == store.getIndices() &&
          load->isBeforeInBlock(store))
        accumulator = load;
      else
        other = true;
    }
    if (!accumulator || other)
      continue;
    rewriter.setInsertionPoint(loop);
    Value init = memref::LoadOp::create(rewriter, loop.getLoc(), store.getMemRef(), store.getIndices());
    Value stored = store.getValueToStore();
    auto carried = cast<scf::ForOp>(*loop.replaceWithAdditionalYields(
        rewriter, init, /*replaceInitOperandUsesInLoop=*/false,
        [&](OpBuilder &, Location, ArrayRef<BlockArgument>) { return SmallVector<Value>{stored}; }));
    rewriter.replaceOp(accumulator, carried.getRegionIterArgs().back());
    rewriter.setInsertionPointAfter(carried);
    memref::StoreOp::create(rewriter, carried.getLoc(), carried.getResults().back(), store.getMemRef(),
                            store.getIndices());
    rewriter.eraseOp(store);
    loop = carried;
  }
  return loop;
}

void tegula::runOnFirstWorker(func::FuncOp kernel) {
  Block &entry = kernel.getBody().front();
  SmallVector<Operation *> body;
  for (Operation &op : entry.without_terminator())
    body.push_back(&op);
  OpBuilder builder(entry.getTerminator());
  Location loc = kernel.getLoc();
  Value id = exec::GridIdOp::create(builder, loc, builder.getIndexType());
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, id, zero);
  auto guard = scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
  for (Operation *op : body)
    op->moveBefore(guard.thenBlock()->getTerminator());
  if (auto parent = kernel->getParentOfType<exec::KernelOp>())
    parent->setAttr("exec.serial", builder.getUnitAttr());
}
