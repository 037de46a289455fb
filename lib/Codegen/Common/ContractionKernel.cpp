// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Analysis of a bufferized kernel: which op zeroes the result, which is the contraction, which elementwise ops follow,
// and which of their buffers live on.
//
#include "tegula/Codegen/Common/Contraction.h"

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

static bool isZero(Value value) { return matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero()); }

/// The buffer that `op` sets to zero everywhere, or null.
static Value getZeroedBuffer(Operation *op) {
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return isZero(fill.getInputs()[0]) ? fill.getOutputs()[0] : Value();
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInits() != 1 || generic.getNumLoops() != generic.getNumParallelLoops() ||
      !generic.getIndexingMapsArray().back().isPermutation())
    return {};
  Value yielded = generic.getBody()->getTerminator()->getOperand(0);
  if (auto argument = dyn_cast<BlockArgument>(yielded); argument && argument.getOwner() == generic.getBody()) {
    OpOperand *operand = generic.getMatchingOpOperand(argument);
    yielded = operand->get();
    if (!generic.isScalar(operand))
      return {};
  }
  return isZero(yielded) ? generic.getDpsInits()[0] : Value();
}

/// Checks one elementwise step on tracked buffers.
static LogicalResult checkStep(linalg::GenericOp op, const KernelForm &form) {
  if (op.getNumDpsInits() != 1 || op.getNumLoops() != op.getNumParallelLoops())
    return op.emitError(
        "expected an elementwise op with one result after a contraction, but got another linalg.generic");
  AffineMap result = op.getIndexingMapsArray().back();
  if (!result.isIdentity() || result.getNumDims() != form.info.coefficients[2].size())
    return op.emitError("expected an elementwise op over the shape of the contraction, but got another shape");
  bool usesTracked = false;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (form.tracked.contains(operand->get())) {
      usesTracked = true;
      if (map != result)
        return op.emitError("expected the result of the contraction to be read element by element, but got ")
               << AffineMapAttr::get(map);
      continue;
    }
    for (AffineExpr expression : map.getResults())
      if (failed(getLinearForm(expression, map.getNumDims())))
        return op.emitError("expected a linear indexing map, but got ") << AffineMapAttr::get(map);
  }
  OpOperand *init = op.getDpsInitOperand(0);
  if (op.payloadUsesValueFromOperand(init)) {
    if (!form.tracked.contains(init->get()))
      return op.emitError("expected an elementwise op that overwrites its result, but its result is read");
    usesTracked = true;
  }
  if (!usesTracked)
    return op.emitError("expected an op that uses the result of the contraction, but it does not");
  for (Operation &inner : op.getBody()->without_terminator())
    if (!OpTrait::hasElementwiseMappableTraits(&inner) && !inner.hasTrait<OpTrait::ConstantLike>())
      return inner.emitError("expected an elementwise op in a kernel of the matmul family, but got ")
             << inner.getName();
  return success();
}

/// Whether `op` is one of the ops of `core` before its last one, or fills what one of them writes.
static bool isInner(const KernelCore *core, Operation *op) {
  auto fill = dyn_cast<linalg::FillOp>(op);
  auto writes = [&](Operation *inner) {
    Value init = cast<linalg::GenericOp>(inner).getDpsInits()[0];
    return init.getDefiningOp() == op || getZeroedBuffer(op) == init || (fill && fill.getOutputs()[0] == init);
  };
  return core && (llvm::is_contained(core->inner, op) || llvm::any_of(core->inner, writes));
}

