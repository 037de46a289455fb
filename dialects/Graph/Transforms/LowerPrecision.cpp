// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a graph of f32 whose module asks for the precision bf16.
// Out: convolutions and matrix products that are bound by arithmetic read bf16 and give f32 sums; what lies between
//      them is stored in bf16. Everything else, and every result of the graph, stays f32.
// Algorithm: in program order, an f32 contraction is lowered when it does enough multiply-adds for each element that it
// reads or writes: below that it waits for memory, and rounding its operands would be one more pass over them. An
// operand is rounded where it is computed: ops between there and here that only move elements, for contractions alone,
// work on bf16 too, so that one kernel computes, rounds and stores. Elementwise readers of a value that is stored in
// bf16 read that, so that it is stored once; ops that are sensitive to rounding (softmax, normalizations and other
// reductions) read the f32 value. Weights are rounded by casts that graph-fold-constants evaluates.
//
//   %y = graph.matmul %x, %w                =>   %a = graph.cast %x -> bf16;  %b = graph.cast %w -> bf16
//                                                %y = graph.matmul %a, %b : bf16, bf16 -> f32
#include "tegula/Dialect/Graph/IR/Elementwise.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHLOWERPRECISIONPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// Multiply-adds for each element read or written from which on a contraction is bound by arithmetic. A core does 32 to
/// 64 of them in the time in which it gets one to four elements from memory. Depthwise convolutions of up to 5 x 5 and
/// products with up to 16 rows are below.
static constexpr double minIntensity = 16;

/// What stands for a dynamic extent in estimates.
static constexpr double assumedExtent = 64;

static double countElements(Value value) {
  double count = 1;
  for (int64_t extent : cast<RankedTensorType>(value.getType()).getShape())
    count *= ShapedType::isDynamic(extent) ? assumedExtent : double(extent);
  return count;
}

static bool isFloat(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

/// The operands that a contraction multiplies are its first two.
static bool isContraction(Operation *op) {
  return isa<ConvOp, MatMulOp>(op) && isFloat(op->getOperand(0)) && isFloat(op->getOperand(1)) &&
         isFloat(op->getResult(0));
}

/// Multiply-adds for each element of the operands and the result.
static double countIntensity(Operation *op) {
  Value x = op->getOperand(0), weight = op->getOperand(1), y = op->getResult(0);
  double depth = 1;
  auto extent = [](Value value, int64_t dim) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.isDynamicDim(dim) ? assumedExtent : double(type.getDimSize(dim));
  };
  if (auto product = dyn_cast<MatMulOp>(op)) {
    int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
    depth = extent(x, product.getTransposeLhs() && rank > 1 ? rank - 2 : rank - 1);
  } else {
    for (int64_t dim = 1; dim < cast<RankedTensorType>(weight.getType()).getRank(); ++dim)
      depth *= extent(weight, dim);
  }
  double moved = countElements(x) + countElements(weight) + countElements(y);
  return moved > 0 ? countElements(y) * depth / moved : 0;
}

/// Ops that only move the elements of their f32 operands.
static bool isMovement(Operation *op) {
  if (!llvm::all_of(op->getOperandTypes(), llvm::IsaPred<RankedTensorType>))
    return false;
  if (auto pad = dyn_cast<PadOp>(op))
    return !pad.getValue(); // by zeros
  return isa<TransposeOp, ReshapeOp, FlattenOp, SqueezeOp, UnsqueezeOp, SliceOp, SplitOp, ConcatOp, ExpandOp,
             DepthToSpaceOp, SpaceToDepthOp>(op);
}

namespace {
class PrecisionLowering {
public:
  explicit PrecisionLowering(func::FuncOp function) : function(function) {}

  void run() {
    int64_t total = 0;
    SmallVector<Operation *> order;
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!isContraction(op))
        return;
      ++total;
      if (countIntensity(op) >= minIntensity) {
        order.push_back(op);
        chosen.insert(op);
      }
    });
    for (Operation *op : order)
      lower(op);
    for (auto [value, cast] : stored)
      shareStorage(value, cast);
    if (total > 0)
      function.emitRemark() << llvm::formatv("precision bf16: {0} of {1} convolutions and matrix products; {2} values "
                                             "and {3} elements of weights are stored in bf16",
                                             order.size(), total, stored.size(), weightElements)
                                   .str();
  }

