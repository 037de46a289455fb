// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a bufferized kernel: linalg ops on memrefs, perhaps inside kernel-level scf loops.
// Out: scf.for loops over scalars, innermost ones annotated for LLVM's vectorizer with the schedule's vector length and
//      interleaving; accumulators of reductions in registers; each worker's loops walk its part of the result.
//
// A reduction whose operands walk their rows with the result's rows gets the row loop innermost, so that it runs on
// vectors. Neighboring reduction loops over memory without gaps become one. The schedule cuts the innermost loop into
// parts of `columns`, each with all loops around it, and computes `rows` iterations of the loop around it together,
// what is left over by itself. Sharing: a dimension of the result is cut into even ranges; of each op (a fill and a
// copy that pad, the copies that concatenate) a worker does what falls into its range. A kernel whose ops read each
// other's results, or with loops around them, runs whole on worker 0.
//
//   linalg.generic {reduction} %x, %y   =>   scf.for %i = share { %s = scf.for %k iter_args(%a); store %s, %y[%i] }
#include "Lower.h"

#include "tegula/Codegen/Loops.h"
#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace tegula;

namespace {
/// How an op takes its part of a kernel: the workers cut dimension `position` of `buffer` into even ranges; `loop`
/// walks that dimension from `offset` on.
struct Share {
  unsigned loop, position;
  Value buffer;
  OpFoldResult offset;
};
using Plan = DenseMap<Operation *, Share>;
} // namespace

/// The buffer that `memref` is all or a rectangle of; null for other views.
static Value findBuffer(Value memref) {
  auto view = memref.getDefiningOp<memref::SubViewOp>();
  if (!view)
    return memref.getDefiningOp<ViewLikeOpInterface>() ? Value() : memref;
  return view.getDroppedDims().none() && view.hasUnitStride() ? findBuffer(view.getSource()) : Value();
}

/// The buffer that `memref` is a view of, whatever view.
static Value findSource(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

/// How `op` takes its part where dimension `position` of its init `init` is cut; nothing where it cannot.
static std::optional<Share> findShare(linalg::LinalgOp op, OpOperand &init, unsigned position) {
  auto dim = dyn_cast<AffineDimExpr>(op.getMatchingIndexingMap(&init).getResult(position));
  if (!dim)
    return std::nullopt;
  // A reduction outside would be repeated by every worker.
  for (unsigned loop = 0; loop <= dim.getPosition(); ++loop)
    if (op.getIteratorTypesArray()[loop] != utils::IteratorType::parallel)
      return std::nullopt;
  // Each worker writes its own part of every result.
  bool writesApart = llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &other) {
    return llvm::is_contained(op.getMatchingIndexingMap(&other).getResults(), dim);
  });
  auto view = init.get().getDefiningOp<memref::SubViewOp>();
  bool isPartOfPart = view && view.getSource().getDefiningOp<memref::SubViewOp>();
  Value buffer = findBuffer(init.get());
  if (!writesApart || !isa_and_nonnull<BlockArgument>(buffer) || isPartOfPart)
    return std::nullopt;
  OpFoldResult offset = view ? view.getMixedOffsets()[position] : Builder(op.getContext()).getIndexAttr(0);
  return Share{dim.getPosition(), position, buffer, offset};
}

/// The plan that cuts dimension `position` of the last op's first result; empty where an op does not fit.
static Plan planCut(ArrayRef<linalg::LinalgOp> ops, unsigned position) {
  linalg::LinalgOp last = ops.back();
  std::optional<Share> share = findShare(last, *last.getDpsInitsMutable().begin(), position);
  if (!share)
    return Plan();
  // Where each buffer that the last op writes is cut.
  llvm::SmallDenseMap<Value, unsigned> cuts;
  for (OpOperand &init : last.getDpsInitsMutable()) {
    auto results = last.getMatchingIndexingMap(&init).getResults();
    const auto *result = llvm::find(results, getAffineDimExpr(share->loop, last.getContext()));
    cuts[findBuffer(init.get())] = unsigned(result - results.begin());
  }
  Plan plan;
  plan[last] = *share;
  for (linalg::LinalgOp op : ops.drop_back()) {
    OpOperand &init = *op.getDpsInitsMutable().begin();
    auto cut = cuts.find(findBuffer(init.get()));
    if (op.getNumDpsInits() != 1 || cut == cuts.end())
      return Plan();
    std::optional<Share> own = findShare(op, init, cut->second);
    if (!own)
      return Plan();
    plan[op] = *own;
  }
  return plan;
}

