// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognizes contractions: which loop is batch, row, column or depth, and which operand is the left one. The columns
// are the loops along which the result is contiguous, because results and packed right operands are handled in vectors
// along the columns.
//
#include "tegula/Codegen/Common/Contraction.h"

#include "mlir/IR/AffineExpr.h"

using namespace mlir;
using namespace tegula;

FailureOr<SmallVector<int64_t>> tegula::getLinearForm(AffineExpr expression, unsigned dims) {
  SmallVector<int64_t> form(dims + 1, 0);
  if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
    form[dim.getPosition()] = 1;
    return form;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expression)) {
    form[dims] = constant.getValue();
    return form;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expression);
  if (!binary || (binary.getKind() != AffineExprKind::Add && binary.getKind() != AffineExprKind::Mul))
    return failure();
  auto left = getLinearForm(binary.getLHS(), dims), right = getLinearForm(binary.getRHS(), dims);
  if (failed(left) || failed(right))
    return failure();
  if (binary.getKind() == AffineExprKind::Add) {
    for (unsigned i = 0; i <= dims; ++i)
      form[i] = (*left)[i] + (*right)[i];
    return form;
  }
  // Affine expressions keep constants on the right of a product.
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!factor)
    return failure();
  for (unsigned i = 0; i <= dims; ++i)
    form[i] = (*left)[i] * factor.getValue();
  return form;
}

int64_t ContractionInfo::extent(ArrayRef<unsigned> loops) const {
  int64_t product = 1;
  for (unsigned loop : loops) {
    if (ShapedType::isDynamic(extents[loop]))
      return ShapedType::kDynamic;
    product *= extents[loop];
  }
  return product;
}

/// True when `value` depends on `argument` only, through elementwise ops of the block and values from outside.
static bool dependsOnlyOn(Value value, BlockArgument argument) {
  if (value == argument)
    return true;
  if (isa<BlockArgument>(value))
    return cast<BlockArgument>(value).getOwner() != argument.getOwner();
  Operation *definition = value.getDefiningOp();
  if (definition->getBlock() != argument.getOwner())
    return true;
  if (!OpTrait::hasElementwiseMappableTraits(definition) && !definition->hasTrait<OpTrait::ConstantLike>())
    return false;
  return llvm::all_of(definition->getOperands(), [&](Value operand) { return dependsOnlyOn(operand, argument); });
}

/// Checks the body; sets `swapped` when the left factor comes from input 1.
static bool matchBody(linalg::GenericOp op) {
  Block *body = op.getBody();
  Operation *yield = body->getTerminator();
  Operation *sum = yield->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum) || sum->getBlock() != body)
    return false;
  BlockArgument out = body->getArgument(2);
  Value product = sum->getOperand(0) == out ? sum->getOperand(1) : sum->getOperand(0);
  if ((sum->getOperand(0) != out && sum->getOperand(1) != out) || !out.hasOneUse())
    return false;
  Operation *multiply = product.getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(multiply) || multiply->getBlock() != body || !product.hasOneUse())
    return false;
  Value left = multiply->getOperand(0), right = multiply->getOperand(1);
  BlockArgument a = body->getArgument(0), b = body->getArgument(1);
  return (dependsOnlyOn(left, a) && dependsOnlyOn(right, b)) || (dependsOnlyOn(left, b) && dependsOnlyOn(right, a));
}

/// Whether `map` says where the columns of a matrix lie in blocks: (column floordiv c, depth, column mod c), with c the
/// last extent of an operand of type `type`; `column` is the loop.
static bool matchColumnBlocks(AffineMap map, ShapedType type, unsigned &column) {
  if (map.getNumResults() != 3 || !type.hasStaticShape())
    return false;
  auto block = dyn_cast<AffineBinaryOpExpr>(map.getResult(0)), element = dyn_cast<AffineBinaryOpExpr>(map.getResult(2));
  AffineExpr length = getAffineConstantExpr(type.getDimSize(2), map.getContext());
  if (!block || !element || block.getKind() != AffineExprKind::FloorDiv || element.getKind() != AffineExprKind::Mod ||
      block.getLHS() != element.getLHS() || block.getRHS() != length || element.getRHS() != length)
    return false;
  auto loop = dyn_cast<AffineDimExpr>(block.getLHS());
  if (!loop || !isa<AffineDimExpr>(map.getResult(1)) || map.getResult(1) == loop)
    return false;
  column = loop.getPosition();
  return true;
}