private:
  static Value castElements(OpBuilder &b, Value value, Type element) {
    return CastOp::create(b, value.getLoc(), cast<RankedTensorType>(value.getType()).clone(element), value);
  }

  void lower(Operation *op) {
    double intensity = countIntensity(op);
    for (int64_t i : {0, 1})
      op->setOperand(i, lowerValue(op->getOperand(i)));
    op->emitRemark() << llvm::formatv("precision bf16: operands in bf16, sums in f32 ({0:F0} multiply-adds for each "
                                      "element)",
                                      intensity)
                            .str();
  }

  /// `value` in bf16.
  Value lowerValue(Value value) {
    if (Value known = lowered.lookup(value))
      return known;
    Operation *source = value.getDefiningOp();
    auto widening = dyn_cast_or_null<CastOp>(source);
    if (widening && cast<TensorType>(widening.getX().getType()).getElementType().isBF16())
      return widening.getX();
    if (source && isMovement(source) && isReadByChosen(source)) {
      moveLowered(source);
      return lowered.lookup(value);
    }
    OpBuilder b(function.getContext());
    b.setInsertionPointAfterValue(value);
    Value result = castElements(b, value, b.getBF16Type());
    lowered[value] = result;
    if (source && source->hasTrait<OpTrait::ConstantLike>())
      weightElements += cast<RankedTensorType>(value.getType()).getNumElements();
    else
      stored[value] = result;
    return result;
  }

  /// Whether nothing but chosen contractions reads the results of `op`, directly or moved further.
  bool isReadByChosen(Operation *op) {
    auto [known, isNew] = readByChosen.try_emplace(op, false);
    if (!isNew)
      return known->second;
    bool all = llvm::all_of(op->getUses(), [&](OpOperand &use) {
      Operation *reader = use.getOwner();
      return (chosen.contains(reader) && use.getOperandNumber() < 2) ||
             (isMovement(reader) && isFloat(reader->getResult(0)) && isReadByChosen(reader));
    });
    return readByChosen[op] = all;
  }

  /// The twin of a movement in bf16.
  void moveLowered(Operation *op) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(isFloat(operand) ? lowerValue(operand) : operand);
    OpBuilder b(op);
    Operation *twin = b.clone(*op);
    twin->setOperands(operands);
    for (auto [own, other] : llvm::zip(op->getResults(), twin->getResults())) {
      other.setType(cast<RankedTensorType>(own.getType()).clone(b.getBF16Type()));
      lowered[own] = other;
    }
  }

  /// Elementwise readers of `value` read what is stored, `narrow`.
  void shareStorage(Value value, Value narrow) {
    Value wide;
    for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
      Operation *reader = use.getOwner();
      if (reader == narrow.getDefiningOp() || !isElementwise(reader))
        continue;
      if (!wide) {
        OpBuilder b(function.getContext());
        b.setInsertionPointAfterValue(narrow);
        wide = castElements(b, narrow, b.getF32Type());
      }
      use.set(wide);
    }
  }

  func::FuncOp function;
  /// Contractions to lower.
  llvm::SmallPtrSet<Operation *, 32> chosen;
  /// The bf16 twin of an f32 value.
  DenseMap<Value, Value> lowered;
  /// Computed values with their casts.
  llvm::MapVector<Value, Value> stored;
  DenseMap<Operation *, bool> readByChosen;
  int64_t weightElements = 0;
};

struct GraphLowerPrecisionPass : tegula::impl::GraphLowerPrecisionPassBase<GraphLowerPrecisionPass> {
  void runOnOperation() override {
    if (getPrecision(getOperation()) == Precision::BF16)
      PrecisionLowering(getOperation()).run();
  }
};
} // namespace
