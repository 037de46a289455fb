// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Views keep the element order: collapse and expand where the compiler can pair the dimensions; a copy where it cannot.
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Tensor/Utils/Utils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace tegula;

namespace {
/// One dimension of a reshape: a known extent, an extent of the operand, or open (computed at run time).
struct ViewDim {
  int64_t extent = ShapedType::kDynamic;
  int64_t source = -1;
  bool isOpen() const { return ShapedType::isDynamic(extent) && source < 0; }
};

/// The product of a few dimensions: a number times operand extents.
struct ViewProduct {
  int64_t number = 1;
  SmallVector<int64_t> sources;
  void multiply(const ViewDim &dim) {
    if (dim.source < 0) {
      number *= dim.extent;
    } else {
      sources.push_back(dim.source);
      llvm::sort(sources);
    }
  }
  bool operator==(const ViewProduct &other) const { return number == other.number && sources == other.sources; }
  /// Whether `other` has everything that this has.
  bool divides(const ViewProduct &other) const {
    return number != 0 && other.number % number == 0 && llvm::includes(other.sources, sources);
  }
};

struct ViewGroup {
  ReassociationIndices from, to;
};
} // namespace

/// Pairs runs of source dimensions with runs of target dimensions of provably equal product, in order from one end, and
/// stops at an open dimension. `reversed` walks from the last dimension.
static SmallVector<ViewGroup> pairDims(ArrayRef<ViewDim> source, ArrayRef<ViewDim> target, bool reversed) {
  SmallVector<ViewGroup> groups;
  size_t i = 0, j = 0;
  auto place = [&](size_t k, size_t size) { return int64_t(reversed ? size - 1 - k : k); };
  while (i < source.size() && j < target.size()) {
    ViewGroup group;
    ViewProduct left, right;
    auto takeSource = [&] {
      group.from.push_back(place(i, source.size()));
      left.multiply(source[group.from.back()]);
      ++i;
    };
    auto takeTarget = [&] {
      group.to.push_back(place(j, target.size()));
      if (target[group.to.back()].isOpen())
        return false;
      right.multiply(target[group.to.back()]);
      ++j;
      return true;
    };
    takeSource();
    if (!takeTarget())
      break;
    bool closed = false;
    while (!(closed = left == right)) {
      if (right.divides(left) && j < target.size()) {
        if (!takeTarget())
          break;
      } else if (i < source.size()) {
        takeSource();
      } else {
        break;
      }
    }
    if (!closed)
      break;
    groups.push_back(group);
  }
  return groups;
}

/// All groups of a reshape; empty when the dimensions cannot be paired.
static SmallVector<ViewGroup> groupDims(ArrayRef<ViewDim> source, ArrayRef<ViewDim> target) {
  SmallVector<ViewGroup> groups = pairDims(source, target, false);
  auto next = [](ArrayRef<ViewGroup> groups, auto member) {
    return groups.empty() ? int64_t(0) : (groups.back().*member).back() + 1;
  };
  int64_t from = next(groups, &ViewGroup::from), to = next(groups, &ViewGroup::to);
  ArrayRef<ViewDim> restSource = source.drop_front(from), restTarget = target.drop_front(to);
  SmallVector<ViewGroup> tail = pairDims(restSource, restTarget, true);
  int64_t tailFrom = restSource.size(), tailTo = restTarget.size();
  if (!tail.empty()) {
    tailFrom = tail.back().from.back();
    tailTo = tail.back().to.back();
  }
  // What is between both ends is one group.
  if (tailFrom > 0 || tailTo > 0) {
    ViewGroup middle;
    for (int64_t k = 0; k < tailFrom; ++k)
      middle.from.push_back(from + k);
    for (int64_t k = 0; k < tailTo; ++k)
      middle.to.push_back(to + k);
    groups.push_back(middle);
  }
  for (ViewGroup &group : llvm::reverse(tail)) {
    for (int64_t &k : group.from)
      k += from;
    for (int64_t &k : group.to)
      k += to;
    llvm::sort(group.from);
    llvm::sort(group.to);
    groups.push_back(group);
  }
  // A group that lacks a side joins its neighbor: extents of 1 beside it.
  for (size_t k = 0; k < groups.size() && groups.size() > 1;) {
    if (!groups[k].from.empty() && !groups[k].to.empty()) {
      ++k;
      continue;
    }
    size_t neighbor = k ? k - 1 : 1;
    ViewGroup &first = groups[std::min(k, neighbor)], &second = groups[std::max(k, neighbor)];
    llvm::append_range(first.from, second.from);
    llvm::append_range(first.to, second.to);
    groups.erase(&second);
    k = std::min(k, neighbor);
  }
  if (groups.size() == 1 && (groups[0].from.empty() || groups[0].to.empty()))
    return {};
  return groups;
}

