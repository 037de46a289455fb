// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a bufferized kernel: linalg ops on memrefs.
// Out: scf.for loops in the order of the ops, whole on worker 0. Sums and products of narrower floats along a reduction
//      are carried in f64 and rounded once per innermost loop.
#include "tegula/Codegen/CPU/Families/Reference.h"

#include "tegula/Codegen/Loops.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tegula;

/// Carries the f32 sum of `loop` in f64: `acc + x` becomes `acc64 + ext(x)`.
static void widenAccumulators(scf::ForOp loop, IRRewriter &rewriter) {
  Type wide = rewriter.getF64Type();
  for (auto [index, argument] : llvm::enumerate(loop.getRegionIterArgs())) {
    if (!argument.getType().isF32() || !argument.hasOneUse())
      continue;
    auto sum = dyn_cast<arith::AddFOp>(*argument.getUsers().begin());
    Operation *yield = loop.getBody()->getTerminator();
    if (!sum || yield->getOperand(index) != sum.getResult() || !sum->hasOneUse())
      continue;
    Value term = sum.getLhs() == argument ? sum.getRhs() : sum.getLhs();
    Location loc = sum.getLoc();
    argument.setType(wide);
    rewriter.setInsertionPoint(sum);
    Value wideTerm = arith::ExtFOp::create(rewriter, loc, wide, term);
    Value wideSum = arith::AddFOp::create(rewriter, loc, argument, wideTerm);
    rewriter.replaceOp(sum, wideSum);
    OpOperand &init = loop.getInitArgsMutable()[index];
    rewriter.setInsertionPoint(loop);
    init.set(arith::ExtFOp::create(rewriter, loc, wide, init.get()));
    Value result = loop.getResult(index);
    result.setType(wide);
    rewriter.setInsertionPointAfter(loop);
    auto narrow = arith::TruncFOp::create(rewriter, loc, rewriter.getF32Type(), result);
    result.replaceAllUsesExcept(narrow, narrow);
  }
}

namespace {
class ReferenceFamily : public KernelFamily {
public:
  StringRef name() const override { return "reference"; }
  bool owns(Attribute schedule) const override { return isa<sched::ReferenceAttr>(schedule); }
  bool match(func::FuncOp) const override { return true; }
  Attribute defaultSchedule(func::FuncOp kernel, const MachineModel &) const override {
    return sched::ReferenceAttr::get(kernel.getContext());
  }
  SearchSpace space(func::FuncOp, const MachineModel &) const override {
    SearchSpace space("reference");
    space.addKnob("loops", {1});
    return space;
  }
  Attribute schedule(func::FuncOp kernel, const SearchSpace &, const Configuration &) const override {
    return sched::ReferenceAttr::get(kernel.getContext());
  }
  std::optional<Configuration> configuration(const SearchSpace &, Attribute schedule) const override {
    return owns(schedule) ? std::optional(Configuration{1}) : std::nullopt;
  }
  LogicalResult verify(func::FuncOp, Attribute schedule, const MachineModel &, EmitError emitError) const override {
    return owns(schedule) ? success() : LogicalResult(emitError() << "expected #sched.reference, but got " << schedule);
  }
  KernelFeatures features(func::FuncOp, Attribute, const MachineModel &) const override { return {}; }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute, const MachineModel &) const override {
    IRRewriter rewriter(kernel.getContext());
    SmallVector<linalg::LinalgOp> ops;
    kernel.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::linalgOpToLoops(rewriter, op)))
        return op->emitOpError("has no loop form");
      rewriter.eraseOp(op);
    }
    if (failed(foldLoopIndices(kernel)))
      return failure();
    for (scf::ForOp loop : findInnermostLoops(kernel))
      widenAccumulators(promoteAccumulators(loop, rewriter), rewriter);
    runOnFirstWorker(kernel);
    return success();
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createReferenceFamily() { return std::make_unique<ReferenceFamily>(); }
