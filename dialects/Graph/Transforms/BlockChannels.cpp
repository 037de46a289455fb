// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  images [N, C, H, W] between convolutions and what surrounds them.
// Out: regions in which they are [N, C / c, H, W, c], c being the f32 lanes of the target's vectors, or the
//      module's `graph.channel_block`: levels of one artifact have the same, so that they share their weights; for the
//      same reason `graph.channel_group` says how many neighboring bytes weights hold together.
// Algorithm: in program order, an op is planned when it can compute on blocked operands: a convolution always, another
// op when it reads images that planned ops make. Planned ops that read each other form a region; it is kept when what
// its convolutions gain is more than what the relayouts at its borders cost. Then the ops of kept regions are rebuilt
// on blocked values, and a plain twin of each result, for readers outside, goes away where there is none.
//
// A processor that splits its widest vectors in halves computes about as fast with blocks of c / 2, which more numbers
// of channels fill: both are planned, and of regions that overlap, those are kept that gain more together.
//
// Weights are laid out by graph ops, which graph-fold-constants evaluates: [M / m, C / c, KH, KW, c, m], or transformed
// for Winograd's algorithm where that takes less time by the estimate of chooseWinograd, except with the precision
// f32-strict: its errors are several times those of direct convolution. A convolution of few input
// channels (the stem of a network) reads them where they are, as one short block; output channels beside whole blocks
// are filled up with zeros that the relayout behind drops.
//
// 8-bit convolutions with i32 sums are planned where the target has an instruction that sums products of neighboring
// channels (four bytes, or two 16-bit values): these lie side by side in their weights. What zero points add is in the
// bias. Their images may fill the last block in part: the rest holds some integers, which weights of 0 multiply.
//
// Images of f16 and bf16 are f32 inside a region, rounded to their own type after every op that rounds: convolutions
// then need no conversion of each element that they read, and results are those of the plain ops. But where a direct
// convolution of bf16 has an f32 result and the target gains by an instruction that sums products of pairs of bf16, it
// reads them as they are: pairs of neighboring channels lie side by side in its weights.
//
//   %y = graph.conv %x, %w                =>   %b = graph.block_channels %x {length = 16}
//   %r = graph.relu %y                         %y = graph.blocked_conv %b, %v;  %r = graph.relu %y
//                                              %u = graph.unblock_channels %r {channels = 64}
#include "ExtentEstimate.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Elementwise.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Dialect/Graph/IR/Window.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace tegula;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHBLOCKCHANNELSPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// Input channels up to which a convolution reads them where they are.
static constexpr int64_t fewChannels = 15;

/// The type of `value` if it is an image with a known number of channels.
static RankedTensorType imageOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 4 && !type.isDynamicDim(1) && type.getDimSize(1) > 0 ? type : RankedTensorType();
}

static bool isHalf(Type type) {
  type = getElementTypeOrSelf(type);
  return type.isF16() || type.isBF16();
}

/// Ops whose results, computed in f32, are numbers of their operands' type.
static bool isExact(Operation *op) { return isa<ReluOp, MaxPoolOp, ConcatOp, MaxOp, MinOp, NegOp, AbsOp, WhereOp>(op); }

/// Widths, or SAME_UPPER or SAME_LOWER where they depend on an extent of the run.
struct Padding {
  SmallVector<int64_t> pads;
  StringRef autoPad;
  bool isKnown() const { return autoPad == "NOTSET"; }
};

/// The padding of `conv` if it crops nothing.
static std::optional<Padding> getPadding(ConvOp conv) {
  Padding padding{SmallVector<int64_t>(conv.getPads()), "NOTSET"};
  if (conv.getAutoPad() != "NOTSET") {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(conv.getX().getType()).getShape().drop_front(2);
    ArrayRef<int64_t> kernel = cast<RankedTensorType>(conv.getWeight().getType()).getShape().drop_front(2);
    for (int64_t i : {0, 1}) {
      WindowDimension window{kernel[i], conv.getStrides()[i], conv.getDilations()[i], 0, 0};
      bool isDynamic = ShapedType::isDynamic(shape[i]);
      if (isDynamic && window.stride > 1 && window.span() > 1)
        return Padding{SmallVector<int64_t>(4, 0), conv.getAutoPad()};
      WindowExtents extents = computeWindow(isDynamic ? 1 : shape[i], window, conv.getAutoPad(), false);
      padding.pads[i] = extents.padBegin;
      padding.pads[i + 2] = extents.padEnd;
    }
  }
  if (llvm::any_of(padding.pads, [](int64_t pad) { return pad < 0; }))
    return std::nullopt;
  return padding;
}

static bool isByte(Value value) { return getElementTypeOrSelf(value.getType()).isInteger(8); }