/// Collapses the source side of every group, then expands the target side.
static Value buildGroupedView(OpBuilder &b, Location loc, Value x, ArrayRef<ViewGroup> groups,
                              ArrayRef<OpFoldResult> extents, RankedTensorType type) {
  auto source = cast<RankedTensorType>(x.getType());
  SmallVector<ReassociationIndices> from, to;
  for (const ViewGroup &group : groups) {
    from.push_back(group.from);
    to.push_back(group.to);
  }
  if (int64_t(groups.size()) != source.getRank())
    x = tensor::CollapseShapeOp::create(b, loc, x, from);
  if (int64_t(groups.size()) == type.getRank())
    return castTo(b, loc, x, type);
  // The static type of the expansion follows the extents; a group of one dimension keeps the collapsed one's.
  SmallVector<int64_t> shape;
  SmallVector<Value> sizes;
  SmallVector<OpFoldResult> output(extents);
  auto collapsed = cast<RankedTensorType>(x.getType());
  for (auto [k, group] : llvm::enumerate(groups)) {
    if (group.to.size() == 1)
      output[group.to[0]] = getExtent(b, loc, x, k);
    int64_t known = 1, dynamic = 0;
    for (int64_t j : group.to)
      isa<Attribute>(output[j]) ? known *= *getConstantIndex(output[j]) : ++dynamic;
    // A dynamic dimension in a static group has a static extent after all.
    if (dynamic == 1 && !collapsed.isDynamicDim(k) && known > 0)
      for (int64_t j : group.to)
        if (isa<Value>(output[j]))
          output[j] = b.getIndexAttr(collapsed.getDimSize(k) / known);
    bool staysDynamic = llvm::any_of(group.to, [&](int64_t j) { return isa<Value>(output[j]); });
    if (staysDynamic && !collapsed.isDynamicDim(k)) {
      SmallVector<int64_t> relaxed(collapsed.getShape());
      relaxed[k] = ShapedType::kDynamic;
      collapsed = RankedTensorType::get(relaxed, collapsed.getElementType());
    }
    // The other way round: a group of static extents needs a static operand.
    if (dynamic == 0 && collapsed.isDynamicDim(k)) {
      SmallVector<int64_t> refined(collapsed.getShape());
      refined[k] = known;
      collapsed = RankedTensorType::get(refined, collapsed.getElementType());
    }
  }
  x = castTo(b, loc, x, collapsed);
  dispatchIndexOpFoldResults(output, sizes, shape);
  Value expanded =
      tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), x, to, output);
  return castTo(b, loc, expanded, type);
}

static Value reshapeStatic(OpBuilder &b, Location loc, Value x, RankedTensorType type) {
  auto source = cast<RankedTensorType>(x.getType());
  if (source == type)
    return x;
  if (auto reassociation = getReassociationIndicesForReshape(source, type))
    return source.getRank() > type.getRank() ? Value(tensor::CollapseShapeOp::create(b, loc, type, x, *reassociation))
                                             : Value(tensor::ExpandShapeOp::create(b, loc, type, x, *reassociation));
  ReassociationIndices from = llvm::to_vector(llvm::seq<int64_t>(0, source.getRank()));
  ReassociationIndices to = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  Value flat = x;
  if (source.getRank() != 1)
    flat = tensor::CollapseShapeOp::create(b, loc,
                                           RankedTensorType::get({source.getNumElements()}, source.getElementType()), x,
                                           source.getRank() ? ArrayRef{from} : ArrayRef<ReassociationIndices>{});
  if (type.getRank() == 1)
    return flat;
  return tensor::ExpandShapeOp::create(b, loc, type, flat,
                                       type.getRank() ? ArrayRef{to} : ArrayRef<ReassociationIndices>{});
}

/// Host scalars and static shapes, which need no thought; null otherwise.
static Value buildSimpleView(OpBuilder &b, Location loc, Value x, Type graphType) {
  RankedTensorType type = getStorageTensor(graphType);
  if (movesHostScalars(graphType, x))
    return tensor::FromElementsOp::create(b, loc, type, extractScalars(b, loc, x));
  if (cast<RankedTensorType>(x.getType()).hasStaticShape() && type.hasStaticShape())
    return reshapeStatic(b, loc, x, type);
  return nullptr;
}

