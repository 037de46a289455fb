// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Attention as the steps of one kernel, marked `exec.inner_step` and `exec.last_step`: products of queries and keys, a
// map that makes scores of them (none where they are the products), their maxima, the sums of exponentials, weights,
// and the contraction of these with the values. Its loops are those of the result, then the keys. All steps are f32;
// one behind them rounds to half precision.
#include "tegula/Conversion/GraphToLinalg/Blocked.h"

#include "tegula/Conversion/GraphToLinalg/Contraction.h"
#include "tegula/Conversion/GraphToLinalg/Reductions.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

static Value markInner(Value value, StringRef step) {
  value.getDefiningOp()->setAttr("exec.inner_step", StringAttr::get(value.getContext(), step));
  return value;
}

using Extents = SmallVector<OpFoldResult>;

static Extents leadingOf(OpBuilder &b, Location loc, Value x) {
  Extents extents = getExtents(b, loc, x);
  extents.resize(extents.size() - std::min<size_t>(extents.size(), 2));
  return extents;
}

/// The extent that two broadcast to.
static OpFoldResult joinExtents(OpBuilder &b, Location loc, OpFoldResult own, OpFoldResult other) {
  if (isConstantIntValue(other, 1) || isSameExtent(own, other) || (isa<Attribute>(own) && !isConstantIntValue(own, 1)))
    return own;
  if (isConstantIntValue(own, 1) || isa<Attribute>(other))
    return other;
  Value value = cast<Value>(own);
  Value isOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, value, constantIndex(b, loc, 1));
  return arith::SelectOp::create(b, loc, isOne, cast<Value>(other), value).getResult();
}

namespace {
struct AttentionLowering : Lowering<graph::AttentionOp> {
  using Lowering::Lowering;

  LogicalResult matchAndRewrite(graph::AttentionOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return b.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Value q = adaptor.getQ(), k = adaptor.getK(), v = adaptor.getV();
    if (!llvm::all_of(adaptor.getOperands(), [](Value value) { return isa<RankedTensorType>(value.getType()); }))
      return b.notifyMatchFailure(op, "operands of unknown rank");
    Type element = getElement(op.getQ()), f32 = b.getF32Type();
    int64_t batch = type.getRank() - 2;
    auto fromEnd = [&](Value x, int64_t i) {
      return getExtent(b, loc, x, cast<RankedTensorType>(x.getType()).getRank() - i);
    };
    // All that has leading dimensions decides them; queries, keys, bias and mask the extents of the scores.
    SmallVector<Extents> leading{leadingOf(b, loc, q), leadingOf(b, loc, k), leadingOf(b, loc, v)};
    OpFoldResult queries = fromEnd(q, 2), keys = fromEnd(k, op.getTransposeK() ? 1 : 2), columns = fromEnd(v, 1);
    for (Value operand : {adaptor.getBias(), adaptor.getMask()}) {
      if (!operand)
        continue;
      leading.push_back(leadingOf(b, loc, operand));
      int64_t rank = cast<RankedTensorType>(operand.getType()).getRank();
      keys = rank > 0 ? joinExtents(b, loc, keys, fromEnd(operand, 1)) : keys;
      queries = rank > 1 ? joinExtents(b, loc, queries, fromEnd(operand, 2)) : queries;
    }
    Extents outer(batch, b.getIndexAttr(1));
    for (const Extents &extents : leading)
      for (auto [i, extent] : llvm::enumerate(extents)) {
        OpFoldResult &joined = outer[batch - extents.size() + i];
        joined = joinExtents(b, loc, joined, extent);
      }
    for (int64_t i = 0; i < batch; ++i)
      if (!type.isDynamicDim(i))
        outer[i] = b.getIndexAttr(type.getDimSize(i));

    // The maps of a contraction are over the leading dimensions, rows, columns and the depth.
    auto d = [&](int64_t i) { return b.getAffineDimExpr(batch + i); };
    AffineExpr rows = d(0), inner = d(1), depth = d(2);
    auto mapOf = [&](Value &operand, std::pair<OpFoldResult, AffineExpr> first,
                     std::pair<OpFoldResult, AffineExpr> second) {
      Extents target(outer);
      target.append({first.first, second.first});
      auto [view, map] = broadcastOperand(b, loc, operand, target);
      operand = view;
      SmallVector<AffineExpr> results(map.getResults().drop_back(2));
      // A dimension that broadcasts is constant.
      AffineExpr loops[] = {first.second, second.second};
      for (auto [own, loop] : llvm::zip(map.getResults().take_back(2), loops))
        results.push_back(isa<AffineConstantExpr>(own) ? own : loop);
      return AffineMap::get(batch + 3, 0, results, b.getContext());
    };
    std::pair<OpFoldResult, AffineExpr> size(fromEnd(q, 1), depth), row(queries, rows), column(keys, inner);
    AffineMap qMap = mapOf(q, row, size);
    AffineMap kMap = op.getTransposeK() ? mapOf(k, size, column) : mapOf(k, column, size);
    AffineMap vMap = mapOf(v, {fromEnd(v, 2), depth}, {columns, inner});
    AffineMap resultMap = AffineMap::getMultiDimIdentityMap(batch + 3, b.getContext()).getMajorSubMap(batch + 2);
    AffineMap weightMap = AffineMap::getFilteredIdentityMap(
        b.getContext(), batch + 3, [&](AffineDimExpr dim) { return int64_t(dim.getPosition()) != batch + 1; });
    SmallVector<utils::IteratorType> iterators(batch + 2, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);

    Extents scoreExtents(outer);
    scoreExtents.append({queries, keys});
    Value products = markInner(
        buildContraction(b, loc, {q, k}, {element, element}, scoreExtents, {qMap, kMap, resultMap}, iterators, f32),
        "attention_products");
    Value weights = buildWeights(b, op, adaptor, products, scoreExtents);
    Extents extents(outer);
    extents.append({queries, columns});
    Value y =
        buildContraction(b, loc, {weights, v}, {f32, element}, extents, {weightMap, vMap, resultMap}, iterators, f32);
    y.getDefiningOp()->setAttr("exec.last_step", b.getStringAttr("attention"));
    if (element != f32)
      y = buildMap(b, loc, extents, y, b.getMultiDimIdentityMap(extents.size()), getStorageType(element),
                   [&](OpBuilder &nested, Location at, ValueRange values) {
                     return arith::TruncFOp::create(nested, at, element, values[0]).getResult();
                   });
    b.replaceOp(op, castTo(b, loc, y, type));
    return success();
  }

