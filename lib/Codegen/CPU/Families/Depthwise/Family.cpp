// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_depthwise` family as the compiler and the tuner see it.
//
#include "tegula/Codegen/CPU/Families/Depthwise.h"

#include "Schedule.h"

#include "tegula/Codegen/Common/DescribedFamily.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::depthwise;
using convolution::Batch, convolution::Outer, convolution::Row, convolution::Column, convolution::Lane;

bool depthwise::matchDepthwise(const ContractionInfo &info, Depthwise &depthwise) {
  if (info.extents.size() != loopCount || info.coefficients.size() != 3)
    return false;
  depthwise.info = info;
  // The operand walks the result's rows.
  depthwise.x = info.coefficients[0].size() == 5 && info.coefficients[0][2][Row] != 0 ? 0 : 1;
  depthwise.weight = 1 - depthwise.x;
  ArrayRef<SmallVector<int64_t>> x = info.coefficients[depthwise.x], weight = info.coefficients[depthwise.weight],
                                 y = info.coefficients[2];
  if (x.size() != 5 || weight.size() != 5 || y.size() != 5)
    return false;
  const unsigned weightLoops[] = {Outer, KernelRow, KernelColumn, Lane, Part};
  for (unsigned i = 0; i < 5; ++i)
    if (!convolution::isForm(y[i], {{i, 1}}) || !convolution::isForm(weight[i], {{weightLoops[i], 1}}))
      return false;
  for (unsigned loop : {unsigned(Outer), unsigned(Lane), unsigned(KernelRow), unsigned(KernelColumn), unsigned(Part)})
    if (ShapedType::isDynamic(info.extents[loop]))
      return false;
  int64_t group = info.extents[Part], lanes = info.extents[Lane], dilation = x[3][Part];
  return convolution::isForm(x[0], {{Batch, 1}}) && convolution::isForm(x[1], {{Outer, 1}}) &&
         convolution::isForm(x[2], {{Row, x[2][Row]}, {KernelRow, x[2][KernelRow]}}) &&
         convolution::isForm(x[3], {{Column, x[3][Column]}, {KernelColumn, dilation * group}, {Part, dilation}}) &&
         convolution::isForm(x[4], {{Lane, 1}}) && !llvm::is_contained(info.extents, 0) && lanes >= 4 && lanes <= 64 &&
         llvm::isPowerOf2_64(lanes) &&
         convolution::matchIntegers(info, depthwise.x, depthwise.weight, group, depthwise.grouping);
}

namespace {
class CPUDepthwiseFamily final : public DescribedFamily<Depthwise, sched::CPUDepthwiseAttr> {
public:
  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return sched::CPUDepthwiseAttr::get(kernel.getContext(), space.value(point, "pixels"));
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    Configuration point = space.point({{"pixels", cast<sched::CPUDepthwiseAttr>(schedule).getPixels()}});
    return space.contains(point) ? std::optional(point) : std::nullopt;
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return lowerKernel(kernel, cast<sched::CPUDepthwiseAttr>(schedule), machine);
  }

protected:
  bool find(func::FuncOp kernel, Depthwise &found, bool whole) const override {
    ContractionInfo info;
    return (whole ? matmul::matchKernel(kernel, info) : matmul::findContraction(kernel, info)) &&
           matchDepthwise(info, found);
  }

  StringRef subject() const override { return "one convolution of each channel by itself"; }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUDepthwiseFamily() { return std::make_unique<CPUDepthwiseFamily>(); }
