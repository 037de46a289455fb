// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contractions become linalg.generic ops of the form `acc + a * b`, whatever their maps: the form that the matmul family
// takes. f16 and bf16 accumulate in f32.
#include "tegula/Conversion/GraphToLinalg/Lowering.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

/// `lhs` and `rhs` contracted into a zero-filled tensor of `extents` under `maps` (lhs, rhs, result); accumulates in the
/// compute type and rounds once to `element` (a graph element type).
static Value buildContraction(OpBuilder &b, Location loc, Value lhs, Value rhs, ArrayRef<OpFoldResult> extents,
                              ArrayRef<AffineMap> maps, ArrayRef<utils::IteratorType> iterators, Type element) {
  Type storage = getStorageType(element), accumulator = getComputeType(element);
  Value zero = constantScalar(b, loc, 0, accumulator);
  Value init = makeFilled(b, loc, extents, zero);
  Value result =
      linalg::GenericOp::create(
          b, loc, init.getType(), ValueRange{lhs, rhs}, init, maps, iterators,
          [&](OpBuilder &nested, Location at, ValueRange v) {
            Value left = v[0], right = v[1], sum;
            if (isa<FloatType>(accumulator)) {
              if (left.getType() != accumulator) {
                left = arith::ExtFOp::create(nested, at, accumulator, left);
                right = arith::ExtFOp::create(nested, at, accumulator, right);
              }
              sum = arith::AddFOp::create(nested, at, v[2], arith::MulFOp::create(nested, at, left, right));
            } else {
              sum = arith::AddIOp::create(nested, at, v[2], arith::MulIOp::create(nested, at, left, right));
            }
            linalg::YieldOp::create(nested, at, sum);
          })
          .getResult(0);
  if (storage == accumulator)
    return result;
  AffineMap identity = b.getMultiDimIdentityMap(extents.size());
  SmallVector<utils::IteratorType> parallel(extents.size(), utils::IteratorType::parallel);
  Value empty = makeEmpty(b, loc, extents, storage);
  return linalg::GenericOp::create(b, loc, empty.getType(), result, empty, ArrayRef{identity, identity}, parallel,
                                   [&](OpBuilder &nested, Location at, ValueRange v) {
                                     linalg::YieldOp::create(nested, at,
                                                             arith::TruncFOp::create(nested, at, storage, v[0])
                                                                 .getResult());
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
    Value result = buildContraction(rewriter, loc, lhs, rhs, extents, {leftMap, rightMap, resultMap}, iterators,
                                    getElement(op.getY()));
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};

/// Splits dimension `dim` of `tensor` into [group, rest].
static Value splitGroup(OpBuilder &b, Location loc, Value tensor, int64_t dim, int64_t group) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> reassociation;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    ReassociationIndices indices{int64_t(shape.size())};
    if (i == dim) {
      shape.push_back(group);
      indices.push_back(shape.size());
      shape.push_back(type.isDynamicDim(i) ? ShapedType::kDynamic : type.getDimSize(i) / group);
    } else {
      shape.push_back(type.getDimSize(i));
    }
    reassociation.push_back(indices);
  }
  return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
                                       reassociation);
}

