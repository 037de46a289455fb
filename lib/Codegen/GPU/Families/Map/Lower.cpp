// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a bufferized kernel: linalg ops on memrefs, perhaps inside kernel-level scf loops.
// Out: the kernel's phases. Each linalg op of the kernel's top level is a phase of its own, so that the end of a launch
//      is the barrier between two that depend on each other; the fills of a reduction's results go with it. Its
//      parallel loops become one grid-stride loop over the threads of the grid; a thread computes whole elements, so
//      reductions are serial in it. Whatever is no such op (serial scf loops, single stores) is a phase that one thread
//      runs.
//
//   linalg.generic {reduction} %x, %y   =>   scf.for %t = exec.grid_id to %n step exec.grid_size {
//                                              %s = scf.for %k iter_args(%a) {...}; memref.store %s, %y[%t] }
#include "Lower.h"

#include "tegula/Codegen/GPU/Families/Phases.h"
#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tegula;

/// Number of the phase that an op with an effect belongs to, while the phases are cut.
static constexpr StringLiteral phaseAttribute = "exec.phase";
/// Blocks of a launch whose extents depend on data: enough for any GPU; the loop does the rest.
static constexpr int64_t dataDependentBlocks = 1024;

/// Whether different elements of the result can be computed by different threads in any order.
static bool isParallel(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics())
    return false;
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
      bool indexes = llvm::is_contained(map.getResults(), getAffineDimExpr(loop, op.getContext()));
      if (kinds[loop] == utils::IteratorType::parallel ? !indexes && ranges[loop] != 1 : map.isFunctionOfDim(loop))
        return false;
    }
  }
  return !op.getBody()->walk([](memref::StoreOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

namespace {
struct Phase {
  /// Fills of the root's results and the root; or anything, for one thread.
  SmallVector<Operation *> operations;
  bool parallel = false;
};
} // namespace

/// Every phase has its own copy of it: ops without effect, and loads from operands, which nobody writes.
static bool isShared(Operation *op, func::FuncOp kernel) {
  if (isMemoryEffectFree(op))
    return true;
  auto load = dyn_cast<memref::LoadOp>(op);
  auto argument = load ? dyn_cast<BlockArgument>(load.getMemRef()) : BlockArgument();
  auto parent = kernel->getParentOfType<exec::KernelOp>();
  if (!argument || !parent)
    return false;
  int64_t shaped = llvm::count_if(kernel.getArgumentTypes(), llvm::IsaPred<ShapedType>);
  return argument.getArgNumber() < shaped - int64_t(parent.getResultCount());
}

static SmallVector<Phase> planPhases(func::FuncOp kernel) {
  SmallVector<Phase> phases;
  SmallVector<Operation *> effects;
  bool splits = true;
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (!isShared(&op, kernel)) {
      effects.push_back(&op);
      splits &= op.use_empty();
    }
  if (!splits) {
    // One thread does everything: a value would have to travel from one phase to the next.
    phases.push_back({effects, false});
    return phases;
  }
  SmallVector<Operation *> fills;
  auto flush = [&] {
    for (Operation *fill : fills)
      phases.push_back({{fill}, true});
    fills.clear();
  };
  for (Operation *op : effects) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    bool parallel = generic && isParallel(generic);
    if (isa<linalg::FillOp>(op)) {
      fills.push_back(op);
      continue;
    }
    SmallVector<Operation *> merged;
    if (parallel)
      for (OpOperand &init : generic.getDpsInitsMutable())
        if (generic.payloadUsesValueFromOperand(&init) &&
            generic.getMatchingIndexingMap(&init).isProjectedPermutation())
          for (Operation *fill : fills)
            if (cast<linalg::FillOp>(fill).getOutputs()[0] == init.get() && !llvm::is_contained(merged, fill))
              merged.push_back(fill);
    llvm::erase_if(fills, [&](Operation *fill) { return llvm::is_contained(merged, fill); });
    flush();
    if (parallel) {
      merged.push_back(op);
      phases.push_back({merged, true});
    } else if (!phases.empty() && !phases.back().parallel) {
      phases.back().operations.push_back(op);
    } else {
      phases.push_back({{op}, false});
    }
  }
  flush();
  if (phases.empty())
    phases.push_back({{}, false});
  return phases;
}

/// The extents of the parallel loops of `root`, in order, and of the others.
static void getExtents(OpBuilder &builder, linalg::LinalgOp root, SmallVector<Value> &extents) {
  for (const Range &range : root.createLoopRanges(builder, root.getLoc()))
    extents.push_back(getValueOrCreateConstantIndexOp(builder, root.getLoc(), range.size));
}

static Value multiply(OpBuilder &builder, Location loc, Value left, Value right) {
  return builder.createOrFold<arith::MulIOp>(loc, left, right);
}

static Value countElements(OpBuilder &builder, linalg::LinalgOp root) {
  SmallVector<Value> extents;
  getExtents(builder, root, extents);
  Value total = arith::ConstantIndexOp::create(builder, root.getLoc(), 1);
  for (auto [kind, extent] : llvm::zip(root.getIteratorTypesArray(), extents))
    if (kind == utils::IteratorType::parallel)
      total = multiply(builder, root.getLoc(), total, extent);
  return total;
}

namespace {
/// Writes the grid-stride loop of one linalg.generic.
class Emitter {
public:
  Emitter(OpBuilder &builder, linalg::GenericOp root, const DenseMap<Value, Value> &fills)
      : b(builder), loc(root.getLoc()), root(root), fills(fills) {}

  void emit() {
    Value total = countElements(b, root);
    getExtents(b, root, extents);
    Value first = exec::GridIdOp::create(b, loc, b.getIndexType());
    Value step = exec::GridSizeOp::create(b, loc, b.getIndexType());
    auto loop = scf::ForOp::create(b, loc, first, total, step);
    b.setInsertionPointToStart(loop.getBody());
    kinds = root.getIteratorTypesArray();
    indices.assign(kinds.size(), Value());
    Value rest = loop.getInductionVar();
    SmallVector<unsigned> parallel, reduced;
    for (unsigned i = 0; i < kinds.size(); ++i)
      (kinds[i] == utils::IteratorType::parallel ? parallel : reduced).push_back(i);
    for (unsigned i : llvm::reverse(parallel)) {
      if (i == parallel.front()) {
        indices[i] = rest;
        break;
      }
      indices[i] = arith::RemUIOp::create(b, loc, rest, extents[i]);
      rest = arith::DivUIOp::create(b, loc, rest, extents[i]);
    }

    SmallVector<Value> sums;
    for (OpOperand &init : root.getDpsInitsMutable()) {
      if (Value fill = fills.lookup(init.get()))
        sums.push_back(fill);
      else if (root.payloadUsesValueFromOperand(&init))
        sums.push_back(load(init));
      else
        sums.push_back(ub(init));
    }
    sums = reduce(reduced, sums);
    for (auto [init, sum] : llvm::zip(root.getDpsInitsMutable(), sums))
      memref::StoreOp::create(b, loc, sum, init.get(), at(init));
  }

private:
  /// A value that nobody reads.
  Value ub(OpOperand &init) {
    Type type = getElementTypeOrSelf(init.get().getType());
    return arith::ConstantOp::create(b, loc, cast<TypedAttr>(b.getZeroAttr(type)));
  }

  SmallVector<Value> at(OpOperand &operand) {
    SmallVector<Value> result;
    for (AffineExpr expression : root.getMatchingIndexingMap(&operand).getResults())
      result.push_back(affine::expandAffineExpr(b, loc, expression, indices, {}));
    return result;
  }

  Value load(OpOperand &operand) {
    if (!isa<MemRefType>(operand.get().getType()))
      return operand.get();
    return memref::LoadOp::create(b, loc, operand.get(), at(operand));
  }

  SmallVector<Value> reduce(ArrayRef<unsigned> loops, SmallVector<Value> sums) {
    if (loops.empty())
      return compute(sums);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    auto loop = scf::ForOp::create(b, loc, zero, extents[loops.front()], one, sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    indices[loops.front()] = loop.getInductionVar();
    SmallVector<Value> inner = reduce(loops.drop_front(), SmallVector<Value>(loop.getRegionIterArgs()));
    scf::YieldOp::create(b, loc, inner);
    return SmallVector<Value>(loop.getResults());
  }

  SmallVector<Value> compute(ArrayRef<Value> sums) {
    IRMapping mapping;
    for (OpOperand *input : root.getDpsInputOperands())
      if (root.payloadUsesValueFromOperand(input))
        mapping.map(root.getMatchingBlockArgument(input), load(*input));
    for (auto [init, sum] : llvm::zip(root.getDpsInitsMutable(), sums))
      mapping.map(root.getMatchingBlockArgument(&init), sum);
    for (Operation &op : root.getBody()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(op)) {
        mapping.map(index.getResult(), indices[index.getDim()]);
        continue;
      }
      Operation *clone = b.clone(op, mapping);
      clone->walk([&](linalg::IndexOp index) {
        index.replaceAllUsesWith(indices[index.getDim()]);
        index.erase();
      });
    }
    SmallVector<Value> results;
    for (Value value : root.getBody()->getTerminator()->getOperands())
      results.push_back(mapping.lookupOrDefault(value));
    return results;
  }

  OpBuilder &b;
  Location loc;
  linalg::GenericOp root;
  const DenseMap<Value, Value> &fills;
  SmallVector<utils::IteratorType> kinds;
  SmallVector<Value> extents, indices;
};
} // namespace

/// The ops of one phase, now that `function` holds only that one.
static SmallVector<Operation *> getPhase(func::FuncOp function, int64_t number) {
  SmallVector<Operation *> operations;
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front().without_terminator())) {
    auto phase = op.getAttrOfType<IntegerAttr>(phaseAttribute);
    if (!phase)
      continue;
    if (phase.getInt() == number)
      operations.push_back(&op);
    else
      op.erase();
  }
  for (Operation *op : operations)
    op->removeAttr(phaseAttribute);
  return operations;
}