/// Enough of a dimension for even parts.
static constexpr int64_t enough = 8;

/// The dimensions of the last op's first result that are worth cutting, as a run takes the first with enough of it,
/// else the last of them. Dynamic ones are often 1.
static SmallVector<unsigned> findCuts(ArrayRef<int64_t> extents) {
  SmallVector<unsigned> cuts;
  std::optional<unsigned> longest;
  for (unsigned position = 0; position < extents.size(); ++position) {
    int64_t extent = extents[position];
    // Parts of rows are the last resort.
    bool isRow = position + 1 == extents.size();
    if (extent == 1 || (isRow && (longest || !cuts.empty())))
      continue;
    if (ShapedType::isDynamic(extent))
      cuts.push_back(position);
    else if (!longest || extent > extents[*longest])
      longest = position;
    if (extent >= enough)
      break;
  }
  if (longest)
    cuts.push_back(*longest);
  return cuts;
}

/// For each dimension that a run may cut, what each linalg op does of it; empty when the kernel is not shared.
static SmallVector<Plan> planSharing(func::FuncOp kernel) {
  SmallVector<linalg::LinalgOp> ops;
  for (Operation &op : kernel.getBody().front()) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      ops.push_back(linalgOp);
    else if (op.getNumRegions() || isa<memref::StoreOp, memref::CopyOp>(op))
      return {};
  }
  if (ops.empty())
    return {};
  // What one op writes for another to read would need a barrier.
  llvm::SmallDenseSet<Value> written;
  for (linalg::LinalgOp op : ops)
    for (Value init : op.getDpsInits())
      written.insert(findSource(init));
  for (linalg::LinalgOp op : ops)
    for (Value input : op.getDpsInputs())
      if (isa<MemRefType>(input.getType()) && written.contains(findSource(input)))
        return {};
  auto type = cast<MemRefType>(ops.back().getDpsInits()[0].getType());
  SmallVector<int64_t> extents(type.getShape());
  // Only what all ops can cut.
  for (auto [position, extent] : llvm::enumerate(extents))
    if (extent != 1 && planCut(ops, unsigned(position)).empty())
      extent = 1;
  SmallVector<Plan> plans;
  for (unsigned position : findCuts(extents))
    plans.push_back(planCut(ops, position));
  return plans;
}

namespace {
/// What one worker has of the dimension that is cut: from `begin` to `end`. `isCut` says of each plan whether it is the
/// one of this run; null where there is only one.
struct Part {
  Value begin, end;
  SmallVector<Value> isCut;
};
} // namespace

