// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Gathers: parallel generics that address the operand by checked indices; a single index is a view.
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;
using arith::CmpIPredicate;

/// With an empty axis there is nothing that a clamped index could read: an error on the host unless no index is asked
/// for (one of `asked` is 0).
static void checkNotEmpty(const IndexMath &math, Value extent, ValueRange asked) {
  Value zero = math.constant(0);
  Value holds = math.compare(CmpIPredicate::ne, extent, zero);
  for (Value count : asked)
    holds = math.logicalOr(holds, math.compare(CmpIPredicate::eq, count, zero));
  math.check(holds, TEGULA_INDEX_OUT_OF_RANGE);
}

static SmallVector<Value> extentValues(OpBuilder &b, Location loc, Value tensor) {
  SmallVector<Value> values;
  for (OpFoldResult extent : getExtents(b, loc, tensor))
    values.push_back(asValue(b, loc, extent));
  return values;
}

namespace {
struct GatherLowering : Lowering<graph::GatherOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::GatherOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), indices = adaptor.getIndices();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    auto indexType = dyn_cast<RankedTensorType>(indices.getType());
    if (!type || !source || !indexType)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t rank = source.getRank(), indexRank = indexType.getRank();
    int64_t axis = *graph::normalizeAxis(op.getAxis(), rank);
    SmallVector<Value> whole = extentValues(rewriter, loc, x), asked = extentValues(rewriter, loc, indices);
    checkNotEmpty(math, whole[axis], asked);

    bool fewIndices = indexRank <= 1 && indexType.hasStaticShape() && indexType.getNumElements() <= 16;
    if (rank == 1 && fewIndices && isHostScalars(op.getType())) {
      SmallVector<Value> scalars;
      for (Value index : extractScalars(rewriter, loc, indices))
        scalars.push_back(extractAt(math, x, math.checkedIndex(toIndex(rewriter, loc, index), whole[0])));
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, scalars);
      return success();
    }
    bool isOnHost = graph::getConstantIntegers(indices) || indices.getDefiningOp<tensor::FromElementsOp>();
    if (indexRank == 0 && isOnHost) {
      Value index = math.checkedIndex(extractIndex(rewriter, loc, indices, 0), whole[axis]);
      SmallVector<OpFoldResult> offsets(rank, rewriter.getIndexAttr(0)), strides(rank, rewriter.getIndexAttr(1));
      SmallVector<OpFoldResult> sizes = getExtents(rewriter, loc, x);
      offsets[axis] = getAsOpFoldResult(index);
      sizes[axis] = rewriter.getIndexAttr(1);
      SmallVector<int64_t> shape(source.getShape());
      shape.erase(shape.begin() + axis);
      Value view;
      if (llvm::is_contained(shape, 1) && rank > 1) {
        // Which of the dimensions of extent 1 goes a slice's types alone do not say.
        view = tensor::ExtractSliceOp::create(rewriter, loc, x, offsets, sizes, strides);
        SmallVector<ReassociationIndices> groups;
        for (int64_t i = 0; i < rank; ++i)
          i == std::max<int64_t>(axis, 1) ? groups.back().push_back(i) : groups.push_back({i});
        view = tensor::CollapseShapeOp::create(rewriter, loc, view, groups);
      } else {
        view = tensor::ExtractSliceOp::create(rewriter, loc, RankedTensorType::get(shape, type.getElementType()), x,
                                              offsets, sizes, strides);
      }
      rewriter.replaceOp(op, castTo(rewriter, loc, view, type));
      return success();
    }

    SmallVector<Value> extents(whole.begin(), whole.begin() + axis);
    llvm::append_range(extents, asked);
    extents.append(whole.begin() + axis + 1, whole.end());
    // Indices that are constant and inside need no check.
    bool isChecked = false;
    if (auto constants = graph::getConstantIntegers(indices); constants && !source.isDynamicDim(axis))
      isChecked =
          llvm::all_of(*constants, [&](int64_t index) { return index >= 0 && index < source.getDimSize(axis); });
    // So do bytes in a table of all: negative ones count from its end, as if they were unsigned.
    auto widened = op.getIndices().getDefiningOp<graph::CastOp>();
    if (widened && getElement(widened.getX()).isInteger(8) && source.getDimSize(axis) == 256) {
      indices = rewriter.getRemappedValue(widened.getX());
      isChecked = true;
    }
    SmallVector<AffineExpr> expressions;
    for (int64_t i = 0; i < indexRank; ++i)
      expressions.push_back(rewriter.getAffineDimExpr(axis + i));
    AffineMap map = AffineMap::get(type.getRank(), 0, expressions, rewriter.getContext());
    Value extent = whole[axis];
    rewriter.replaceOp(op, buildIndexed(rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, indices, map,
                                        [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                                          Value index = v[0];
                                          if (index.getType().isInteger(8))
                                            index =
                                                arith::ExtUIOp::create(inner.b, inner.loc, inner.b.getI32Type(), index);
                                          index = toIndex(inner.b, inner.loc, index);
                                          if (!isChecked)
                                            index = inner.checkedIndex(index, extent);
                                          SmallVector<Value> place(at.begin(), at.begin() + axis);
                                          place.push_back(index);
                                          place.append(at.begin() + axis + indexRank, at.end());
                                          return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                                        }));
    return success();
  }
};