/// The elements of `x` copied into a tensor of `sizes`, since the host function cannot view memory under such a shape.
static Value copyReshaped(OpBuilder &b, Location loc, Value x, ArrayRef<OpFoldResult> sizes, RankedTensorType type) {
  Value flat = flatten(b, loc, x);
  SmallVector<Value> steps;
  for (OpFoldResult size : sizes)
    steps.push_back(asValue(b, loc, size));
  return buildIndexed(b, loc, sizes, type, {}, {}, [&](const IndexMath &inner, ValueRange, ValueRange at) -> Value {
    Value linear = inner.constant(0);
    for (auto [index, step] : llvm::zip(at, steps))
      linear = inner.add(inner.mul(linear, step), index);
    return tensor::ExtractOp::create(inner.b, inner.loc, flat, linear);
  });
}

namespace {
struct ReshapeLowering : Lowering<graph::ReshapeOp> {
  using Lowering::Lowering;

  /// The dynamic dimension of `x` with the origin of `entry`; -1 when there is none.
  static int64_t findOrigin(Value x, const graph::PartialInteger &entry) {
    auto type = dyn_cast<RankedTensorType>(x.getType());
    for (int64_t i = 0; type && i < type.getRank(); ++i) {
      graph::PartialInteger own = type.isDynamicDim(i) ? graph::getExtentOrigin(x, i) : graph::PartialInteger();
      if (own.tensor && own.tensor == entry.tensor && own.dimension == entry.dimension)
        return i;
    }
    return -1;
  }

  LogicalResult matchAndRewrite(graph::ReshapeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    auto source = cast<RankedTensorType>(x.getType());
    auto entries = graph::getPartialIntegers(op.getShape());
    bool isProven =
        entries && llvm::all_of(*entries, [](const graph::PartialInteger &entry) { return bool(entry.value); });
    if (Value view = isProven || (source.hasStaticShape() && isHostScalars(op.getType()))
                         ? buildSimpleView(rewriter, loc, x, op.getType())
                         : nullptr) {
      rewriter.replaceOp(op, view);
      return success();
    }
    // Extents at run time: 0 copies (unless allow_zero), -1 takes the rest; the element counts must agree.
    IndexMath math{rewriter, loc};
    Value zero = math.constant(0), one = math.constant(1), count = one, known = one;
    for (int64_t i = 0; i < source.getRank(); ++i)
      count = math.mul(count, asValue(rewriter, loc, getExtent(rewriter, loc, x, i)));
    SmallVector<Value> extents;
    SmallVector<ViewDim> from(source.getRank()), to(type.getRank());
    for (int64_t i = 0; i < source.getRank(); ++i)
      source.isDynamicDim(i) ? from[i].source = i : from[i].extent = source.getDimSize(i);
    for (int64_t i = 0; i < type.getRank(); ++i) {
      graph::PartialInteger entry = entries && i < int64_t(entries->size()) ? (*entries)[i] : graph::PartialInteger();
      bool copies = !op.getAllowZero() && entry.value == 0 && i < source.getRank();
      int64_t copied = copies ? i : entry.tensor ? findOrigin(op.getX(), entry) : -1;
      if (copied >= 0) {
        to[i] = from[copied];
        extents.push_back(asValue(rewriter, loc, getExtent(rewriter, loc, x, copied)));
      } else {
        if (!type.isDynamicDim(i))
          to[i].extent = type.getDimSize(i);
        Value extent = extractIndex(rewriter, loc, adaptor.getShape(), i);
        if (!op.getAllowZero() && i < source.getRank() && !entry.value) {
          Value own = asValue(rewriter, loc, getExtent(rewriter, loc, x, i));
          extent = math.select(math.compare(arith::CmpIPredicate::eq, extent, zero), own, extent);
        }
        extents.push_back(extent);
      }
      known = math.mul(known, math.select(math.isNegative(extents.back()), one, extents.back()));
    }
    Value rest = math.div(count, math.max(known, one)), product = one;
    for (Value &extent : extents) {
      extent = math.select(math.isNegative(extent), rest, extent);
      product = math.mul(product, extent);
    }
    SmallVector<ViewGroup> groups = groupDims(from, to);
    bool isCertain = !groups.empty() && llvm::none_of(to, [](const ViewDim &dim) { return dim.isOpen(); });
    for (const ViewGroup &group : groups) {
      ViewProduct left, right;
      for (int64_t k : group.from)
        left.multiply(from[k]);
      for (int64_t k : group.to)
        if (!to[k].isOpen())
          right.multiply(to[k]);
      isCertain &= left == right;
    }
    if (!isCertain)
      math.check(math.compare(arith::CmpIPredicate::eq, product, count), TEGULA_SHAPE_MISMATCH);
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);
    // expand_shape on memory can have one dynamic extent per group, and the known ones have to fit: beside an extent of
    // 0 elsewhere, a legal reshape may have groups of unequal products.
    bool canExpand = llvm::all_of(groups, [&](const ViewGroup &group) {
      if (group.to.size() == 1)
        return true;
      ViewProduct left, right;
      int64_t open = 0;
      for (int64_t k : group.from)
        left.multiply(from[k]);
      for (int64_t k : group.to) {
        std::optional<int64_t> size = getConstantIndex(sizes[k]);
        size ? void(right.number *= *size) : void(++open);
      }
      bool fits = !left.sources.empty() ||
                  (open ? right.number != 0 && left.number % right.number == 0 : left.number == right.number);
      return open <= 1 && fits;
    });
    if (!groups.empty() && canExpand) {
      rewriter.replaceOp(op, buildGroupedView(rewriter, loc, x, groups, sizes, type));
      return success();
    }
    rewriter.replaceOp(op, copyReshaped(rewriter, loc, x, sizes, type));
    return success();
  }
};