FailureOr<KernelForm> matmul::analyzeKernel(func::FuncOp kernel, const KernelCore *core) {
  if (!llvm::hasSingleElement(kernel.getBody()))
    return kernel.emitError("expected a kernel of one block, but got several");
  KernelForm form;
  SmallVector<std::pair<Value, Operation *>> zeroed;
  SetVector<Operation *> known;
  for (Operation &op : kernel.getBody().front()) {
    if (isInner(core, &op))
      continue;
    if (Value buffer = getZeroedBuffer(&op)) {
      zeroed.emplace_back(buffer, &op);
      continue;
    }
    if (auto copy = dyn_cast<memref::CopyOp>(op); copy && form.tracked.contains(copy.getSource())) {
      form.steps.push_back(&op);
      known.insert(&op);
      form.tracked.insert(copy.getTarget());
      continue;
    }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic) {
      if (isa<linalg::LinalgOp>(op) ||
          (!isMemoryEffectFree(&op) &&
           !isa<memref::AllocOp, memref::DeallocOp, memref::LoadOp, exec::FillBorderOp>(op) &&
           !op.hasTrait<OpTrait::IsTerminator>()))
        return op.emitError("expected a contraction and elementwise ops in a kernel of the matmul family, but got ")
               << op.getName();
      continue;
    }
    known.insert(&op);
    if (!form.info.op) {
      if (core && core->info.op == generic)
        form.info = core->info;
      else if (core || !matchContraction(generic, form.info))
        return op.emitError("expected a contraction first in a kernel of the matmul family, but got another "
                            "linalg.generic");
      for (auto &[buffer, fill] : zeroed)
        if (buffer == generic.getDpsInits()[0])
          form.fill = fill;
      if (!form.fill)
        return op.emitError("expected the result of the contraction to start from zero, but it does not");
      known.insert(form.fill);
      form.tracked.insert(generic.getDpsInits()[0]);
      continue;
    }
    if (failed(checkStep(generic, form)))
      return failure();
    form.steps.push_back(&op);
    form.tracked.insert(generic.getDpsInits()[0]);
  }
  if (!form.info.op)
    return kernel.emitError("expected a contraction in a kernel of the matmul family, but there is none");
  for (auto &[buffer, fill] : zeroed)
    if (!known.contains(fill))
      return fill->emitError("expected only the result of the contraction to be filled, but another buffer is");
  for (Value buffer : form.tracked) {
    if (cast<MemRefType>(buffer.getType()).getRank() != int64_t(form.info.coefficients[2].size()))
      return form.info.op.emitError("expected results of the contraction's rank, but got ") << buffer.getType();
    bool local = buffer.getDefiningOp<memref::AllocOp>() != nullptr;
    for (Operation *user : buffer.getUsers())
      if (!known.contains(user) && !isa<memref::DimOp, memref::DeallocOp>(user))
        return user->emitError("expected the result of the contraction to be used by elementwise ops, but got ")
               << user->getName();
    if (!local)
      form.stored.insert(buffer);
  }
  if (form.stored.empty())
    return kernel.emitError("expected a kernel that writes its result, but it writes none");
  return form;
}

void matmul::forEachStepOperand(const KernelForm &form,
                                function_ref<void(OpOperand *, ArrayRef<SmallVector<int64_t>>)> see) {
  unsigned loops = form.info.extents.size();
  for (Operation *step : form.steps) {
    auto generic = dyn_cast<linalg::GenericOp>(step);
    if (!generic)
      continue;
    for (OpOperand *operand : generic.getDpsInputOperands()) {
      if (form.tracked.contains(operand->get()) || generic.isScalar(operand))
        continue;
      SmallVector<SmallVector<int64_t>> forms;
      for (AffineExpr expression : generic.getMatchingIndexingMap(operand).getResults()) {
        SmallVector<int64_t> own = *getLinearForm(expression, generic.getNumLoops());
        SmallVector<int64_t> mapped(loops + 1, 0);
        mapped[loops] = own.back();
        for (unsigned dim = 0; dim < generic.getNumLoops(); ++dim)
          for (unsigned loop = 0; loop <= loops; ++loop)
            mapped[loop] += own[dim] * form.info.coefficients[2][dim][loop];
        forms.push_back(std::move(mapped));
      }
      see(operand, forms);
    }
  }
}

void matmul::applySteps(const KernelForm &form, Value sum, const StepActions &actions) {
  llvm::SmallDenseMap<Value, Value> current;
  linalg::GenericOp contraction = form.info.op;
  Value result = contraction.getDpsInits()[0];
  current[result] = actions.define(result, sum);
  for (Operation *step : form.steps) {
    if (auto copy = dyn_cast<memref::CopyOp>(step)) {
      current[copy.getTarget()] = actions.define(copy.getTarget(), current.lookup(copy.getSource()));
      continue;
    }
    auto generic = cast<linalg::GenericOp>(step);
    IRMapping mapping;
    for (OpOperand &operand : generic->getOpOperands()) {
      BlockArgument argument = generic.getMatchingBlockArgument(&operand);
      if (argument.use_empty())
        continue;
      if (Value known = current.lookup(operand.get()))
        mapping.map(argument, known);
      else if (generic.isScalar(&operand))
        mapping.map(argument, operand.get());
      else
        mapping.map(argument, actions.load(operand));
    }
    for (Operation &op : generic.getBody()->without_terminator())
      actions.clone(&op, mapping);
    Value yielded = mapping.lookupOrDefault(generic.getBody()->getTerminator()->getOperand(0));
    current[generic.getDpsInits()[0]] = actions.define(generic.getDpsInits()[0], yielded);
  }
}

