// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_convolution` family as the compiler and the tuner see it.
//
#include "tegula/Codegen/CPU/Families/Convolution.h"

#include "Schedule.h"

#include "tegula/Codegen/Common/DescribedFamily.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;

namespace {
class CPUConvolutionFamily final : public DescribedFamily<Convolution, sched::CPUConvolutionAttr> {
public:
  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return makeSchedule(kernel.getContext(), space, point);
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    return findPoint(space, cast<sched::CPUConvolutionAttr>(schedule));
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return lowerKernel(kernel, cast<sched::CPUConvolutionAttr>(schedule), machine);
  }

protected:
  bool find(func::FuncOp kernel, Convolution &found, bool whole) const override {
    ContractionInfo info;
    return (whole ? matmul::matchKernel(kernel, info) : matmul::findContraction(kernel, info)) &&
           matchConvolution(info, found);
  }

  StringRef subject() const override { return "one convolution on blocked channels"; }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUConvolutionFamily() { return std::make_unique<CPUConvolutionFamily>(); }
