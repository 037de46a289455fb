// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/Emission.h"

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

FlatAccess matmul::makeFlatAccess(OpBuilder &b, Location loc, IndexMath &math, Value buffer,
                                  ArrayRef<SmallVector<int64_t>> forms, ArrayRef<Index> extents) {
  auto type = cast<MemRefType>(buffer.getType());
  FlatAccess access;
  access.element = type.getElementType();
  unsigned loops = extents.size();
  SmallVector<Index> strides(type.getRank(), math.of(0));
  access.base = math.of(0);
  if (type.getLayout().isIdentity()) {
    Index stride = math.of(1);
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      strides[dim] = stride;
      Index size;
      if (!type.isDynamicDim(dim)) {
        size = math.of(type.getDimSize(dim));
      } else {
        // A dimension that a single loop walks has the loop's extent: the same value, so that strides compare equal.
        for (unsigned loop = 0; loop < loops; ++loop) {
          SmallVector<int64_t> only(loops + 1, 0);
          only[loop] = 1;
          if (ArrayRef<int64_t>(forms[dim]) == ArrayRef<int64_t>(only))
            size = extents[loop];
        }
        if (!size && dim > 0)
          size = memref::DimOp::create(b, loc, buffer, dim).getResult();
      }
      if (dim > 0)
        stride = math.mul(stride, size);
    }
  } else {
    auto [staticStrides, offset] = type.getStridesAndOffset();
    memref::ExtractStridedMetadataOp metadata;
    auto get = [&](int64_t known, auto dynamic) -> Index {
      if (!ShapedType::isDynamic(known))
        return math.of(known);
      if (!metadata)
        metadata = memref::ExtractStridedMetadataOp::create(b, loc, buffer);
      return dynamic();
    };
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      strides[dim] = get(staticStrides[dim], [&]() -> Index { return metadata.getStrides()[dim]; });
    access.base = get(offset, [&]() -> Index { return metadata.getOffset(); });
  }
  access.steps.assign(loops, math.of(0));
  for (auto [stride, form] : llvm::zip(strides, forms)) {
    for (unsigned loop = 0; loop < loops; ++loop)
      access.steps[loop] = math.add(access.steps[loop], math.mul(stride, math.of(form[loop])));
    access.base = math.add(access.base, math.mul(stride, math.of(form[loops])));
  }

  // The view is only a pointer: its size is an upper bound of every size, and nothing looks at it.
  int64_t unknown = ShapedType::kDynamic;
  auto flatType = MemRefType::get({unknown}, access.element, AffineMap(), type.getMemorySpace());
  access.flat = memref::ReinterpretCastOp::create(b, loc, flatType, buffer, math.of(0),
                                                  ArrayRef<OpFoldResult>{math.constant(int64_t(1) << 40)},
                                                  ArrayRef<OpFoldResult>{math.of(1)});
  return access;
}

Value matmul::cloneElementwise(OpBuilder &b, Location loc, Operation *op, IRMapping &mapping) {
  VectorType vector;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<VectorType>(mapping.lookupOrDefault(operand).getType()))
      vector = type;
  if (!vector)
    return b.clone(*op, mapping)->getResult(0);
  IRMapping local;
  for (Value operand : op->getOperands()) {
    Value mapped = mapping.lookupOrDefault(operand);
    if (!isa<VectorType>(mapped.getType()))
      mapped = vector::BroadcastOp::create(b, loc, VectorType::get(vector.getShape(), mapped.getType()), mapped);
    local.map(operand, mapped);
  }
  Operation *clone = b.clone(*op, local);
  for (Value result : clone->getResults())
    result.setType(VectorType::get(vector.getShape(), result.getType()));
  for (auto [from, to] : llvm::zip(op->getResults(), clone->getResults()))
    mapping.map(from, to);
  return clone->getResult(0);
}

// In each step blocks of half the size change places.
void matmul::transposeSquare(OpBuilder &b, Location loc, MutableArrayRef<Value> rows) {
  int64_t size = rows.size();
  for (int64_t half = 1; half < size; half *= 2) {
    SmallVector<int64_t> low(size), high(size);
    for (int64_t lane = 0; lane < size; ++lane) {
      bool upper = lane & half;
      low[lane] = upper ? size + lane - half : lane;
      high[lane] = upper ? size + lane : lane + half;
    }
    for (int64_t row = 0; row < size; ++row) {
      if (row & half)
        continue;
      Value first = rows[row], second = rows[row + half];
      rows[row] = vector::ShuffleOp::create(b, loc, first, second, low);
      rows[row + half] = vector::ShuffleOp::create(b, loc, first, second, high);
    }
  }
}

std::pair<Index, Index> matmul::shareOf(OpBuilder &b, Location loc, IndexMath &math, Index items) {
  Index id = exec::GridIdOp::create(b, loc, b.getIndexType()).getResult();
  Index size = exec::GridSizeOp::create(b, loc, b.getIndexType()).getResult();
  Index begin = math.floorDiv(math.mul(items, id), size);
  return {begin, math.floorDiv(math.mul(items, math.add(id, math.of(1))), size)};
}

void matmul::emitLoop(OpBuilder &b, Location loc, IndexMath &math, Index begin, Index end, int64_t step,
                      function_ref<void(Value)> body) {
  auto first = getConstantIntValue(begin), last = getConstantIntValue(end);
  if (first && last && *last - *first <= step) {
    if (*last > *first)
      body(math.value(begin));
    return;
  }
  auto forOp = scf::ForOp::create(b, loc, math.value(begin), math.value(end), math.constant(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(forOp.getBody()->getTerminator());
  body(forOp.getInductionVar());
}

void matmul::emitIf(OpBuilder &b, Location loc, Value condition, function_ref<void()> body,
                    function_ref<void()> otherwise) {
  if (auto known = getConstantIntValue(condition)) {
    if (*known)
      body();
    else if (otherwise)
      otherwise();
    return;
  }
  auto ifOp = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  body();
  if (otherwise) {
    b.setInsertionPointToStart(ifOp.elseBlock());
    otherwise();
  }
}