/// The part of this worker, by the result's extents; `op` is the last one.
static Part computePart(OpBuilder &builder, Location loc, ArrayRef<Plan> plans, Operation *op, int64_t tile) {
  Part part;
  Value total, isLeft;
  for (const Plan &plan : plans) {
    const Share &share = plan.at(op);
    Value extent = builder.createOrFold<memref::DimOp>(loc, share.buffer, int64_t(share.position));
    if (plans.size() == 1) {
      total = extent;
      part.isCut.push_back(nullptr);
      break;
    }
    // The first with enough, else the last.
    Value least = arith::ConstantIndexOp::create(builder, loc, enough);
    Value suffices = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::uge, extent, least);
    Value fails = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, extent, least);
    if (&plan == &plans.back())
      suffices = isLeft;
    else if (isLeft)
      suffices = arith::AndIOp::create(builder, loc, isLeft, suffices);
    isLeft = isLeft ? arith::AndIOp::create(builder, loc, isLeft, fails).getResult() : fails;
    total = total ? arith::SelectOp::create(builder, loc, suffices, extent, total).getResult() : extent;
    part.isCut.push_back(suffices);
  }
  Value id = exec::GridIdOp::create(builder, loc, builder.getIndexType());
  Value size = exec::GridSizeOp::create(builder, loc, builder.getIndexType());
  Value chunk = arith::CeilDivUIOp::create(builder, loc, total, size);
  if (tile > 1) {
    Value unit = arith::ConstantIndexOp::create(builder, loc, tile);
    Value units = arith::CeilDivUIOp::create(builder, loc, chunk, unit);
    chunk = arith::MulIOp::create(builder, loc, units, unit);
  }
  part.begin = arith::MulIOp::create(builder, loc, id, chunk);
  part.end = arith::AddIOp::create(builder, loc, part.begin, chunk);
  return part;
}

/// Cuts dimension `dim` of `loop` into what this worker has of it, where `isCut` (null: always).
/// The new bounds are computed in front of `nest`.
static void shareLoop(scf::ParallelOp loop, unsigned dim, const Share &share, const Part &part, Value isCut,
                      Operation *nest) {
  OpBuilder builder(nest);
  Location loc = loop.getLoc();
  Value bound = loop.getUpperBound()[dim], zero = loop.getLowerBound()[dim];
  auto clamp = [&](Value position) -> Value {
    if (!isConstantIntValue(share.offset, 0)) {
      Value offset = getValueOrCreateConstantIndexOp(builder, loc, share.offset);
      position = arith::MaxSIOp::create(builder, loc, arith::SubIOp::create(builder, loc, position, offset), zero);
    }
    return arith::MinUIOp::create(builder, loc, position, bound);
  };
  Value begin = clamp(part.begin), end = clamp(part.end);
  if (isCut) {
    begin = arith::SelectOp::create(builder, loc, isCut, begin, zero);
    end = arith::SelectOp::create(builder, loc, isCut, end, bound);
  }
  loop.getLowerBoundMutable()[dim].set(begin);
  loop.getUpperBoundMutable()[dim].set(end);
}

/// The scf.parallel that has dimension `dim` of a nest (several in an scf.parallel, one in an scf.for); `dim` becomes
/// its own number of it.
static scf::ParallelOp findParallel(const linalg::LinalgLoops &loops, unsigned &dim) {
  for (Operation *loop : loops) {
    auto parallel = dyn_cast<scf::ParallelOp>(loop);
    unsigned count = parallel ? parallel.getNumLoops() : 1;
    if (dim < count)
      return parallel;
    dim -= count;
  }
  return nullptr;
}

/// Cuts the loops of `op`, which `order` lists as they came before, into what this worker has of them.
static void shareLoops(Operation *op, ArrayRef<Plan> plans, const linalg::LinalgLoops &loops, ArrayRef<unsigned> order,
                       const Part &part) {
  for (auto [plan, isCut] : llvm::zip(plans, part.isCut)) {
    const Share &share = plan.at(op);
    auto dim = unsigned(llvm::find(order, share.loop) - order.begin());
    scf::ParallelOp loop = findParallel(loops, dim);
    shareLoop(loop, dim, share, part, isCut, loops.front());
  }
}

