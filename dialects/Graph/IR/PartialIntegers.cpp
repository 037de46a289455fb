// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Structural knowledge of shape arithmetic: the elements of an integer tensor, each known, an extent of some tensor, or
// unknown. A dynamic dimension spoils only its own element.
#include "Inference.h"

#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::graph;

namespace {
using Elements = SmallVector<PartialInteger>;
constexpr int64_t maxElements = 64;

struct Evaluator {
  OriginQuery &query;
  int depth;
  /// Ops that may still be looked at: shape chains are short, and sharing must not cost exponential time.
  int budget = 512;

  std::optional<Elements> unknown(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.hasStaticShape() || type.getNumElements() > maxElements)
      return std::nullopt;
    return Elements(type.getNumElements());
  }

  std::optional<Elements> evaluate(Value value) {
    if (!isa<TensorType>(value.getType()) || !isa<IntegerType>(elementOf(value)))
      return std::nullopt;
    if (auto constants = getConstantIntegers(value)) {
      if (int64_t(constants->size()) > maxElements)
        return std::nullopt;
      Elements elements;
      for (int64_t constant : *constants)
        elements.push_back({constant, nullptr, 0});
      return elements;
    }
    Operation *op = value.getDefiningOp();
    if (!op || --budget < 0)
      return unknown(value);
    std::optional<Elements> elements = evaluateOp(op, value);
    // A declared static length says at least how many there are.
    std::optional<Elements> fallback = unknown(value);
    if (!elements || (fallback && fallback->size() != elements->size()))
      return fallback;
    return elements->size() <= size_t(maxElements) ? elements : std::nullopt;
  }

  PartialInteger traceExtent(Value tensor, int64_t dimension) {
    return rankedOf(tensor) ? getExtentOrigin(tensor, dimension, query, depth + 1)
                            : PartialInteger{std::nullopt, tensor, dimension};
  }

  /// The elements of a one-dimensional tensor of which an op takes some: of a shape only those are traced, which costs.
  class Source {
  public:
    Source(Evaluator &evaluator, Value value) : evaluator(evaluator) {
      RankedTensorType type = rankedOf(value);
      if (!type || type.getRank() != 1)
        return;
      shape = value.getDefiningOp<ShapeOp>();
      if (shape && (getConstantIntegers(value) || --evaluator.budget < 0 ||
                    (!type.isDynamicDim(0) && type.getDimSize(0) != extentCount())))
        shape = nullptr;
      if (!shape)
        elements = evaluator.evaluate(value);
    }
    bool isKnown() const { return shape || elements; }
    int64_t size() { return shape ? extentCount() : int64_t(elements->size()); }
    PartialInteger operator[](int64_t i) {
      return shape ? evaluator.traceExtent(shape.getX(), int64_t(shape.getStart()) + i) : (*elements)[i];
    }

  private:
    int64_t extentCount() { return std::max<int64_t>(0, int64_t(shape.getEnd()) - int64_t(shape.getStart())); }

    Evaluator &evaluator;
    ShapeOp shape;
    std::optional<Elements> elements;
  };

