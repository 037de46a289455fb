// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Constants.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;

static DenseElementsAttr getSmallDense(Attribute attribute) {
  auto dense = dyn_cast_or_null<DenseElementsAttr>(attribute);
  if (!dense || dense.getNumElements() > graph::maxFoldedElements)
    return nullptr;
  return dense;
}

std::optional<SmallVector<int64_t>> graph::getConstantIntegers(Attribute attribute) {
  DenseElementsAttr dense = getSmallDense(attribute);
  if (!dense || !isa<IntegerType>(dense.getElementType()))
    return std::nullopt;
  auto type = cast<IntegerType>(dense.getElementType());
  bool isUnsigned = type.isUnsigned() || type.getWidth() == 1;
  SmallVector<int64_t> values;
  values.reserve(dense.getNumElements());
  for (APInt value : dense.getValues<APInt>())
    values.push_back(isUnsigned ? int64_t(value.getZExtValue()) : value.getSExtValue());
  return values;
}

std::optional<SmallVector<double>> graph::getConstantFloats(Attribute attribute) {
  DenseElementsAttr dense = getSmallDense(attribute);
  if (!dense || !isa<FloatType>(dense.getElementType()))
    return std::nullopt;
  SmallVector<double> values;
  values.reserve(dense.getNumElements());
  for (APFloat value : dense.getValues<APFloat>()) {
    bool lost;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    values.push_back(value.convertToDouble());
  }
  return values;
}

static Attribute getConstant(Value value) {
  Attribute attribute;
  matchPattern(value, m_Constant(&attribute));
  return attribute;
}

std::optional<SmallVector<int64_t>> graph::getConstantIntegers(Value value) {
  return value ? getConstantIntegers(getConstant(value)) : std::nullopt;
}
std::optional<SmallVector<double>> graph::getConstantFloats(Value value) {
  return value ? getConstantFloats(getConstant(value)) : std::nullopt;
}

DenseElementsAttr graph::makeIntegers(RankedTensorType type, ArrayRef<int64_t> values) {
  unsigned width = type.getElementTypeBitWidth();
  SmallVector<APInt> integers;
  integers.reserve(values.size());
  for (int64_t value : values)
    integers.push_back(APInt(64, uint64_t(value)).sextOrTrunc(width));
  return DenseElementsAttr::get(type, integers);
}

DenseElementsAttr graph::makeFloats(RankedTensorType type, ArrayRef<double> values) {
  const llvm::fltSemantics &semantics = cast<FloatType>(type.getElementType()).getFloatSemantics();
  SmallVector<APFloat> floats;
  floats.reserve(values.size());
  for (double value : values) {
    APFloat number(value);
    bool lost;
    number.convert(semantics, APFloat::rmNearestTiesToEven, &lost);
    floats.push_back(number);
  }
  return DenseElementsAttr::get(type, floats);
}

std::optional<SmallVector<int64_t>> graph::broadcastShapes(ArrayRef<ArrayRef<int64_t>> shapes) {
  size_t rank = 0;
  for (ArrayRef<int64_t> shape : shapes)
    rank = std::max(rank, shape.size());
  SmallVector<int64_t> result(rank, 1);
  for (ArrayRef<int64_t> shape : shapes) {
    for (size_t i = 0; i < shape.size(); ++i) {
      int64_t &extent = result[rank - shape.size() + i];
      int64_t other = shape[i];
      if (other == 1 || other == extent)
        continue;
      if (ShapedType::isDynamic(other)) {
        // Unknown meets 1: unknown. Unknown meets n > 1: n, as the only legal outcome.
        if (extent == 1)
          extent = other;
        continue;
      }
      if (extent != 1 && !ShapedType::isDynamic(extent))
        return std::nullopt;
      extent = other;
    }
  }
  return result;
}

OpFoldResult graph::foldElementwise(ArrayRef<Attribute> operands, Type result, FoldIntegers integers,
                                    FoldFloats floats) {
  auto type = dyn_cast<RankedTensorType>(result);
  if (!type || !type.hasStaticShape() || type.getNumElements() > maxFoldedElements)
    return {};
  SmallVector<SmallVector<int64_t>> integerOperands;
  SmallVector<SmallVector<double>> floatOperands;
  SmallVector<ArrayRef<int64_t>> shapes;
  for (Attribute operand : operands) {
    if (!operand)
      return {};
    if (auto values = getConstantIntegers(operand); values && integers)
      integerOperands.push_back(std::move(*values));
    else if (auto values = getConstantFloats(operand); values && floats)
      floatOperands.push_back(std::move(*values));
    else
      return {};
    shapes.push_back(cast<DenseElementsAttr>(operand).getType().getShape());
  }
  if (!integerOperands.empty() && !floatOperands.empty())
    return {};
  if (broadcastShapes(shapes) != std::optional(SmallVector<int64_t>(type.getShape())))
    return {};

  // Row-major walk over the result; each operand's linear index steps by its stride, 0 where it broadcasts.
  int64_t rank = type.getRank();
  SmallVector<int64_t> resultIntegers;
  SmallVector<double> resultFloats;
  bool isFloat = integerOperands.empty();
  for (int64_t linear = 0, count = type.getNumElements(); linear < count; ++linear) {
    SmallVector<int64_t, 4> integerArguments;
    SmallVector<double, 4> floatArguments;
    for (size_t k = 0; k < operands.size(); ++k) {
      ArrayRef<int64_t> shape = shapes[k];
      int64_t rest = linear, index = 0, stride = 1;
      for (int64_t i = rank - 1; i >= 0; --i) {
        int64_t coordinate = rest % type.getDimSize(i);
        rest /= type.getDimSize(i);
        int64_t j = i - (rank - int64_t(shape.size()));
        if (j < 0)
          continue;
        if (shape[j] != 1)
          index += coordinate * stride;
        stride *= shape[j];
      }
      if (isFloat)
        floatArguments.push_back(floatOperands[k][index]);
      else
        integerArguments.push_back(integerOperands[k][index]);
    }
    if (isFloat) {
      std::optional<double> value = floats(floatArguments);
      if (!value)
        return {};
      resultFloats.push_back(*value);
      resultIntegers.push_back(int64_t(*value != 0));
    } else {
      std::optional<int64_t> value = integers(integerArguments);
      if (!value)
        return {};
      resultIntegers.push_back(*value);
    }
  }
  if (isa<FloatType>(type.getElementType())) {
    if (!isFloat)
      return {};
    return makeFloats(type, resultFloats);
  }
  return makeIntegers(type, resultIntegers);
}