/// The loop that walks the results' last dimension, if the operands walk theirs with it too and it is not the innermost
/// of a reduction.
static std::optional<unsigned> findRowLoop(linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumLoops() < 2)
    return std::nullopt;
  std::optional<unsigned> row;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    auto last = map.getNumResults() ? dyn_cast<AffineDimExpr>(map.getResults().back()) : AffineDimExpr(nullptr);
    if (!last || (row && *row != last.getPosition()))
      return std::nullopt;
    row = last.getPosition();
  }
  if (!row || *row + 1 == op.getNumLoops() || op.getStaticLoopRanges()[*row] == 1)
    return std::nullopt;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    bool walksRows = map.getNumResults() && map.getResults().back().isFunctionOfDim(*row);
    if (!walksRows && map.isFunctionOfDim(*row))
      return std::nullopt;
  }
  return row;
}

/// Puts the loop that walks the results' last dimension innermost when the operands walk theirs with it too: a window
/// or a reduction of columns then runs on whole rows instead of scalars. Each element still sees its operands in the
/// order of the reduction loops. Returns the loops in their new order.
static SmallVector<unsigned> moveRowLoopInside(linalg::GenericOp op, IRRewriter &rewriter) {
  auto order = llvm::to_vector(llvm::seq<unsigned>(op.getNumLoops()));
  std::optional<unsigned> row = findRowLoop(op);
  if (!row)
    return order;
  order.erase(order.begin() + *row);
  order.push_back(*row);
  (void)linalg::interchangeGenericOp(rewriter, op, order); // in place; a permutation of the loops always fits
  return order;
}

MapWalk tegula::findMapWalk(linalg::LinalgOp op) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> types = op.getIteratorTypesArray();
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (std::optional<unsigned> row = generic ? findRowLoop(generic) : std::nullopt) {
    std::rotate(extents.begin() + *row, extents.begin() + *row + 1, extents.end());
    std::rotate(types.begin() + *row, types.begin() + *row + 1, types.end());
  }
  MapWalk walk;
  if (extents.size() < 2)
    return walk;
  // Reductions that are next to each other are mostly one loop.
  walk.columns = extents.back();
  bool isReduction = types.back() == utils::IteratorType::reduction;
  for (auto [extent, type] : llvm::drop_begin(llvm::reverse(llvm::zip_equal(extents, types)))) {
    if (!isReduction || type == utils::IteratorType::parallel) {
      walk.rows = extent;
      walk.addsToMemory = !isReduction && type == utils::IteratorType::reduction;
      break;
    }
    walk.columns = ShapedType::isDynamic(extent) || ShapedType::isDynamic(walk.columns) ? ShapedType::kDynamic
                                                                                        : walk.columns * extent;
  }
  return walk;
}

/// Says of a loop that it walks a dimension of a linalg op: a parallel one or a reduction.
static constexpr StringLiteral walkAttr = "walk";
static void mark(Operation *loop, bool isParallel) {
  loop->setAttr(walkAttr, BoolAttr::get(loop->getContext(), isParallel));
}
static bool isMarked(Operation *loop) { return loop->hasAttr(walkAttr); }
static bool isMarkedParallel(Operation *loop) {
  return isMarked(loop) && loop->getAttrOfType<BoolAttr>(walkAttr).getValue();
}

/// Neighboring reduction loops that every operand walks one inside the other, over memory without gaps, become one.
static void collapseReductions(linalg::GenericOp op, IRRewriter &rewriter) {
  auto types = op.getIteratorTypesArray();
  SmallVector<ReassociationIndices> folded;
  for (auto [loop, type] : llvm::enumerate(types)) {
    if (type != utils::IteratorType::reduction)
      continue;
    if (loop == 0 || types[loop - 1] != type)
      folded.emplace_back();
    folded.back().push_back(int64_t(loop));
  }
  llvm::erase_if(folded, [](const ReassociationIndices &loops) { return loops.size() < 2; });
  auto hasGaps = [](OpOperand &operand) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    return type && !type.getLayout().isIdentity();
  };
  auto maps = op.getIndexingMapsArray();
  // The window of a pooling is neither; MLIR takes for granted that there is none.
  auto isPermutation = [](AffineMap map) { return map.isProjectedPermutation(); };
  if (folded.empty() || op.hasIndexSemantics() || llvm::any_of(op->getOpOperands(), hasGaps) ||
      !llvm::all_of(maps, isPermutation) || !linalg::areDimSequencesPreserved(maps, folded))
    return;
  rewriter.setInsertionPoint(op);
  if (succeeded(linalg::collapseOpIterationDims(op, folded, rewriter)))
    rewriter.eraseOp(op);
}

