// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_matmul` family as the compiler and the tuner see it.
//
#include "KernelForm.h"
#include "Schedule.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

/// The only contraction of a kernel.
static bool findContraction(func::FuncOp kernel, ContractionInfo &info) {
  linalg::GenericOp found;
  kernel.walk([&](linalg::GenericOp op) {
    if (!found && op.getNumReductionLoops() > 0)
      found = op;
  });
  return found && matchContraction(found, info);
}

/// A kernel on tensors: a zero fill, the contraction, elementwise ops on its result, and views of operands.
static bool matchOnTensors(func::FuncOp kernel, ContractionInfo &info) {
  auto fill = info.op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !(matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || matchPattern(fill.getInputs()[0], m_Zero())))
    return false;
  SetVector<Value> tracked;
  tracked.insert(info.op->getResult(0));
  for (Operation &op : kernel.getBody().front()) {
    if (&op == info.op || &op == fill)
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
          !isa<bufferization::ToTensorOp, bufferization::MaterializeInDestinationOp>(op))
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

namespace {
class CPUMatMulFamily final : public KernelFamily {
public:
  StringRef name() const override { return sched::CPUMatMulAttr::getMnemonic(); }
  bool owns(Attribute schedule) const override { return isa<sched::CPUMatMulAttr>(schedule); }

  bool match(func::FuncOp kernel) const override {
    if (!llvm::hasSingleElement(kernel.getBody()))
      return false;
    ContractionInfo info;
    if (!findContraction(kernel, info))
      return false;
    if (info.op.hasPureTensorSemantics())
      return matchOnTensors(kernel, info);
    ScopedDiagnosticHandler quiet(kernel.getContext(), [](Diagnostic &) { return success(); });
    return succeeded(analyzeKernel(kernel));
  }

  Attribute defaultSchedule(func::FuncOp kernel, const MachineModel &machine) const override {
    ContractionInfo info = contractionOf(kernel);
    SearchSpace space = makeSpace(info, machine);
    return makeSchedule(space, chooseDefault(space, info, machine), info);
  }

  SearchSpace space(func::FuncOp kernel, const MachineModel &machine) const override {
    return makeSpace(contractionOf(kernel), machine);
  }

  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return makeSchedule(space, point, contractionOf(kernel));
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    return findPoint(space, cast<sched::CPUMatMulAttr>(schedule));
  }

  LogicalResult verify(func::FuncOp kernel, Attribute schedule, const MachineModel &machine,
                       EmitError emitError) const override {
    auto own = dyn_cast<sched::CPUMatMulAttr>(schedule);
    if (!own)
      return emitError() << "expected a schedule of the family " << name() << ", but got " << schedule;
    ContractionInfo info;
    if (!findContraction(kernel, info))
      return emitError() << "expected a kernel with one contraction, but it has none";
    return verifySchedule(own, info, machine, emitError);
  }

  KernelFeatures features(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return computeFeatures(cast<sched::CPUMatMulAttr>(schedule), contractionOf(kernel), machine);
  }

  LogicalResult lower(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    if (failed(verify(kernel, schedule, machine, [&] { return kernel.emitError(); })))
      return failure();
    return lowerMatMulKernel(kernel, cast<sched::CPUMatMulAttr>(schedule), machine.vectorBits);
  }

private:
  static ContractionInfo contractionOf(func::FuncOp kernel) {
    ContractionInfo info;
    [[maybe_unused]] bool found = findContraction(kernel, info);
    assert(found && "asked about a kernel that does not match");
    return info;
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUMatMulFamily() { return std::make_unique<CPUMatMulFamily>(); }
