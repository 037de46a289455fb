// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Matrix products with a right operand whose columns lie in blocks: contractions over the plain columns, whose maps say
// where each of them lies (column n in block n floordiv length at n mod length). So what follows fuses as it does
// behind any other product.
#include "tegula/Conversion/GraphToLinalg/Blocked.h"

#include "tegula/Conversion/GraphToLinalg/Contraction.h"
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"

using namespace mlir;
using namespace tegula;

namespace {
struct BlockedMatMulLowering : Lowering<graph::BlockedMatMulOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::BlockedMatMulOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    int64_t rank = type.getRank(), length = cast<RankedTensorType>(op.getWeight().getType()).getDimSize(2);
    SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, adaptor.getX());
    extents.back() = rewriter.getIndexAttr(int64_t(op.getColumns()));
    // Loops: those of the result, then the depth.
    SmallVector<AffineExpr> result;
    for (int64_t i = 0; i < rank; ++i)
      result.push_back(rewriter.getAffineDimExpr(i));
    AffineExpr column = result.back(), depth = rewriter.getAffineDimExpr(rank);
    SmallVector<AffineExpr> left(result);
    left.back() = depth;
    auto map = [&](ArrayRef<AffineExpr> results) {
      return AffineMap::get(rank + 1, 0, results, rewriter.getContext());
    };
    SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    Value y = buildContraction(rewriter, loc, {adaptor.getX(), adaptor.getWeight()},
                               {getElement(op.getX()), getElement(op.getWeight())}, extents,
                               {map(left), map({column.floorDiv(length), depth, column % length}), map(result)},
                               iterators, getElement(op.getY()));
    rewriter.replaceOp(op, castTo(rewriter, loc, y, type));
    return success();
  }
};

struct BlockColumnsLowering : Lowering<graph::BlockColumnsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::BlockColumnsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    int64_t length = op.getLength();
    OpFoldResult blocks = ceilDivIndex(rewriter, loc, getExtent(rewriter, loc, x, 1), length);
    SmallVector<OpFoldResult> extents{blocks, getExtent(rewriter, loc, x, 0), rewriter.getIndexAttr(length)};
    Value columns = asValue(rewriter, loc, getExtent(rewriter, loc, x, 1));
    Type element = cast<RankedTensorType>(x.getType()).getElementType();
    Value result = buildIndexed(
        rewriter, loc, extents, type, {}, {}, [&](const IndexMath &inner, ValueRange, ValueRange indices) -> Value {
          Value column = inner.add(inner.mul(indices[0], inner.constant(length)), indices[2]);
          Value last = inner.sub(columns, inner.constant(1));
          Value read = tensor::ExtractOp::create(inner.b, inner.loc, x, {indices[1], inner.min(column, last)});
          Value zero = constantScalar(inner.b, inner.loc, 0, element);
          return inner.select(inner.compare(arith::CmpIPredicate::sle, column, last), read, zero);
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

void tegula::populateBlockedMatMulLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<BlockedMatMulLowering, BlockColumnsLowering>(converter, patterns.getContext());
}
