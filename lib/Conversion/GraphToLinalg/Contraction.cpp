// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contractions become linalg.generic ops of the form `acc + a * b`, whatever their maps: the form that the matmul
// family takes. f16 and bf16 accumulate in f32. Where the op has an f32 result of bf16, the product is marked `afn`:
// its factors may be rounded as the target's instruction for pairs of bf16 does.
#include "tegula/Conversion/GraphToLinalg/Contraction.h"
#include "tegula/Conversion/GraphToLinalg/Reductions.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Einsum.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

Value tegula::buildContraction(OpBuilder &b, Location loc, ValueRange operands, ArrayRef<Type> elements,
                               ArrayRef<OpFoldResult> extents, ArrayRef<AffineMap> maps,
                               ArrayRef<utils::IteratorType> iterators, Type element, ArrayRef<int64_t> zeroPoints) {
  Type storage = getStorageType(element), accumulator = getComputeType(element);
  Value init = makeFilled(b, loc, extents, constantScalar(b, loc, 0, accumulator));
  bool isApproximate = element.isF32() && llvm::all_of(elements, [](Type type) { return type.isBF16(); });
  auto flags = isApproximate ? arith::FastMathFlags::afn : arith::FastMathFlags::none;
  Value result =
      linalg::GenericOp::create(b, loc, init.getType(), operands, init, maps, iterators,
                                [&](OpBuilder &nested, Location at, ValueRange v) {
                                  Value product;
                                  for (auto [i, value, from] : llvm::enumerate(v.drop_back(), elements)) {
                                    Value factor = castScalar(nested, at, value, from, accumulator);
                                    if (!zeroPoints.empty() && zeroPoints[i] != 0)
                                      factor = arith::SubIOp::create(
                                          nested, at, factor, constantScalar(nested, at, zeroPoints[i], accumulator));
                                    if (!product)
                                      product = factor;
                                    else if (isa<FloatType>(accumulator))
                                      product = arith::MulFOp::create(nested, at, product, factor, flags);
                                    else
                                      product = arith::MulIOp::create(nested, at, product, factor);
                                  }
                                  linalg::YieldOp::create(nested, at, addReassociable(nested, at, v.back(), product));
                                })
          .getResult(0);
  if (storage == accumulator)
    return result;
  AffineMap identity = b.getMultiDimIdentityMap(extents.size());
  SmallVector<utils::IteratorType> parallel(extents.size(), utils::IteratorType::parallel);
  Value empty = makeEmpty(b, loc, extents, storage);
  return linalg::GenericOp::create(b, loc, empty.getType(), result, empty, ArrayRef{identity, identity}, parallel,
                                   [&](OpBuilder &nested, Location at, ValueRange v) {
                                     linalg::YieldOp::create(
                                         nested, at, arith::TruncFOp::create(nested, at, storage, v[0]).getResult());
                                   })
      .getResult(0);
}

namespace {
struct MatMulLowering : Lowering<graph::MatMulOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::MatMulOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Value lhs = adaptor.getLhs(), rhs = adaptor.getRhs();
    int64_t leftRank = cast<RankedTensorType>(lhs.getType()).getRank();
    int64_t rightRank = cast<RankedTensorType>(rhs.getType()).getRank();
    int64_t leftBatch = std::max<int64_t>(0, leftRank - 2), rightBatch = std::max<int64_t>(0, rightRank - 2);
    int64_t batch = std::max(leftBatch, rightBatch);
    bool hasRows = leftRank > 1, hasColumns = rightRank > 1;
    int64_t loops = batch + hasRows + hasColumns + 1;
    AffineExpr depth = rewriter.getAffineDimExpr(loops - 1);
    AffineExpr rows = rewriter.getAffineDimExpr(batch), columns = rewriter.getAffineDimExpr(batch + hasRows);

