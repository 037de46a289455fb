// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a kernel as loops on memrefs, its temporaries made by memref.alloc.
// Out: each temporary is an exec.temporary at a place of its own in the worker's workspace; `workspace` says how many
//      bytes all of them take. Where that depends on extents of operands, `<kernel>_workspace` computes it.
//
// A temporary in a loop has one place for all rounds, as big as its extents can become in any of them.
#include "tegula/Codegen/Passes.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Kernel/Unsupported.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Affine/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_CODEGENPLACETEMPORARIESPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
/// Which values are the same for every worker and in all rounds: functions of the extents of a kernel's operands.
class Extents {
public:
  explicit Extents(func::FuncOp kernel) : entry(&kernel.getBody().front()) {}

  bool determine(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return argument.getOwner() == entry;
    auto [known, isNew] = determined.try_emplace(value.getDefiningOp(), false);
    if (!isNew)
      return known->second;
    Operation *op = value.getDefiningOp();
    bool result = op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
                  !isa<exec::GridIdOp, exec::GridSizeOp, exec::TemporaryOp>(op) &&
                  llvm::all_of(op->getOperands(), [&](Value operand) { return determine(operand); });
    determined[op] = result;
    return result;
  }

  /// `value`, or the most that it can be, by ops that depend on the extents of operands alone; null when there is no
  /// such bound.
  Value bound(OpBuilder &b, Location loc, Value value) {
    if (determine(value))
      return value;
    auto stop = [&](Value other, std::optional<int64_t>, ValueBoundsConstraintSet &) { return determine(other); };
    FailureOr<OpFoldResult> most =
        affine::reifyIndexValueBound(b, loc, presburger::BoundType::UB, value, stop, /*closedUB=*/true);
    return succeeded(most) ? getValueOrCreateConstantIndexOp(b, loc, *most) : nullptr;
  }

private:
  Block *entry;
  llvm::DenseMap<Operation *, bool> determined;
};

/// The bytes of all temporaries so far, where they are computed: at the beginning of the kernel or in the function for
/// the runtime.
class Total {
public:
  Total(OpBuilder builder, Location loc) : b(builder), loc(loc) {
    sum = arith::ConstantIndexOp::create(b, loc, 0);
    exact = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(0));
  }

  /// Adds `fixed` times the product of `sizes`.
  void add(int64_t fixed, ValueRange sizes) {
    Value bytes = arith::ConstantIndexOp::create(b, loc, fixed);
    Value real = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(double(fixed)));
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    for (Value size : sizes) {
      Value count = arith::MaxSIOp::create(b, loc, clone(size), zero);
      bytes = arith::MulIOp::create(b, loc, bytes, count);
      Value integer = arith::IndexCastOp::create(b, loc, b.getI64Type(), count);
      real = arith::MulFOp::create(b, loc, real, arith::SIToFPOp::create(b, loc, b.getF64Type(), integer));
    }
    Value rest = arith::ConstantIndexOp::create(b, loc, TEGULA_ALIGNMENT - 1);
    Value mask = arith::ConstantIndexOp::create(b, loc, -TEGULA_ALIGNMENT);
    bytes = arith::AndIOp::create(b, loc, arith::AddIOp::create(b, loc, bytes, rest), mask);
    sum = arith::AddIOp::create(b, loc, sum, bytes);
    exact = arith::AddFOp::create(b, loc, exact, real);
  }

  /// The sum, or -1 where it is too big for an index.
  Value checked() {
    // An eighth of what an index counts leaves room for the rounding of the sum and of each place.
    Value limit = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(0x1p60));
    Value fits = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, exact, limit);
    Value tooBig = arith::ConstantIndexOp::create(b, loc, -1);
    return arith::SelectOp::create(b, loc, fits, sum, tooBig);
  }

  OpBuilder b;
  Location loc;
  IRMapping copies;
  Value sum;

