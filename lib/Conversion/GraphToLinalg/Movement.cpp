// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Transposes and other rearrangements, and the shape of a tensor.
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;

namespace {
struct TransposeLowering : Lowering<graph::TransposeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::TransposeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Value result = buildTranspose(rewriter, op.getLoc(), adaptor.getX(), op.getPermutation());
    rewriter.replaceOp(op, castTo(rewriter, op.getLoc(), result, type));
    return success();
  }
};

/// Blocks of pixels and channels: split dimensions, permute, join them again.
template <typename OpTy> struct BlockLowering : Lowering<OpTy> {
  using Lowering<OpTy>::Lowering;
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = this->resultTensor(op);
    if (!type || !isa<RankedTensorType>(adaptor.getX().getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Value x = adaptor.getX();
    SmallVector<Value> n;
    for (OpFoldResult extent : getExtents(rewriter, loc, x))
      n.push_back(asValue(rewriter, loc, extent));
    Value block = math.constant(op.getBlock()), area = math.mul(block, block);
    auto divide = [&](Value extent, Value divisor) {
      math.check(math.compare(arith::CmpIPredicate::eq, math.rem(extent, divisor), math.constant(0)),
                 TEGULA_SHAPE_MISMATCH);
      return math.div(extent, divisor);
    };
    SmallVector<Value> split;
    SmallVector<ReassociationIndices> splitGroups, joinGroups;
    SmallVector<int64_t> permutation;
    if constexpr (std::is_same_v<OpTy, graph::DepthToSpaceOp>) {
      Value channels = divide(n[1], area);
      splitGroups = {{0}, {1, 2, 3}, {4}, {5}};
      joinGroups = {{0}, {1}, {2, 3}, {4, 5}};
      if (op.getColumnRowDepth()) {
        split = {n[0], channels, block, block, n[2], n[3]};
        permutation = {0, 1, 4, 2, 5, 3};
      } else {
        split = {n[0], block, block, channels, n[2], n[3]};
        permutation = {0, 3, 4, 1, 5, 2};
      }
    } else {
      split = {n[0], n[1], divide(n[2], block), block, divide(n[3], block), block};
      splitGroups = {{0}, {1}, {2, 3}, {4, 5}};
      joinGroups = {{0}, {1, 2, 3}, {4}, {5}};
      permutation =
          op.getColumnRowDepth() ? SmallVector<int64_t>{0, 1, 3, 5, 2, 4} : SmallVector<int64_t>{0, 3, 5, 1, 2, 4};
    }
    SmallVector<OpFoldResult> sizes;
    for (Value extent : split)
      sizes.push_back(getAsOpFoldResult(extent));
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamic;
    dispatchIndexOpFoldResults(sizes, dynamic, shape);
    x = tensor::ExpandShapeOp::create(rewriter, loc, RankedTensorType::get(shape, type.getElementType()), x,
                                      splitGroups, sizes);
    x = buildTranspose(rewriter, loc, x, permutation);
    Value joined = tensor::CollapseShapeOp::create(rewriter, loc, x, joinGroups);
    rewriter.replaceOp(op, castTo(rewriter, loc, joined, type));
    return success();
  }
};

struct ReverseSequenceLowering : Lowering<graph::ReverseSequenceOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ReverseSequenceOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type || !isa<RankedTensorType>(adaptor.getX().getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    int64_t batch = op.getBatchAxis(), time = op.getTimeAxis();
    Value extent = asValue(rewriter, loc, getExtent(rewriter, loc, x, time));
    AffineMap map = AffineMap::get(type.getRank(), 0, rewriter.getAffineDimExpr(batch), rewriter.getContext());
    Value result = buildIndexed(rewriter, loc, getExtents(rewriter, loc, x), type, adaptor.getLengths(), map,
                                [&](const IndexMath &math, ValueRange v, ValueRange indices) -> Value {
                                  Value length = toIndex(math.b, math.loc, v[0]);
                                  Value isInside =
                                      math.logicalAnd(math.compare(arith::CmpIPredicate::sge, length, math.constant(0)),
                                                      math.compare(arith::CmpIPredicate::sle, length, extent));
                                  math.check(isInside, TEGULA_INVALID_VALUE);
                                  length = math.clamp(length, math.constant(0), extent);
                                  SmallVector<Value> source(indices);
                                  Value reversed = math.sub(math.sub(length, math.constant(1)), indices[time]);
                                  source[time] = math.select(math.isNegative(reversed), indices[time], reversed);
                                  return tensor::ExtractOp::create(math.b, math.loc, x, source);
                                });
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct SizeLowering : Lowering<graph::SizeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::SizeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isa<RankedTensorType>(adaptor.getX().getType()))
      return rewriter.notifyMatchFailure(op, "operand of unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Value product = math.constant(1);
    for (OpFoldResult extent : getExtents(rewriter, loc, adaptor.getX()))
      product = math.mul(product, asValue(rewriter, loc, extent));
    Value count = rewriter.createOrFold<arith::IndexCastOp>(loc, rewriter.getI64Type(), product);
    rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, resultTensor(op), count);
    return success();
  }
};

struct ShapeLowering : Lowering<graph::ShapeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ShapeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isa<RankedTensorType>(adaptor.getX().getType()))
      return rewriter.notifyMatchFailure(op, "operand of unknown rank");
    Location loc = op.getLoc();
    SmallVector<Value> extents;
    for (int64_t i = op.getStart(); i < int64_t(op.getEnd()); ++i)
      extents.push_back(arith::IndexCastOp::create(
          rewriter, loc, rewriter.getI64Type(), asValue(rewriter, loc, getExtent(rewriter, loc, adaptor.getX(), i))));
    rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, resultTensor(op), extents);
    return success();
  }
};
} // namespace

void tegula::populateMovementLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<TransposeLowering, BlockLowering<graph::DepthToSpaceOp>, BlockLowering<graph::SpaceToDepthOp>,
               ReverseSequenceLowering, SizeLowering, ShapeLowering>(converter, patterns.getContext());
}
