// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_winograd` family as the compiler and the tuner see it.
//
#include "tegula/Codegen/CPU/Families/Winograd.h"

#include "Schedule.h"

#include "tegula/Codegen/Common/DescribedFamily.h"

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
class CPUWinogradFamily final : public DescribedFamily<Kernel, sched::CPUWinogradAttr> {
public:
  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return makeSchedule(kernel.getContext(), space, point);
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    return findPoint(space, cast<sched::CPUWinogradAttr>(schedule));
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &) const override {
    return lowerKernel(kernel, cast<sched::CPUWinogradAttr>(schedule));
  }

protected:
  bool find(func::FuncOp kernel, Kernel &found, bool whole) const override { return findKernel(kernel, found, whole); }

  StringRef subject() const override { return "one convolution in the Winograd domain"; }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUWinogradFamily() { return std::make_unique<CPUWinogradFamily>(); }
