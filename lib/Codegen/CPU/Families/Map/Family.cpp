// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/CPU/Families/Map.h"

#include "Lower.h"
#include "tegula/Codegen/Common/LoopNest.h"
#include "tegula/Codegen/Common/Work.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Element width in bits of the kernel's widest result; 32 when there is none.
int64_t elementBits(func::FuncOp kernel) {
  int64_t bits = 8;
  kernel.walk([&](linalg::LinalgOp op) {
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Type element = getElementTypeOrSelf(init.get().getType());
      if (element.isIntOrFloat())
        bits = std::max<int64_t>(bits, element.getIntOrFloatBitWidth());
    }
  });
  return bits == 8 ? 32 : bits;
}

/// Of the op with the most iterations; dynamic extents are large.
MapWalk findWalk(func::FuncOp kernel) {
  constexpr int64_t large = 1 << 12;
  auto estimate = [](int64_t extent) { return ShapedType::isDynamic(extent) ? large : extent; };
  MapWalk found;
  double most = 0;
  kernel.walk([&](linalg::LinalgOp op) {
    double iterations = 1;
    for (int64_t extent : op.getStaticLoopRanges())
      iterations *= double(estimate(extent));
    if (iterations <= most)
      return;
    most = iterations;
    MapWalk walk = findMapWalk(op);
    found = {estimate(walk.rows), estimate(walk.columns), walk.addsToMemory};
  });
  return found;
}

class CPUMapFamily : public KernelFamily {
public:
  StringRef name() const override { return "cpu_map"; }
  bool owns(Attribute schedule) const override { return isa<sched::CPUMapAttr>(schedule); }
  /// Every kernel has a loop form.
  bool match(func::FuncOp) const override { return true; }

  Attribute defaultSchedule(func::FuncOp kernel, const MachineModel &) const override {
    // Several rows of a long reduction are added at once, so that sums in memory are read and written less often.
    constexpr int64_t manyRows = 16, together = 4;
    MapWalk walk = findWalk(kernel);
    return sched::CPUMapAttr::get(kernel.getContext(), 0, 0, 0,
                                  walk.addsToMemory && walk.rows >= manyRows ? together : 1, 0, 0);
  }

  SearchSpace space(func::FuncOp kernel, const MachineModel &machine) const override {
    int64_t widest = machine.vectorBits / std::max<int64_t>(8, elementBits(kernel));
    SmallVector<int64_t> vectors{0};
    for (int64_t length = 4; length <= 2 * widest; length *= 2)
      vectors.push_back(length);
    MapWalk walk = findWalk(kernel);
    SearchSpace space("cpu_map", /*version=*/2);
    space.addKnob("vector", vectors).addKnob("interleave", {0, 1, 2, 4, 8});
    // How even shares are rounded is of no consequence to a single worker.
    space.addKnob("tile", machine.workers > 1 ? ArrayRef<int64_t>{0, 1, 4, 16} : ArrayRef<int64_t>{0});
    space.addKnob("unroll", {0, 1, 2, 4, 8});
    SmallVector<int64_t> rows, columns{0};
    llvm::copy_if(ArrayRef<int64_t>{1, 2, 3, 4, 6, 8}, std::back_inserter(rows),
                  [&](int64_t count) { return count <= std::max<int64_t>(walk.rows, 1); });
    llvm::copy_if(ArrayRef<int64_t>{16, 32, 64, 128, 256, 512, 1024, 2048}, std::back_inserter(columns),
                  [&](int64_t count) { return count < walk.columns; });
    space.addKnob("rows", rows);
    constexpr int64_t maxCopies = 128;
    space.addConstraint("interleave * unroll * rows <= " + std::to_string(maxCopies), {"interleave", "unroll", "rows"},
                        [](ArrayRef<int64_t> v) {
                          return std::max<int64_t>(v[0], 1) * std::max<int64_t>(v[1], 1) * v[2] <= maxCopies;
                        });
    space.addKnob("columns", columns);
    space.addConstraint("vector = 0 implies interleave = 0", {"vector", "interleave"},
                        [](ArrayRef<int64_t> v) { return v[0] != 0 || v[1] == 0; });
    return space;
  }

  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return sched::CPUMapAttr::get(kernel.getContext(), space.value(point, "vector"), space.value(point, "interleave"),
                                  space.value(point, "tile"), space.value(point, "rows"), space.value(point, "columns"),
                                  space.value(point, "unroll"));
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    auto map = dyn_cast<sched::CPUMapAttr>(schedule);
    if (!map)
      return std::nullopt;
    Configuration point{map.getVector(), map.getInterleave(), map.getTile(),
                        map.getUnroll(), map.getRows(),       map.getColumns()};
    return space.contains(point) ? std::optional(point) : std::nullopt;
  }

  LogicalResult verify(func::FuncOp kernel, Attribute schedule, const MachineModel &machine,
                       EmitError emitError) const override {
    auto map = dyn_cast<sched::CPUMapAttr>(schedule);
    if (!map)
      return emitError() << "expected a #sched.cpu_map schedule, but got " << schedule;
    if (map.getVector() < 0 || !llvm::isPowerOf2_64(std::max<int64_t>(1, map.getVector())) || map.getVector() > 256)
      return emitError() << "expected vector to be 0 or a power of two up to 256, but got " << map.getVector();
    if (map.getInterleave() < 0 || map.getInterleave() > 16)
      return emitError() << "expected interleave between 0 and 16, but got " << map.getInterleave();
    if (map.getTile() < 0 || map.getColumns() < 0)
      return emitError() << "expected tile and columns of 0 or more, but got " << map;
    if (map.getRows() < 1 || map.getRows() > 16)
      return emitError() << "expected rows between 1 and 16, but got " << map.getRows();
    if (map.getUnroll() < 0 || map.getUnroll() > 16)
      return emitError() << "expected unroll between 0 and 16, but got " << map.getUnroll();
    return success();
  }

  KernelFeatures features(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    auto map = cast<sched::CPUMapAttr>(schedule);
    KernelFeatures features = countWork(kernel);
    int64_t bits = elementBits(kernel), widest = std::max<int64_t>(machine.vectorBits / bits, 1);
    double lanes = double(map.getVector() == 0 ? widest : std::min(map.getVector(), widest));
    KernelPart &loops = features.parts.emplace_back();
    loops.name = "loops";
    loops.vectorBits = machine.vectorBits;
    // One round for each vector of operands and results.
    double rounds = std::max(features.bytes * 8 / double(bits) / lanes, 1.0);
    loops.loops.push_back(
        {1, rounds, double(std::max<int64_t>(map.getInterleave(), 1)), features.flops / lanes / rounds, 8, 1, 0, 0, 0});
    addStream(loops, features.bytes, machine);
    return features;
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return lowerMapKernel(kernel, cast<sched::CPUMapAttr>(schedule), machine.vectorBits);
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUMapFamily() { return std::make_unique<CPUMapFamily>(); }