bool tegula::matchContraction(linalg::GenericOp op, ContractionInfo &info) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || !matchBody(op))
    return false;
  info = ContractionInfo();
  info.op = op;
  unsigned loops = op.getNumLoops();
  info.extents.assign(loops, ShapedType::kDynamic);
  for (auto [loop, extent] : llvm::enumerate(op.getStaticLoopRanges()))
    info.extents[loop] = extent;

  SmallVector<SmallVector<bool>> uses;
  std::optional<unsigned> blockedOperand;
  for (auto [operand, map] : llvm::enumerate(op.getIndexingMapsArray())) {
    SmallVector<bool> used(loops, false);
    auto &forms = info.coefficients.emplace_back();
    auto type = cast<ShapedType>(op->getOperand(operand).getType());
    if (unsigned column; operand < 2 && matchColumnBlocks(map, type, column)) {
      blockedOperand = operand;
      info.columnBlock = type.getDimSize(2);
      info.columnBlockStep = type.getDimSize(1) * type.getDimSize(2);
      used[column] = true;
      // The emitter adds the column's own term.
      map = AffineMap::get(
          loops, 0,
          {getAffineConstantExpr(0, op.getContext()), map.getResult(1), getAffineConstantExpr(0, op.getContext())},
          op.getContext());
    }
    for (AffineExpr expression : map.getResults()) {
      auto form = getLinearForm(expression, loops);
      if (failed(form))
        return false;
      for (unsigned loop = 0; loop < loops; ++loop)
        used[loop] |= (*form)[loop] != 0;
      forms.push_back(std::move(*form));
    }
    uses.push_back(std::move(used));
  }

  // The loops of the result from the outermost to the contiguous one, each a dimension of its own.
  SmallVector<unsigned> resultLoops;
  AffineMap resultMap = op.getIndexingMapsArray()[2];
  for (AffineExpr expression : resultMap.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
      if (llvm::is_contained(resultLoops, dim.getPosition()))
        return false;
      resultLoops.push_back(dim.getPosition());
    } else if (!isa<AffineConstantExpr>(expression)) {
      return false;
    }
  }
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned loop = 0; loop < loops; ++loop)
    if ((iterators[loop] == utils::IteratorType::parallel) != llvm::is_contained(resultLoops, loop))
      return false;
  if (llvm::none_of(iterators, [](auto kind) { return kind == utils::IteratorType::reduction; }))
    return false;

  // The right operand is the one that the innermost loop of the result belongs to.
  for (unsigned loop : llvm::reverse(resultLoops)) {
    if (info.extents[loop] == 1 || uses[0][loop] == uses[1][loop])
      continue;
    info.rhs = uses[1][loop] ? 1 : 0;
    info.lhs = 1 - info.rhs;
    break;
  }
  if (blockedOperand) {
    info.rhs = *blockedOperand;
    info.lhs = 1 - info.rhs;
  }
  for (unsigned loop : resultLoops) {
    // Columns in blocks are columns even if there is only one of them.
    bool isBlocked = blockedOperand && uses[info.rhs][loop];
    if (info.extents[loop] == 1 && !isBlocked)
      continue;
    bool left = uses[info.lhs][loop], right = uses[info.rhs][loop];
    (left == right ? info.batch : left ? info.rows : info.columns).push_back(loop);
  }
  for (unsigned loop = 0; loop < loops; ++loop)
    if (iterators[loop] == utils::IteratorType::reduction && info.extents[loop] != 1)
      info.depth.push_back(loop);

  auto element = [&](unsigned operand) { return getElementTypeOrSelf(op->getOperand(operand).getType()); };
  info.lhsType = element(info.lhs);
  info.rhsType = element(info.rhs);
  info.resultType = element(2);
  // Sums in half precision are held in single precision: at least as exact, and what the vector units do.
  bool half = isa<FloatType>(info.resultType) && info.resultType.getIntOrFloatBitWidth() < 32;
  info.accumulator = half ? Float32Type::get(op.getContext()) : info.resultType;
  return info.accumulator.isF32() || info.accumulator.isF64() || info.accumulator.isInteger(32) ||
         info.accumulator.isInteger(64);
}