/// A fill that stands alone is a linalg.generic as well.
static FailureOr<linalg::GenericOp> getRoot(IRRewriter &rewriter, Operation *op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return generic;
  rewriter.setInsertionPoint(op);
  return linalg::generalizeNamedOp(rewriter, cast<linalg::LinalgOp>(op));
}

static LogicalResult lowerParallel(IRRewriter &rewriter, func::FuncOp function, ArrayRef<Operation *> operations,
                                   sched::NVPTXMapAttr schedule) {
  FailureOr<linalg::GenericOp> root = getRoot(rewriter, operations.back());
  if (failed(root))
    return operations.back()->emitOpError("has no loop form");
  setBlock(function, {int32_t(schedule.getThreads())});
  addGrid(
      function,
      [&](OpBuilder &builder, func::FuncOp copy) -> SmallVector<Value> {
        linalg::GenericOp last;
        for (auto op : copy.getBody().front().getOps<linalg::GenericOp>())
          last = op;
        Location loc = last.getLoc();
        builder.setInsertionPoint(last);
        Value total = countElements(builder, last);
        Value share = arith::ConstantIndexOp::create(builder, loc, schedule.getThreads() * schedule.getElements());
        Value blocks = arith::CeilDivUIOp::create(builder, loc, total, share);
        Value most = arith::ConstantIndexOp::create(builder, loc, std::numeric_limits<int32_t>::max());
        return {arith::MinUIOp::create(builder, loc, blocks, most)};
      },
      dataDependentBlocks);
  DenseMap<Value, Value> fills;
  for (Operation *op : operations.drop_back()) {
    auto fill = cast<linalg::FillOp>(op);
    fills[fill.getOutputs()[0]] = fill.getInputs()[0];
  }
  rewriter.setInsertionPoint(*root);
  Emitter(rewriter, *root, fills).emit();
  rewriter.eraseOp(*root);
  for (Operation *op : operations.drop_back())
    rewriter.eraseOp(op);
  return success();
}