static bool isDepthwise(ConvOp conv) {
  ArrayRef<int64_t> weight = cast<RankedTensorType>(conv.getWeight().getType()).getShape();
  return conv.getGroup() > 1 && conv.getGroup() == weight[0] && weight[1] == 1;
}

/// What graph-lower-precision rounds to get `weight`; else that itself.
static Value getUnrounded(Value weight) {
  auto rounded = weight.getDefiningOp<CastOp>();
  return rounded ? rounded.getX() : weight;
}

/// The side of the output tiles of Winograd's algorithm for `conv`, or 0 where direct convolution is estimated to take
/// less time. In multiply-adds of a full vector unit, of which a direct convolution does `speed` at once: a transformed
/// tile costs about four per element and channel; the transformed weights, read once, sixteen per element.
static int64_t chooseWinograd(ConvOp conv, const ExtentEstimate &estimate, double speed) {
  ArrayRef<int64_t> weight = cast<RankedTensorType>(conv.getWeight().getType()).getShape();
  Value constant = getUnrounded(conv.getWeight());
  auto isOne = [](int64_t value) { return value == 1; };
  // A splat has nothing to transform; its result would be as large as that of other weights.
  DenseElementsAttr elements;
  if (weight[2] != 3 || weight[3] != 3 || !llvm::all_of(conv.getStrides(), isOne) ||
      !llvm::all_of(conv.getDilations(), isOne) || !matchPattern(constant, m_Constant()) ||
      (matchPattern(constant, m_Constant(&elements)) && elements.isSplat()))
    return 0;
  auto extent = [&](int64_t i) { return estimate.extent(conv.getY(), i); };
  double batch = extent(0);
  double outer = double(weight[0]), inner = double(weight[1]);
  double best = 9 * outer * inner * batch * extent(2) * extent(3) / speed;
  int64_t choice = 0;
  for (int64_t tile : {2, 4}) {
    double tiles = batch * std::ceil(extent(2) / double(tile)) * std::ceil(extent(3) / double(tile));
    double positions = double((tile + 2) * (tile + 2));
    double cost = positions * (tiles * (outer * inner + 4 * (outer + inner)) + 16 * outer * inner);
    if (cost < best) {
      best = cost;
      choice = tile;
    }
  }
  return choice;
}

namespace {
class Blocker {
public:
  /// `group`: how many neighboring bytes the weights of all levels hold together, or 0. `slowdown` is what a
  /// multiply-add takes in vectors of `lanes`, beside one in the target's widest.
  Blocker(func::FuncOp function, const ExtentEstimate &estimate, exec::CPUTargetAttr target, int64_t lanes,
          int64_t group, double slowdown)
      : function(function), estimate(estimate), lanes(lanes), slowdown(slowdown),
        groupsBytes(group ? group == 4 : target.getByteDot()),
        // One vector of 128 bits takes as long to fill with a pair as to multiply it: packing is better.
        hasDot(target.hasPairDot() && (target.getVectorBits() >= 256 || lanes > 4)),
        hasBFloatDot(target.hasFastBFloatDot()), allowsWinograd(getPrecision(function) != Precision::F32Strict) {}

  void plan() {
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (canBlock(op))
        plan(op);
    });
    weighRegions();
  }

  /// Where regions of both overlap, keeps those of the one that gains more.
  static void keepBetter(Blocker &one, Blocker &other) {
    // Regions of the two that share an op, under one leader.
    llvm::EquivalenceClasses<Operation *> shared;
    for (Blocker *blocker : {&one, &other})
      for (Operation *op : blocker->planned)
        if (Operation *leader = blocker->regions.getLeaderValue(op); blocker->kept.contains(leader))
          shared.unionSets(op, leader);
    llvm::DenseMap<Operation *, double> ahead;
    for (auto [blocker, sign] : {std::pair(&one, 1.0), std::pair(&other, -1.0)})
      for (auto [leader, gain] : blocker->kept)
        ahead[shared.getLeaderValue(leader)] += sign * gain;
    for (auto [blocker, sign] : {std::pair(&one, 1.0), std::pair(&other, -1.0)})
      blocker->kept.remove_if([&, sign = sign](const std::pair<Operation *, double> &region) {
        double lead = sign * ahead.lookup(shared.getLeaderValue(region.first));
        return lead < 0 || (lead == 0 && sign < 0);
      });
  }

  void rebuild() {
    for (Operation *op : planned)
      if (kept.contains(regions.getLeaderValue(op)))
        rebuild(op);
  }