/// Uses of the extents of a buffer that is about to vanish get the extents it was allocated with.
void matmul::eraseLocalBuffer(Value buffer) {
  auto alloc = buffer.getDefiningOp<memref::AllocOp>();
  if (!alloc)
    return;
  for (Operation *user : llvm::make_early_inc_range(alloc->getUsers())) {
    if (auto dim = dyn_cast<memref::DimOp>(user)) {
      auto index = dim.getConstantIndex();
      if (!index)
        continue;
      OpBuilder b(dim);
      MemRefType type = alloc.getType();
      Value size = type.isDynamicDim(*index) ? alloc.getDynamicSizes()[type.getDynamicDimIndex(*index)]
                                             : arith::ConstantIndexOp::create(b, dim.getLoc(), type.getDimSize(*index));
      dim.replaceAllUsesWith(size);
      dim.erase();
    } else if (isa<memref::DeallocOp, linalg::FillOp>(user) || getZeroedBuffer(user) == buffer) {
      user->erase();
    }
  }
  if (alloc->use_empty())
    alloc.erase();
}

void matmul::eraseKernelOps(KernelForm &form) {
  for (Operation *step : llvm::reverse(form.steps))
    step->erase();
  form.info.op->erase();
  form.fill->erase();
  for (Value buffer : form.tracked)
    eraseLocalBuffer(buffer);
}

ContractionInfo matmul::contractionOf(func::FuncOp kernel) {
  ContractionInfo info;
  [[maybe_unused]] bool found = findContraction(kernel, info);
  assert(found && "asked about a kernel that does not match");
  return info;
}

bool matmul::findContraction(func::FuncOp kernel, ContractionInfo &info) {
  linalg::GenericOp found;
  kernel.walk([&](linalg::GenericOp op) {
    if (!found && op.getNumReductionLoops() > 0)
      found = op;
  });
  return found && matchContraction(found, info);
}

/// A kernel on tensors: a zero fill, the contraction, elementwise ops on its result, and views of operands.
static bool matchOnTensors(func::FuncOp kernel, const ContractionInfo &info, const KernelCore *core) {
  linalg::GenericOp contraction = info.op;
  auto fill = contraction.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !(matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || matchPattern(fill.getInputs()[0], m_Zero())))
    return false;
  SetVector<Value> tracked;
  tracked.insert(contraction->getResult(0));
  for (Operation &op : kernel.getBody().front()) {
    if (&op == contraction || &op == fill || isInner(core, &op))
      continue;
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic) {
      bool takesTracked = llvm::any_of(op.getOperands(), [&](Value value) { return tracked.contains(value); });
      if (takesTracked && !isa<bufferization::MaterializeInDestinationOp, tensor::DimOp, func::ReturnOp>(op))
        return false;
      // What makes a tensor other than a view of an operand would be computed by every worker.
      if (isa<linalg::LinalgOp, tensor::PadOp, tensor::InsertSliceOp, tensor::ConcatOp, tensor::GenerateOp,
              tensor::FromElementsOp, tensor::GatherOp>(op) ||
          op.getNumRegions() > 0)
        return false;
      if (!isMemoryEffectFree(&op) && !op.hasTrait<OpTrait::IsTerminator>() &&
          !isa<bufferization::ToTensorOp, bufferization::MaterializeInDestinationOp, exec::FillBorderOp>(op))
        return false;
      continue;
    }
    AffineMap result = generic.getIndexingMapsArray().back();
    if (generic.getNumDpsInits() != 1 || generic.getNumReductionLoops() > 0 || !result.isIdentity() ||
        result.getNumDims() != info.coefficients[2].size())
      return false;
    bool takesTracked = false;
    for (OpOperand *operand : generic.getDpsInputOperands()) {
      AffineMap map = generic.getMatchingIndexingMap(operand);
      if (tracked.contains(operand->get())) {
        takesTracked = true;
        if (map != result)
          return false;
      }
      for (AffineExpr expression : map.getResults())
        if (failed(getLinearForm(expression, map.getNumDims())))
          return false;
    }
    OpOperand *init = generic.getDpsInitOperand(0);
    if (generic.payloadUsesValueFromOperand(init) && !tracked.contains(init->get()))
      return false;
    for (Operation &inner : generic.getBody()->without_terminator())
      if (!OpTrait::hasElementwiseMappableTraits(&inner) && !inner.hasTrait<OpTrait::ConstantLike>())
        return false;
    if (!takesTracked)
      return false;
    tracked.insert(generic->getResult(0));
  }
  return true;
}

static bool matchForm(func::FuncOp kernel, const ContractionInfo &info, const KernelCore *core) {
  linalg::GenericOp contraction = info.op;
  if (contraction.hasPureTensorSemantics())
    return matchOnTensors(kernel, info, core);
  ScopedDiagnosticHandler quiet(kernel.getContext(), [](Diagnostic &) { return success(); });
  return succeeded(analyzeKernel(kernel, core));
}

bool matmul::matchKernel(func::FuncOp kernel, ContractionInfo &info) {
  return llvm::hasSingleElement(kernel.getBody()) && findContraction(kernel, info) && matchForm(kernel, info, nullptr);
}

bool matmul::matchKernel(func::FuncOp kernel, const KernelCore &core) {
  return llvm::hasSingleElement(kernel.getBody()) && matchForm(kernel, core.info, &core);
}
