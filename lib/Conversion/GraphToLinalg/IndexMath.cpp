// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;
using arith::CmpIPredicate;

std::optional<int64_t> tegula::getConstantIndex(OpFoldResult extent) { return getConstantIntValue(extent); }

void IndexMath::check(Value condition, int32_t status) const {
  if (matchPattern(condition, m_One()))
    return;
  exec::CheckOp::create(b, loc, condition, b.getI32IntegerAttr(status));
}

Value IndexMath::checkedIndex(Value index, Value extent) const {
  Value zero = zeroLike(index);
  Value wrapped = select(compare(CmpIPredicate::slt, index, zero), add(index, extent), index);
  Value isInside = logicalAnd(compare(CmpIPredicate::sge, wrapped, zero), compare(CmpIPredicate::slt, wrapped, extent));
  check(isInside, TEGULA_INDEX_OUT_OF_RANGE);
  // Folding does not see through two bounds; a constant inside needs no clamp.
  if (matchPattern(isInside, m_One()))
    return wrapped;
  Value last = max(sub(extent, constantScalar(b, loc, 1, index.getType())), zero);
  return clamp(wrapped, zero, last);
}

SmallVector<OpFoldResult> tegula::resolveExtents(OpBuilder &b, Location loc, ValueRange extents,
                                                 RankedTensorType type) {
  IndexMath math{b, loc};
  SmallVector<OpFoldResult> result;
  for (auto [i, extent] : llvm::enumerate(extents)) {
    if (type.isDynamicDim(i)) {
      result.push_back(getAsOpFoldResult(extent));
      continue;
    }
    int64_t declared = type.getDimSize(i);
    math.check(math.compare(CmpIPredicate::eq, extent, math.constant(declared)), TEGULA_SHAPE_MISMATCH);
    result.push_back(b.getIndexAttr(declared));
  }
  return result;
}

Value tegula::buildIndexed(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> extents, RankedTensorType type,
                           ValueRange inputs, ArrayRef<AffineMap> maps, IndexedBody body) {
  Value empty = makeEmpty(b, loc, extents, type.getElementType());
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(b.getMultiDimIdentityMap(extents.size()));
  SmallVector<utils::IteratorType> iterators(extents.size(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, empty.getType(), inputs, empty, allMaps, iterators, [&](OpBuilder &nested, Location at, ValueRange v) {
        SmallVector<Value> indices;
        for (size_t i = 0; i < extents.size(); ++i)
          indices.push_back(linalg::IndexOp::create(nested, at, i));
        linalg::YieldOp::create(nested, at, body(IndexMath{nested, at}, v.drop_back(), indices));
      });
  return castTo(b, loc, generic.getResult(0), type);
}

Value tegula::buildSlice(OpBuilder &b, Location loc, Value x, ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides) {
  // MLIR takes offset 0 of extent 0 for out of bounds, so there is no slice of a tensor without elements.
  auto type = cast<RankedTensorType>(x.getType());
  if (llvm::is_contained(type.getShape(), 0) ||
      llvm::any_of(sizes, [](OpFoldResult size) { return isConstantIntValue(size, 0); }))
    return makeEmpty(b, loc, sizes, type.getElementType());
  return tensor::ExtractSliceOp::create(b, loc, x, offsets, sizes, strides);
}

Value tegula::extractAt(const IndexMath &math, Value tensor, Value index) {
  auto elements = tensor.getDefiningOp<tensor::FromElementsOp>();
  if (!elements || elements.getElements().empty()) {
    if (cast<RankedTensorType>(tensor.getType()).getRank() == 0)
      return math.b.createOrFold<tensor::ExtractOp>(math.loc, tensor, ValueRange());
    return math.b.createOrFold<tensor::ExtractOp>(math.loc, tensor, index);
  }
  Value result = elements.getElements()[0];
  for (size_t i = 1; i < elements.getElements().size(); ++i)
    result = math.select(math.compare(CmpIPredicate::eq, index, math.constant(i)), elements.getElements()[i], result);
  return result;
}

SmallVector<Value> tegula::scatterByAxes(OpBuilder &b, Location loc, Value values, int64_t offset, Value axes,
                                         int64_t count, int64_t rank, llvm::function_ref<Value(int64_t)> fallback) {
  IndexMath math{b, loc};
  std::optional<SmallVector<int64_t>> constant;
  if (!axes)
    constant = llvm::to_vector(llvm::seq<int64_t>(0, count));
  else
    constant = graph::getConstantAxes(axes, rank);
  SmallVector<Value> result;
  for (int64_t d = 0; d < rank; ++d) {
    Value entry = nullptr;
    if (constant) {
      for (auto [k, axis] : llvm::enumerate(*constant))
        if (axis == d)
          entry = extractIndex(b, loc, values, offset + k);
      result.push_back(entry ? entry : fallback(d));
      continue;
    }
    entry = fallback(d);
    for (int64_t k = 0; k < count; ++k) {
      Value axis = extractIndex(b, loc, axes, k);
      axis = math.select(math.isNegative(axis), math.add(axis, math.constant(rank)), axis);
      Value isHere = math.compare(CmpIPredicate::eq, axis, math.constant(d));
      entry = math.select(isHere, extractIndex(b, loc, values, offset + k), entry);
    }
    result.push_back(entry);
  }
  return result;
}

bool tegula::movesHostScalars(Type result, Value operand) {
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  return isHostScalars(result) && type && type.hasStaticShape() && type.getNumElements() <= 16;
}
