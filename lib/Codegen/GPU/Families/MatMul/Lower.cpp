// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a bufferized kernel: zero fill, contraction, elementwise steps on its result.
// Out: one phase. A block of threads computes a tile of M x N elements of the result: for each K steps of the depth it
//      copies a tile of either operand into shared memory and multiplies from there into the sums that each thread
//      holds in registers. The steps are applied to the sums, which are then stored.
// Algorithm: rows, columns and depth are each one collapsed index. The address of an element is a sum of one term for
//      the batch, one for the row or column and one for the depth, whatever the indexing maps are: a convolution walks
//      through windows by its terms, so there is no im2col. Threads of a warp own neighbouring columns, rows and
//      columns of a thread are spread over the tile, so that stores are coalesced and shared memory is read without
//      conflicts.
#include "Lower.h"

#include "tegula/Codegen/Common/Contraction.h"
#include "tegula/Codegen/Common/IndexMath.h"
#include "tegula/Codegen/GPU/Families/Phases.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

/// LLVM's number of the address space that the threads of a block share.
static constexpr unsigned sharedSpace = 3;
/// Rows of a tile are one element longer than they need to be, against bank conflicts when it is written across.
static constexpr int64_t padding = 1;

int64_t tegula::getSharedBytes(sched::NVPTXMatMulAttr schedule, int64_t elementBytes) {
  int64_t m = schedule.getTile()[0], n = schedule.getTile()[1], k = schedule.getTile()[2];
  return k * (m + n + 2 * padding) * elementBytes;
}

namespace {
/// Loops that are walked as one collapsed index.
struct Group {
  SmallVector<unsigned> loops;
  Index total;
};

/// An operand as flat memory: an element's address is `base` plus index times step for each loop.
struct Access {
  Value flat;
  Index base;
  SmallVector<Index> steps;
};

class Emitter {
public:
  Emitter(OpBuilder &builder, KernelForm &form)
      : b(builder), loc(form.info.op.getLoc()), math(builder, loc), form(form), info(form.info), op(form.info.op) {
    setUpExtents();
  }

  /// How many tiles there are in all.
  Index countTiles(sched::NVPTXMatMulAttr schedule) {
    Index tiles = math.ceilDiv(rows.total, math.of(schedule.getTile()[0]));
    tiles = math.mul(tiles, math.ceilDiv(columns.total, math.of(schedule.getTile()[1])));
    return math.mul(tiles, batch.total);
  }
  Value value(Index index) { return math.value(index); }

