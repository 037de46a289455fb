// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/Reductions.h"

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace tegula;

// --- loops -----------------------------------------------------------------------------------------------------------

ReductionSpace tegula::makeReductionSpace(OpBuilder &b, ArrayRef<OpFoldResult> extents, ArrayRef<int64_t> axes) {
  ReductionSpace space;
  unsigned rank = extents.size();
  SmallVector<AffineExpr> kept;
  for (auto [i, extent] : llvm::enumerate(extents)) {
    bool isReduced = llvm::is_contained(axes, int64_t(i));
    space.iterators.push_back(isReduced ? utils::IteratorType::reduction : utils::IteratorType::parallel);
    (isReduced ? space.reducedExtents : space.resultExtents).push_back(extent);
    if (!isReduced)
      kept.push_back(b.getAffineDimExpr(i));
  }
  space.operandMap = b.getMultiDimIdentityMap(rank);
  space.resultMap = AffineMap::get(rank, 0, kept, b.getContext());
  return space;
}

ReductionSpace tegula::makeReductionSpace(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> extents, ValueRange mask) {
  ReductionSpace space;
  unsigned rank = extents.size();
  Value one = constantIndex(b, loc, 1);
  SmallVector<AffineExpr> sums, kept, windows;
  for (auto [i, extent] : llvm::enumerate(extents)) {
    Value value = asValue(b, loc, extent);
    space.resultExtents.push_back(arith::SelectOp::create(b, loc, mask[i], one, value).getResult());
    space.reducedExtents.push_back(arith::SelectOp::create(b, loc, mask[i], value, one).getResult());
    kept.push_back(b.getAffineDimExpr(i));
    windows.push_back(b.getAffineDimExpr(rank + i));
    sums.push_back(kept.back() + windows.back()); // one of the two is 0
  }
  space.iterators.append(rank, utils::IteratorType::parallel);
  space.iterators.append(rank, utils::IteratorType::reduction);
  space.operandMap = AffineMap::get(2 * rank, 0, sums, b.getContext());
  space.resultMap = AffineMap::get(2 * rank, 0, kept, b.getContext());
  space.window = makeEmpty(b, loc, space.reducedExtents, b.getI8Type());
  space.windowMap = AffineMap::get(2 * rank, 0, windows, b.getContext());
  return space;
}

Value tegula::countReduced(OpBuilder &b, Location loc, const ReductionSpace &space) {
  int64_t known = 1;
  Value count;
  for (OpFoldResult extent : space.reducedExtents) {
    if (auto attribute = dyn_cast<Attribute>(extent))
      known *= cast<IntegerAttr>(attribute).getInt();
    else
      count = count ? Value(arith::MulIOp::create(b, loc, count, cast<Value>(extent))) : cast<Value>(extent);
  }
  Value constant = constantIndex(b, loc, known);
  return count ? Value(arith::MulIOp::create(b, loc, count, constant)) : constant;
}

Value tegula::buildReduction(OpBuilder &b, Location loc, const ReductionSpace &space, ValueRange operands,
                             Value initial, ReductionBody body) {
  Value filled = makeFilled(b, loc, space.resultExtents, initial);
  SmallVector<Value> inputs(operands);
  SmallVector<AffineMap> maps(operands.size(), space.resultMap);
  maps.front() = space.operandMap;
  if (space.window) {
    inputs.push_back(space.window);
    maps.push_back(space.windowMap);
  }
  maps.push_back(space.resultMap);
  auto generic = linalg::GenericOp::create(b, loc, filled.getType(), inputs, filled, maps, space.iterators,
                                           [&](OpBuilder &nested, Location at, ValueRange arguments) {
                                             Value result = body(nested, at, arguments.take_front(operands.size()),
                                                                 arguments.back());
                                             linalg::YieldOp::create(nested, at, result);
                                           });
  return generic.getResult(0);
}

Value tegula::buildMap(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> extents, ValueRange operands,
                       ArrayRef<AffineMap> operandMaps, Type element, ScalarBody body) {
  Value empty = makeEmpty(b, loc, extents, element);
  SmallVector<AffineMap> maps(operandMaps);
  maps.push_back(b.getMultiDimIdentityMap(extents.size()));
  SmallVector<utils::IteratorType> iterators(extents.size(), utils::IteratorType::parallel);
  auto generic =
      linalg::GenericOp::create(b, loc, empty.getType(), operands, empty, maps, iterators,
                                [&](OpBuilder &nested, Location at, ValueRange arguments) {
                                  linalg::YieldOp::create(nested, at, body(nested, at, arguments.drop_back()));
                                });
  return generic.getResult(0);
}

Value tegula::keepDimensions(OpBuilder &b, Location loc, Value reduced, ArrayRef<int64_t> axes, int64_t rank) {
  if (axes.empty())
    return reduced;
  auto type = cast<RankedTensorType>(reduced.getType());
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> extents;
  SmallVector<ReassociationIndices> groups(type.getRank());
  int64_t next = 0;
  for (int64_t i = 0; i < rank; ++i) {
    bool isReduced = llvm::is_contained(axes, i);
    if (isReduced) {
      shape.push_back(1);
      extents.push_back(b.getIndexAttr(1));
    } else {
      shape.push_back(type.getDimSize(next));
      extents.push_back(getExtent(b, loc, reduced, next));
    }
    // A reduced dimension joins the kept one before it, or the first one.
    if (!groups.empty())
      groups[isReduced ? std::max<int64_t>(next - 1, 0) : next].push_back(i);
    next += !isReduced;
  }
  return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), reduced, groups,
                                       extents);
}

// --- scalars ---------------------------------------------------------------------------------------------------------

Type tegula::getAccumulatorType(Type element) {
  return isa<FloatType>(element) ? getComputeType(element) : getStorageType(element);
}

Value tegula::loadAccumulated(OpBuilder &b, Location loc, Value stored, Type element) {
  if (element.isInteger(1))
    return stored;
  Value loaded = loadScalar(b, loc, stored, element);
  Type type = getAccumulatorType(element);
  return loaded.getType() == type ? loaded : Value(arith::ExtFOp::create(b, loc, type, loaded));
}

Value tegula::storeAccumulated(OpBuilder &b, Location loc, Value computed, Type element) {
  Type storage = getStorageType(element);
  if (isa<FloatType>(storage) && computed.getType() != storage)
    return arith::TruncFOp::create(b, loc, storage, computed);
  return storeScalar(b, loc, computed, element);
}

Value tegula::indexAs(OpBuilder &b, Location loc, Value index, Type type) {
  if (type.isIndex())
    return index;
  if (isa<IntegerType>(type))
    return arith::IndexCastOp::create(b, loc, type, index);
  Value integer = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
  return arith::SIToFPOp::create(b, loc, type, integer);
}

Value tegula::addReassociable(OpBuilder &b, Location loc, Value x, Value y) {
  if (!isa<FloatType>(x.getType()))
    return arith::AddIOp::create(b, loc, x, y);
  return arith::AddFOp::create(b, loc, x, y, arith::FastMathFlags::reassoc);
}

Value tegula::extremeValue(OpBuilder &b, Location loc, Type type, bool isUnsigned, bool highest) {
  if (auto floatType = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(
        b, loc, b.getFloatAttr(type, APFloat::getInf(floatType.getFloatSemantics(), /*Negative=*/!highest)));
  unsigned width = type.getIntOrFloatBitWidth();
  APInt value = isUnsigned ? (highest ? APInt::getMaxValue(width) : APInt::getMinValue(width))
                           : (highest ? APInt::getSignedMaxValue(width) : APInt::getSignedMinValue(width));
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
}