  std::optional<Elements> evaluateOp(Operation *op, Value value) {
    if (auto shape = dyn_cast<ShapeOp>(op)) {
      Elements elements;
      for (int64_t i = shape.getStart(); i < int64_t(shape.getEnd()); ++i)
        elements.push_back(traceExtent(shape.getX(), i));
      return elements;
    }
    if (auto size = dyn_cast<SizeOp>(op)) {
      RankedTensorType type = rankedOf(size.getX());
      if (type && type.hasStaticShape())
        return Elements{{type.getNumElements(), nullptr, 0}};
      return Elements(1);
    }
    // The same elements in the same order.
    if (isa<ReshapeOp, FlattenOp, SqueezeOp, UnsqueezeOp>(op))
      return evaluate(op->getOperand(0));
    if (auto cast = dyn_cast<CastOp>(op)) {
      // Narrowing may cut, and to bool it compares.
      Type from = elementOf(cast.getX()), to = elementOf(cast.getY());
      if (!isa<IntegerType>(from) || to.getIntOrFloatBitWidth() < 32)
        return std::nullopt;
      auto elements = evaluate(cast.getX());
      if (elements)
        for (PartialInteger &element : *elements)
          if (element.value && !llvm::isIntN(to.getIntOrFloatBitWidth(), *element.value))
            element = {};
      return elements;
    }
    if (auto concat = dyn_cast<ConcatOp>(op)) {
      Elements elements;
      for (Value input : concat.getInputs()) {
        RankedTensorType type = rankedOf(input);
        auto part = type && type.getRank() == 1 ? evaluate(input) : std::nullopt;
        if (!part)
          return std::nullopt;
        llvm::append_range(elements, *part);
      }
      return elements;
    }
    if (auto gather = dyn_cast<GatherOp>(op)) {
      Source source(*this, gather.getX());
      auto indices = source.isKnown() ? evaluate(gather.getIndices()) : std::nullopt;
      if (!indices)
        return std::nullopt;
      Elements elements;
      for (const PartialInteger &index : *indices) {
        auto place = index.value ? normalizeAxis(*index.value, source.size()) : std::nullopt;
        elements.push_back(place ? source[*place] : PartialInteger{});
      }
      return elements;
    }
    if (auto slice = dyn_cast<SliceOp>(op)) {
      Source source(*this, slice.getX());
      auto starts = getConstantIntegers(slice.getStarts()), ends = getConstantIntegers(slice.getEnds());
      auto steps = slice.getSteps() ? getConstantIntegers(slice.getSteps()) : SmallVector<int64_t>{1};
      if (!source.isKnown() || !starts || !ends || !steps || starts->size() != 1 || ends->size() != 1 ||
          steps->size() != 1 || steps->front() == 0)
        return std::nullopt;
      SliceRange range = clampSlice(starts->front(), ends->front(), steps->front(), source.size());
      Elements elements;
      for (int64_t i = 0; i < range.count; ++i)
        elements.push_back(source[range.start + i * range.step]);
      return elements;
    }
    if (auto split = dyn_cast<SplitOp>(op)) {
      RankedTensorType type = rankedOf(split.getX());
      auto source = type && type.getRank() == 1 ? evaluate(split.getX()) : std::nullopt;
      if (!source)
        return std::nullopt;
      size_t offset = 0;
      for (Value piece : split.getPieces()) {
        RankedTensorType pieceType = rankedOf(piece);
        if (!pieceType || !pieceType.hasStaticShape())
          return std::nullopt;
        size_t length = pieceType.getNumElements();
        if (offset + length > source->size())
          return std::nullopt;
        if (piece == value)
          return Elements(source->begin() + offset, source->begin() + offset + length);
        offset += length;
      }
      return std::nullopt;
    }
    if (auto fill = dyn_cast<ConstantOfShapeOp>(op)) {
      auto elements = unknown(value);
      auto content = getConstantIntegers(Attribute(fill.getValue()));
      if (elements && content && content->size() == 1)
        llvm::fill(*elements, PartialInteger{content->front(), nullptr, 0});
      return elements;
    }
    if (auto expand = dyn_cast<ExpandOp>(op)) {
      auto elements = unknown(value);
      auto source = evaluate(expand.getX());
      if (!elements || !source || (source->size() != 1 && source->size() != elements->size()))
        return std::nullopt;
      for (size_t i = 0; i < elements->size(); ++i)
        (*elements)[i] = (*source)[source->size() == 1 ? 0 : i];
      return elements;
    }
    if (auto product = dyn_cast<ReduceProductOp>(op)) {
      RankedTensorType type = rankedOf(product.getX());
      auto axes = product.getAxes();
      bool isWhole = type && type.getRank() == 1 && axes && axes->size() == 1 && !product.getRunTimeAxes();
      auto factors = isWhole ? evaluate(product.getX()) : std::nullopt;
      if (!factors)
        return std::nullopt;
      PartialInteger result{1, nullptr, 0};
      for (const PartialInteger &factor : *factors)
        result = multiply(result, factor);
      return Elements{result};
    }
    return evaluateElementwise(op, value);
  }

  std::optional<Elements> evaluateElementwise(Operation *op, Value value) {
    if (!isa<AddOp, SubOp, MulOp, DivOp, MaxOp, MinOp, NegOp, EqualOp, LessOp, GreaterOp, WhereOp>(op))
      return std::nullopt;
    SmallVector<Elements> operands;
    size_t count = 1;
    for (Value operand : op->getOperands()) {
      RankedTensorType type = rankedOf(operand);
      auto elements = type && type.getRank() <= 1 ? evaluate(operand) : std::nullopt;
      if (!elements || (elements->size() != 1 && count != 1 && elements->size() != count))
        return std::nullopt;
      if (elements->size() != 1)
        count = elements->size();
      operands.push_back(std::move(*elements));
    }
    Elements results;
    for (size_t i = 0; i < count; ++i) {
      SmallVector<PartialInteger, 3> v;
      for (Elements &elements : operands)
        v.push_back(elements[elements.size() == 1 ? 0 : i]);
      results.push_back(combine(op, v));
    }
    return results;
  }

  static PartialInteger multiply(const PartialInteger &a, const PartialInteger &b) {
    if (a.value == 1)
      return b;
    if (b.value == 1)
      return a;
    if (a.value && b.value)
      return {int64_t(uint64_t(*a.value) * uint64_t(*b.value)), nullptr, 0};
    return {};
  }

