// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/GPU/Families/Map.h"

#include "Lower.h"
#include "tegula/Codegen/Common/Work.h"

using namespace mlir;
using namespace tegula;

namespace {
class GPUMapFamily : public KernelFamily {
public:
  StringRef name() const override { return "nvptx_map"; }
  bool owns(Attribute schedule) const override { return isa<sched::NVPTXMapAttr>(schedule); }
  /// Every kernel has a loop form.
  bool match(func::FuncOp) const override { return true; }

  Attribute defaultSchedule(func::FuncOp kernel, const MachineModel &) const override {
    return sched::NVPTXMapAttr::get(kernel.getContext(), /*threads=*/256, /*elements=*/1);
  }

  SearchSpace space(func::FuncOp, const MachineModel &) const override {
    SearchSpace space("nvptx_map");
    space.addKnob("threads", {32, 64, 128, 256, 512, 1024}).addKnob("elements", {1, 2, 4, 8, 16});
    return space;
  }

  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return sched::NVPTXMapAttr::get(kernel.getContext(), space.value(point, "threads"), space.value(point, "elements"));
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    auto map = dyn_cast<sched::NVPTXMapAttr>(schedule);
    if (!map)
      return std::nullopt;
    Configuration point{map.getThreads(), map.getElements()};
    return space.contains(point) ? std::optional(point) : std::nullopt;
  }

  LogicalResult verify(func::FuncOp, Attribute schedule, const MachineModel &, EmitError emitError) const override {
    auto map = dyn_cast<sched::NVPTXMapAttr>(schedule);
    if (!map)
      return emitError() << "expected a #sched.nvptx_map schedule, but got " << schedule;
    if (map.getThreads() < 32 || map.getThreads() > 1024 || map.getThreads() % 32)
      return emitError() << "expected threads to be a multiple of 32 up to 1024, but got " << map.getThreads();
    if (map.getElements() < 1 || map.getElements() > 1024)
      return emitError() << "expected elements between 1 and 1024, but got " << map.getElements();
    return success();
  }

  KernelFeatures features(func::FuncOp kernel, Attribute, const MachineModel &) const override {
    return countWork(kernel);
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &) const override {
    return lowerGPUMapKernel(kernel, cast<sched::NVPTXMapAttr>(schedule));
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createGPUMapFamily() { return std::make_unique<GPUMapFamily>(); }
