// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_winograd` family as the compiler and the tuner see it.
//
#include "tegula/Codegen/CPU/Families/Winograd.h"

#include "Schedule.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;
using namespace tegula::winograd;

/// The tensor that `op` makes, or the buffer that it writes.
static Value resultOf(linalg::GenericOp op) { return op->getNumResults() ? op->getResult(0) : op.getDpsInits()[0]; }

bool winograd::findKernel(func::FuncOp function, Kernel &kernel, bool whole) {
  kernel = Kernel();
  linalg::GenericOp last;
  function.walk([&](linalg::GenericOp op) {
    auto is = [&](StringRef name, StringRef value) {
      auto attribute = op->getAttrOfType<StringAttr>(name);
      return attribute && attribute.getValue() == value;
    };
    if (is("exec.inner_step", "winograd_operand"))
      kernel.operandStep = op;
    else if (is("exec.inner_step", "winograd_products"))
      kernel.productStep = op;
    else if (is("exec.last_step", "winograd"))
      last = op;
  });
  if (!kernel.operandStep || !kernel.productStep || !last || last.getNumLoops() != 7 ||
      last->getOperand(0) != resultOf(kernel.productStep) ||
      kernel.productStep->getOperand(0) != resultOf(kernel.operandStep))
    return false;
  auto weight = cast<ShapedType>(kernel.weight().getType()), x = cast<ShapedType>(kernel.x().getType());
  if (!weight.hasStaticShape() || weight.getRank() != 6 || x.getRank() != 5 || !weight.getElementType().isF32())
    return false;
  ArrayRef<int64_t> shape = weight.getShape();
  kernel.side = shape[0];
  kernel.tile = kernel.side - 2;
  std::tie(kernel.outerBlocks, kernel.innerBlocks, kernel.channels, kernel.lanes) =
      std::tuple(shape[2], shape[3], shape[4], shape[5]);
  // Blocks of input channels are transformed in vectors.
  if ((kernel.tile != 2 && kernel.tile != 4) || kernel.channels != kernel.lanes || kernel.lanes < 4 ||
      kernel.lanes > 64 || !llvm::isPowerOf2_64(kernel.lanes))
    return false;
  ContractionInfo &info = kernel.core.info;
  info.op = last;
  info.accumulator = info.resultType = info.lhsType = info.rhsType = weight.getElementType();
  info.extents = last.getStaticLoopRanges();
  info.coefficients.resize(3);
  if (llvm::is_contained(info.extents, 0))
    return false;
  for (unsigned loop = 0; loop < 5; ++loop)
    info.coefficients[2].emplace_back(8, 0)[loop] = 1;
  kernel.core.inner = {kernel.operandStep, kernel.productStep};
  return !whole || matmul::matchKernel(function, kernel.core);
}

namespace {
Kernel kernelOf(func::FuncOp function) {
  Kernel kernel;
  [[maybe_unused]] bool found = findKernel(function, kernel, /*whole=*/false);
  assert(found && "asked about a kernel that does not match");
  return kernel;
}

class CPUWinogradFamily final : public KernelFamily {
public:
  StringRef name() const override { return sched::CPUWinogradAttr::getMnemonic(); }
  bool owns(Attribute schedule) const override { return isa<sched::CPUWinogradAttr>(schedule); }

  bool match(func::FuncOp function) const override {
    Kernel kernel;
    return findKernel(function, kernel, /*whole=*/true);
  }

  Attribute defaultSchedule(func::FuncOp function, const MachineModel &machine) const override {
    Kernel kernel = kernelOf(function);
    SearchSpace space = makeSpace(kernel, machine);
    return makeSchedule(function.getContext(), space, chooseDefault(space, kernel, machine));
  }

  SearchSpace space(func::FuncOp function, const MachineModel &machine) const override {
    return makeSpace(kernelOf(function), machine);
  }

  Attribute schedule(func::FuncOp function, const SearchSpace &space, const Configuration &point) const override {
    return makeSchedule(function.getContext(), space, point);
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    return findPoint(space, cast<sched::CPUWinogradAttr>(schedule));
  }

  LogicalResult verify(func::FuncOp function, Attribute schedule, const MachineModel &machine,
                       EmitError emitError) const override {
    auto own = dyn_cast<sched::CPUWinogradAttr>(schedule);
    if (!own)
      return emitError() << "expected a schedule of the family " << name() << ", but got " << schedule;
    Kernel kernel;
    if (!findKernel(function, kernel, /*whole=*/false))
      return emitError() << "expected a kernel with one convolution in the Winograd domain, but it has none";
    return verifySchedule(own, kernel, machine, emitError);
  }

  KernelFeatures features(func::FuncOp function, Attribute schedule, const MachineModel &machine) const override {
    return computeFeatures(cast<sched::CPUWinogradAttr>(schedule), kernelOf(function), machine);
  }

  LogicalResult lowerVerified(func::FuncOp function, Attribute schedule, const MachineModel &) const override {
    return lowerKernel(function, cast<sched::CPUWinogradAttr>(schedule));
  }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUWinogradFamily() { return std::make_unique<CPUWinogradFamily>(); }
