// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_convolution` family as the compiler and the tuner see it.
//
#include "tegula/Codegen/CPU/Families/Convolution.h"

#include "Schedule.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;

namespace {
bool findConvolution(func::FuncOp kernel, Convolution &convolution) {
  ContractionInfo info;
  return matmul::findContraction(kernel, info) && matchConvolution(info, convolution);
}

Convolution convolutionOf(func::FuncOp kernel) {
  Convolution convolution;
  [[maybe_unused]] bool found = findConvolution(kernel, convolution);
  assert(found && "asked about a kernel that does not match");
  return convolution;
}

class CPUConvolutionFamily final : public KernelFamily {
public:
  StringRef name() const override { return sched::CPUConvolutionAttr::getMnemonic(); }
  bool owns(Attribute schedule) const override { return isa<sched::CPUConvolutionAttr>(schedule); }

  bool match(func::FuncOp kernel) const override {
    ContractionInfo info;
    Convolution convolution;
    return matmul::matchKernel(kernel, info) && matchConvolution(info, convolution);
  }

  Attribute defaultSchedule(func::FuncOp kernel, const MachineModel &machine) const override {
    Convolution convolution = convolutionOf(kernel);
    SearchSpace space = makeSpace(convolution, machine);
    return makeSchedule(kernel.getContext(), space, chooseDefault(space, convolution, machine));
  }

  SearchSpace space(func::FuncOp kernel, const MachineModel &machine) const override {
    return makeSpace(convolutionOf(kernel), machine);
  }

  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return makeSchedule(kernel.getContext(), space, point);
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    return findPoint(space, cast<sched::CPUConvolutionAttr>(schedule));
  }

  LogicalResult verify(func::FuncOp kernel, Attribute schedule, const MachineModel &machine,
                       EmitError emitError) const override {
    auto own = dyn_cast<sched::CPUConvolutionAttr>(schedule);
    if (!own)
      return emitError() << "expected a schedule of the family " << name() << ", but got " << schedule;
    Convolution convolution;
    if (!findConvolution(kernel, convolution))
      return emitError() << "expected a kernel with one convolution on blocked channels, but it has none";
    return verifySchedule(own, convolution, machine, emitError);
  }

  KernelFeatures features(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return computeFeatures(cast<sched::CPUConvolutionAttr>(schedule), convolutionOf(kernel), machine);
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return lowerKernel(kernel, cast<sched::CPUConvolutionAttr>(schedule), machine);
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUConvolutionFamily() { return std::make_unique<CPUConvolutionFamily>(); }
