// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/Lowering.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"

#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

// --- types -----------------------------------------------------------------------------------------------------------

Type tegula::getStorageType(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  if (isa<graph::StringType>(element)) // its number in the runtime's table
    return IntegerType::get(element.getContext(), 64);
  if (!integer)
    return isNarrowFloat(element) ? Type(IntegerType::get(element.getContext(), 8)) : element;
  return IntegerType::get(element.getContext(), std::max(8u, integer.getWidth()));
}

RankedTensorType tegula::getStorageTensor(Type graphType) {
  auto type = dyn_cast<RankedTensorType>(graphType);
  return type ? RankedTensorType::get(type.getShape(), getStorageType(type.getElementType())) : nullptr;
}

Type tegula::getElement(Value graphValue) { return cast<TensorType>(graphValue.getType()).getElementType(); }
bool tegula::isSubByteInteger(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer && integer.getWidth() > 1 && integer.getWidth() < 8;
}
bool tegula::isUnsignedElement(Type element) { return element.isUnsignedInteger() || element.isInteger(1); }

Type tegula::getComputeType(Type element) {
  if (element.isF16() || element.isBF16() || isNarrowFloat(element))
    return Float32Type::get(element.getContext());
  if (element.isInteger(1))
    return element;
  return getStorageType(element);
}

// --- scalars ---------------------------------------------------------------------------------------------------------

Value tegula::loadScalar(OpBuilder &b, Location loc, Value stored, Type element) {
  if (isNarrowFloat(element))
    return decodeNarrowFloat(b, loc, stored, element);
  if (!element.isInteger(1))
    return stored;
  Value zero = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(0));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, stored, zero);
}

/// Sub-byte integers are kept sign- or zero-extended in their byte: what arithmetic left above their bits goes.
static Value wrapSubByte(OpBuilder &b, Location loc, Value byte, Type element) {
  Value low = arith::TruncIOp::create(b, loc, b.getIntegerType(element.getIntOrFloatBitWidth()), byte);
  if (element.isUnsignedInteger())
    return arith::ExtUIOp::create(b, loc, b.getI8Type(), low);
  return arith::ExtSIOp::create(b, loc, b.getI8Type(), low);
}

Value tegula::storeScalar(OpBuilder &b, Location loc, Value computed, Type element) {
  if (isNarrowFloat(element) && isa<FloatType>(computed.getType()))
    return encodeNarrowFloat(b, loc, computed, element);
  if (isSubByteInteger(element))
    return wrapSubByte(b, loc, computed, element);
  if (!element.isInteger(1) || !computed.getType().isInteger(1))
    return computed;
  return arith::ExtUIOp::create(b, loc, b.getI8Type(), computed);
}

Value tegula::constantIndex(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value tegula::constantScalar(OpBuilder &b, Location loc, double value, Type type) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  if (type.isIndex())
    return constantIndex(b, loc, int64_t(value));
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, int64_t(value)));
}

Value tegula::toIndex(OpBuilder &b, Location loc, Value integer, bool isUnsigned) {
  if (integer.getType().isIndex())
    return integer;
  if (isUnsigned)
    return b.createOrFold<arith::IndexCastUIOp>(loc, b.getIndexType(), integer);
  return b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), integer);
}

/// Float to integer toward zero. Outside the range, and for NaN, LLVM's conversion has no defined result, so such
/// values are replaced first.
static Value truncateToInteger(OpBuilder &b, Location loc, Value value, Type to, unsigned targetBits) {
  Type source = value.getType();
  auto between = [&](double low, double high) -> Value {
    Value first = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, value, constantScalar(b, loc, low, source));
    Value second =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, value, constantScalar(b, loc, high, source));
    return arith::AndIOp::create(b, loc, first, second);
  };
  auto orZero = [&](Value condition) -> Value {
    return arith::SelectOp::create(b, loc, condition, value, constantScalar(b, loc, 0, source));
  };
  // Values of u32 need more than i32; narrower targets keep the low bits of i32.
  bool isWide = targetBits == 64 || (targetBits == 32 && to.isUnsignedInteger());
  Type wide = b.getIntegerType(isWide ? 64 : 32);
  double limit = isWide ? 0x1p63 : 0x1p31;
  Value isInRange = between(-limit, limit);
  Value lowest =
      arith::ConstantOp::create(b, loc, b.getIntegerAttr(wide, APInt::getSignedMinValue(wide.getIntOrFloatBitWidth())));
  Value integer =
      arith::SelectOp::create(b, loc, isInRange, arith::FPToSIOp::create(b, loc, wide, orZero(isInRange)), lowest);
  if (to.isUnsignedInteger(64)) {
    Value isUpperHalf = between(0x1p63, 0x1p64);
    integer = arith::SelectOp::create(b, loc, isUpperHalf, arith::FPToUIOp::create(b, loc, wide, orZero(isUpperHalf)),
                                      integer);
  }
  Type target = b.getIntegerType(targetBits);
  return target == wide ? integer : Value(arith::TruncIOp::create(b, loc, target, integer));
}