private:
  /// `value`, computed here.
  Value clone(Value value) {
    if (copies.contains(value) || isa<BlockArgument>(value))
      return copies.lookupOrDefault(value);
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      clone(operand);
    b.clone(*op, copies);
    return copies.lookup(value);
  }

  Value exact; // as f64, which does not overflow
};

struct CodegenPlaceTemporariesPass : tegula::impl::CodegenPlaceTemporariesPassBase<CodegenPlaceTemporariesPass> {
  void runOnOperation() override {
    exec::KernelOp kernel = getOperation();
    func::FuncOp function = kernel.getFunction();
    if (!function)
      return;
    SmallVector<memref::AllocOp> fixed, dynamic;
    function.walk(
        [&](memref::AllocOp alloc) { (alloc.getType().hasStaticShape() ? fixed : dynamic).push_back(alloc); });
    placeFixed(kernel, fixed);
    if (!dynamic.empty() && failed(placeDynamic(kernel, function, dynamic)))
      signalPassFailure();
  }

  static void replace(memref::AllocOp alloc, Value offset) {
    OpBuilder builder(alloc);
    Value view = exec::TemporaryOp::create(builder, alloc.getLoc(), alloc.getType(), offset, alloc.getDynamicSizes());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }

  static void placeFixed(exec::KernelOp kernel, ArrayRef<memref::AllocOp> temporaries) {
    int64_t bytes = 0;
    for (memref::AllocOp alloc : temporaries) {
      OpBuilder builder(alloc);
      MemRefType type = alloc.getType();
      replace(alloc, arith::ConstantIndexOp::create(builder, alloc.getLoc(), bytes));
      bytes =
          llvm::alignTo(bytes + type.getNumElements() * exec::getElementBytes(type.getElementType()), TEGULA_ALIGNMENT);
    }
    kernel.setWorkspace(bytes);
  }

  LogicalResult placeDynamic(exec::KernelOp kernel, func::FuncOp function, ArrayRef<memref::AllocOp> temporaries) {
    Location loc = function.getLoc();
    OpBuilder builder(function);
    builder.setInsertionPointAfter(function);
    auto counter = func::FuncOp::create(builder, loc, kernel.getWorkspaceName(),
                                        builder.getFunctionType(function.getArgumentTypes(), builder.getIndexType()));
    Block *body = counter.addEntryBlock();

    Total places(OpBuilder::atBlockBegin(&function.getBody().front()), loc);
    Total counted(OpBuilder::atBlockBegin(body), loc);
    for (auto [from, to] : llvm::zip(function.getArguments(), counter.getArguments()))
      counted.copies.map(from, to);
    places.add(kernel.getWorkspace(), {});
    counted.add(kernel.getWorkspace(), {});

    // All extents first: they may come from other temporaries.
    Extents extents(function);
    SmallVector<SmallVector<Value>> sizes;
    for (memref::AllocOp alloc : temporaries) {
      builder.setInsertionPoint(alloc);
      sizes.emplace_back();
      for (Value size : alloc.getDynamicSizes()) {
        sizes.back().push_back(extents.bound(builder, alloc.getLoc(), size));
        if (!sizes.back().back())
          return emitUnsupported(alloc)
                 << "expected a temporary whose size follows from the extents of operands, but got " << alloc.getType();
      }
    }
    for (auto [op, counts] : llvm::zip(temporaries, sizes)) {
      memref::AllocOp alloc = op;
      MemRefType type = alloc.getType();
      int64_t bytes = exec::getElementBytes(type.getElementType());
      for (int64_t extent : type.getShape())
        bytes *= ShapedType::isDynamic(extent) ? 1 : extent;
      Value offset = places.sum;
      places.add(bytes, counts);
      counted.add(bytes, counts);
      replace(alloc, offset);
    }
    func::ReturnOp::create(counted.b, loc, counted.checked());
    return success();
  }
};
} // namespace