struct ConvLowering : Lowering<graph::ConvOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ConvOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto weightType = cast<RankedTensorType>(adaptor.getWeight().getType());
    if (!type || !weightType.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "unknown rank, or a weight of unknown shape");
    Location loc = op.getLoc();
    Value x = adaptor.getX(), weight = adaptor.getWeight();
    Type element = getElement(op.getY());
    int64_t spatial = type.getRank() - 2, group = op.getGroup();
    auto pads = op.getPads(), strides = op.getStrides(), dilations = op.getDilations();

    if (llvm::any_of(pads, [](int64_t pad) { return pad != 0; })) {
      SmallVector<OpFoldResult> low(2, rewriter.getIndexAttr(0)), high(2, rewriter.getIndexAttr(0));
      for (int64_t i = 0; i < spatial; ++i) {
        low.push_back(rewriter.getIndexAttr(pads[i]));
        high.push_back(rewriter.getIndexAttr(pads[i + spatial]));
      }
      auto sourceType = cast<RankedTensorType>(x.getType());
      SmallVector<int64_t> shape(sourceType.getShape());
      for (int64_t i = 0; i < spatial; ++i)
        if (!ShapedType::isDynamic(shape[i + 2]))
          shape[i + 2] += pads[i] + pads[i + spatial];
      Value zero = constantScalar(rewriter, loc, 0, getStorageType(element));
      x = tensor::PadOp::create(rewriter, loc, RankedTensorType::get(shape, sourceType.getElementType()), x, low, high,
                                zero);
    }

    // Loops: batch, [group], output channel, output positions | input channel, kernel positions.
    bool grouped = group != 1;
    int64_t g = grouped, loops = 3 + g + 2 * spatial;
    auto d = [&](int64_t i) { return rewriter.getAffineDimExpr(i); };
    SmallVector<OpFoldResult> extents{getExtent(rewriter, loc, x, 0)};
    if (grouped)
      extents.push_back(rewriter.getIndexAttr(group));
    extents.push_back(rewriter.getIndexAttr(weightType.getDimSize(0) / group));
    for (int64_t i = 0; i < spatial; ++i) {
      if (!type.isDynamicDim(i + 2)) {
        extents.push_back(rewriter.getIndexAttr(type.getDimSize(i + 2)));
        continue;
      }
      // (extent - window) / stride + 1 of the padded extent
      Value extent = asValue(rewriter, loc, getExtent(rewriter, loc, x, i + 2));
      int64_t window = dilations[i] * (weightType.getDimSize(i + 2) - 1) + 1;
      Value room = arith::SubIOp::create(rewriter, loc, extent, constantIndex(rewriter, loc, window));
      Value steps = arith::FloorDivSIOp::create(rewriter, loc, room, constantIndex(rewriter, loc, strides[i]));
      extents.push_back(arith::AddIOp::create(rewriter, loc, steps, constantIndex(rewriter, loc, 1)).getResult());
    }
    if (grouped) {
      x = splitGroup(rewriter, loc, x, 1, group);
      weight = splitGroup(rewriter, loc, weight, 0, group);
    }
    int64_t channel = 2 + g + spatial;
    SmallVector<AffineExpr> xMap{d(0)}, weightMap, resultMap;
    if (grouped) {
      xMap.push_back(d(1));
      weightMap.push_back(d(1));
    }
    xMap.push_back(d(channel));
    weightMap.append({d(1 + g), d(channel)});
    for (int64_t i = 0; i < spatial; ++i) {
      xMap.push_back(d(2 + g + i) * strides[i] + d(channel + 1 + i) * dilations[i]);
      weightMap.push_back(d(channel + 1 + i));
    }
    for (int64_t i = 0; i < 2 + g + spatial; ++i)
      resultMap.push_back(d(i));
    SmallVector<utils::IteratorType> iterators(2 + g + spatial, utils::IteratorType::parallel);
    iterators.append(1 + spatial, utils::IteratorType::reduction);
    MLIRContext *context = rewriter.getContext();
    Value result = buildContraction(
        rewriter, loc, x, weight, extents,
        {AffineMap::get(loops, 0, xMap, context), AffineMap::get(loops, 0, weightMap, context),
         AffineMap::get(loops, 0, resultMap, context)},
        iterators, element);
    if (grouped) {
      SmallVector<ReassociationIndices> reassociation{{0}, {1, 2}};
      for (int64_t i = 0; i < spatial; ++i)
        reassociation.push_back({3 + i});
      result = tensor::CollapseShapeOp::create(rewriter, loc, result, reassociation);
    }
    result = castTo(rewriter, loc, result, type);
    if (Value bias = adaptor.getBias()) {
      // [M] -> [M, 1, ..., 1], which broadcasts over batch and positions.
      SmallVector<int64_t> shape{weightType.getDimSize(0)};
      ReassociationIndices all{0};
      for (int64_t i = 0; i < spatial; ++i) {
        shape.push_back(1);
        all.push_back(i + 1);
      }
      bias = castTo(rewriter, loc, bias, RankedTensorType::get({weightType.getDimSize(0)}, getStorageType(element)));
      Value expanded = tensor::ExpandShapeOp::create(
          rewriter, loc, RankedTensorType::get(shape, getStorageType(element)), bias, ArrayRef{all});
      result = buildElementwise(rewriter, loc, {result, expanded}, {element, element}, op.getType(),
                                [](OpBuilder &b, Location at, ValueRange v) -> Value {
                                  return arith::AddFOp::create(b, at, v[0], v[1]);
                                });
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

void tegula::populateContractionLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<MatMulLowering, ConvLowering>(converter, patterns.getContext());
}