/// An f64 as f32, toward zero, with the last bit set where something was cut off: rounding that once more, to a
/// narrower type, gives what rounding the f64 gives.
static Value roundToOdd(OpBuilder &b, Location loc, Value value) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  Value nearest = arith::TruncFOp::create(b, loc, f32, value);
  Value back = arith::ExtFOp::create(b, loc, value.getType(), nearest);
  // Also for NaN, which stays.
  Value isExact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UEQ, back, value);
  Value isAbove =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, math::AbsFOp::create(b, loc, back).getResult(),
                            math::AbsFOp::create(b, loc, value).getResult());
  Value bits = arith::BitcastOp::create(b, loc, i32, nearest);
  Value cut = arith::SubIOp::create(b, loc, bits, arith::ExtUIOp::create(b, loc, i32, isAbove));
  Value odd = arith::OrIOp::create(b, loc, cut, arith::ConstantIntOp::create(b, loc, i32, 1));
  return arith::SelectOp::create(b, loc, isExact, nearest, arith::BitcastOp::create(b, loc, f32, odd));
}

Value tegula::castScalar(OpBuilder &b, Location loc, Value value, Type from, Type to, bool saturate,
                         StringRef roundMode) {
  Type source = value.getType();
  Type target = to.isInteger(1) ? Type(b.getI1Type()) : getStorageType(to);
  if (from == to && source == target)
    return value;
  if (isNarrowFloat(to)) {
    Value wide = source.isF64() ? roundToOdd(b, loc, value) : castScalar(b, loc, value, from, b.getF32Type());
    return encodeNarrowFloat(b, loc, wide, to, saturate, roundMode);
  }
  if (to.isInteger(1)) {
    Value zero = constantScalar(b, loc, 0, source);
    if (isa<FloatType>(source)) // NaN is true
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, value, zero);
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
  }
  bool fromUnsigned = isUnsignedElement(from);
  if (isa<FloatType>(target)) {
    if (isa<FloatType>(source)) {
      unsigned sourceBits = source.getIntOrFloatBitWidth(), targetBits = target.getIntOrFloatBitWidth();
      if (source == target)
        return value;
      if (sourceBits < targetBits)
        return arith::ExtFOp::create(b, loc, target, value);
      if (sourceBits > targetBits)
        return arith::TruncFOp::create(b, loc, target, value);
      // f16 and bf16: through f32, exact on the way up.
      Value wide = arith::ExtFOp::create(b, loc, b.getF32Type(), value);
      return arith::TruncFOp::create(b, loc, target, wide);
    }
    // f16 and bf16 by way of f32, as in every computation.
    Type wide = target.getIntOrFloatBitWidth() < 32 ? b.getF32Type() : target;
    Value result = fromUnsigned ? Value(arith::UIToFPOp::create(b, loc, wide, value))
                                : Value(arith::SIToFPOp::create(b, loc, wide, value));
    return wide == target ? result : Value(arith::TruncFOp::create(b, loc, target, result));
  }
  if (isa<FloatType>(source)) {
    if (source.getIntOrFloatBitWidth() < 32)
      value = arith::ExtFOp::create(b, loc, b.getF32Type(), value);
    value = truncateToInteger(b, loc, value, to, target.getIntOrFloatBitWidth());
    return isSubByteInteger(to) ? wrapSubByte(b, loc, value, to) : value;
  }
  unsigned sourceBits = source.getIntOrFloatBitWidth(), targetBits = target.getIntOrFloatBitWidth();
  if (sourceBits > targetBits)
    value = arith::TruncIOp::create(b, loc, target, value);
  else if (sourceBits < targetBits)
    value = fromUnsigned ? Value(arith::ExtUIOp::create(b, loc, target, value))
                         : Value(arith::ExtSIOp::create(b, loc, target, value));
  return isSubByteInteger(to) ? wrapSubByte(b, loc, value, to) : value;
}