  void emit(func::FuncOp kernel, sched::NVPTXMatMulAttr schedule) {
    tileM = schedule.getTile()[0], tileN = schedule.getTile()[1], tileK = schedule.getTile()[2];
    threadM = schedule.getThread()[0], threadN = schedule.getThread()[1];
    threadsM = tileM / threadM, threadsN = tileN / threadN;
    lhs = makeAccess(op->getOperand(info.lhs), info.coefficients[info.lhs]);
    rhs = makeAccess(op->getOperand(info.rhs), info.coefficients[info.rhs]);
    Value sharedLhs = makeShared(kernel, "lhs", tileM), sharedRhs = makeShared(kernel, "rhs", tileN);

    Index thread = readIndex<NVVM::ThreadIdXOp>(), block = readIndex<NVVM::BlockIdXOp>();
    Index tilesN = math.ceilDiv(columns.total, math.of(tileN)), tilesM = math.ceilDiv(rows.total, math.of(tileM));
    Index firstColumn = math.mul(math.rem(block, tilesN), math.of(tileN));
    Index rest = math.floorDiv(block, tilesN);
    Index firstRow = math.mul(math.rem(rest, tilesM), math.of(tileM));
    splitBatch(math.floorDiv(rest, tilesM));
    Index threadColumn = math.rem(thread, math.of(threadsN)), threadRow = math.floorDiv(thread, math.of(threadsN));

    Value zero = arith::ConstantOp::create(b, loc, info.accumulator, cast<TypedAttr>(b.getZeroAttr(info.accumulator)));
    SmallVector<Value> sums(threadM * threadN, zero);
    auto depthLoop = scf::ForOp::create(b, loc, math.constant(0), math.value(depth.total), math.constant(tileK), sums);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(depthLoop.getBody());
      Index start = depthLoop.getInductionVar();
      fillShared(sharedLhs, lhs, info.lhs, rows, firstRow, tileM, start, thread);
      fillShared(sharedRhs, rhs, info.rhs, columns, firstColumn, tileN, start, thread);
      NVVM::Barrier0Op::create(b, loc);
      SmallVector<Value> next = multiply(sharedLhs, sharedRhs, threadRow, threadColumn, depthLoop.getRegionIterArgs());
      NVVM::Barrier0Op::create(b, loc);
      scf::YieldOp::create(b, loc, next);
    }
    for (Value buffer : form.stored)
      results[buffer] = makeAccess(buffer, info.coefficients[2]);
    forEachStepOperand(form, [&](OpOperand *operand, ArrayRef<SmallVector<int64_t>> forms) {
      operands[operand] = makeAccess(operand->get(), forms);
    });
    for (int64_t i = 0; i < threadM; ++i)
      for (int64_t j = 0; j < threadN; ++j) {
        Index row = math.add(firstRow, math.add(threadRow, math.of(i * threadsM)));
        Index column = math.add(firstColumn, math.add(threadColumn, math.of(j * threadsN)));
        Value inside = math.logicalAnd(math.less(row, rows.total), math.less(column, columns.total));
        auto branch = scf::IfOp::create(b, loc, inside, /*withElseRegion=*/false);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(branch.thenBlock());
        finish(row, column, depthLoop.getResult(i * threadN + j));
      }
  }

private:
  void setUpExtents() {
    extents.resize(op.getNumLoops());
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
      if (!ShapedType::isDynamic(info.extents[loop])) {
        extents[loop] = math.of(info.extents[loop]);
        continue;
      }
      // The result first: a dimension of an operand may be a broadcast view.
      for (unsigned operand : {2u, info.lhs, info.rhs})
        for (auto [position, expression] : llvm::enumerate(op.getIndexingMapsArray()[operand].getResults()))
          if (!extents[loop] && expression == b.getAffineDimExpr(loop))
            extents[loop] = b.createOrFold<memref::DimOp>(loc, op->getOperand(operand), position);
      assert(extents[loop] && "linalg guarantees that each loop indexes a dimension");
    }
    auto collapse = [&](Group &group, ArrayRef<unsigned> loops) {
      group.loops.assign(loops.begin(), loops.end());
      group.total = math.of(1);
      for (unsigned loop : loops)
        group.total = math.mul(group.total, extents[loop]);
    };
    collapse(batch, info.batch);
    collapse(rows, info.rows);
    collapse(columns, info.columns);
    collapse(depth, info.depth);
  }

  template <typename Register> Index readIndex() {
    Value number = Register::create(b, loc, b.getI32Type());
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), number).getResult();
  }

  Value makeShared(func::FuncOp kernel, StringRef part, int64_t extent) {
    auto type =
        MemRefType::get({tileK, extent + padding}, info.accumulator, AffineMap(), b.getI64IntegerAttr(sharedSpace));
    std::string name = (kernel.getSymName() + "_" + part).str();
    OpBuilder atKernel(kernel);
    memref::GlobalOp::create(atKernel, loc, name, b.getStringAttr("private"), type, b.getUnitAttr(), /*constant=*/false,
                             b.getI64IntegerAttr(16));
    return memref::GetGlobalOp::create(b, loc, type, name);
  }

  /// `forms` holds for each dimension of `buffer` the coefficients of the contraction's loops, then the constant.
  Access makeAccess(Value buffer, ArrayRef<SmallVector<int64_t>> forms) {
    auto type = cast<MemRefType>(buffer.getType());
    Access access;
    access.base = math.of(0);
    access.steps.assign(extents.size(), math.of(0));
    SmallVector<Index> strides(type.getRank(), math.of(0));
    if (type.getLayout().isIdentity()) {
      Index stride = math.of(1);
      for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
        strides[dim] = stride;
        if (dim > 0)
          stride =
              math.mul(stride, type.isDynamicDim(dim) ? Index(memref::DimOp::create(b, loc, buffer, dim).getResult())
                                                      : math.of(type.getDimSize(dim)));
      }
    } else {
      auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, buffer);
      access.base = metadata.getOffset();
      for (int64_t dim = 0; dim < type.getRank(); ++dim)
        strides[dim] = metadata.getStrides()[dim];
    }
    for (auto [stride, form] : llvm::zip(strides, forms)) {
      for (unsigned loop = 0; loop < extents.size(); ++loop)
        access.steps[loop] = math.add(access.steps[loop], math.mul(stride, math.of(form[loop])));
      access.base = math.add(access.base, math.mul(stride, math.of(form.back())));
    }
    // The view is only a pointer: nothing looks at its size.
    auto flatType = MemRefType::get({ShapedType::kDynamic}, type.getElementType(), AffineMap(), type.getMemorySpace());
    access.flat = memref::ReinterpretCastOp::create(b, loc, flatType, buffer, math.of(0),
                                                    ArrayRef<OpFoldResult>{math.constant(int64_t(1) << 40)},
                                                    ArrayRef<OpFoldResult>{math.of(1)});
    return access;
  }

  /// The indices of a group's loops at its collapsed index.
  SmallVector<Index> split(const Group &group, Index index) {
    SmallVector<Index> indices(group.loops.size());
    for (int64_t i = int64_t(group.loops.size()) - 1; i >= 0; --i) {
      indices[i] = i == 0 ? index : math.rem(index, extents[group.loops[i]]);
      if (i > 0)
        index = math.floorDiv(index, extents[group.loops[i]]);
    }
    return indices;
  }
  void splitBatch(Index index) { batchIndices = split(batch, index); }

  Index term(const Access &access, const Group &group, ArrayRef<Index> indices) {
    Index sum = math.of(0);
    for (auto [loop, index] : llvm::zip(group.loops, indices))
      sum = math.add(sum, math.mul(index, access.steps[loop]));
    return sum;
  }
  Index batchTerm(const Access &access) { return math.add(access.base, term(access, batch, batchIndices)); }

  /// Whether neighbours along the group's innermost loop are neighbours in memory.
  bool isContiguous(const Access &access, const Group &group) {
    return !group.loops.empty() && IndexMath::isConstant(access.steps[group.loops.back()], 1);
  }

  /// shared[k][i] = operand(first + i, start + k), zero outside; the threads of the block share the work so that
  /// neighbours read neighbours.
  void fillShared(Value shared, const Access &access, unsigned operand, const Group &group, Index first, int64_t extent,
                  Index start, Index thread) {
    int64_t threads = threadsM * threadsN, count = extent * tileK;
    bool alongDepth = isContiguous(access, depth) && !isContiguous(access, group);
    Index base = batchTerm(access);
    auto loop = scf::ForOp::create(b, loc, math.value(thread), math.constant(count), math.constant(threads));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Index number = loop.getInductionVar();
    int64_t inner = alongDepth ? tileK : extent;
    Index fast = math.rem(number, math.of(inner)), slow = math.floorDiv(number, math.of(inner));
    Index k = alongDepth ? fast : slow, i = alongDepth ? slow : fast;
    Index atDepth = math.add(start, k), at = math.add(first, i);
    Value inside = math.logicalAnd(math.less(at, group.total), math.less(atDepth, depth.total));
    auto branch = scf::IfOp::create(b, loc, info.accumulator, inside, /*withElseRegion=*/true);
    b.setInsertionPointToStart(branch.thenBlock());
    Index address =
        math.add(base, math.add(term(access, group, split(group, at)), term(access, depth, split(depth, atDepth))));
    Value element = memref::LoadOp::create(b, loc, access.flat, math.value(address));
    scf::YieldOp::create(b, loc, convert(element, operand));
    b.setInsertionPointToStart(branch.elseBlock());
    Value zero = arith::ConstantOp::create(b, loc, info.accumulator, cast<TypedAttr>(b.getZeroAttr(info.accumulator)));
    scf::YieldOp::create(b, loc, zero);
    b.setInsertionPointAfter(branch);
    memref::StoreOp::create(b, loc, branch.getResult(0), shared, ValueRange{math.value(k), math.value(i)});
  }

  /// f(x) of the body for operand `operand` of the contraction, in the accumulator type.
  Value convert(Value x, unsigned operand) {
    Block *body = op.getBody();
    BlockArgument argument = body->getArgument(operand);
    Operation *sum = body->getTerminator()->getOperand(0).getDefiningOp();
    Value product = sum->getOperand(0) == body->getArgument(2) ? sum->getOperand(1) : sum->getOperand(0);
    Operation *multiply = product.getDefiningOp();
    // The factor that the argument flows into; one of its own where both operands are the same argument.
    auto reaches = [&](Value value) {
      SmallVector<Value> work{value};
      while (!work.empty()) {
        Value next = work.pop_back_val();
        if (next == argument)
          return true;
        if (Operation *definition = next.getDefiningOp(); definition && definition->getBlock() == body)
          llvm::append_range(work, definition->getOperands());
      }
      return false;
    };
    unsigned mine = reaches(multiply->getOperand(0)) ? 0 : reaches(multiply->getOperand(1)) ? 1 : operand;
    IRMapping mapping;
    mapping.map(argument, x);
    for (Operation &inner : body->without_terminator()) {
      if (&inner == multiply || &inner == sum)
        continue;
      if (llvm::all_of(inner.getOperands(),
                       [&](Value value) { return mapping.contains(value) || value.getParentBlock() != body; }))
        b.clone(inner, mapping);
    }
    Value factor = mapping.lookupOrDefault(multiply->getOperand(mine));
    if (factor.getType() != info.accumulator)
      factor = arith::ExtFOp::create(b, loc, info.accumulator, factor);
    return factor;
  }

  SmallVector<Value> multiply(Value sharedLhs, Value sharedRhs, Index threadRow, Index threadColumn, ValueRange sums) {
    auto loop = scf::ForOp::create(b, loc, math.constant(0), math.constant(tileK), math.constant(1), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value k = loop.getInductionVar();
    auto loadAll = [&](Value shared, Index first, int64_t count, int64_t step) {
      SmallVector<Value> values;
      for (int64_t i = 0; i < count; ++i)
        values.push_back(
            memref::LoadOp::create(b, loc, shared, ValueRange{k, math.value(math.add(first, math.of(i * step)))}));
      return values;
    };
    SmallVector<Value> left = loadAll(sharedLhs, threadRow, threadM, threadsM);
    SmallVector<Value> right = loadAll(sharedRhs, threadColumn, threadN, threadsN);
    SmallVector<Value> next;
    for (int64_t i = 0; i < threadM; ++i)
      for (int64_t j = 0; j < threadN; ++j) {
        Value sum = loop.getRegionIterArgs()[i * threadN + j];
        if (isa<FloatType>(info.accumulator))
          next.push_back(math::FmaOp::create(b, loc, left[i], right[j], sum));
        else
          next.push_back(arith::AddIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, left[i], right[j])));
      }
    scf::YieldOp::create(b, loc, next);
    return SmallVector<Value>(loop.getResults());
  }

  /// Applies the steps to one sum and stores what is stored.
  void finish(Index row, Index column, Value sum) {
    SmallVector<Index> rowIndices = split(rows, row), columnIndices = split(columns, column);
    auto address = [&](const Access &access) {
      Index sum = math.add(term(access, rows, rowIndices), term(access, columns, columnIndices));
      return math.value(math.add(batchTerm(access), sum));
    };
    if (info.resultType != info.accumulator)
      sum = arith::TruncFOp::create(b, loc, info.resultType, sum);
    auto define = [&](Value buffer, Value element) {
      if (auto found = results.find(buffer); found != results.end())
        memref::StoreOp::create(b, loc, element, found->second.flat, address(found->second));
      return element;
    };
    auto load = [&](OpOperand &operand) -> Value {
      const Access &access = operands[&operand];
      return memref::LoadOp::create(b, loc, access.flat, address(access));
    };
    applySteps(form, sum, {load, define, [&](Operation *op, IRMapping &mapping) { b.clone(*op, mapping); }});
  }

  OpBuilder &b;
  Location loc;
  IndexMath math;
  KernelForm &form;
  ContractionInfo &info;
  linalg::GenericOp op;
  SmallVector<Index> extents, batchIndices;
  Group batch, rows, columns, depth;
  Access lhs, rhs;
  DenseMap<Value, Access> results;
  DenseMap<OpOperand *, Access> operands;
  int64_t tileM = 0, tileN = 0, tileK = 0, threadM = 0, threadN = 0, threadsM = 0, threadsN = 0;
};
} // namespace