/// Cuts the innermost loop of a nest into parts of `columns`; each part walks the whole nest. The sum of a reduction is
/// in memory between two parts; of several reduction loops, the parts of the innermost one are then the outermost
/// steps.
static void cutColumns(const linalg::LinalgLoops &loops, int64_t columns) {
  if (columns == 0 || loops.empty())
    return;
  Operation *outer = loops.front();
  auto cut = [&](Value lower, Value upper, llvm::function_ref<void(Value, Value)> setBounds) {
    OpBuilder builder(outer);
    Location loc = outer->getLoc();
    Value step = arith::ConstantIndexOp::create(builder, loc, columns);
    auto parts = scf::ForOp::create(builder, loc, lower, upper, step);
    outer->moveBefore(parts.getBody()->getTerminator());
    builder.setInsertionPointToStart(parts.getBody());
    Value end = arith::AddIOp::create(builder, loc, parts.getInductionVar(), step);
    setBounds(parts.getInductionVar(), arith::MinUIOp::create(builder, loc, end, upper));
  };
  if (auto inner = dyn_cast<scf::ForOp>(loops.back()); inner && loops.size() > 1)
    cut(inner.getLowerBound(), inner.getUpperBound(), [&](Value begin, Value end) {
      inner.setLowerBound(begin);
      inner.setUpperBound(end);
    });
  auto inner = dyn_cast<scf::ParallelOp>(loops.back());
  if (!inner || (loops.size() == 1 && inner.getNumLoops() == 1))
    return;
  unsigned dim = inner.getNumLoops() - 1;
  cut(inner.getLowerBound()[dim], inner.getUpperBound()[dim], [&](Value begin, Value end) {
    inner.getLowerBoundMutable()[dim].set(begin);
    inner.getUpperBoundMutable()[dim].set(end);
  });
}

/// `rows` iterations of the loop around `inner` together. Iterations of a parallel loop are independent; those of a
/// reduction around a parallel loop meet in single elements, each still in the reduction's order.
static void jamRows(scf::ForOp inner, int64_t rows, IRRewriter &rewriter) {
  auto outer = dyn_cast<scf::ForOp>(inner->getParentOp());
  if (!outer || !isMarked(outer) || !isMarked(inner) || !(isMarkedParallel(outer) || isMarkedParallel(inner)))
    return;
  auto isOutside = [&](Value value) { return outer.isDefinedOutsideOfLoop(value); };
  auto hasRegions = [](Operation &op) { return op.getNumRegions() > 0; };
  if (outer.getNumResults() > 0 || llvm::count_if(*outer.getBody(), hasRegions) != 1 ||
      !isOutside(inner.getLowerBound()) || !isOutside(inner.getUpperBound()) || !isOutside(inner.getStep()))
    return;
  Location loc = outer.getLoc();
  rewriter.setInsertionPoint(outer);
  Value lower = outer.getLowerBound(), factor = arith::ConstantIndexOp::create(rewriter, loc, rows);
  Value count = arith::SubIOp::create(rewriter, loc, outer.getUpperBound(), lower);
  Value rounds = arith::DivUIOp::create(rewriter, loc, count, factor);
  Value middle = arith::MulIOp::create(rewriter, loc, rounds, factor);
  middle = arith::AddIOp::create(rewriter, loc, lower, middle);
  rewriter.setInsertionPointAfter(outer);
  cast<scf::ForOp>(rewriter.clone(*outer)).setLowerBound(middle);

  // A loop over the rows of a round, which the unrolling replaces.
  Value first = outer.getInductionVar();
  SmallVector<Operation *> body;
  for (Operation &op : outer.getBody()->without_terminator())
    body.push_back(&op);
  rewriter.setInsertionPointToStart(outer.getBody());
  Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0), one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  auto round = scf::ForOp::create(rewriter, loc, zero, factor, one);
  for (Operation *op : body)
    op->moveBefore(round.getBody()->getTerminator());
  rewriter.setInsertionPointToStart(round.getBody());
  Value row = arith::AddIOp::create(rewriter, loc, first, round.getInductionVar());
  first.replaceAllUsesExcept(row, row.getDefiningOp());
  outer.setUpperBound(middle);
  outer.setStep(factor);
  [[maybe_unused]] LogicalResult jammed = loopUnrollJamByFactor(round, uint64_t(rows));
  assert(succeeded(jammed) && "a round has as many rows as are jammed");
}