// --- extents ---------------------------------------------------------------------------------------------------------

/// The place of dimension `i` among `groups` if it is alone in its group.
static std::optional<int64_t> findOwnGroup(ArrayRef<ReassociationIndices> groups, int64_t i) {
  const auto *group =
      llvm::find_if(groups, [&](const ReassociationIndices &own) { return llvm::is_contained(own, i); });
  return group != groups.end() && group->size() == 1 ? std::optional<int64_t>(group - groups.begin()) : std::nullopt;
}

/// The tensor and dimension that `tensor`, made by movement of elements, has dimension `i` from, or null.
static std::pair<Value, int64_t> findSourceDimension(Value tensor, int64_t i) {
  if (auto pad = tensor.getDefiningOp<tensor::PadOp>()) {
    bool keeps = isConstantIntValue(pad.getMixedLowPad()[i], 0) && isConstantIntValue(pad.getMixedHighPad()[i], 0);
    return {keeps ? pad.getSource() : Value(), i};
  }
  if (auto expand = tensor.getDefiningOp<tensor::ExpandShapeOp>())
    if (auto from = findOwnGroup(expand.getReassociationIndices(), i))
      return {expand.getSrc(), *from};
  if (auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>())
    if (ReassociationIndices from = collapse.getReassociationIndices()[i]; from.size() == 1)
      return {collapse.getSrc(), from[0]};
  return {};
}

OpFoldResult tegula::getExtent(OpBuilder &b, Location loc, Value tensor, int64_t i) {
  while (true) {
    auto type = cast<RankedTensorType>(tensor.getType());
    if (!type.isDynamicDim(i))
      return b.getIndexAttr(type.getDimSize(i));
    if (auto castOp = tensor.getDefiningOp<tensor::CastOp>()) {
      if (!isa<RankedTensorType>(castOp.getSource().getType()))
        break;
      tensor = castOp.getSource();
    } else if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>()) {
      return empty.getMixedSizes()[i];
    } else if (auto view = tensor.getDefiningOp<exec::BroadcastViewOp>()) {
      return view.getSizes()[type.getDynamicDimIndex(i)];
    } else if (auto dps = tensor.getDefiningOp<DestinationStyleOpInterface>()) {
      tensor = dps.getTiedOpOperand(cast<OpResult>(tensor))->get();
    } else if (auto [source, from] = findSourceDimension(tensor, i); source) {
      tensor = source;
      i = from;
    } else {
      break;
    }
  }
  return tensor::DimOp::create(b, loc, tensor, i).getResult();
}

SmallVector<OpFoldResult> tegula::getExtents(OpBuilder &b, Location loc, Value tensor) {
  SmallVector<OpFoldResult> extents;
  for (int64_t i = 0, rank = cast<RankedTensorType>(tensor.getType()).getRank(); i < rank; ++i)
    extents.push_back(getExtent(b, loc, tensor, i));
  return extents;
}

Value tegula::asValue(OpBuilder &b, Location loc, OpFoldResult extent) {
  return getValueOrCreateConstantIndexOp(b, loc, extent);
}

Value tegula::makeEmpty(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> extents, Type element) {
  return tensor::EmptyOp::create(b, loc, extents, element);
}

Value tegula::makeFilled(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> extents, Value scalar) {
  Value empty = makeEmpty(b, loc, extents, scalar.getType());
  return linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
}

Value tegula::buildTranspose(OpBuilder &b, Location loc, Value x, ArrayRef<int64_t> permutation) {
  SmallVector<OpFoldResult> source = getExtents(b, loc, x), extents;
  int64_t rank = permutation.size();
  SmallVector<AffineExpr> expressions(rank);
  for (auto [i, from] : llvm::enumerate(permutation)) {
    extents.push_back(source[from]);
    expressions[from] = b.getAffineDimExpr(i);
  }
  Value empty = makeEmpty(b, loc, extents, cast<RankedTensorType>(x.getType()).getElementType());
  // A generic, not linalg.transpose, so that elementwise fusion takes it in.
  return linalg::GenericOp::create(
             b, loc, empty.getType(), x, empty,
             ArrayRef{AffineMap::get(rank, 0, expressions, b.getContext()), b.getMultiDimIdentityMap(rank)},
             SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
             [](OpBuilder &nested, Location at, ValueRange v) { linalg::YieldOp::create(nested, at, v[0]); })
      .getResult(0);
}