LogicalResult tegula::lowerGPUMatMulKernel(func::FuncOp kernel, sched::NVPTXMatMulAttr schedule) {
  FailureOr<KernelForm> form = analyzeKernel(kernel);
  if (failed(form))
    return failure();
  int64_t threads = schedule.getTile()[0] / schedule.getThread()[0] * (schedule.getTile()[1] / schedule.getThread()[1]);
  setBlock(kernel, {int32_t(threads)});
  addGrid(
      kernel,
      [&](OpBuilder &builder, func::FuncOp copy) -> SmallVector<Value> {
        FailureOr<KernelForm> copied = analyzeKernel(copy);
        builder.setInsertionPoint(copied->info.op);
        Emitter emitter(builder, *copied);
        return {emitter.value(emitter.countTiles(schedule))};
      },
      /*fallback=*/0);
  OpBuilder builder(kernel.getBody().front().getTerminator());
  Emitter(builder, *form).emit(kernel, schedule);

  for (Operation *step : llvm::reverse(form->steps))
    step->erase();
  form->info.op->erase();
  form->fill->erase();
  // Results that only the steps needed live in registers now.
  SmallVector<Operation *> temporaries;
  kernel.walk([&](memref::AllocOp alloc) { temporaries.push_back(alloc); });
  for (Operation *alloc : temporaries) {
    for (Operation *user : llvm::make_early_inc_range(alloc->getUsers()))
      if (isa<memref::DeallocOp>(user))
        user->erase();
    if (alloc->use_empty())
      alloc->erase();
  }
  return placeTemporaries(kernel);
}
