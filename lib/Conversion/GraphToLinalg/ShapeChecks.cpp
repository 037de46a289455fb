// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/ShapeChecks.h"
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace tegula;

/// getExtent that asks no tensor which only kernels shall see: what is padded, sliced or reshaped says its extents.
static OpFoldResult hostExtent(OpBuilder &b, Location loc, Value tensor, int64_t i) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(i))
    return b.getIndexAttr(type.getDimSize(i));
  Operation *op = tensor.getDefiningOp();
  if (auto pad = dyn_cast_or_null<tensor::PadOp>(op)) {
    OpFoldResult around = addIndices(b, loc, pad.getMixedLowPad()[i], pad.getMixedHighPad()[i]);
    return addIndices(b, loc, hostExtent(b, loc, pad.getSource(), i), around);
  }
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op); slice && slice.getDroppedDims().none())
    return slice.getMixedSizes()[i];
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
    return expand.getMixedOutputShape()[i];
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op)) {
    OpFoldResult product = b.getIndexAttr(1);
    ReassociationIndices group = collapse.getReassociationIndices()[i];
    for (int64_t from : group)
      product = mulIndices(b, loc, product, hostExtent(b, loc, collapse.getSrc(), from));
    return product;
  }
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(op); cast && isa<RankedTensorType>(cast.getSource().getType()))
    return hostExtent(b, loc, cast.getSource(), i);
  if (auto dps = dyn_cast_or_null<DestinationStyleOpInterface>(op))
    return hostExtent(b, loc, dps.getTiedOpOperand(cast<OpResult>(tensor))->get(), i);
  return getExtent(b, loc, tensor, i);
}

namespace {
/// Checks of one block; each pair of extents is compared once in each way.
struct BlockChecks {
  using Extent = std::pair<Value, int64_t>; ///< dimension of a tensor, or a value and -1, or null and a number
  using Pairs = llvm::DenseSet<std::pair<Extent, Extent>>;
  Pairs equal, broadcast; ///< an extent that may be 1 for a broadcast is not yet equal

  static Extent name(OpFoldResult extent) {
    if (auto number = getConstantIntValue(extent))
      return {Value(), *number};
    auto dim = cast<Value>(extent).getDefiningOp<tensor::DimOp>();
    if (dim && dim.getConstantIndex())
      return {dim.getSource(), *dim.getConstantIndex()};
    return {cast<Value>(extent), -1};
  }

  /// `mayBroadcast`: `one` may also be 1.
  void expectEqual(const IndexMath &math, OpFoldResult one, OpFoldResult other, bool mayBroadcast) {
    // Types that contradict each other are the verifier's.
    if ((getConstantIntValue(one) && getConstantIntValue(other)) || isSameExtent(one, other) ||
        !(mayBroadcast ? broadcast : equal).insert({name(one), name(other)}).second)
      return;
    Value left = asValue(math.b, math.loc, one), right = asValue(math.b, math.loc, other);
    Value holds = math.compare(arith::CmpIPredicate::eq, left, right);
    if (mayBroadcast)
      holds = math.logicalOr(holds, math.compare(arith::CmpIPredicate::eq, left, math.constant(1)));
    math.check(holds, TEGULA_SHAPE_MISMATCH);
  }

  void visit(linalg::GenericOp op) {
    OpBuilder builder(op);
    IndexMath math{builder, op.getLoc()};
    SmallVector<OpFoldResult> extents(op.getNumLoops());
    for (OpOperand &operand : llvm::reverse(op->getOpOperands())) { // results first: their extents are host values
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      for (int64_t i = 0; type && i < type.getRank(); ++i) {
        auto loop = dyn_cast<AffineDimExpr>(op.getMatchingIndexingMap(&operand).getResult(i));
        if (!loop)
          continue;
        OpFoldResult own = hostExtent(builder, op.getLoc(), operand.get(), i);
        OpFoldResult &extent = extents[loop.getPosition()];
        if (extent)
          expectEqual(math, own, extent, /*mayBroadcast=*/false);
        else
          extent = own;
      }
    }
  }

  void visit(exec::BroadcastViewOp op) {
    OpBuilder builder(op);
    IndexMath math{builder, op.getLoc()};
    Value view = op.getResult();
    for (int64_t i = 0; i < cast<RankedTensorType>(view.getType()).getRank(); ++i)
      expectEqual(math, hostExtent(builder, op.getLoc(), op.getSource(), i), hostExtent(builder, op.getLoc(), view, i),
                  /*mayBroadcast=*/true);
  }
};
} // namespace

static bool isInKernel(Operation *op) {
  for (auto loop = op->getParentOfType<scf::ForOp>(); loop; loop = loop->getParentOfType<scf::ForOp>())
    if (loop->hasAttr("exec.kernel"))
      return true;
  return false;
}

void tegula::insertShapeChecks(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<linalg::GenericOp, exec::BroadcastViewOp>(op) && !isInKernel(op))
      ops.push_back(op);
  });
  llvm::DenseMap<Block *, BlockChecks> checks;
  for (Operation *op : ops) {
    BlockChecks &block = checks[op->getBlock()];
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      block.visit(generic);
    else
      block.visit(cast<exec::BroadcastViewOp>(op));
  }
}