Value tegula::flatten(OpBuilder &b, Location loc, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() == 1)
    return x;
  if (type.getRank() == 0)
    return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get({1}, type.getElementType()), x,
                                         ArrayRef<ReassociationIndices>{});
  ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  return tensor::CollapseShapeOp::create(b, loc, x, ArrayRef{all});
}

void tegula::keepInKernel(scf::ForOp loop) { loop->setAttr("exec.kernel", UnitAttr::get(loop.getContext())); }

Value tegula::castTo(OpBuilder &b, Location loc, Value tensor, Type type) {
  return tensor.getType() == type ? tensor : Value(tensor::CastOp::create(b, loc, type, tensor));
}

// --- host scalars ----------------------------------------------------------------------------------------------------

bool tegula::isHostScalars(Type graphType) {
  auto type = dyn_cast<RankedTensorType>(graphType);
  return type && type.getRank() <= 1 && type.hasStaticShape() && type.getNumElements() <= 16 &&
         isa<IntegerType>(type.getElementType());
}

SmallVector<Value> tegula::extractScalars(OpBuilder &b, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<Value> scalars;
  if (auto elements = tensor.getDefiningOp<tensor::FromElementsOp>())
    return llvm::to_vector(elements.getElements());
  SmallVector<int64_t> index(type.getRank(), 0);
  for (int64_t k = 0, count = type.getNumElements(); k < count; ++k) {
    SmallVector<Value> indices;
    for (int64_t i : index)
      indices.push_back(constantIndex(b, loc, i));
    scalars.push_back(b.createOrFold<tensor::ExtractOp>(loc, tensor, indices));
    for (int64_t i = type.getRank() - 1; i >= 0 && ++index[i] == type.getDimSize(i); --i)
      index[i] = 0;
  }
  return scalars;
}

Value tegula::extractIndex(OpBuilder &b, Location loc, Value tensor, int64_t i) {
  if (auto elements = tensor.getDefiningOp<tensor::FromElementsOp>())
    return toIndex(b, loc, elements.getElements()[i]);
  SmallVector<Value> indices;
  if (cast<RankedTensorType>(tensor.getType()).getRank() == 1)
    indices.push_back(constantIndex(b, loc, i));
  return toIndex(b, loc, b.createOrFold<tensor::ExtractOp>(loc, tensor, indices));
}

// --- broadcasting ----------------------------------------------------------------------------------------------------

static bool isOne(OpFoldResult extent) { return isConstantIntValue(extent, 1); }

SmallVector<OpFoldResult> tegula::broadcastExtents(OpBuilder &b, Location loc, ValueRange operands) {
  int64_t rank = 0;
  for (Value operand : operands)
    rank = std::max(rank, cast<RankedTensorType>(operand.getType()).getRank());
  SmallVector<OpFoldResult> result(rank, b.getIndexAttr(1));
  for (Value operand : operands) {
    auto type = cast<RankedTensorType>(operand.getType());
    for (int64_t i = 0; i < type.getRank(); ++i) {
      OpFoldResult &extent = result[rank - type.getRank() + i];
      OpFoldResult other = getExtent(b, loc, operand, i);
      if (isOne(other) || isSameExtent(other, extent))
        continue;
      // A static extent other than 1 decides.
      if (isOne(extent) || isa<Attribute>(other)) {
        extent = other;
      } else if (isa<Value>(extent)) {
        Value first = cast<Value>(extent), second = cast<Value>(other);
        Value isOneAtRunTime = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, first, constantIndex(b, loc, 1));
        extent = arith::SelectOp::create(b, loc, isOneAtRunTime, second, first).getResult();
      }
    }
  }
  return result;
}

