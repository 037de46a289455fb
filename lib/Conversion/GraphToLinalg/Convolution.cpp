// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions become contractions over input channel and kernel positions on an operand that was padded before. A
// transposed convolution is one of stride 1 on an operand with zeros between its elements and a turned kernel; where
// windows do not overlap (kernel equals stride) kernel positions are channels of a matrix product.
#include "tegula/Conversion/GraphToLinalg/Contraction.h"
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Conversion/GraphToLinalg/Reductions.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"
#include "tegula/Dialect/Graph/IR/Window.h"

#include "tegula/abi.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

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

/// The kernel's extents: the dimensions of `weight` behind the first two.
static SmallVector<OpFoldResult> kernelExtents(OpBuilder &b, Location loc, Value weight) {
  return llvm::to_vector(ArrayRef(getExtents(b, loc, weight)).drop_front(2));
}

/// Checks what the verifier cannot see: that the weight has `groups` times `perGroup` channels for those of x, and a
/// bias an element for each of `results`.
static void checkChannels(OpBuilder &b, Location loc, Value x, OpFoldResult perGroup, int64_t groups, Value bias,
                          OpFoldResult results) {
  IndexMath math{b, loc};
  auto areEqual = [&](OpFoldResult one, OpFoldResult other) {
    math.check(math.compare(arith::CmpIPredicate::eq, asValue(b, loc, one), asValue(b, loc, other)),
               TEGULA_SHAPE_MISMATCH);
  };
  areEqual(getExtent(b, loc, x, 1), mulIndices(b, loc, perGroup, b.getIndexAttr(groups)));
  if (bias)
    areEqual(getExtent(b, loc, bias, 0), results);
}

/// Adds [M] to [N, M, ...].
static Value addBias(OpBuilder &b, Location loc, Value tensor, Value bias, Type graphType) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Type element = cast<TensorType>(graphType).getElementType();
  int64_t channels = cast<RankedTensorType>(bias.getType()).getDimSize(0);
  if (ShapedType::isDynamic(channels))
    channels = type.getDimSize(1);
  // [M] -> [M, 1, ..., 1], which broadcasts over batch and positions.
  SmallVector<int64_t> shape{channels};
  ReassociationIndices all{0};
  for (int64_t i = 1; i < type.getRank() - 1; ++i) {
    shape.push_back(1);
    all.push_back(i);
  }
  bias = castTo(b, loc, bias, RankedTensorType::get({channels}, type.getElementType()));
  Value expanded =
      tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), bias, ArrayRef{all});
  return buildElementwise(b, loc, {tensor, expanded}, {element, element}, graphType,
                          [](OpBuilder &nested, Location at, ValueRange v) -> Value {
                            if (isa<FloatType>(v[0].getType()))
                              return arith::AddFOp::create(nested, at, v[0], v[1]);
                            return arith::AddIOp::create(nested, at, v[0], v[1]);
                          });
}

