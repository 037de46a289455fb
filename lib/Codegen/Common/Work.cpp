// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/Work.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

#include <map>

using namespace mlir;
using namespace tegula;

static double extentOr(int64_t extent) { return ShapedType::isDynamic(extent) ? 256 : double(extent); }

KernelFeatures tegula::countWork(func::FuncOp kernel) {
  KernelFeatures features;
  kernel.walk([&](linalg::LinalgOp op) {
    double points = 1;
    for (int64_t extent : op.getStaticLoopRanges())
      points *= extentOr(extent);
    auto body = op->getRegion(0).front().without_terminator();
    features.flops += points * double(std::distance(body.begin(), body.end()));
  });
  features.executedFlops = features.flops;
  for (Type type : kernel.getArgumentTypes())
    if (auto shaped = dyn_cast<ShapedType>(type)) {
      double elements = 1;
      for (int64_t extent : shaped.getShape())
        elements *= extentOr(extent);
      features.bytes += elements * double(llvm::divideCeil(shaped.getElementTypeBitWidth(), 8));
    }
  return features;
}

std::pair<Instruction, double> tegula::productInstruction(int64_t group, bool isFloat, int64_t bits,
                                                          const MachineModel &machine) {
  if (isFloat && group == 1)
    return {bits == 64 ? Instruction::MultiplyAdd64 : Instruction::MultiplyAdd32, 1};
  if (isFloat)
    return machine.bfloatDot ? std::pair(Instruction::BFloatDot, 1.0) : std::pair(Instruction::MultiplyAdd32, 2.0);
  switch (machine.integerDot) {
  case MachineModel::IntegerDot::Single:
    return {Instruction::MultiplyAddInteger, double(group)};
  case MachineModel::IntegerDot::Pairs:
    return group == 1 ? std::pair(Instruction::MultiplyAddInteger, 1.0)
                      : std::pair(Instruction::PairDot, double(group) / 2);
  case MachineModel::IntegerDot::Bytes:
  case MachineModel::IntegerDot::SignedBytes:
    return {group == 4 ? Instruction::ByteDot : group == 2 ? Instruction::PairDot : Instruction::MultiplyAddInteger, 1};
  }
  llvm_unreachable("all kinds are listed");
}

namespace {
/// Finds the number of the dim that an extent is, or follows from.
class DimFinder {
public:
  explicit DimFinder(func::FuncOp kernel) : entry(&kernel.getBody().front()) {
    int64_t count = 0;
    for (BlockArgument argument : entry->getArguments()) {
      firstDim[argument] = count;
      auto type = dyn_cast<MemRefType>(argument.getType());
      count += type ? type.getNumDynamicDims() : 1;
    }
  }

  std::optional<int64_t> find(Value memref, unsigned position) {
    auto type = cast<MemRefType>(memref.getType());
    unsigned dynamic = 0;
    for (unsigned i = 0; i < position; ++i)
      dynamic += type.isDynamicDim(i);
    if (memref.getParentBlock() == entry && isa<BlockArgument>(memref))
      return firstDim[memref] + dynamic;
    if (auto alloc = memref.getDefiningOp<memref::AllocOp>())
      return find(alloc.getDynamicSizes()[dynamic]);
    if (auto view = memref.getDefiningOp<memref::SubViewOp>())
      return view.getDroppedDims().none() ? find(view.getSizes()[dynamic]) : std::nullopt;
    auto cast = memref.getDefiningOp<memref::ReinterpretCastOp>();
    return cast ? find(cast.getSizes()[dynamic]) : std::nullopt;
  }

private:
  std::optional<int64_t> find(Value index) {
    Operation *op = index.getDefiningOp();
    if (!op)
      return index.getParentBlock() == entry ? std::optional(firstDim[index]) : std::nullopt;
    if (auto dim = dyn_cast<memref::DimOp>(op))
      return dim.getConstantIndex() ? find(dim.getSource(), *dim.getConstantIndex()) : std::nullopt;
    if (auto metadata = dyn_cast<memref::ExtractStridedMetadataOp>(op)) {
      for (auto [position, size] : llvm::enumerate(metadata.getSizes()))
        if (size == index && cast<MemRefType>(metadata.getSource().getType()).isDynamicDim(unsigned(position)))
          return find(metadata.getSource(), unsigned(position));
      return std::nullopt;
    }
    for (Value operand : op->getOperands())
      if (operand.getType().isIndex() && !operand.getDefiningOp<arith::ConstantOp>())
        if (auto found = find(operand))
          return found;
    return std::nullopt;
  }

  Block *entry;
  llvm::DenseMap<Value, int64_t> firstDim;
};
} // namespace