struct FlattenLowering : Lowering<graph::FlattenOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::FlattenOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type || !isa<RankedTensorType>(adaptor.getX().getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    if (Value view = buildSimpleView(rewriter, loc, x, op.getType())) {
      rewriter.replaceOp(op, view);
      return success();
    }
    int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
    int64_t axis = op.getAxis();
    if (axis < 0)
      axis += rank;
    IndexMath math{rewriter, loc};
    Value products[2] = {math.constant(1), math.constant(1)};
    ViewGroup before, after;
    for (int64_t i = 0; i < rank; ++i) {
      Value &product = products[i >= axis];
      product = math.mul(product, asValue(rewriter, loc, getExtent(rewriter, loc, x, i)));
      (i < axis ? before : after).from.push_back(i);
    }
    SmallVector<ViewGroup> groups;
    if (before.from.empty() || after.from.empty()) {
      ViewGroup all = before.from.empty() ? after : before;
      all.to = {0, 1};
      groups = {all};
    } else {
      before.to = {0};
      after.to = {1};
      groups = {before, after};
    }
    auto extents = resolveExtents(rewriter, loc, products, type);
    rewriter.replaceOp(op, buildGroupedView(rewriter, loc, x, groups, extents, type));
    return success();
  }
};

/// Extents of x without its unit dimensions (squeeze), or with them added (unsqueeze), at axes known at run time only.
template <typename OpTy>
static SmallVector<Value> resolveUnitDims(OpBuilder &b, OpTy op, Value x, Value axes, int64_t resultRank) {
  Location loc = op.getLoc();
  IndexMath math{b, loc};
  constexpr bool isSqueeze = std::is_same_v<OpTy, graph::SqueezeOp>;
  auto isEqual = [&](Value one, Value other) { return math.compare(arith::CmpIPredicate::eq, one, other); };
  SmallVector<Value> source;
  for (OpFoldResult extent : getExtents(b, loc, x))
    source.push_back(asValue(b, loc, extent));
  int64_t longRank = std::max<int64_t>(source.size(), resultRank);
  // The ranks tell the number of axes.
  int64_t count = longRank - std::min<int64_t>(source.size(), resultRank);
  math.check(isEqual(asValue(b, loc, getExtent(b, loc, axes, 0)), math.constant(count)), TEGULA_SHAPE_MISMATCH);
  Value zero = math.constant(0), one = math.constant(1), kept = zero;
  SmallVector<Value> isUnit, keptBefore; // by dimension of the longer shape
  for (int64_t d = 0; d < longRank; ++d) {
    Value found = isEqual(zero, one);
    for (int64_t k = 0; k < count; ++k) {
      Value axis = extractIndex(b, loc, axes, k);
      axis = math.select(math.isNegative(axis), math.add(axis, math.constant(longRank)), axis);
      found = math.logicalOr(found, isEqual(axis, math.constant(d)));
    }
    isUnit.push_back(found);
    keptBefore.push_back(kept);
    kept = math.add(kept, math.select(found, zero, one));
  }
  // Distinct axes in range leave this many dimensions.
  math.check(isEqual(kept, math.constant(longRank - count)), TEGULA_INVALID_VALUE);
  SmallVector<Value> extents(resultRank, one);
  for (int64_t d = 0; d < longRank; ++d) {
    if (isSqueeze)
      math.check(isEqual(math.select(isUnit[d], source[d], one), one), TEGULA_SHAPE_MISMATCH);
    for (int64_t k = 0, end = isSqueeze ? resultRank : source.size(); k < end; ++k) {
      Value isKept = math.select(isUnit[d], isEqual(zero, one), isEqual(keptBefore[d], math.constant(k)));
      Value &extent = extents[isSqueeze ? k : d];
      extent = math.select(isKept, source[isSqueeze ? d : k], extent);
    }
  }
  return extents;
}

