// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_matmul` family as the compiler and the tuner see it.
//
#include "KernelForm.h"
#include "Schedule.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

namespace {
class CPUMatMulFamily final : public KernelFamily {
public:
  StringRef name() const override { return sched::CPUMatMulAttr::getMnemonic(); }
  bool owns(Attribute schedule) const override { return isa<sched::CPUMatMulAttr>(schedule); }

  bool match(func::FuncOp kernel) const override {
    ContractionInfo info;
    return matchKernel(kernel, info);
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

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return lowerMatMulKernel(kernel, cast<sched::CPUMatMulAttr>(schedule), machine);
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUMatMulFamily() { return std::make_unique<CPUMatMulFamily>(); }
