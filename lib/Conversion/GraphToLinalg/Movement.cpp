// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/Lowering.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Tensor/Utils/Utils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

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
    Location loc = op.getLoc();
    auto source = getExtents(rewriter, loc, adaptor.getX());
    SmallVector<OpFoldResult> extents;
    for (int64_t i : op.getPermutation())
      extents.push_back(source[i]);
    Value empty = makeEmpty(rewriter, loc, extents, type.getElementType());
    // A generic, not linalg.transpose, so that elementwise fusion takes it in.
    SmallVector<AffineExpr> expressions(type.getRank());
    for (auto [i, from] : llvm::enumerate(op.getPermutation()))
      expressions[from] = rewriter.getAffineDimExpr(i);
    AffineMap map = AffineMap::get(type.getRank(), 0, expressions, rewriter.getContext());
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(
        rewriter, loc, empty.getType(), adaptor.getX(), empty,
        ArrayRef{map, rewriter.getMultiDimIdentityMap(type.getRank())}, iterators,
        [](OpBuilder &b, Location at, ValueRange v) { linalg::YieldOp::create(b, at, v[0]); });
    rewriter.replaceOp(op, castTo(rewriter, loc, generic.getResult(0), type));
    return success();
  }
};

/// Reshape is a view: collapse and expand when both shapes are known, tensor.reshape when not.
struct ReshapeLowering : Lowering<graph::ReshapeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ReshapeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    auto source = cast<RankedTensorType>(x.getType());
    if (isHostScalars(op.getType()) && source.hasStaticShape()) {
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, extractScalars(rewriter, loc, x));
      return success();
    }
    if (source.hasStaticShape() && type.hasStaticShape()) {
      rewriter.replaceOp(op, reshapeStatic(rewriter, loc, x, type));
      return success();
    }
    // Extents at run time: 0 copies (unless allow_zero), -1 takes the rest; the element counts must agree.
    Value zero = constantIndex(rewriter, loc, 0), one = constantIndex(rewriter, loc, 1);
    Value count = one, known = one;
    for (int64_t i = 0; i < source.getRank(); ++i)
      count = arith::MulIOp::create(rewriter, loc, count, asValue(rewriter, loc, getExtent(rewriter, loc, x, i)));
    SmallVector<Value> extents;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      Value extent = extractIndex(rewriter, loc, adaptor.getShape(), i);
      if (!op.getAllowZero() && i < source.getRank()) {
        Value copies = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, extent, zero);
        Value own = asValue(rewriter, loc, getExtent(rewriter, loc, x, i));
        extent = arith::SelectOp::create(rewriter, loc, copies, own, extent);
      }
      extents.push_back(extent);
      Value isRest = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt, extent, zero);
      known = arith::MulIOp::create(rewriter, loc, known,
                                    arith::SelectOp::create(rewriter, loc, isRest, one, extent).getResult());
    }
    Value divisor = arith::MaxSIOp::create(rewriter, loc, known, one);
    Value rest = arith::DivSIOp::create(rewriter, loc, count, divisor);
    Value product = one;
    for (Value &extent : extents) {
      Value isRest = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt, extent, zero);
      extent = arith::SelectOp::create(rewriter, loc, isRest, rest, extent);
      product = arith::MulIOp::create(rewriter, loc, product, extent);
    }
    Value fits = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, product, count);
    exec::CheckOp::create(rewriter, loc, fits, rewriter.getI32IntegerAttr(TEGULA_SHAPE_MISMATCH));
    Value shape = tensor::FromElementsOp::create(
        rewriter, loc, RankedTensorType::get({type.getRank()}, rewriter.getIndexType()), extents);
    rewriter.replaceOpWithNewOp<tensor::ReshapeOp>(op, type, x, shape);
    return success();
  }

  static Value reshapeStatic(OpBuilder &b, Location loc, Value x, RankedTensorType type) {
    auto source = cast<RankedTensorType>(x.getType());
    if (auto reassociation = getReassociationIndicesForReshape(source, type))
      return source.getRank() > type.getRank()
                 ? Value(tensor::CollapseShapeOp::create(b, loc, type, x, *reassociation))
                 : Value(tensor::ExpandShapeOp::create(b, loc, type, x, *reassociation));
    ReassociationIndices from = llvm::to_vector(llvm::seq<int64_t>(0, source.getRank()));
    ReassociationIndices to = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    Value flat = x;
    if (source.getRank() != 1)
      flat = tensor::CollapseShapeOp::create(
          b, loc, RankedTensorType::get({source.getNumElements()}, source.getElementType()), x,
          source.getRank() ? ArrayRef{from} : ArrayRef<ReassociationIndices>{});
    if (type.getRank() == 1)
      return flat;
    return tensor::ExpandShapeOp::create(b, loc, type, flat, type.getRank() ? ArrayRef{to} : ArrayRef<ReassociationIndices>{});
  }
};

struct ShapeLowering : Lowering<graph::ShapeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ShapeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
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
  patterns.add<TransposeLowering, ReshapeLowering, ShapeLowering>(converter, patterns.getContext());
}