  /// The softmax of the scores that are made of `products`.
  static Value buildWeights(OpBuilder &b, graph::AttentionOp op, OpAdaptor adaptor, Value products,
                            ArrayRef<OpFoldResult> extents) {
    Location loc = op.getLoc();
    Type f32 = b.getF32Type();
    float scale = op.getScale().convertToFloat(), softcap = op.getSoftcap().convertToFloat();
    Value scores = products;
    if (scale != 1 || softcap != 0 || op.getBias() || op.getMask()) {
      SmallVector<Value> operands{products};
      SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(extents.size())};
      for (Value operand : {adaptor.getBias(), adaptor.getMask()})
        if (operand) {
          auto [view, map] = broadcastOperand(b, loc, operand, extents);
          operands.push_back(view);
          maps.push_back(map);
        }
      auto body = [&](OpBuilder &nested, Location at, ValueRange values) {
        Value score = values[0];
        auto number = [&](float value) { return constantScalar(nested, at, value, f32); };
        auto times = [&](float value) {
          if (value != 1)
            score = arith::MulFOp::create(nested, at, score, number(value));
        };
        times(scale);
        if (softcap != 0) {
          score = arith::DivFOp::create(nested, at, score, number(softcap));
          score = math::TanhOp::create(nested, at, score);
          times(softcap);
        }
        if (op.getBias()) {
          Value bias = castScalar(nested, at, values[1], getElement(op.getBias()), f32);
          score = arith::AddFOp::create(nested, at, score, bias);
        }
        if (op.getMask()) {
          Value counts = loadScalar(nested, at, values.back(), getElement(op.getMask()));
          Value fill = number(op.getFill()->convertToFloat());
          score = arith::SelectOp::create(nested, at, counts, score, fill);
        }
        return score;
      };
      scores = markInner(buildMap(b, loc, extents, operands, maps, f32, body), "attention_scores");
    }
    int64_t keys = int64_t(extents.size()) - 1;
    ReductionSpace space = makeReductionSpace(b, extents, keys);
    Value maximum = buildReduction(b, loc, space, scores, extremeValue(b, loc, f32, false, false),
                                   [&](OpBuilder &nested, Location at, ValueRange values, Value accumulated) -> Value {
                                     return arith::MaximumFOp::create(nested, at, values[0], accumulated);
                                   });
    auto exponential = [&](OpBuilder &nested, Location at, ValueRange values) -> Value {
      return math::ExpOp::create(nested, at, arith::SubFOp::create(nested, at, values[0], values[1]));
    };
    Value sum = buildReduction(b, loc, space, {scores, maximum}, constantScalar(b, loc, 0, f32),
                               [&](OpBuilder &nested, Location at, ValueRange values, Value accumulated) -> Value {
                                 return addReassociable(nested, at, exponential(nested, at, values), accumulated);
                               });
    Value weights =
        buildMap(b, loc, extents, {scores, maximum, sum}, {space.operandMap, space.resultMap, space.resultMap}, f32,
                 [&](OpBuilder &nested, Location at, ValueRange values) -> Value {
                   return arith::DivFOp::create(nested, at, exponential(nested, at, values), values[2]);
                 });
    markInner(maximum, "attention_maximum");
    markInner(sum, "attention_sum");
    return markInner(weights, "attention_weights");
  }
};
} // namespace

void tegula::populateAttentionLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<AttentionLowering>(converter, patterns.getContext());
}