  static PartialInteger combine(Operation *op, ArrayRef<PartialInteger> v) {
    auto known = [](int64_t number) { return PartialInteger{number, nullptr, 0}; };
    if (isa<WhereOp>(op)) {
      if (v[0].value)
        return *v[0].value ? v[1] : v[2];
      if (v[1].value && v[1].value == v[2].value)
        return v[1];
      return {};
    }
    if (isa<NegOp>(op))
      return v[0].value ? known(-*v[0].value) : PartialInteger{};
    const PartialInteger &a = v[0], &b = v[1];
    if (isa<MulOp>(op))
      return multiply(a, b);
    if (isa<AddOp, SubOp>(op) && b.value == 0)
      return a;
    if (isa<AddOp>(op) && a.value == 0)
      return b;
    if (isa<DivOp>(op) && b.value == 1)
      return a;
    if (isa<MaxOp>(op) && a.tensor && b.value && *b.value <= 0)
      return a;
    if (isa<EqualOp>(op) && ((a.tensor && b.value && *b.value < 0) || (b.tensor && a.value && *a.value < 0)))
      return known(0); // an extent is never negative
    if (isa<EqualOp>(op) && a.tensor && a.tensor == b.tensor && a.dimension == b.dimension)
      return known(1);
    if (!a.value || !b.value)
      return {};
    int64_t x = *a.value, y = *b.value;
    if (isa<AddOp>(op))
      return known(int64_t(uint64_t(x) + uint64_t(y)));
    if (isa<SubOp>(op))
      return known(int64_t(uint64_t(x) - uint64_t(y)));
    if (isa<DivOp>(op))
      return y == 0 || (y == -1 && x == std::numeric_limits<int64_t>::min()) ? PartialInteger{} : known(x / y);
    if (isa<MaxOp>(op))
      return known(std::max(x, y));
    if (isa<MinOp>(op))
      return known(std::min(x, y));
    if (isa<EqualOp>(op))
      return known(x == y);
    if (isa<LessOp>(op))
      return known(x < y);
    return known(x > y);
  }
};
} // namespace

std::optional<SmallVector<PartialInteger>> graph::getPartialIntegers(Value value) {
  OriginQuery query;
  return getPartialIntegers(value, query, 0);
}
std::optional<SmallVector<PartialInteger>> graph::getPartialIntegers(Value value, OriginQuery &query, int depth) {
  if (!value)
    return std::nullopt;
  auto &known = query.integers[depth];
  if (auto found = known.find(value); found != known.end())
    return found->second;
  return known[value] = Evaluator{query, depth}.evaluate(value);
}

std::optional<SmallVector<std::optional<int64_t>>> graph::getPartialShape(Value value) {
  auto elements = getPartialIntegers(value);
  if (!elements)
    return std::nullopt;
  SmallVector<std::optional<int64_t>> values;
  for (const PartialInteger &element : *elements)
    values.push_back(element.value);
  return values;
}

std::optional<SmallVector<int64_t>> graph::getPartialExtents(Value value) {
  auto elements = getPartialIntegers(value);
  if (!elements)
    return std::nullopt;
  SmallVector<int64_t> extents;
  for (const PartialInteger &element : *elements)
    extents.push_back(element.value && *element.value >= 0 ? *element.value : ShapedType::kDynamic);
  return extents;
}

std::optional<int64_t> graph::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

std::optional<SmallVector<int64_t>> graph::getConstantAxes(Value axes, int64_t rank) {
  auto values = getConstantIntegers(axes);
  if (!values)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (int64_t value : *values) {
    auto axis = normalizeAxis(value, rank);
    if (!axis || llvm::is_contained(result, *axis))
      return std::nullopt;
    result.push_back(*axis);
  }
  return result;
}

SliceRange graph::clampSlice(int64_t start, int64_t end, int64_t step, int64_t extent) {
  if (start < 0)
    start += extent;
  if (end < 0)
    end += extent;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    int64_t room = std::max<int64_t>(0, end - start);
    return {start, step, room / step + (room % step != 0)};
  }
  start = std::clamp<int64_t>(start, 0, std::max<int64_t>(0, extent - 1));
  end = std::clamp<int64_t>(end, -1, std::max<int64_t>(0, extent - 1));
  if (extent == 0)
    return {0, step, 0};
  uint64_t room = std::max<int64_t>(0, start - end), stride = 0 - uint64_t(step);
  return {start, step, int64_t(room / stride + (room % stride != 0))};
}

DenseElementsAttr graph::pickElements(Attribute source, Type type,
                                      llvm::function_ref<int64_t(ArrayRef<int64_t>)> pick) {
  auto dense = dyn_cast_or_null<DenseElementsAttr>(source);
  auto result = dyn_cast<RankedTensorType>(type);
  if (!dense || !result || !result.hasStaticShape() || dense.getElementType() != result.getElementType() ||
      !isa<IntegerType, FloatType>(result.getElementType()))
    return nullptr;
  if (dense.isSplat())
    return DenseElementsAttr::get(result, dense.getSplatValue<Attribute>());
  if (dense.getNumElements() > maxFoldedElements || result.getNumElements() > maxFoldedElements)
    return nullptr;
  auto elements = llvm::to_vector(dense.getValues<Attribute>());
  SmallVector<Attribute> picked;
  SmallVector<int64_t> index(result.getRank(), 0);
  for (int64_t k = 0, count = result.getNumElements(); k < count; ++k) {
    int64_t place = pick(index);
    if (place < 0 || place >= int64_t(elements.size()))
      return nullptr;
    picked.push_back(elements[place]);
    for (int64_t i = result.getRank() - 1; i >= 0 && ++index[i] == result.getDimSize(i); --i)
      index[i] = 0;
  }
  return DenseElementsAttr::get(result, picked);
}