/// Squeeze and unsqueeze: views with constant axes, of dynamic shapes too, and copies with others.
template <typename OpTy, bool isSqueeze> struct UnitDimLowering : Lowering<OpTy> {
  using Lowering<OpTy>::Lowering;
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = this->resultTensor(op);
    auto source = dyn_cast<RankedTensorType>(adaptor.getX().getType());
    if (!type || !source)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    if (Value view = buildSimpleView(rewriter, loc, x, op.getType())) {
      rewriter.replaceOp(op, view);
      return success();
    }
    int64_t longRank = std::max(source.getRank(), type.getRank());
    std::optional<SmallVector<int64_t>> axes;
    if (op.getAxes())
      axes = graph::getConstantAxes(op.getAxes(), longRank);
    auto axesType = op.getAxes() ? dyn_cast<RankedTensorType>(adaptor.getAxes().getType()) : nullptr;
    if (!axes && axesType && axesType.getRank() == 1) {
      SmallVector<Value> extents = resolveUnitDims(rewriter, op, x, adaptor.getAxes(), type.getRank());
      auto sizes = resolveExtents(rewriter, loc, extents, type);
      rewriter.replaceOp(op, copyReshaped(rewriter, loc, x, sizes, type));
      return success();
    }
    if (!axes || int64_t(axes->size()) != longRank - std::min(source.getRank(), type.getRank()))
      return rewriter.notifyMatchFailure(op, "axes that are not constant");
    // Each unit dimension joins the group of the dimension before it (or after it, at the front).
    SmallVector<ReassociationIndices> groups;
    ReassociationIndices front;
    for (int64_t i = 0; i < longRank; ++i) {
      if (!llvm::is_contained(*axes, i)) {
        groups.push_back(front);
        groups.back().push_back(i);
        front.clear();
      } else if (groups.empty()) {
        front.push_back(i);
      } else {
        groups.back().push_back(i);
      }
    }
    IndexMath math{rewriter, loc};
    if (isSqueeze) {
      SmallVector<int64_t> shape(source.getShape());
      if constexpr (isSqueeze)
        for (int64_t i = 0; i < longRank && op.getOthersDiffer(); ++i)
          if (!llvm::is_contained(*axes, i)) {
            Value extent = asValue(rewriter, loc, getExtent(rewriter, loc, x, i));
            math.check(math.compare(arith::CmpIPredicate::ne, extent, math.constant(1)), TEGULA_SHAPE_MISMATCH);
          }
      for (int64_t axis : *axes) {
        Value extent = asValue(rewriter, loc, getExtent(rewriter, loc, x, axis));
        math.check(math.compare(arith::CmpIPredicate::eq, extent, math.constant(1)), TEGULA_SHAPE_MISMATCH);
        shape[axis] = 1;
      }
      x = castTo(rewriter, loc, x, RankedTensorType::get(shape, source.getElementType()));
      Value view = tensor::CollapseShapeOp::create(rewriter, loc, x, groups);
      rewriter.replaceOp(op, castTo(rewriter, loc, view, type));
      return success();
    }
    SmallVector<OpFoldResult> extents;
    SmallVector<int64_t> shape;
    int64_t next = 0;
    for (int64_t i = 0; i < longRank; ++i) {
      bool isUnit = llvm::is_contained(*axes, i);
      extents.push_back(isUnit ? OpFoldResult(rewriter.getIndexAttr(1)) : getExtent(rewriter, loc, x, next));
      shape.push_back(isUnit ? 1 : source.getDimSize(next));
      next += !isUnit;
    }
    for (auto [extent, size] : llvm::zip(extents, shape))
      if (ShapedType::isDynamic(size))
        extent = asValue(rewriter, loc, extent);
    Value view = tensor::ExpandShapeOp::create(rewriter, loc, RankedTensorType::get(shape, source.getElementType()), x,
                                               groups, extents);
    rewriter.replaceOp(op, castTo(rewriter, loc, view, type));
    return success();
  }
};
} // namespace

void tegula::populateViewLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ReshapeLowering, FlattenLowering, UnitDimLowering<graph::SqueezeOp, true>,
               UnitDimLowering<graph::UnsqueezeOp, false>>(converter, patterns.getContext());
}
