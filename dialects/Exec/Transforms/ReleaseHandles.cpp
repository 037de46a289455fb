// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  the host function after memory planning: handles flow through scf, nobody gives a reference back.
// Out: the same with exec.retain and exec.drop. Ops of exec return an owned reference; so do scf ops, whose regions
// hand
//      one over for each handle that they yield; any other result (a select) is a second name and gets its own.
// Algorithm: per block, one drop for each owned handle after its last use there; a retain for each handle before the op
// that carries or yields it. References of a run that failed are the runtime's to give back.
//
//   %n = scf.for ... iter_args(%s = %empty) {           exec.retain %empty
//     %t = exec.host_call "sequence_insert"(%s, %x)     %n = scf.for ... iter_args(%s = %empty) {
//     scf.yield %t                                =>      %t = exec.host_call "sequence_insert"(%s, %x)
//   }                                                     exec.retain %t
//                                                         exec.drop %s, exec.drop %t
//                                                         scf.yield %t
#include "tegula/Dialect/Exec/Transforms/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECRELEASEHANDLESPASS
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"
} // namespace tegula

static bool isHandle(Value value) { return isa<exec::HandleType>(value.getType()); }

/// The last operation of `block` that uses `value`, itself or in a region; null when there is none.
static Operation *lastUse(Value value, Block &block) {
  Operation *last = nullptr;
  for (Operation *user : value.getUsers()) {
    Operation *ancestor = block.findAncestorOpInBlock(*user);
    if (!last || last->isBeforeInBlock(ancestor))
      last = ancestor;
  }
  return last;
}

/// Whether `op` hands its handle operands over: to a round, or to what receives the results of its region.
static bool handsOver(Operation *op) { return isa<scf::ForOp, scf::WhileOp, scf::YieldOp, scf::ConditionOp>(op); }

static void releaseIn(Block &block, bool ownsArguments) {
  // Retains first, so that a drop never comes before one.
  SmallVector<Operation *> operations;
  for (Operation &op : block)
    operations.push_back(&op);
  SmallVector<Value> owned;
  if (ownsArguments)
    llvm::copy_if(block.getArguments(), std::back_inserter(owned), isHandle);
  for (Operation *op : operations) {
    OpBuilder builder(op);
    if (handsOver(op))
      for (Value operand : op->getOperands())
        if (isHandle(operand))
          exec::RetainOp::create(builder, op->getLoc(), operand);
    bool isOwned = isa<exec::ExecDialect, scf::SCFDialect>(op->getDialect());
    builder.setInsertionPointAfter(op);
    for (Value result : llvm::make_filter_range(op->getResults(), isHandle)) {
      if (!isOwned)
        exec::RetainOp::create(builder, op->getLoc(), result);
      owned.push_back(result);
    }
  }
  for (Value value : owned) {
    Operation *last = lastUse(value, block);
    if (!last)
      last = value.getDefiningOp();
    Operation *next = !last ? &block.front() : last->hasTrait<OpTrait::IsTerminator>() ? last : last->getNextNode();
    while (isa<exec::RetainOp>(next)) // of a second name for the value
      next = next->getNextNode();
    OpBuilder builder(next);
    exec::DropOp::create(builder, value.getLoc(), value);
  }
}

namespace {
struct ExecReleaseHandlesPass : tegula::impl::ExecReleaseHandlesPassBase<ExecReleaseHandlesPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    SmallVector<Block *> blocks;
    main.walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks)
      releaseIn(*block, /*ownsArguments=*/block->getParentOp() != main);
  }
};
} // namespace