/// scf.parallel without reductions as a nest of scf.for.
static void serialize(scf::ParallelOp loop, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(loop);
  SmallVector<Value> inductions;
  Location loc = loop.getLoc();
  scf::ForOp inner;
  for (auto [lower, upper, step] : llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    inner = scf::ForOp::create(rewriter, loc, lower, upper, step);
    mark(inner, /*isParallel=*/true);
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
  if (schedule.getUnroll())
    unroll = LLVM::LoopUnrollAttr::get(context, nullptr, integer(schedule.getUnroll()), nullptr, nullptr, nullptr,
                                       nullptr, nullptr);
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
  IRRewriter rewriter(kernel.getContext());
  SmallVector<linalg::GenericOp> generics;
  kernel.walk([&](linalg::GenericOp op) { generics.push_back(op); });
  for (linalg::GenericOp op : generics)
    collapseReductions(op, rewriter);
  SmallVector<Plan> plans = planSharing(kernel);
  SmallVector<linalg::LinalgOp> ops;
  kernel.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  Part part;
  if (!plans.empty()) {
    rewriter.setInsertionPoint(ops.front());
    part = computePart(rewriter, ops.back().getLoc(), plans, ops.back(), schedule.getTile());
  }
  for (linalg::LinalgOp op : ops) {
    rewriter.setInsertionPoint(op);
    auto order = llvm::to_vector(llvm::seq<unsigned>(op.getNumLoops()));
    if (auto generic = dyn_cast<linalg::GenericOp>(op.getOperation()))
      order = moveRowLoopInside(generic, rewriter);
    FailureOr<linalg::LinalgLoops> loops = linalg::linalgOpToParallelLoops(rewriter, op);
    if (failed(loops))
      return op->emitOpError("has no loop form");
    shareLoops(op, plans, *loops, order, part);
    cutColumns(*loops, schedule.getColumns());
    for (Operation *loop : *loops)
      if (isa<scf::ForOp>(loop))
        mark(loop, /*isParallel=*/false);
    rewriter.eraseOp(op);
  }
  SmallVector<scf::ParallelOp> parallel;
  kernel.walk([&](scf::ParallelOp loop) { parallel.push_back(loop); });
  for (scf::ParallelOp loop : parallel)
    serialize(loop, rewriter);

  if (failed(foldLoopIndices(kernel)))
    return failure();
  for (scf::ForOp loop : findInnermostLoops(kernel)) {
    bool wasMarked = isMarked(loop), isParallel = isMarkedParallel(loop);
    loop = promoteAccumulators(loop, rewriter);
    if (wasMarked)
      mark(loop, isParallel);
    if (schedule.getRows() > 1)
      jamRows(loop, schedule.getRows(), rewriter);
  }
  for (scf::ForOp loop : findInnermostLoops(kernel))
    annotate(loop, schedule, vectorBits);
  kernel.walk([](scf::ForOp loop) { loop->removeAttr(walkAttr); });
  if (plans.empty())
    runOnFirstWorker(kernel);
  return success();
}