static LogicalResult lowerSerial(IRRewriter &rewriter, func::FuncOp function) {
  setBlock(function, {1});
  addGrid(
      function,
      [&](OpBuilder &builder, func::FuncOp copy) -> SmallVector<Value> {
        return {arith::ConstantIndexOp::create(builder, copy.getLoc(), 1)};
      },
      1);
  SmallVector<linalg::LinalgOp> structured;
  function.walk([&](linalg::LinalgOp op) { structured.push_back(op); });
  for (linalg::LinalgOp op : structured) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::linalgOpToLoops(rewriter, op)))
      return op->emitOpError("has no loop form");
    rewriter.eraseOp(op);
  }
  return success();
}

LogicalResult tegula::lowerGPUMapKernel(func::FuncOp kernel, sched::NVPTXMapAttr schedule) {
  if (failed(placeTemporaries(kernel)))
    return failure();
  IRRewriter rewriter(kernel.getContext());
  SmallVector<linalg::LinalgOp> named;
  kernel.walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()))
      named.push_back(op);
  });
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::generalizeNamedOp(rewriter, op)))
      return op->emitOpError("has no loop form");
  }

  SmallVector<Phase> phases = planPhases(kernel);
  SmallVector<func::FuncOp> functions{kernel};
  for (auto [number, phase] : llvm::enumerate(phases))
    for (Operation *op : phase.operations)
      op->setAttr(phaseAttribute, rewriter.getI64IntegerAttr(number));
  rewriter.setInsertionPointToEnd(kernel->getBlock());
  for (size_t number = 1; number < phases.size(); ++number) {
    auto copy = cast<func::FuncOp>(rewriter.clone(*kernel));
    copy.setSymName((kernel.getSymName() + "_phase" + Twine(number)).str());
    functions.push_back(copy);
  }
  for (auto [number, phase] : llvm::enumerate(phases)) {
    SmallVector<Operation *> operations = getPhase(functions[number], number);
    if (failed(phase.parallel ? lowerParallel(rewriter, functions[number], operations, schedule)
                              : lowerSerial(rewriter, functions[number])))
      return failure();
  }
  return success();
}
