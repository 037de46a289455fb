// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `cpu_attention` family as the compiler and the tuner see it.
//
#include "tegula/Codegen/CPU/Families/Attention.h"

#include "Schedule.h"

#include "tegula/Codegen/Common/DescribedFamily.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::attention;

/// The tensor that `op` makes, or the buffer that it writes.
static Value resultOf(linalg::GenericOp op) { return op->getNumResults() ? op->getResult(0) : op.getDpsInits()[0]; }

int64_t Kernel::heads() const {
  SmallVector<unsigned> loops = llvm::to_vector(llvm::seq(0u, batch));
  return core.info.extent(loops);
}

/// Whether the body of the map reads nothing but its operands, at linear places.
static bool isPlainMap(linalg::GenericOp op) {
  for (AffineMap map : op.getIndexingMapsArray())
    for (AffineExpr expression : map.getResults())
      if (failed(getLinearForm(expression, map.getNumDims())))
        return false;
  return llvm::all_of(op.getBody()->without_terminator(), [](Operation &inner) {
    return OpTrait::hasElementwiseMappableTraits(&inner) || inner.hasTrait<OpTrait::ConstantLike>();
  });
}

/// Whether all that the body of the weights does with scores and maxima, its first operands, is the exponential of
/// their difference; the sums are its last one.
static bool weighsExponential(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 3)
    return false;
  BlockArgument score = op.getBody()->getArgument(0), maximum = op.getBody()->getArgument(1);
  if (!score.hasOneUse() || !maximum.hasOneUse())
    return false;
  auto difference = dyn_cast<arith::SubFOp>(*score.user_begin());
  return difference && difference.getLhs() == score && difference.getRhs() == maximum && difference->hasOneUse() &&
         isa<math::ExpOp>(*difference->user_begin());
}

/// Finds the factors of products of bytes; false where they are something else, or sums are not exact in f32.
static bool findFactors(Kernel &kernel, const ContractionInfo &products) {
  const ContractionInfo &last = kernel.core.info;
  for (const ContractionInfo *info : {&products, &last}) {
    linalg::GenericOp op = info->op;
    for (unsigned operand : {0u, 1u})
      if (!getElementTypeOrSelf(op->getOperand(operand).getType()).isInteger(8))
        return false;
    if (!getElementTypeOrSelf(op->getOperand(2).getType()).isInteger(32))
      return false;
  }
  auto query = matchIntegerFactor(products, 0), key = matchIntegerFactor(products, 1),
       weight = matchIntegerFactor(last, 0), value = matchIntegerFactor(last, 1);
  if (!query || !key || !weight || !value)
    return false;
  for (IntegerFactor factor : {*query, *key, *weight, *value}) {
    int64_t low = factor.isUnsigned ? 0 : -128;
    if (factor.zeroPoint < low || factor.zeroPoint > low + 255)
      return false;
  }
  kernel.query = *query;
  kernel.key = *key;
  kernel.weight = *weight;
  kernel.value = *value;
  linalg::GenericOp op = products.op;
  int64_t depth = op.getStaticLoopRanges().back();
  return !ShapedType::isDynamic(depth) && depth <= mostExactProducts && kernel.scores &&
         getElementTypeOrSelf(resultOf(kernel.scores).getType()).isF32() && isPlainMap(kernel.weights) &&
         weighsExponential(kernel.weights);
}

bool attention::findKernel(func::FuncOp function, Kernel &kernel, bool whole) {
  kernel = Kernel();
  llvm::StringMap<linalg::GenericOp> steps;
  function.walk([&](linalg::GenericOp op) {
    for (StringRef name : {"exec.inner_step", "exec.last_step"})
      if (auto step = op->getAttrOfType<StringAttr>(name))
        steps[step.getValue()] = op;
  });
  linalg::GenericOp last = steps.lookup("attention"), maximum = steps.lookup("attention_maximum"),
                    sum = steps.lookup("attention_sum"), weights = steps.lookup("attention_weights");
  kernel.products = steps.lookup("attention_products");
  kernel.scores = steps.lookup("attention_scores");
  if (!last || !maximum || !sum || !weights || !kernel.products)
    return false;
  ContractionInfo products;
  if (!matchContraction(kernel.products, products) || !matchContraction(last, kernel.core.info))
    return false;
  for (linalg::GenericOp op : {kernel.products, last}) {
    unsigned loops = op.getNumLoops();
    AffineMap result = AffineMap::getMultiDimIdentityMap(loops, op.getContext()).getMajorSubMap(loops - 1);
    if (op.getIndexingMapsArray().back() != result || loops < 3 || loops != last.getNumLoops())
      return false;
  }
  Value scores = resultOf(kernel.scores ? kernel.scores : kernel.products);
  if (last->getOperand(0) != resultOf(weights) || weights->getOperand(0) != scores || sum->getOperand(0) != scores ||
      maximum->getOperand(0) != scores || (kernel.scores && kernel.scores->getOperand(0) != resultOf(kernel.products)))
    return false;
  const ContractionInfo &info = kernel.core.info;
  auto elementOf = [](linalg::GenericOp op, unsigned operand) {
    return getElementTypeOrSelf(op->getOperand(operand).getType());
  };
  kernel.weights = weights;
  kernel.isInteger = elementOf(last, 2).isInteger(32);
  if (kernel.isInteger) {
    if (!findFactors(kernel, products))
      return false;
  } else {
    for (Type type : {elementOf(kernel.products, 0), elementOf(kernel.products, 1), elementOf(last, 1)})
      if (!type.isF32() && !type.isF16() && !type.isBF16())
        return false;
    for (Type type : {elementOf(kernel.products, 2), elementOf(last, 0), elementOf(last, 2)})
      if (!type.isF32())
        return false;
  }
  if (kernel.scores && !isPlainMap(kernel.scores))
    return false;
  kernel.batch = last.getNumLoops() - 3;
  if (ShapedType::isDynamic(kernel.depth()) || ShapedType::isDynamic(kernel.width()) ||
      llvm::is_contained(info.extents, 0) || llvm::is_contained(products.extents, 0) || !fitsWorkspace(kernel))
    return false;
  kernel.core.inner = {kernel.products, maximum, sum, weights};
  if (kernel.scores)
    kernel.core.inner.push_back(kernel.scores);
  return !whole || matmul::matchKernel(function, kernel.core);
}

namespace {
class CPUAttentionFamily final : public DescribedFamily<Kernel, sched::CPUAttentionAttr> {
public:
  Attribute schedule(func::FuncOp kernel, const SearchSpace &space, const Configuration &point) const override {
    return makeSchedule(kernel.getContext(), space, point);
  }

  std::optional<Configuration> configuration(const SearchSpace &space, Attribute schedule) const override {
    return findPoint(space, cast<sched::CPUAttentionAttr>(schedule));
  }

  LogicalResult lowerVerified(func::FuncOp kernel, Attribute schedule, const MachineModel &machine) const override {
    return lowerKernel(kernel, cast<sched::CPUAttentionAttr>(schedule), machine);
  }

protected:
  bool find(func::FuncOp kernel, Kernel &found, bool whole) const override { return findKernel(kernel, found, whole); }

  StringRef subject() const override { return "one attention with sums of f32, or of products of bytes"; }
};
} // namespace

std::unique_ptr<KernelFamily> tegula::createCPUAttentionFamily() { return std::make_unique<CPUAttentionFamily>(); }
