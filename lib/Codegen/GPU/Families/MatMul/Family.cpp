// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `nvptx_matmul` family as the compiler and the tuner see it.
//
#include "tegula/Codegen/GPU/Families/MatMul.h"

#include "Lower.h"
#include "tegula/Codegen/Common/Contraction.h"
#include "tegula/Codegen/Common/Work.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

/// Static shared memory that every GPU gives a block.
static constexpr int64_t sharedLimit = 48 << 10;

static int64_t extentOr(int64_t extent) { return ShapedType::isDynamic(extent) ? 256 : extent; }
static int64_t elementBytes(const ContractionInfo &info) { return info.accumulator.getIntOrFloatBitWidth() / 8; }

static sched::NVPTXMatMulAttr makeSchedule(MLIRContext *context, int64_t m, int64_t n, int64_t k, int64_t threadM,
                                           int64_t threadN) {
  return sched::NVPTXMatMulAttr::get(context, {m, n, k}, {threadM, threadN});
}

static SearchSpace makeSpace(const ContractionInfo &info) {
  SearchSpace space("nvptx_matmul");
  space.addKnob("tile_m", {16, 32, 64, 128}).addKnob("tile_n", {16, 32, 64, 128}).addKnob("tile_k", {8, 16, 32});
  space.addKnob("thread_m", {1, 2, 4, 8}).addKnob("thread_n", {1, 2, 4, 8});
  space.addConstraint("64 <= tile_m / thread_m * tile_n / thread_n <= 1024",
                      {"tile_m", "tile_n", "thread_m", "thread_n"}, [](ArrayRef<int64_t> v) {
                        int64_t threads = v[0] / v[2] * (v[1] / v[3]);
                        return threads >= 64 && threads <= 1024;
                      });
  int64_t bytes = elementBytes(info);
  space.addConstraint("tile_k * (tile_m + tile_n + 2) * " + std::to_string(bytes) + " <= 49152",
                      {"tile_m", "tile_n", "tile_k"},
                      [bytes](ArrayRef<int64_t> v) { return v[2] * (v[0] + v[1] + 2) * bytes <= sharedLimit; });
  return space;
}

namespace {
class GPUMatMulFamily final : public KernelFamily {
public:
  StringRef name() const override { return sched::NVPTXMatMulAttr::getMnemonic(); }
  bool owns(Attribute schedule) const override { return isa<sched::NVPTXMatMulAttr>(schedule); }

  bool match(func::FuncOp kernel) const override {
    ContractionInfo info;
    return matchKernel(kernel, info) && info.columnBlock == 0; // no GPU has vectors to block columns for
  }

  /// A tile no larger than the result, 16 x 16 threads.
  Attribute defaultSchedule(func::FuncOp kernel, const MachineModel &) const override {
    ContractionInfo info = contractionOf(kernel);
    int64_t m = extentOr(info.extent(info.rows)), n = extentOr(info.extent(info.columns));
    int64_t largest = m >= 1024 && n >= 1024 && elementBytes(info) <= 4 ? 128 : 64;
    auto tile = [&](int64_t extent) {
      return std::clamp<int64_t>(int64_t(llvm::PowerOf2Ceil(uint64_t(std::max<int64_t>(1, extent)))), 16, largest);
    };
    return makeSchedule(kernel.getContext(), tile(m), tile(n), 16, tile(m) / 16, tile(n) / 16);
  }

  SearchSpace space(func::FuncOp kernel, const MachineModel &) const override {
    return makeSpace(contractionOf(kernel));
  }

  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return makeSchedule(kernel.getContext(), space.value(point, "tile_m"), space.value(point, "tile_n"),
                        space.value(point, "tile_k"), space.value(point, "thread_m"), space.value(point, "thread_n"));
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    auto own = dyn_cast<sched::NVPTXMatMulAttr>(schedule);
    if (!own || own.getTile().size() != 3 || own.getThread().size() != 2)
      return std::nullopt;
    Configuration point{own.getTile()[0], own.getTile()[1], own.getTile()[2], own.getThread()[0], own.getThread()[1]};
    return space.contains(point) ? std::optional(point) : std::nullopt;
  }

  LogicalResult verify(func::FuncOp kernel, Attribute schedule, const MachineModel &,
                       EmitError emitError) const override {
    auto own = dyn_cast<sched::NVPTXMatMulAttr>(schedule);
    if (!own)
      return emitError() << "expected a schedule of the family " << name() << ", but got " << schedule;
    if (own.getTile().size() != 3 || own.getThread().size() != 2)
      return emitError() << "expected tile = [M, N, K] and thread = [M, N], but got " << schedule;
    for (int64_t extent : llvm::concat<const int64_t>(own.getTile(), own.getThread()))
      if (extent < 1 || extent > 256)
        return emitError() << "expected extents between 1 and 256, but got " << extent;
    for (int64_t i : {0, 1})
      if (own.getTile()[i] % own.getThread()[i])
        return emitError() << "expected tile to be a multiple of thread, but got " << own.getTile()[i] << " and "
                           << own.getThread()[i];
    int64_t threads = own.getTile()[0] / own.getThread()[0] * (own.getTile()[1] / own.getThread()[1]);
    if (threads > 1024)
      return emitError() << "expected at most 1024 threads in a block, but got " << threads;
    if (own.getThread()[0] * own.getThread()[1] > 64)
      return emitError() << "expected at most 64 sums in a thread, but got " << own.getThread()[0] * own.getThread()[1];
    ContractionInfo info;
    if (!findContraction(kernel, info))
      return emitError() << "expected a kernel with one contraction, but it has none";
    int64_t bytes = getSharedBytes(own, elementBytes(info));
    if (bytes > sharedLimit)
      return emitError() << "expected at most " << sharedLimit << " bytes of shared memory, but got " << bytes;
    return success();
  }

  KernelFeatures features(func::FuncOp kernel, Attribute schedule, const MachineModel &) const override {
    ContractionInfo info = contractionOf(kernel);
    auto own = cast<sched::NVPTXMatMulAttr>(schedule);
    KernelFeatures features = countWork(kernel);
    double others = double(extentOr(info.extent(info.batch))) * double(extentOr(info.extent(info.depth)));
    int64_t m = extentOr(info.extent(info.rows)), n = extentOr(info.extent(info.columns));
    features.flops = 2 * others * double(m) * double(n);
    features.executedFlops =
        2 * others * double(llvm::alignTo(m, own.getTile()[0])) * double(llvm::alignTo(n, own.getTile()[1]));
    features.registers = own.getThread()[0] * own.getThread()[1] + own.getThread()[0] + own.getThread()[1];
    features.l1Bytes = getSharedBytes(own, elementBytes(info));
    return features;
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &) const override {
    return lowerGPUMatMulKernel(kernel, cast<sched::NVPTXMatMulAttr>(schedule));
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createGPUMatMulFamily() { return std::make_unique<GPUMatMulFamily>(); }