private:
  // --- planning

  bool fillsBlocks(Value value) const {
    RankedTensorType type = imageOf(value);
    return type && type.getDimSize(1) % lanes == 0;
  }
  bool isPlanned(Value value) const { return images.contains(value); }

  bool canBlockConv(ConvOp conv) const {
    RankedTensorType x = imageOf(conv.getX()), y = imageOf(conv.getY());
    auto weight = dyn_cast<RankedTensorType>(conv.getWeight().getType());
    auto isEmpty = [](RankedTensorType type) { return llvm::is_contained(type.getShape(), 0); };
    if (!x || !y || !(x.getElementType().isF32() || isHalf(x) || canSumBytes(conv)) || !weight ||
        weight.getRank() != 4 || !weight.hasStaticShape() || isEmpty(x) || isEmpty(y) || isEmpty(weight) ||
        !getPadding(conv))
      return false;
    // Other weights would be laid out in each run.
    if (!matchPattern(getUnrounded(conv.getWeight()), m_Constant()))
      return false;
    // Columns behind the kernel's want known widths.
    if (isByte(conv.getX()))
      return conv.getGroup() == 1 || (isDepthwise(conv) && getPadding(conv)->isKnown());
    if (isDepthwise(conv))
      return fillsBlocks(conv.getX()) && fillsBlocks(conv.getY()) &&
             weight.getDimSize(2) * weight.getDimSize(3) <= maxMappedPositions;
    return conv.getGroup() == 1 && (fillsBlocks(conv.getX()) || x.getDimSize(1) <= fewChannels);
  }

  bool canSumBytes(ConvOp conv) const {
    return hasDot && isByte(conv.getX()) && isByte(conv.getWeight()) &&
           getElementTypeOrSelf(conv.getType()).isSignlessInteger(32);
  }

  /// Whether a direct convolution sums products of pairs of bf16 in one instruction.
  bool canSumBFloats(ConvOp conv) const {
    return hasBFloatDot && getElementTypeOrSelf(conv.getX().getType()).isBF16() &&
           getElementTypeOrSelf(conv.getType()).isF32() && !isDepthwise(conv) && fillsBlocks(conv.getX());
  }

  /// An operand of an elementwise op that has one value for each channel, or one in all.
  static bool isPerChannel(Value value, int64_t channels) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.hasStaticShape() || type.getRank() > 4)
      return false;
    if (type.getNumElements() == 1)
      return true;
    return type.getRank() >= 3 && type.getNumElements() == channels && type.getDimSize(type.getRank() - 3) == channels;
  }

  bool canBlock(Operation *op) const {
    if (auto conv = dyn_cast<ConvOp>(op))
      return canBlockConv(conv);
    if (op->getNumResults() == 0 || !imageOf(op->getResult(0)))
      return false;
    // An image that fills its last block in part stays one where each channel is for itself.
    if (isa<ConcatOp, BatchNormOp, ResizeOp>(op) &&
        !llvm::all_of(op->getOperands(), [&](Value operand) { return fillsBlocks(operand) || !imageOf(operand); }))
      return false;
    if (auto concat = dyn_cast<ConcatOp>(op))
      return normalizeAxis(concat.getAxis(), 4) == std::optional<int64_t>(1) &&
             llvm::all_of(op->getOperands(), [&](Value operand) { return isPlanned(operand); });
    if (isElementwise(op) && op->getNumResults() == 1) {
      // Their arithmetic looks at the element types.
      if (isa<QuantizeOp, DequantizeOp>(op) &&
          (isHalf(op->getOperand(0).getType()) || isHalf(op->getResult(0).getType())))
        return false;
      int64_t channels = imageOf(op->getResult(0)).getDimSize(1);
      bool reads = false;
      for (Value operand : op->getOperands()) {
        // One whole image decides the extents: no operand is broadcast along the rows or columns of another.
        if (isPlanned(operand) && cast<RankedTensorType>(operand.getType()).getShape() ==
                                      cast<RankedTensorType>(op->getResult(0).getType()).getShape())
          reads = true;
        else if (!isPlanned(operand) && !isPerChannel(operand, channels))
          return false;
      }
      return reads;
    }
    if (op->getNumOperands() == 0 || !isPlanned(op->getOperand(0)))
      return false;
    if (auto pool = dyn_cast<MaxPoolOp>(op))
      return !pool.getIndices();
    if (auto pool = dyn_cast<GlobalPoolOp>(op))
      return pool.getKind() == "average" || pool.getKind() == "max";
    if (auto mean = dyn_cast<ReduceMeanOp>(op))
      return mean.getAxes() && *mean.getAxes() == ArrayRef<int64_t>{2, 3};
    if (auto norm = dyn_cast<BatchNormOp>(op)) {
      auto channels = dyn_cast<RankedTensorType>(norm.getScale().getType());
      return channels && channels.hasStaticShape() && channels.getElementType().isF32();
    }
    if (auto resize = dyn_cast<ResizeOp>(op))
      return keepsChannels(resize);
    return isa<AveragePoolOp>(op);
  }

  /// Whether batch and channels stay as they are by known scales.
  static bool keepsChannels(ResizeOp resize) {
    auto scales = resize.getScales() ? getConstantFloats(resize.getScales()) : std::nullopt;
    if (!scales || resize.getRoi())
      return false;
    SmallVector<int64_t> axes{0, 1, 2, 3};
    if (resize.getAxes())
      axes.assign(resize.getAxes()->begin(), resize.getAxes()->end());
    return axes.size() == scales->size() && llvm::all_of(llvm::zip(axes, *scales), [](auto pair) {
             auto [axis, scale] = pair;
             return axis >= 0 && (axis >= 2 || scale == 1);
           });
  }

  void plan(Operation *op) {
    planned.push_back(op);
    regions.insert(op);
    for (Value operand : op->getOperands())
      if (isPlanned(operand))
        regions.unionSets(op, operand.getDefiningOp());
    auto conv = dyn_cast<ConvOp>(op);
    if (!conv || isByte(conv.getX()) || fillsBlocks(conv.getY()))
      images.insert(op->getResult(0));
  }

  /// The side of the tiles of Winograd's algorithm, 0 for direct convolution.
  int64_t chooseTile(ConvOp conv) const {
    return allowsWinograd ? chooseWinograd(conv, estimate, canSumBFloats(conv) ? 2 : 1) : 0;
  }

  /// How many times as many channels as it has an image of `value` has in blocks.
  double fillOf(Value value) const {
    int64_t channels = imageOf(value).getDimSize(1);
    return double(llvm::alignTo(channels, lanes)) / double(channels);
  }

  /// Time that blocking this convolution saves, in nanoseconds of a core with about 60 multiply-adds in each.
  double estimateGain(ConvOp conv) const {
    auto weight = cast<RankedTensorType>(conv.getWeight().getType());
    Value y = conv.getY();
    double products = estimate.countElements(y) * double(weight.getNumElements() / weight.getDimSize(0));
    bool isNarrow = slowdown > 1;
    // Measured, with the padding: plain rows are read with gaps where there are strides.
    if (isDepthwise(conv) && !isByte(conv.getX()))
      return products * ((conv.getStrides()[1] > 1 ? 0.16 : 0.065) - (isNarrow ? 0.038 : 0.025));
    if (isDepthwise(conv))
      return isNarrow ? 0 : products / 20;
    // Four products in the place of one, and as much again that packing costs. Narrow blocks lose half of that, and as
    // bytes fill the last block in part, they win nothing.
    if (isByte(conv.getX()))
      return products / (isNarrow ? 240 : 120);
    // As a matrix product it fills the pixels of an image up to whole panels, and packs what each result reads, once
    // for all output channels and the slower the shorter the rows.
    constexpr double panel = 64;
    double width = estimate.extent(y, 3), pixels = estimate.extent(y, 2) * width;
    double packing = (0.05 + 8 / std::max(width, 32.0)) / double(weight.getDimSize(0));
    double filled = std::ceil(pixels / panel) * panel / pixels;
    double packed = products * filled * (1.0 / 60 + packing);
    return packed - products / 60 * fillOf(y) * (chooseTile(conv) ? 0.5 * slowdown * slowdown : slowdown);
  }

  void weighRegions() {
    llvm::MapVector<Operation *, double> gains;
    // An element is read, written and read again.
    auto relayout = [&](Value value) {
      RankedTensorType type = imageOf(value);
      bool isPixel = type.getDimSize(2) == 1 && type.getDimSize(3) == 1;
      return isPixel ? 0.0 : 0.5 * fillOf(value) * estimate.countElements(value);
    };
    llvm::SmallPtrSet<Operation *, 32> members(planned.begin(), planned.end());
    for (Operation *op : planned) {
      double &gain = gains[regions.getLeaderValue(op)];
      if (auto conv = dyn_cast<ConvOp>(op)) {
        gain += estimateGain(conv);
        if (!isPlanned(conv.getX()) && (fillsBlocks(conv.getX()) || isByte(conv.getX())))
          gain -= relayout(conv.getX());
      }
      if (llvm::any_of(op->getUsers(), [&](Operation *user) { return !members.contains(user); }))
        gain -= relayout(op->getResult(0));
    }
    for (auto [leader, gain] : gains)
      if (gain > 0)
        kept.insert({leader, gain});
  }

  // --- rebuilding

  static Value makeShape(OpBuilder &b, Location loc, ArrayRef<int64_t> shape) {
    auto type = RankedTensorType::get({int64_t(shape.size())}, b.getI64Type());
    return ConstantOp::create(b, loc, makeIntegers(type, shape));
  }
  static Value reshape(OpBuilder &b, Value value, ArrayRef<int64_t> shape) {
    Type type = RankedTensorType::get(shape, cast<RankedTensorType>(value.getType()).getElementType());
    return b.createOrFold<ReshapeOp>(value.getLoc(), type, value, makeShape(b, value.getLoc(), shape), false);
  }
  static Value transpose(OpBuilder &b, Value value, ArrayRef<int64_t> permutation) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape;
    for (int64_t from : permutation)
      shape.push_back(type.getDimSize(from));
    return b.createOrFold<TransposeOp>(value.getLoc(), type.clone(shape), value, b.getDenseI64ArrayAttr(permutation));
  }
  /// `value` with zeros behind it in dimension `dim`, up to `extent`.
  static Value fillUp(OpBuilder &b, Value value, int64_t extent, int64_t dim = 0) {
    auto type = cast<RankedTensorType>(value.getType());
    int64_t rank = type.getRank();
    if (type.getDimSize(dim) == extent)
      return value;
    SmallVector<int64_t> shape(type.getShape()), pads(2 * rank, 0);
    pads[rank + dim] = extent - shape[dim];
    shape[dim] = extent;
    return PadOp::create(b, value.getLoc(), type.clone(shape), value, makeShape(b, value.getLoc(), pads), Value(),
                         Value(), "constant");
  }
  /// [C] as [C / length, length].
  static Value splitChannels(OpBuilder &b, Value value, int64_t length) {
    return reshape(b, value, {cast<RankedTensorType>(value.getType()).getNumElements() / length, length});
  }

  RankedTensorType blockedType(Type type, int64_t length) const {
    auto image = cast<RankedTensorType>(type);
    ArrayRef<int64_t> shape = image.getShape();
    int64_t blocks = int64_t(llvm::divideCeil(shape[1], length));
    Type element = isHalf(type) ? Float32Type::get(type.getContext()) : image.getElementType();
    return RankedTensorType::get({shape[0], blocks, shape[2], shape[3], length}, element);
  }

  /// `value` with the element type `element`.
  static Value castElements(OpBuilder &b, Value value, Type element) {
    return b.createOrFold<CastOp>(value.getLoc(), cast<TensorType>(value.getType()).clone(element), value);
  }
  /// As regions hold it.
  static Value widen(OpBuilder &b, Value value) {
    return value && isHalf(value.getType()) ? castElements(b, value, b.getF32Type()) : value;
  }

  Value getBlocked(OpBuilder &b, Value value, int64_t length) {
    if (Value known = blocked.lookup(value); known && length == lanes)
      return known;
    Type type = blockedType(value.getType(), length);
    value = fillUp(b, value, llvm::alignTo(imageOf(value).getDimSize(1), length), 1);
    return b.createOrFold<BlockChannelsOp>(value.getLoc(), type, widen(b, value), b.getI64IntegerAttr(length));
  }

  /// An operand of an elementwise op.
  Value getOperand(OpBuilder &b, Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (isPlanned(value) || blocked.contains(value))
      return getBlocked(b, value, lanes);
    value = widen(b, value);
    if (type.getNumElements() == 1)
      return type.getRank() <= 1 ? value : reshape(b, value, {1});
    int64_t channels = type.getNumElements(), blocks = int64_t(llvm::divideCeil(channels, lanes));
    if (channels % lanes != 0)
      value = fillUp(b, reshape(b, value, {channels}), blocks * lanes);
    return reshape(b, value, {blocks, 1, 1, lanes});
  }

  Value layOutWeight(OpBuilder &b, Value weight, int64_t inner, int64_t outer, int64_t tile) {
    Location loc = weight.getLoc();
    weight = fillUp(b, weight, llvm::alignTo(cast<RankedTensorType>(weight.getType()).getDimSize(0), outer));
    ArrayRef<int64_t> shape = cast<RankedTensorType>(weight.getType()).getShape();
    int64_t m = shape[0], c = shape[1];
    if (!tile) {
      weight = reshape(b, weight, {m / outer, outer, c / inner, inner, shape[2], shape[3]});
      return transpose(b, weight, {0, 2, 4, 5, 3, 1});
    }
    // G g G^T of each kernel, as one product with the Kronecker square of G; in f64, so that it is rounded once.
    static const double small[][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
    static const double large[][3] = {{1. / 4, 0, 0},
                                      {-1. / 6, -1. / 6, -1. / 6},
                                      {-1. / 6, 1. / 6, -1. / 6},
                                      {1. / 24, 1. / 12, 1. / 6},
                                      {1. / 24, -1. / 12, 1. / 6},
                                      {0, 0, 1}};
    const double (*g)[3] = tile == 2 ? small : large;
    int64_t t = tile + 2;
    SmallVector<double> square(9 * t * t);
    for (int64_t k = 0; k < 9; ++k)
      for (int64_t i = 0; i < t * t; ++i)
        square[k * t * t + i] = g[i / t][k / 3] * g[i % t][k % 3];
    Type f64 = b.getF64Type(), f32 = b.getF32Type();
    Value factor = ConstantOp::create(b, loc, makeFloats(RankedTensorType::get({9, t * t}, f64), square));
    Value wide = CastOp::create(b, loc, RankedTensorType::get({m * c, 9}, f64), reshape(b, weight, {m * c, 9}));
    Type products = RankedTensorType::get({m * c, t * t}, f64);
    wide = MatMulOp::create(b, loc, products, wide, factor);
    weight = CastOp::create(b, loc, RankedTensorType::get({m * c, t * t}, f32), wide);
    weight = reshape(b, weight, {m / outer, outer, c / inner, inner, t, t});
    return transpose(b, weight, {4, 5, 0, 2, 3, 1});
  }

  /// [M, C, KH, KW] as [M / m, C / inner, KH, KW, inner / group, m, group], filled up with zeros.
  Value layOutGroups(OpBuilder &b, Value weight, int64_t inner, int64_t group) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(weight.getType()).getShape();
    int64_t blocks = int64_t(llvm::divideCeil(shape[0], lanes)),
            innerBlocks = int64_t(llvm::divideCeil(shape[1], inner));
    weight = fillUp(b, fillUp(b, weight, blocks * lanes), innerBlocks * inner, 1);
    weight = reshape(b, weight, {blocks, lanes, innerBlocks, inner / group, group, shape[2], shape[3]});
    return transpose(b, weight, {0, 2, 5, 6, 3, 1, 4});
  }

  /// `x` as one block of channels where it is a transpose of what has them last.
  Value findChannelsLast(OpBuilder &b, Value x) const {
    auto transpose = x.getDefiningOp<TransposeOp>();
    if (!transpose || transpose.getPermutation() != ArrayRef<int64_t>{0, 3, 1, 2})
      return Value();
    RankedTensorType type = blockedType(x.getType(), imageOf(x).getDimSize(1)).clone(getElementTypeOrSelf(x));
    Value axes = makeShape(b, x.getLoc(), {1});
    return widen(b, UnsqueezeOp::create(b, x.getLoc(), type, transpose.getX(), axes));
  }

  /// The convolution of 8-bit values. Sums are those of x - offset times weight - its zero point; what the rest of x's
  /// zero point adds is in the bias.
  Value rebuildByteConv(OpBuilder &b, ConvOp conv) {
    Location loc = conv.getLoc();
    Value x = conv.getX(), weight = conv.getWeight();
    auto weightType = cast<RankedTensorType>(weight.getType());
    ArrayRef<int64_t> shape = weightType.getShape();
    auto isUnsigned = [](Value value) { return getElementTypeOrSelf(value.getType()).isUnsignedInteger(); };
    // Bytes are multiplied as unsigned ones of x and signed ones of the weight, else 16-bit values.
    int64_t weightZero = conv.getWeightZeroPoint();
    bool asBytes = groupsBytes && weightZero == (isUnsigned(weight) ? 128 : 0);
    int64_t group = asBytes ? 4 : 2, offset = asBytes && !isUnsigned(x) ? -128 : 0;
    int64_t xZero = conv.getXZeroPoint();

    Type i32 = b.getI32Type();
    auto number = [&](int64_t value) {
      return ConstantOp::create(b, loc, makeIntegers(RankedTensorType::get({1}, i32), value)).getResult();
    };
    weight = castElements(b, weight, i32);
    if (weightZero != 0)
      weight = b.createOrFold<SubOp>(loc, weight.getType(), weight, number(weightZero));
    Value bias = conv.getBias();
    if (xZero != offset) {
      auto type = RankedTensorType::get({shape[0]}, i32);
      Value sums = ReduceSumOp::create(b, loc, type, weight, Value(), b.getDenseI64ArrayAttr({1, 2, 3}),
                                       /*keep_dimensions=*/false);
      Value added = MulOp::create(b, loc, type, sums, number(offset - xZero));
      bias = bias ? AddOp::create(b, loc, type, bias, added).getResult() : added;
    }
    int64_t channels = int64_t(llvm::alignTo(shape[0], lanes)), blocks = channels / lanes;
    if (bias)
      bias = splitChannels(b, fillUp(b, bias, channels), lanes);
    weight = castElements(b, fillUp(b, weight, channels), b.getIntegerType(asBytes ? 8 : 16));

    Type type = blockedType(conv.getType(), lanes);
    auto [pads, autoPad] = *getPadding(conv);
    if (isDepthwise(conv)) {
      // Columns of zeros behind the kernel's fill its last group; they see more padding behind the image.
      int64_t columns = int64_t(llvm::alignTo(shape[3], group));
      pads[3] += (columns - shape[3]) * conv.getDilations()[1];
      weight = reshape(b, fillUp(b, weight, columns, 3), {blocks, lanes, shape[2], columns / group, group});
      weight = transpose(b, weight, {0, 2, 3, 1, 4});
      return BlockedDepthwiseConvOp::create(b, loc, type, getBlocked(b, x, lanes), weight, bias, conv.getStrides(),
                                            pads, conv.getDilations(), offset, xZero);
    }
    int64_t inner = isPlanned(x) || shape[1] > fewChannels ? lanes : int64_t(llvm::alignTo(shape[1], group));
    weight = layOutGroups(b, weight, inner, group);
    return BlockedConvOp::create(b, loc, type, getBlocked(b, x, inner), weight, bias, conv.getStrides(), pads,
                                 conv.getDilations(), /*winograd=*/0, offset, xZero, autoPad);
  }

  Value rebuildConv(OpBuilder &b, ConvOp conv) {
    if (isByte(conv.getX()))
      return rebuildByteConv(b, conv);
    Location loc = conv.getLoc();
    auto weightType = cast<RankedTensorType>(conv.getWeight().getType());
    auto [pads, autoPad] = *getPadding(conv);
    Type type = blockedType(conv.getType(), lanes);
    Value x = conv.getX(), kernel = widen(b, conv.getWeight()), bias = widen(b, conv.getBias());
    if (isDepthwise(conv)) {
      if (bias)
        bias = splitChannels(b, bias, lanes);
      ArrayRef<int64_t> shape = weightType.getShape();
      Value weight = reshape(b, kernel, {shape[0] / lanes, lanes, shape[2], shape[3]});
      return BlockedDepthwiseConvOp::create(b, loc, type, getBlocked(b, x, lanes), transpose(b, weight, {0, 2, 3, 1}),
                                            bias, conv.getStrides(), pads, conv.getDilations(), /*x_offset=*/0,
                                            /*x_padding=*/0, autoPad);
    }
    int64_t channels = weightType.getDimSize(0);
    if (bias)
      bias = splitChannels(b, fillUp(b, bias, llvm::alignTo(channels, lanes)), lanes);
    int64_t inner = lanes, tile = 0;
    Value channelsLast;
    if (fillsBlocks(x)) {
      tile = chooseTile(conv);
    } else {
      // Known padding is put around the plain image, so that the relayout is only another way to read it. Where there
      // is none, the convolution pads.
      x = widen(b, x);
      inner = weightType.getDimSize(1);
      channelsLast = findChannelsLast(b, conv.getX());
      if (!channelsLast && llvm::any_of(pads, [](int64_t pad) { return pad != 0; })) {
        auto image = cast<RankedTensorType>(x.getType());
        SmallVector<int64_t> shape(image.getShape());
        for (int64_t i : {0, 1})
          if (!ShapedType::isDynamic(shape[i + 2]))
            shape[i + 2] += pads[i] + pads[i + 2];
        Value around = makeShape(b, loc, {0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]});
        x = PadOp::create(b, loc, image.clone(shape), x, around, Value(), Value(), "constant");
        pads.assign(4, 0);
      }
    }
    if (tile == 0 && canSumBFloats(conv)) {
      Value weight = layOutGroups(b, conv.getWeight(), lanes, /*group=*/2);
      Type operand = blockedType(x.getType(), lanes).clone(b.getBF16Type());
      x = b.createOrFold<BlockChannelsOp>(loc, operand, x, b.getI64IntegerAttr(lanes));
      return BlockedConvOp::create(b, loc, type, x, weight, bias, conv.getStrides(), pads, conv.getDilations(),
                                   /*winograd=*/0, /*x_offset=*/0, /*x_padding=*/0, autoPad);
    }
    Value weight = layOutWeight(b, kernel, inner, lanes, tile);
    Value image = channelsLast ? channelsLast : getBlocked(b, x, inner);
    return BlockedConvOp::create(b, loc, type, image, weight, bias, conv.getStrides(), pads, conv.getDilations(), tile,
                                 /*x_offset=*/0, /*x_padding=*/0, autoPad);
  }

  /// scale / sqrt(variance + epsilon) and bias - mean * that, for each channel.
  Value rebuildBatchNorm(OpBuilder &b, BatchNormOp norm, Type type) {
    Location loc = norm.getLoc();
    auto channels = cast<RankedTensorType>(norm.getScale().getType());
    Value epsilon = ConstantOp::create(
        b, loc, makeFloats(RankedTensorType::get({1}, channels.getElementType()), norm.getEpsilon().convertToDouble()));
    Value deviation =
        SqrtOp::create(b, loc, channels, AddOp::create(b, loc, channels, norm.getVariance(), epsilon).getResult());
    Value factor = DivOp::create(b, loc, channels, norm.getScale(), deviation);
    Value shift = MulOp::create(b, loc, channels, norm.getMean(), factor);
    shift = SubOp::create(b, loc, channels, norm.getBias(), shift);
    int64_t blocks = channels.getDimSize(0) / lanes;
    Value product =
        MulOp::create(b, loc, type, getBlocked(b, norm.getX(), lanes), reshape(b, factor, {blocks, 1, 1, lanes}));
    return AddOp::create(b, loc, type, product, reshape(b, shift, {blocks, 1, 1, lanes}));
  }

  Value rebuildOther(OpBuilder &b, Operation *op) {
    Location loc = op->getLoc();
    Type type = blockedType(op->getResult(0).getType(), lanes);
    if (auto norm = dyn_cast<BatchNormOp>(op))
      return rebuildBatchNorm(b, norm, type);
    Value x = getOperand(b, op->getOperand(0));
    if (auto pool = dyn_cast<GlobalPoolOp>(op); pool && pool.getKind() == "max")
      return ReduceMaxOp::create(b, loc, type, x, Value(), b.getDenseI64ArrayAttr({2, 3}));
    if (isa<GlobalPoolOp>(op))
      return ReduceMeanOp::create(b, loc, type, x, Value(), b.getDenseI64ArrayAttr({2, 3}));
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(isa<ResizeOp>(op) && !operands.empty() ? operand : getOperand(b, operand));
    Operation *copy = b.clone(*op);
    copy->setOperands(operands);
    copy->getResult(0).setType(type);
    if (auto concat = dyn_cast<ConcatOp>(copy))
      concat.setAxis(1);
    if (auto resize = dyn_cast<ResizeOp>(copy); resize && !resize.getAxes())
      resize.setAxes(ArrayRef<int64_t>{0, 1, 2, 3});
    // Pools slide over the block as a third dimension, one element at a time.
    if (isa<MaxPoolOp, AveragePoolOp>(op)) {
      auto extend = [&](StringRef name, int64_t value) {
        SmallVector<int64_t> values(op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef());
        if (name == "pads")
          values.insert(values.begin() + 2, value);
        values.push_back(value);
        copy->setAttr(name, b.getDenseI64ArrayAttr(values));
      };
      extend("kernel", 1);
      extend("strides", 1);
      extend("dilations", 1);
      extend("pads", 0);
    }
    return copy->getResult(0);
  }

  void rebuild(Operation *op) {
    OpBuilder b(op);
    auto conv = dyn_cast<ConvOp>(op);
    Value result = conv ? rebuildConv(b, conv) : rebuildOther(b, op);
    Value original = op->getResult(0);
    auto type = cast<RankedTensorType>(original.getType());
    Value stored = result;
    if (isHalf(type)) {
      stored = castElements(b, result, type.getElementType());
      if (!isExact(op))
        result = castElements(b, stored, b.getF32Type());
    }
    Value plain = UnblockChannelsOp::create(b, op->getLoc(), type, stored, type.getDimSize(1));
    original.replaceAllUsesWith(plain);
    if (images.contains(original))
      blocked[plain] = result;
    op->erase();
  }

  func::FuncOp function;
  const ExtentEstimate &estimate;
  int64_t lanes;
  double slowdown;
  /// Whether weights of 8 bits hold four neighboring bytes together where they can, not two 16-bit values.
  bool groupsBytes;
  /// Instructions that sum products of neighboring integers, or of pairs of bf16.
  bool hasDot, hasBFloatDot;
  bool allowsWinograd;
  SmallVector<Operation *> planned;
  llvm::SmallDenseSet<Value> images;
  llvm::EquivalenceClasses<Operation *> regions;
  /// What kept regions gain, by their leaders.
  llvm::MapVector<Operation *, double> kept;
  /// The blocked twin of a plain image.
  DenseMap<Value, Value> blocked;
};

struct GraphBlockChannelsPass : tegula::impl::GraphBlockChannelsPassBase<GraphBlockChannelsPass> {
  void runOnOperation() override {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    auto target = module ? module->getAttrOfType<exec::CPUTargetAttr>("exec.target") : exec::CPUTargetAttr();
    if (!target)
      return;
    int64_t lanes = getBlockLength(module, target.getVectorBits() / 32);
    int64_t group = getByteGroup(module);
    ExtentEstimate estimate(getOperation());
    Blocker wide(getOperation(), estimate, target, lanes, group, /*slowdown=*/1);
    wide.plan();
    // The levels of an artifact have the same blocks.
    if (!module->hasAttr("graph.channel_block") && target.splitsWideVectors()) {
      // Twice as many instructions: 0 to 12 percent, measured on whole models.
      Blocker narrow(getOperation(), estimate, target, lanes / 2, group, /*slowdown=*/1.1);
      narrow.plan();
      Blocker::keepBetter(wide, narrow);
      narrow.rebuild();
    }
    wide.rebuild();
  }
};
} // namespace