static int64_t bitsOf(Type type) {
  return type.isIndex() ? 64 : type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 64;
}

/// Operations of a vector lane, measured in additions.
static double weigh(Operation &op) {
  if (isa<math::AbsFOp, math::FmaOp, math::CopySignOp, math::FloorOp, math::CeilOp, math::RoundEvenOp>(op))
    return 1;
  if (isa<math::MathDialect>(op.getDialect()))
    return 20;
  return isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::RemFOp,
             arith::FloorDivSIOp, arith::CeilDivSIOp>(op)
             ? 8
             : 1;
}

/// A sum of products: reads registers, and each operand of a block many times.
static bool isContraction(linalg::LinalgOp op) {
  return op.getNumReductionLoops() > 0 && op.getNumDpsInputs() == 2 &&
         llvm::any_of(op->getRegion(0).front(), llvm::IsaPred<arith::MulFOp, arith::MulIOp>);
}

/// The cost of one point of an op's iteration space.
static double weighPoint(linalg::LinalgOp op, const MachineModel &machine) {
  double lanes = double(machine.vectorBits) / 512, sum = 0;
  bool addresses = false;
  int64_t bits = 8;
  for (Operation &inner : op->getRegion(0).front().without_terminator()) {
    addresses |= isa<memref::LoadOp, linalg::IndexOp>(inner);
    for (Type type : inner.getResultTypes())
      bits = std::max(bits, bitsOf(type));
    sum += weigh(inner);
  }
  if (isContraction(op))
    return 2.0 * double(bits) / 32 / lanes;
  // Computed addresses make scalars of many vectors.
  double operations = addresses ? sum * 4 : sum * double(bits) / 32 / lanes;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<MemRefType>(operand.getType()))
      operations += double(llvm::divideCeil(bitsOf(type.getElementType()), 8));
  return operations;
}

namespace {
/// Sums products of extents.
class WorkSum {
public:
  explicit WorkSum(func::FuncOp kernel) : builder(kernel.getContext()), dims(kernel) {}

  /// Adds `cost` for each point of the op's iteration space.
  void addPoints(linalg::LinalgOp op, double cost) {
    SmallVector<int64_t> factors;
    for (auto [loop, extent] : llvm::enumerate(op.getStaticLoopRanges())) {
      std::optional<int64_t> dim;
      for (OpOperand &operand : op->getOpOperands()) {
        if (!ShapedType::isDynamic(extent) || dim || !isa<MemRefType>(operand.get().getType()))
          continue;
        auto results = op.getMatchingIndexingMap(&operand).getResults();
        const auto *result = llvm::find(results, builder.getAffineDimExpr(unsigned(loop)));
        if (result != results.end())
          dim = dims.find(operand.get(), unsigned(result - results.begin()));
      }
      multiply(cost, factors, extent, dim);
    }
    costs[factors] += cost;
  }

  /// Adds `cost` for each byte of `memref`.
  void addBytes(Value memref, double cost) {
    auto type = cast<MemRefType>(memref.getType());
    SmallVector<int64_t> factors;
    cost *= double(llvm::divideCeil(bitsOf(type.getElementType()), 8));
    for (auto [position, extent] : llvm::enumerate(type.getShape()))
      multiply(cost, factors, extent,
               ShapedType::isDynamic(extent) ? dims.find(memref, unsigned(position)) : std::nullopt);
    costs[factors] += cost;
  }

  ArrayAttr finish() {
    constexpr double most = 0x1p60; // more than any run can do is enough
    SmallVector<Attribute> terms;
    for (auto &[factors, cost] : costs) {
      SmallVector<int64_t> term{int64_t(std::min(cost, most))};
      llvm::append_range(term, factors);
      terms.push_back(builder.getDenseI64ArrayAttr(term));
    }
    return builder.getArrayAttr(terms);
  }

private:
  static void multiply(double &cost, SmallVector<int64_t> &factors, int64_t extent, std::optional<int64_t> dim) {
    if (dim)
      factors.push_back(*dim);
    else
      cost *= extentOr(extent);
  }

  Builder builder;
  DimFinder dims;
  std::map<SmallVector<int64_t>, double> costs; // of products of dims
};
} // namespace

ArrayAttr tegula::estimateWork(func::FuncOp kernel, const MachineModel &machine) {
  // Weights come from memory, which is that much slower than arithmetic.
  constexpr double costOfByte = 2;
  WorkSum sum(kernel);
  for (linalg::LinalgOp op : kernel.getBody().front().getOps<linalg::LinalgOp>()) {
    sum.addPoints(op, weighPoint(op, machine));
    if (isContraction(op))
      for (Value input : op.getDpsInputs())
        sum.addBytes(input, costOfByte);
  }
  return sum.finish();
}