std::pair<Value, AffineMap> tegula::broadcastOperand(OpBuilder &b, Location loc, Value operand,
                                                     ArrayRef<OpFoldResult> extents) {
  auto type = cast<RankedTensorType>(operand.getType());
  int64_t rank = extents.size(), offset = rank - type.getRank();
  SmallVector<AffineExpr> expressions;
  SmallVector<OpFoldResult> viewExtents;
  bool needsView = false;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    OpFoldResult own = getExtent(b, loc, operand, i), target = extents[offset + i];
    if (isOne(own) && !isOne(target)) {
      expressions.push_back(b.getAffineConstantExpr(0));
      viewExtents.push_back(own);
      continue;
    }
    expressions.push_back(b.getAffineDimExpr(offset + i));
    viewExtents.push_back(target);
    if (isSameExtent(own, target))
      continue;
    if (isa<Value>(own))
      needsView = true;
    else
      viewExtents.back() = own; // a static extent; the target's value must equal it
  }
  if (needsView) {
    SmallVector<int64_t> shape;
    SmallVector<Value> sizes;
    dispatchIndexOpFoldResults(viewExtents, sizes, shape);
    operand =
        exec::BroadcastViewOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), operand, sizes);
  }
  return {operand, AffineMap::get(rank, 0, expressions, b.getContext())};
}

Value tegula::buildElementwise(OpBuilder &b, Location loc, ValueRange operands, ArrayRef<Type> operandElements,
                               Type resultType, ScalarBody body) {
  RankedTensorType storage = getStorageTensor(resultType);
  Type resultElement = cast<RankedTensorType>(resultType).getElementType();
  auto compute = [&](OpBuilder &nested, Location at, ValueRange stored) -> Value {
    SmallVector<Value> arguments;
    for (auto [value, element] : llvm::zip(stored, operandElements)) {
      if (!element) {
        arguments.push_back(value);
        continue;
      }
      Value loaded = loadScalar(nested, at, value, element);
      Type computeType = getComputeType(element);
      if (isa<FloatType>(computeType) && loaded.getType() != computeType)
        loaded = arith::ExtFOp::create(nested, at, computeType, loaded);
      arguments.push_back(loaded);
    }
    Value result = body(nested, at, arguments);
    Type target = resultElement.isInteger(1) ? result.getType() : storage.getElementType();
    if (isa<FloatType>(target) && result.getType() != target)
      result = arith::TruncFOp::create(nested, at, target, result);
    return storeScalar(nested, at, result, resultElement);
  };

  bool onHost = isHostScalars(resultType) && llvm::all_of(operands, [](Value operand) {
                  auto type = cast<RankedTensorType>(operand.getType());
                  return type.hasStaticShape() && type.getRank() <= 1 && type.getNumElements() <= 16;
                });
  if (onHost) {
    SmallVector<SmallVector<Value>> scalars;
    for (Value operand : operands)
      scalars.push_back(extractScalars(b, loc, operand));
    SmallVector<Value> results;
    for (int64_t i = 0; i < storage.getNumElements(); ++i) {
      SmallVector<Value> arguments;
      for (SmallVector<Value> &elements : scalars)
        arguments.push_back(elements[elements.size() == 1 ? 0 : i]);
      results.push_back(compute(b, loc, arguments));
    }
    return tensor::FromElementsOp::create(b, loc, storage, results);
  }

  SmallVector<OpFoldResult> extents = broadcastExtents(b, loc, operands);
  for (auto [i, extent] : llvm::enumerate(extents))
    if (!storage.isDynamicDim(i))
      extent = b.getIndexAttr(storage.getDimSize(i)); // shape inference may know more than the operands show
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value operand : operands) {
    auto [input, map] = broadcastOperand(b, loc, operand, extents);
    inputs.push_back(input);
    maps.push_back(map);
  }
  Value empty = makeEmpty(b, loc, extents, storage.getElementType());
  maps.push_back(b.getMultiDimIdentityMap(extents.size()));
  SmallVector<utils::IteratorType> iterators(extents.size(), utils::IteratorType::parallel);
  auto generic =
      linalg::GenericOp::create(b, loc, empty.getType(), inputs, empty, maps, iterators,
                                [&](OpBuilder &nested, Location at, ValueRange arguments) {
                                  linalg::YieldOp::create(nested, at, compute(nested, at, arguments.drop_back()));
                                });
  return castTo(b, loc, generic.getResult(0), storage);
}