/// A convolution without padding. `x` is [N, C, ...], `weight` is [M, C / group, k...], or with a group
/// [group, M / group, C / group, k...]; `counts` are the output extents.
static Value buildConvolution(OpBuilder &b, Location loc, Value x, Value weight, ArrayRef<Type> elements,
                              ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations, int64_t group,
                              ArrayRef<OpFoldResult> counts, Type element, ArrayRef<int64_t> zeroPoints = {}) {
  // Loops: batch, [group], output channel, output positions | input channel, kernel positions.
  int64_t spatial = strides.size(), g = group != 1, loops = 3 + g + 2 * spatial;
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  SmallVector<OpFoldResult> extents{getExtent(b, loc, x, 0)};
  if (g)
    extents.push_back(b.getIndexAttr(group));
  extents.push_back(getExtent(b, loc, weight, g));
  llvm::append_range(extents, counts);
  if (g)
    x = splitGroup(b, loc, x, 1, group);
  int64_t channel = 2 + g + spatial;
  SmallVector<AffineExpr> xMap{d(0)}, weightMap, resultMap;
  if (g) {
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
  SmallVector<AffineMap> maps;
  for (ArrayRef<AffineExpr> map : {ArrayRef(xMap), ArrayRef(weightMap), ArrayRef(resultMap)})
    maps.push_back(AffineMap::get(loops, 0, map, b.getContext()));
  Value result = buildContraction(b, loc, {x, weight}, elements, extents, maps, iterators, element, zeroPoints);
  if (g) {
    SmallVector<ReassociationIndices> reassociation{{0}, {1, 2}};
    for (int64_t i = 0; i < spatial; ++i)
      reassociation.push_back({3 + i});
    result = tensor::CollapseShapeOp::create(b, loc, result, reassociation);
  }
  return result;
}

/// A convolution of each channel by itself with few kernel positions: a map that reads each position as an operand of
/// its own. So its innermost loop runs along the width, and what follows is computed in it. Operands are as for
/// buildConvolution without a group; `weight` is [M, 1, k...].
static Value buildDepthwise(OpBuilder &b, Location loc, Value x, Value weight, ArrayRef<Type> elements,
                            ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations, ArrayRef<OpFoldResult> counts,
                            Type element, ArrayRef<int64_t> zeroPoints) {
  ArrayRef<int64_t> kernel = cast<RankedTensorType>(weight.getType()).getShape().drop_front(2);
  SmallVector<OpFoldResult> extents{getExtent(b, loc, x, 0), getExtent(b, loc, weight, 0)};
  llvm::append_range(extents, counts);
  PositionReads reads = readPositions(b, loc, x, kernel, strides, dilations, extents);
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (auto [i, slice] : llvm::enumerate(reads.slices)) {
    SmallVector<AffineExpr> weightMap(2 + kernel.size(), b.getAffineConstantExpr(0));
    weightMap[0] = b.getAffineDimExpr(1);
    int64_t rest = i;
    for (size_t k = kernel.size(); k-- > 0; rest /= kernel[k])
      weightMap[2 + k] = b.getAffineConstantExpr(rest % kernel[k]);
    operands.append({slice, weight});
    maps.append({reads.map, AffineMap::get(2 + kernel.size(), 0, weightMap, b.getContext())});
  }
  Type storage = getStorageType(element), accumulator = getComputeType(element);
  return buildMap(b, loc, extents, operands, maps, storage, [&](OpBuilder &nested, Location at, ValueRange v) {
    bool isFloat = isa<FloatType>(accumulator);
    auto factor = [&](unsigned i) -> Value {
      Value value = castScalar(nested, at, v[i], elements[i % 2], accumulator);
      if (zeroPoints[i % 2] == 0)
        return value;
      return arith::SubIOp::create(nested, at, value, constantScalar(nested, at, zeroPoints[i % 2], accumulator));
    };
    Value sum;
    for (unsigned i = 0; i < v.size(); i += 2) {
      Value left = factor(i), right = factor(i + 1);
      Value product = isFloat ? arith::MulFOp::create(nested, at, left, right).getResult()
                              : arith::MulIOp::create(nested, at, left, right).getResult();
      sum = !sum      ? product
            : isFloat ? arith::AddFOp::create(nested, at, sum, product).getResult()
                      : arith::AddIOp::create(nested, at, sum, product).getResult();
    }
    return storage == accumulator ? sum : arith::TruncFOp::create(nested, at, storage, sum).getResult();
  });
}

namespace {
struct ConvLowering : Lowering<graph::ConvOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ConvOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto weightType = cast<RankedTensorType>(adaptor.getWeight().getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX(), weight = adaptor.getWeight();
    checkChannels(rewriter, loc, x, getExtent(rewriter, loc, weight, 1), op.getGroup(), adaptor.getBias(),
                  getExtent(rewriter, loc, weight, 0));
    LoweredWindow window = lowerWindow(rewriter, loc, x, kernelExtents(rewriter, loc, weight), op.getStrides(),
                                       op.getDilations(), op.getPads(), op.getAutoPad(), /*ceilMode=*/false, type);
    int64_t zeroPoints[] = {int64_t(op.getXZeroPoint()), int64_t(op.getWeightZeroPoint())};
    Value zero = constantScalar(rewriter, loc, double(zeroPoints[0]), getStorageType(getElement(op.getX())));
    x = padWindow(rewriter, loc, x, window, zero);
    Type elements[] = {getElement(op.getX()), getElement(op.getWeight())};
    int64_t group = op.getGroup();
    Value result;
    if (group != 1 && weightType.hasStaticShape() && weightType.getDimSize(0) == group &&
        weightType.getDimSize(1) == 1 &&
        ShapedType::getNumElements(weightType.getShape().drop_front(2)) <= graph::maxMappedPositions) {
      result = buildDepthwise(rewriter, loc, x, weight, elements, op.getStrides(), op.getDilations(), window.counts,
                              getElement(op.getY()), zeroPoints);
    } else {
      if (group != 1)
        weight = splitGroup(rewriter, loc, weight, 0, group);
      result = buildConvolution(rewriter, loc, x, weight, elements, op.getStrides(), op.getDilations(), group,
                                window.counts, getElement(op.getY()), zeroPoints);
    }
    result = castTo(rewriter, loc, result, type);
    if (Value bias = adaptor.getBias())
      result = addBias(rewriter, loc, result, bias, op.getType());
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct ConvTransposeLowering : Lowering<graph::ConvTransposeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ConvTransposeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX(), weight = adaptor.getWeight();
    SmallVector<OpFoldResult> kernel = kernelExtents(rewriter, loc, weight);
    ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
    size_t spatial = kernel.size();
    OpFoldResult perGroup = getExtent(rewriter, loc, weight, 1);
    checkChannels(rewriter, loc, x, getExtent(rewriter, loc, weight, 0), 1, adaptor.getBias(),
                  mulIndices(rewriter, loc, perGroup, rewriter.getIndexAttr(op.getGroup())));
    auto constant = [&](int64_t value) -> OpFoldResult { return rewriter.getIndexAttr(value); };

    // Where the result begins and ends in the untrimmed one, whose extent is stride * (D - 1) + span.
    SmallVector<OpFoldResult> begins, counts;
    for (size_t i = 0; i < spatial; ++i) {
      OpFoldResult extent = getExtent(rewriter, loc, x, i + 2);
      OpFoldResult rest = addIndices(rewriter, loc, windowSpan(rewriter, loc, kernel[i], dilations[i]),
                                     constant(op.getOutputPadding()[i] - strides[i]));
      OpFoldResult full = addIndices(rewriter, loc, mulIndices(rewriter, loc, extent, constant(strides[i])), rest);
      OpFoldResult begin = constant(op.getPads()[i]), count;
      if (op.getOutputShape() || op.getAutoPad() != "NOTSET") {
        count = op.getOutputShape() ? constant((*op.getOutputShape())[i])
                                    : mulIndices(rewriter, loc, extent, constant(strides[i]));
        OpFoldResult total =
            maxIndices(rewriter, loc, subIndices(rewriter, loc, full, count), rewriter.getIndexAttr(0));
        OpFoldResult smaller = floorDivIndex(rewriter, loc, total, 2);
        begin = op.getAutoPad() == "SAME_UPPER" ? smaller : subIndices(rewriter, loc, total, smaller);
      } else {
        count = subIndices(rewriter, loc, full, constant(op.getPads()[i] + op.getPads()[i + spatial]));
      }
      if (!type.isDynamicDim(i + 2))
        count = constant(type.getDimSize(i + 2));
      begins.push_back(begin);
      counts.push_back(count);
    }
    bool tiles = true;
    for (size_t i = 0; i < spatial; ++i)
      tiles &= isConstantIntValue(kernel[i], strides[i]) && dilations[i] == 1;
    Value result = tiles ? lowerDisjoint(rewriter, op, x, weight, begins, counts)
                         : lowerOverlapping(rewriter, op, x, weight, begins, counts);
    result = castTo(rewriter, loc, result, type);
    if (Value bias = adaptor.getBias())
      result = addBias(rewriter, loc, result, bias, op.getType());
    rewriter.replaceOp(op, result);
    return success();
  }

  /// Kernel equals stride: y[n, m, d * k + j] = sum over c of x[n, c, d] * weight[c, m, j].
  static Value lowerDisjoint(OpBuilder &b, graph::ConvTransposeOp op, Value x, Value weight,
                             ArrayRef<OpFoldResult> begins, ArrayRef<OpFoldResult> counts) {
    Location loc = op.getLoc();
    ArrayRef<int64_t> kernel = cast<RankedTensorType>(weight.getType()).getShape().drop_front(2);
    int64_t spatial = kernel.size(), group = op.getGroup(), g = group != 1;
    SmallVector<OpFoldResult> extents{getExtent(b, loc, x, 0)};
    if (g)
      extents.push_back(b.getIndexAttr(group));
    extents.push_back(getExtent(b, loc, weight, 1));
    for (int64_t i = 0; i < spatial; ++i)
      extents.push_back(b.getIndexAttr(kernel[i]));
    for (int64_t i = 0; i < spatial; ++i)
      extents.push_back(getExtent(b, loc, x, i + 2));
    SmallVector<OpFoldResult> sources = getExtents(b, loc, x);
    if (g) {
      x = splitGroup(b, loc, x, 1, group);
      weight = splitGroup(b, loc, weight, 0, group);
    }
    int64_t loops = extents.size() + 1;
    auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
    SmallVector<AffineExpr> xMap{d(0)}, weightMap, resultMap;
    if (g) {
      xMap.push_back(d(1));
      weightMap.push_back(d(1));
    }
    xMap.push_back(d(loops - 1));
    weightMap.append({d(loops - 1), d(1 + g)});
    for (int64_t i = 0; i < spatial; ++i) {
      xMap.push_back(d(2 + g + spatial + i));
      weightMap.push_back(d(2 + g + i));
    }
    for (int64_t i = 0; i + 1 < loops; ++i)
      resultMap.push_back(d(i));
    SmallVector<AffineMap> maps;
    for (ArrayRef<AffineExpr> map : {ArrayRef(xMap), ArrayRef(weightMap), ArrayRef(resultMap)})
      maps.push_back(AffineMap::get(loops, 0, map, b.getContext()));
    SmallVector<utils::IteratorType> iterators(loops - 1, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    Type element = getElement(op.getY());
    Value result = buildContraction(b, loc, {x, weight}, {element, element}, extents, maps, iterators, element);
    // Each place of the kernel is a channel; their images, put together, are the result.
    SmallVector<ReassociationIndices> groups{{0}, {1}};
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, 2 + g));
    if (g)
      groups[1].push_back(2);
    for (int64_t i = 0; i < spatial; ++i) {
      groups.push_back({2 + g + 2 * i, 3 + g + 2 * i});
      order.append({2 + g + spatial + i, 2 + g + i});
    }
    result = buildTranspose(b, loc, result, order);
    result = tensor::CollapseShapeOp::create(b, loc, result, groups);
    SmallVector<OpFoldResult> low, high;
    for (int64_t i = 0; i < spatial; ++i) {
      OpFoldResult full = mulIndices(b, loc, sources[i + 2], b.getIndexAttr(kernel[i]));
      low.push_back(subIndices(b, loc, b.getIndexAttr(0), begins[i]));
      high.push_back(subIndices(b, loc, addIndices(b, loc, counts[i], begins[i]), full));
    }
    return padSpatial(b, loc, result, low, high, constantScalar(b, loc, 0, getStorageType(element)));
  }

  static Value lowerOverlapping(OpBuilder &b, graph::ConvTransposeOp op, Value x, Value weight,
                                ArrayRef<OpFoldResult> begins, ArrayRef<OpFoldResult> counts) {
    Location loc = op.getLoc();
    auto weightType = cast<RankedTensorType>(weight.getType());
    SmallVector<OpFoldResult> kernel = kernelExtents(b, loc, weight);
    ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
    int64_t spatial = kernel.size(), group = op.getGroup(), g = group != 1;
    Type element = getElement(op.getY());
    Value zero = constantScalar(b, loc, 0, weightType.getElementType());

    // stride - 1 zeros behind every element: [D] -> [D, 1] -> [D, stride] -> [D * stride].
    SmallVector<OpFoldResult> extents = getExtents(b, loc, x);
    if (llvm::any_of(strides, [](int64_t stride) { return stride != 1; })) {
      SmallVector<int64_t> unit, padded;
      SmallVector<OpFoldResult> unitExtents, low, high;
      SmallVector<ReassociationIndices> groups;
      auto append = [&](OpFoldResult extent, int64_t behind) {
        unitExtents.push_back(extent);
        low.push_back(b.getIndexAttr(0));
        high.push_back(b.getIndexAttr(behind));
        auto known = getConstantIntValue(extent);
        unit.push_back(known ? *known : ShapedType::kDynamic);
        padded.push_back(known ? *known + behind : ShapedType::kDynamic);
        groups.back().push_back(unit.size() - 1);
      };
      for (int64_t i = 0; i < spatial + 2; ++i) {
        groups.emplace_back();
        append(extents[i], 0);
        if (i >= 2)
          append(b.getIndexAttr(1), strides[i - 2] - 1);
      }
      Type storage = weightType.getElementType();
      x = tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(unit, storage), x, groups, unitExtents);
      x = tensor::PadOp::create(b, loc, RankedTensorType::get(padded, storage), x, low, high, zero);
      x = tensor::CollapseShapeOp::create(b, loc, x, groups);
      for (int64_t i = 0; i < spatial; ++i)
        extents[i + 2] = mulIndices(b, loc, extents[i + 2], b.getIndexAttr(strides[i]));
    }
    SmallVector<OpFoldResult> low, high;
    for (int64_t i = 0; i < spatial; ++i) {
      OpFoldResult reach = subIndices(b, loc, windowSpan(b, loc, kernel[i], dilations[i]), b.getIndexAttr(1));
      low.push_back(subIndices(b, loc, reach, begins[i]));
      // counts + reach elements are needed, extents + low are there.
      high.push_back(subIndices(b, loc, addIndices(b, loc, counts[i], begins[i]), extents[i + 2]));
    }
    x = padSpatial(b, loc, x, low, high, zero);

    // The kernel turned, as [(group,) M / group, C / group, k...].
    if (g)
      weight = splitGroup(b, loc, weight, 0, group);
    SmallVector<OpFoldResult> source = getExtents(b, loc, weight), turned = source;
    std::swap(turned[g], turned[g + 1]);
    weight = turnKernel(b, loc, weight, g, turned);
    return buildConvolution(b, loc, x, weight, {element, element}, SmallVector<int64_t>(spatial, 1), dilations, group,
                            counts, element);
  }

  /// [(group,) C, M, k...] as `extents` [(group,) M, C, k...] with the order of kernel elements turned.
  static Value turnKernel(OpBuilder &b, Location loc, Value weight, int64_t g, ArrayRef<OpFoldResult> extents) {
    auto type = cast<RankedTensorType>(weight.getType());
    int64_t rank = type.getRank();
    if (llvm::is_contained(type.getShape().drop_front(2 + g), ShapedType::kDynamic)) {
      SmallVector<int64_t> shape;
      SmallVector<Value> dynamic, sizes;
      dispatchIndexOpFoldResults(extents, dynamic, shape);
      for (OpFoldResult extent : extents)
        sizes.push_back(asValue(b, loc, extent));
      return buildIndexed(b, loc, extents, RankedTensorType::get(shape, type.getElementType()), {}, {},
                          [&](const IndexMath &math, ValueRange, ValueRange at) -> Value {
                            SmallVector<Value> place(at);
                            std::swap(place[g], place[g + 1]);
                            for (int64_t i = 2 + g; i < rank; ++i)
                              place[i] = math.sub(math.sub(sizes[i], math.constant(1)), at[i]);
                            return tensor::ExtractOp::create(math.b, math.loc, weight, place);
                          });
    }
    SmallVector<AffineExpr> from;
    for (int64_t i = 0; i < rank; ++i)
      from.push_back(i < 2 + g ? b.getAffineDimExpr(i) : type.getDimSize(i) - 1 - b.getAffineDimExpr(i));
    std::swap(from[g], from[g + 1]);
    return buildMap(b, loc, extents, weight, AffineMap::get(rank, 0, from, b.getContext()), type.getElementType(),
                    [](OpBuilder &, Location, ValueRange v) { return v[0]; });
  }
};
} // namespace

void tegula::populateConvolutionLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConvLowering, ConvTransposeLowering>(converter, patterns.getContext());
}
