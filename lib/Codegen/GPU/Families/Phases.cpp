// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/GPU/Families/Phases.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Kernel/Unsupported.h"
#include "tegula/abi.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;

LogicalResult tegula::placeTemporaries(func::FuncOp kernel) {
  SmallVector<memref::AllocOp> temporaries;
  kernel.walk([&](memref::AllocOp alloc) { temporaries.push_back(alloc); });
  int64_t bytes = 0;
  bool failed = false;
  for (memref::AllocOp alloc : temporaries) {
    MemRefType type = alloc.getType();
    if (!type.hasStaticShape() || !type.getLayout().isIdentity()) {
      emitUnsupported(alloc) << "expected temporaries of static size in a GPU kernel, but got " << type;
      failed = true;
      continue;
    }
    // Not an alloc any more: a phase that only writes it is not dead.
    OpBuilder builder(alloc);
    Value view = exec::ArenaViewOp::create(builder, alloc.getLoc(), type, bytes);
    alloc.replaceAllUsesWith(view);
    alloc.erase();
    bytes =
        llvm::alignTo(bytes + type.getNumElements() * exec::getElementBytes(type.getElementType()), TEGULA_ALIGNMENT);
  }
  if (auto op = kernel->getParentOfType<exec::KernelOp>())
    op.setWorkspace(bytes);
  return success(!failed);
}

void tegula::setBlock(func::FuncOp phase, ArrayRef<int32_t> block) {
  SmallVector<int32_t, 3> whole(block);
  whole.resize(3, 1);
  phase->setAttr("exec.block", DenseI32ArrayAttr::get(phase.getContext(), whole));
}

void tegula::addGrid(func::FuncOp phase, GridBuilder build, int64_t fallback) {
  OpBuilder builder(phase);
  builder.setInsertionPointAfter(phase);
  auto grid = cast<func::FuncOp>(builder.clone(*phase));
  grid.setSymName((phase.getSymName() + "_grid").str());
  grid->removeAttr("exec.block");
  grid->setAttr("exec.grid", builder.getUnitAttr());
  Operation *terminator = grid.getBody().front().getTerminator();
  Location loc = grid.getLoc();
  builder.setInsertionPoint(terminator);
  SmallVector<Value> blocks = build(builder, grid);
  builder.setInsertionPoint(terminator);

  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.omitUsesFromAbove = false;
  options.inclusive = true;
  for (Value value : blocks)
    (void)getBackwardSlice(value, &slice, options);
  if (llvm::any_of(slice, [](Operation *op) { return !isMemoryEffectFree(op); })) {
    slice.clear();
    blocks = {arith::ConstantIndexOp::create(builder, loc, fallback)};
  }
  while (blocks.size() < 3)
    blocks.push_back(arith::ConstantIndexOp::create(builder, loc, 1));
  func::ReturnOp::create(builder, loc, blocks);
  terminator->erase();
  grid.setFunctionType(builder.getFunctionType(grid.getArgumentTypes(), TypeRange(ValueRange(blocks))));
  // What is left serves nobody on the host.
  SmallVector<Operation *> dead;
  for (Operation &op : grid.getBody().front().without_terminator())
    if (!slice.contains(&op) && !isa<arith::ConstantOp>(op))
      dead.push_back(&op);
  for (Operation *op : llvm::reverse(dead)) {
    op->dropAllUses();
    op->erase();
  }
}