struct GatherElementsLowering : Lowering<graph::GatherElementsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::GatherElementsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), indices = adaptor.getIndices();
    if (!type || !isa<RankedTensorType>(x.getType()) || !isa<RankedTensorType>(indices.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t rank = type.getRank(), axis = *graph::normalizeAxis(op.getAxis(), rank);
    SmallVector<Value> whole = extentValues(rewriter, loc, x), extents = extentValues(rewriter, loc, indices);
    for (int64_t i = 0; i < rank; ++i)
      if (i != axis)
        math.check(math.compare(CmpIPredicate::sle, extents[i], whole[i]), TEGULA_SHAPE_MISMATCH);
    checkNotEmpty(math, whole[axis], extents);
    rewriter.replaceOp(op, buildIndexed(rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, indices,
                                        rewriter.getMultiDimIdentityMap(rank),
                                        [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                                          SmallVector<Value> place(at);
                                          place[axis] =
                                              inner.checkedIndex(toIndex(inner.b, inner.loc, v[0]), whole[axis]);
                                          return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                                        }));
    return success();
  }
};

struct GatherNDLowering : Lowering<graph::GatherNDOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::GatherNDOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), indices = adaptor.getIndices();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    auto indexType = dyn_cast<RankedTensorType>(indices.getType());
    if (!type || !source || !indexType)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    // The ranks tell the length of index tuples.
    int64_t batch = op.getBatchDims(), lead = indexType.getRank() - 1;
    int64_t length = lead + source.getRank() - batch - type.getRank();
    if (length < 0 || batch + length > source.getRank())
      return rewriter.notifyMatchFailure(op, "no length of index tuples leads to this rank");
    SmallVector<Value> whole = extentValues(rewriter, loc, x), asked = extentValues(rewriter, loc, indices);
    math.check(math.compare(CmpIPredicate::eq, asked[lead], math.constant(length)), TEGULA_SHAPE_MISMATCH);
    for (int64_t i = 0; i < batch; ++i)
      math.check(math.compare(CmpIPredicate::eq, whole[i], asked[i]), TEGULA_SHAPE_MISMATCH);
    SmallVector<Value> extents(asked.begin(), asked.begin() + lead);
    extents.append(whole.begin() + batch + length, whole.end());
    for (int64_t k = 0; k < length; ++k)
      checkNotEmpty(math, whole[batch + k], extents);
    rewriter.replaceOp(
        op, buildIndexed(rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, {}, {},
                         [&](const IndexMath &inner, ValueRange, ValueRange at) -> Value {
                           SmallVector<Value> tuple(at.begin(), at.begin() + lead);
                           tuple.push_back(nullptr);
                           SmallVector<Value> place(at.begin(), at.begin() + batch);
                           for (int64_t k = 0; k < length; ++k) {
                             tuple.back() = inner.constant(k);
                             Value index = tensor::ExtractOp::create(inner.b, inner.loc, indices, tuple);
                             place.push_back(inner.checkedIndex(toIndex(inner.b, inner.loc, index), whole[batch + k]));
                           }
                           place.append(at.begin() + lead, at.end());
                           return tensor::ExtractOp::create(inner.b, inner.loc, x, place);
                         }));
    return success();
  }
};

/// Every element asks whether the update covers it.
struct TensorScatterLowering : Lowering<graph::TensorScatterOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::TensorScatterOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), update = adaptor.getUpdate(), writes = adaptor.getWriteIndices();
    if (!type || !isa<RankedTensorType>(x.getType()) || !isa<RankedTensorType>(update.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t rank = type.getRank(), axis = *graph::normalizeAxis(op.getAxis(), rank);
    SmallVector<Value> whole = extentValues(rewriter, loc, x), part = extentValues(rewriter, loc, update);
    for (int64_t i = 0; i < rank; ++i)
      math.check(math.compare(i == axis ? CmpIPredicate::sle : CmpIPredicate::eq, part[i], whole[i]),
                 TEGULA_SHAPE_MISMATCH);
    checkNotEmpty(math, part[axis], whole);
    SmallVector<Value> inputs{x};
    SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(rank)};
    if (writes) {
      Value count = asValue(rewriter, loc, getExtent(rewriter, loc, writes, 0));
      math.check(math.compare(CmpIPredicate::eq, count, whole[0]), TEGULA_SHAPE_MISMATCH);
      inputs.push_back(writes);
      maps.push_back(AffineMap::get(rank, 0, rewriter.getAffineDimExpr(0), rewriter.getContext()));
    }
    rewriter.replaceOp(
        op, buildIndexed(rewriter, loc, getExtents(rewriter, loc, x), type, inputs, maps,
                         [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                           Value zero = inner.constant(0), from = zero;
                           if (writes) {
                             from = toIndex(inner.b, inner.loc, v[1]);
                             Value last = op.getCircular() ? inner.sub(whole[axis], inner.constant(1))
                                                           : inner.sub(whole[axis], part[axis]);
                             inner.check(inner.logicalAnd(inner.compare(CmpIPredicate::sge, from, zero),
                                                          inner.compare(CmpIPredicate::sle, from, last)),
                                         TEGULA_INDEX_OUT_OF_RANGE);
                           }
                           Value offset = inner.sub(at[axis], from);
                           if (op.getCircular())
                             offset = inner.select(inner.isNegative(offset), inner.add(offset, whole[axis]), offset);
                           Value covered = inner.logicalAnd(inner.compare(CmpIPredicate::sge, offset, zero),
                                                            inner.compare(CmpIPredicate::slt, offset, part[axis]));
                           SmallVector<Value> place(at);
                           place[axis] = inner.select(covered, offset, zero);
                           Value fresh = tensor::ExtractOp::create(inner.b, inner.loc, update, place);
                           return inner.select(covered, fresh, v[0]);
                         }));
    return success();
  }
};
} // namespace

void tegula::populateIndexingLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<GatherLowering, GatherElementsLowering, GatherNDLowering, TensorScatterLowering>(converter,
                                                                                                patterns.getContext());
}