    auto transposed = [](int64_t rank, bool isTransposed, int64_t fromEnd) {
      return isTransposed && rank > 1 ? (fromEnd == 0 ? rank - 2 : rank - 1) : rank - 1 - fromEnd;
    };
    // Extents of batch, rows and columns; batch dimensions broadcast.
    SmallVector<OpFoldResult> extents;
    for (int64_t i = 0; i < batch; ++i) {
      OpFoldResult extent = rewriter.getIndexAttr(1);
      auto join = [&](Value operand, int64_t dim) {
        if (dim < 0)
          return;
        OpFoldResult other = getExtent(rewriter, loc, operand, dim);
        if (isConstantIntValue(other, 1) || other == extent)
          return;
        if (isConstantIntValue(extent, 1) || isa<Attribute>(other))
          extent = other;
        else if (auto value = dyn_cast<Value>(extent)) {
          Value one = constantIndex(rewriter, loc, 1);
          Value isOne = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, value, one);
          extent = arith::SelectOp::create(rewriter, loc, isOne, cast<Value>(other), value).getResult();
        }
      };
      join(lhs, i - (batch - leftBatch));
      join(rhs, i - (batch - rightBatch));
      if (!type.isDynamicDim(i))
        extent = rewriter.getIndexAttr(type.getDimSize(i));
      extents.push_back(extent);
    }
    if (hasRows)
      extents.push_back(getExtent(rewriter, loc, lhs, transposed(leftRank, op.getTransposeLhs(), 1)));
    if (hasColumns)
      extents.push_back(getExtent(rewriter, loc, rhs, transposed(rightRank, op.getTransposeRhs(), 0)));

    // Batch dimensions through broadcastOperand (which aligns at the end), then the two matrix dimensions.
    auto batchMap = [&](Value &operand, int64_t operandBatch, ArrayRef<AffineExpr> matrix) {
      SmallVector<OpFoldResult> target(ArrayRef(extents).take_front(batch));
      auto own = getExtents(rewriter, loc, operand);
      target.append(own.begin() + operandBatch, own.end());
      auto [view, map] = broadcastOperand(rewriter, loc, operand, target);
      operand = view;
      SmallVector<AffineExpr> expressions(map.getResults().take_front(operandBatch));
      llvm::append_range(expressions, matrix);
      return AffineMap::get(loops, 0, expressions, rewriter.getContext());
    };
    SmallVector<AffineExpr> left = hasRows ? SmallVector<AffineExpr>{rows, depth} : SmallVector<AffineExpr>{depth};
    SmallVector<AffineExpr> right =
        hasColumns ? SmallVector<AffineExpr>{depth, columns} : SmallVector<AffineExpr>{depth};
    if (op.getTransposeLhs() && hasRows)
      std::swap(left[0], left[1]);
    if (op.getTransposeRhs() && hasColumns)
      std::swap(right[0], right[1]);
    AffineMap leftMap = batchMap(lhs, leftBatch, left), rightMap = batchMap(rhs, rightBatch, right);
    AffineMap resultMap = AffineMap::getMultiDimIdentityMap(loops - 1, rewriter.getContext());
    resultMap = AffineMap::get(loops, 0, resultMap.getResults(), rewriter.getContext());
    SmallVector<utils::IteratorType> iterators(loops - 1, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    Value result = buildContraction(rewriter, loc, {lhs, rhs}, {getElement(op.getLhs()), getElement(op.getRhs())},
                                    extents, {leftMap, rightMap, resultMap}, iterators, getElement(op.getY()),
                                    {int64_t(op.getLhsZeroPoint()), int64_t(op.getRhsZeroPoint())});
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};

/// Einsum as one contraction of all operands: a loop per label. Labels of `...` broadcast.
struct EinsumLowering : Lowering<graph::EinsumOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::EinsumOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    SmallVector<int64_t> ranks;
    for (Value operand : adaptor.getOperands())
      ranks.push_back(cast<RankedTensorType>(operand.getType()).getRank());
    graph::EinsumEquation equation;
    std::string error;
    if (!graph::parseEinsum(op.getEquation(), ranks, equation, error))
      return rewriter.notifyMatchFailure(op, error);

    // Loops: the result's labels in its order, then the summed ones.
    SmallVector<int64_t> loopOf(equation.labelCount, -1);
    int64_t loops = 0;
    for (int64_t label : equation.result)
      loopOf[label] = loops++;
    for (int64_t &loop : loopOf)
      if (loop < 0)
        loop = loops++;
    SmallVector<OpFoldResult> labelExtents(equation.labelCount, rewriter.getIndexAttr(1));
    for (auto [operand, labels] : llvm::zip(adaptor.getOperands(), equation.operands))
      for (auto [i, label] : llvm::enumerate(labels)) {
        OpFoldResult &known = labelExtents[label], own = getExtent(rewriter, loc, operand, i);
        if (isConstantIntValue(own, 1) || own == known)
          continue;
        if (isConstantIntValue(known, 1) || isa<Attribute>(own)) {
          known = own;
        } else if (auto value = dyn_cast<Value>(known); value && label < equation.ellipsis) {
          Value isOne =
              arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, value, constantIndex(rewriter, loc, 1));
          known = arith::SelectOp::create(rewriter, loc, isOne, asValue(rewriter, loc, own), value).getResult();
        }
      }
    SmallVector<OpFoldResult> extents;
    for (auto [i, label] : llvm::enumerate(equation.result)) {
      if (!type.isDynamicDim(i))
        labelExtents[label] = rewriter.getIndexAttr(type.getDimSize(i));
      extents.push_back(labelExtents[label]);
    }
    SmallVector<AffineMap> maps;
    SmallVector<Value> operands;
    SmallVector<Type> elements;
    for (auto [operand, graphOperand, labels] : llvm::zip(adaptor.getOperands(), op.getOperands(), equation.operands)) {
      SmallVector<OpFoldResult> target;
      for (auto [i, label] : llvm::enumerate(labels))
        target.push_back(label < equation.ellipsis ? labelExtents[label] : getExtent(rewriter, loc, operand, i));
      auto [view, map] = broadcastOperand(rewriter, loc, operand, target);
      SmallVector<AffineExpr> expressions;
      for (auto [i, label] : llvm::enumerate(labels))
        expressions.push_back(isa<AffineConstantExpr>(map.getResult(i)) ? map.getResult(i)
                                                                        : rewriter.getAffineDimExpr(loopOf[label]));
      maps.push_back(AffineMap::get(loops, 0, expressions, rewriter.getContext()));
      operands.push_back(view);
      elements.push_back(getElement(graphOperand));
    }
    int64_t kept = equation.result.size();
    SmallVector<utils::IteratorType> iterators(kept, utils::IteratorType::parallel);
    iterators.resize(loops, utils::IteratorType::reduction);
    SmallVector<AffineExpr> resultMap;
    for (int64_t i = 0; i < kept; ++i)
      resultMap.push_back(rewriter.getAffineDimExpr(i));
    maps.push_back(AffineMap::get(loops, 0, resultMap, rewriter.getContext()));
    Value result = buildContraction(rewriter, loc, operands, elements, extents, maps, iterators, getElement(op.getY()));
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};
} // namespace

void tegula::populateContractionLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<MatMulLowering, EinsumLowering>(converter, patterns.getContext());
}
