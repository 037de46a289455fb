// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a host function on tensors whose only tensor computations are dispatches.
// Out: the host function on identity-layout memrefs; every value has a memref.alloc of its own, which PlanMemory
// places.
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENBUFFERIZEHOSTPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

/// Canonicalization folds a tensor.cast into the dispatch that reads it, so that an operand may be more static than the
/// kernel's argument. The extents that a dispatch passes are those of dynamic types: casts restore the kernel's types.
static void restoreKernelTypes(ModuleOp module) {
  SmallVector<tegula::exec::DispatchOp> dispatches;
  module.walk([&](tegula::exec::DispatchOp dispatch) { dispatches.push_back(dispatch); });
  SymbolTable symbols(module);
  for (tegula::exec::DispatchOp dispatch : dispatches) {
    auto kernel = symbols.lookup<tegula::exec::KernelOp>(dispatch.getKernel());
    func::FuncOp function = kernel ? kernel.getFunction() : func::FuncOp();
    if (!function)
      continue;
    OpBuilder builder(dispatch);
    bool changed = false;
    SmallVector<Value> ins, outs;
    SmallVector<Type> results;
    for (auto [operand, type] : llvm::zip(dispatch->getOperands(), function.getArgumentTypes())) {
      auto memref = dyn_cast<MemRefType>(type);
      if (!memref)
        break; // scalars follow
      bool isInput = ins.size() < dispatch.getIns().size();
      Value value = operand;
      auto wanted = RankedTensorType::get(memref.getShape(), memref.getElementType());
      if (value.getType() != wanted) {
        value = tensor::CastOp::create(builder, dispatch.getLoc(), wanted, value);
        changed = true;
      }
      (isInput ? ins : outs).push_back(value);
      if (!isInput)
        results.push_back(wanted);
    }
    if (!changed)
      continue;
    auto typed = tegula::exec::DispatchOp::create(builder, dispatch.getLoc(), results, dispatch.getKernel(), ins, outs,
                                                  dispatch.getScalars());
    typed->setDiscardableAttrs(dispatch->getDiscardableAttrDictionary());
    for (auto [before, after] : llvm::zip(dispatch.getOutputs(), typed.getOutputs())) {
      Value value = after;
      if (value.getType() != before.getType())
        value = tensor::CastOp::create(builder, dispatch.getLoc(), before.getType(), value);
      before.replaceAllUsesWith(value);
    }
    dispatch.erase();
  }
}

/// Divides the uses of a tensor.empty or a constant by dispatches among copies of it. What shares one is one alias set,
/// in which a dispatch may overwrite the operand that it reads element by element, and whose analysis takes time cubic
/// in its uses, square where all of them read. Equal constants become one again after this pass.
static void divideUses(ModuleOp module) {
  constexpr unsigned mostUses = 16;
  llvm::DenseMap<Operation *, std::pair<Operation *, unsigned>> current; // the latest copy and its uses
  module.walk([&](tegula::exec::DispatchOp dispatch) {
    for (OpOperand &operand : dispatch->getOpOperands()) {
      Operation *shared = operand.get().getDefiningOp();
      if (!isa_and_nonnull<tensor::EmptyOp, tegula::exec::ConstantOp>(shared))
        continue;
      auto &[copy, uses] = current.try_emplace(shared, shared, 0).first->second;
      // A copy made in another block does not reach everywhere.
      if (++uses > mostUses || (copy != shared && copy->getBlock() != dispatch->getBlock())) {
        copy = OpBuilder(dispatch).clone(*shared);
        uses = 1;
      }
      operand.set(copy->getResult(0));
    }
  });
}

namespace {
struct CodegenBufferizeHostPass : tegula::impl::CodegenBufferizeHostPassBase<CodegenBufferizeHostPass> {
  void runOnOperation() override {
    restoreKernelTypes(getOperation());
    divideUses(getOperation());
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.allowReturnAllocsFromLoops = true; // a loop-carried value may change its shape
    options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
    options.opFilter.denyOperation(
        [](Operation *op) { return isa<tegula::exec::KernelOp>(op) || op->getParentOfType<tegula::exec::KernelOp>(); });
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options, state)))
      signalPassFailure();
  }
};
} // namespace
