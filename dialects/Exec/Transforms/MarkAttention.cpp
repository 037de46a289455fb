// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  linalg.generic ops on tensors, one per graph op; among them attention of 8-bit integers, as quantized models
// have
//      it: a product with an i32 sum, scores of f32 that are made of it, maxima, sums of exponentials, quantized
//      weights, and a product of these with an i32 sum.
// Out: steps of one kernel, marked with the names that steps of graph.attention have (`exec.inner_step`,
//      `exec.last_step`): scores and weights are one op each.
// Algorithm: from each product of bytes up through the operands. Each step is read by the next ones alone. All are made
// again for the extents that the last one has: where one broadcasts at run time (`exec.broadcast_view`), what it reads
// from outside does so instead.
//
//   %p = generic {products of bytes} %q, %k             %p = generic {...} %q, %k    {inner_step = attention_products}
//   %r = generic {scale, quantize} %p
//   %s = generic {dequantize, ...} %r                   %s = generic {...} %p        {inner_step = attention_scores}
//   %m = generic {maximum} %s                           %m = generic {...} %s        {inner_step = attention_maximum}
//   %t = generic {sum of exp(s - m)} %s, %m        =>   %t = generic {...} %s, %m    {inner_step = attention_sum}
//   %u = generic {exp(s - m) / t} %s, %m, %t
//   %w = generic {quantize} %u                          %w = generic {...} %s, %m, %t  {inner_step = attention_weights}
//   %y = generic {products of bytes} %w, %v             %y = generic {...} %w, %v    {last_step = attention}
#include "tegula/Dialect/Exec/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECMARKATTENTIONPASS
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"
} // namespace tegula

/// The most elements of a query, or of a value: products of longer ones take less time as such of bytes, by kernels of
/// their own, than the softmax between them saves. One kernel multiplies them as f32.
static constexpr int64_t mostElements = 16;
/// Keys whose scores one kernel holds: it computes those of more twice.
static constexpr int64_t mostKeys = 256;

static Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

/// Whether `op` multiplies bytes along its last loop, rows by columns behind equal leading loops, at linear places.
static bool isByteProduct(linalg::GenericOp op) {
  unsigned loops = op.getNumLoops();
  AffineMap result = AffineMap::getMultiDimIdentityMap(loops, op.getContext());
  return exec::isContraction(op) && loops >= 3 && op.getNumReductionLoops() == 1 &&
         op.getIndexingMapsArray().back() == result.getMajorSubMap(loops - 1) &&
         elementOf(op->getOperand(0)).isInteger(8) && elementOf(op->getOperand(1)).isInteger(8) &&
         elementOf(op->getResult(0)).isInteger(32);
}

/// Whether each element of `op`'s only result is made of operands alone, at the same place or that of a broadcast.
static bool isPlainMap(linalg::GenericOp op) {
  auto isSimple = [](AffineMap map) { return map.isProjectedPermutation(/*allowZeroInResults=*/true); };
  return op.getNumReductionLoops() == 0 && op->getNumResults() == 1 && op.getIndexingMapsArray().back().isIdentity() &&
         llvm::all_of(op.getIndexingMapsArray(), isSimple) &&
         llvm::all_of(op.getBody()->without_terminator(), [](Operation &inner) {
           return OpTrait::hasElementwiseMappableTraits(&inner) || inner.hasTrait<OpTrait::ConstantLike>();
         });
}

/// The op that makes `value`, whatever casts its type or broadcasts it in between.
static linalg::GenericOp makerOf(Value value) {
  while (isa_and_nonnull<exec::BroadcastViewOp, tensor::CastOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value.getDefiningOp<linalg::GenericOp>();
}

/// How many ops read the result of `op`, through casts and broadcasts.
static unsigned countReaders(Value value) {
  unsigned count = 0;
  for (Operation *user : value.getUsers())
    count += isa<exec::BroadcastViewOp, tensor::CastOp>(user) ? countReaders(user->getResult(0)) : 1;
  return count;
}

/// Whether `op` reduces the last dimension of the scores, its first operand, by an op of type `Reduction`.
template <typename Reduction> static bool reducesRows(linalg::GenericOp op) {
  return op && op.getNumReductionLoops() == 1 && op.getNumDpsInits() == 1 &&
         op.getIteratorTypesArray().back() == utils::IteratorType::reduction &&
         op.getIndexingMapsArray()[0].isIdentity() &&
         isa_and_nonnull<Reduction>(op.getBody()->getTerminator()->getOperand(0).getDefiningOp());
}

/// Whether all that the body of `op` does with its first two arguments is the exponential of their difference.
static bool weighsExponential(linalg::GenericOp op) {
  Block *body = op.getBody();
  if (op.getNumDpsInputs() < 2)
    return false;
  BlockArgument score = body->getArgument(0), maximum = body->getArgument(1);
  if (!score.hasOneUse() || !maximum.hasOneUse())
    return false;
  auto difference = dyn_cast<arith::SubFOp>(*score.user_begin());
  return difference && difference.getLhs() == score && difference.getRhs() == maximum && difference->hasOneUse() &&
         isa<math::ExpOp>(*difference->user_begin());
}

using Extents = SmallVector<OpFoldResult>;

static OpFoldResult extentOf(OpBuilder &b, Location loc, Value value, int64_t dim) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.isDynamicDim(dim))
    return b.getIndexAttr(type.getDimSize(dim));
  if (auto view = value.getDefiningOp<exec::BroadcastViewOp>())
    return view.getSizes()[type.getDynamicDimIndex(dim)];
  if (auto empty = value.getDefiningOp<tensor::EmptyOp>())
    return empty.getMixedSizes()[dim];
  if (auto cast = value.getDefiningOp<tensor::CastOp>())
    return extentOf(b, loc, cast.getSource(), dim);
  if (auto step = value.getDefiningOp<DestinationStyleOpInterface>())
    return extentOf(b, loc, step.getTiedOpOperand(cast<OpResult>(value))->get(), dim);
  return tensor::DimOp::create(b, loc, value, dim).getResult();
}

namespace {
class Attention {
public:
  explicit Attention(linalg::GenericOp last) : last(last) {}

  bool find() {
    if (!isByteProduct(last))
      return false;
    linalg::GenericOp weights = makerOf(last->getOperand(0));
    for (; weights && isPlainMap(weights) && !weighsExponential(weights); weights = makerOf(weights->getOperand(0))) {
      if (countReaders(weights->getResult(0)) != 1 || !weights.getIndexingMapsArray()[0].isIdentity() ||
          !llvm::all_of(llvm::drop_begin(weights.getDpsInputs()), isScalarConstant))
        return false;
      weighing.insert(weighing.begin(), weights);
    }
    if (!weights || !isPlainMap(weights) || weights.getNumDpsInputs() != 3 || weighing.empty() ||
        countReaders(weights->getResult(0)) != 1)
      return false;
    weighing.insert(weighing.begin(), weights);
    maximum = makerOf(weights->getOperand(1));
    sum = makerOf(weights->getOperand(2));
    linalg::GenericOp scores = makerOf(weights->getOperand(0));
    if (!reducesRows<arith::MaximumFOp>(maximum) || !reducesRows<arith::AddFOp>(sum) || !weighsExponential(sum) ||
        !scores || makerOf(maximum->getOperand(0)) != scores || makerOf(sum->getOperand(0)) != scores ||
        makerOf(sum->getOperand(1)) != maximum || countReaders(scores->getResult(0)) != 3 ||
        countReaders(maximum->getResult(0)) != 2 || countReaders(sum->getResult(0)) != 1)
      return false;
    return findProducts(scores) && fits();
  }

  void make() {
    IRRewriter b(last);
    Location loc = last.getLoc();
    Extents all;
    Value y = last->getResult(0), lhs = last->getOperand(0);
    unsigned rank = cast<RankedTensorType>(y.getType()).getRank();
    for (unsigned dim = 0; dim < rank; ++dim)
      all.push_back(extentOf(b, loc, y, dim));
    Extents ofScores(all), ofProducts;
    ofScores.back() = extentOf(b, loc, lhs, rank - 1);
    ofProducts = ofScores;
    ofProducts.push_back(b.getIndexAttr(products.getStaticLoopRanges().back()));
    copy(b, products, ofProducts);
    for (linalg::GenericOp op : scoring)
      copy(b, op, ofScores);
    copy(b, maximum, ofScores);
    copy(b, sum, ofScores);
    for (linalg::GenericOp op : weighing)
      copy(b, op, ofScores);
    mark(made[products->getResult(0)].getDefiningOp(), "exec.inner_step", "attention_products");
    mark(made[maximum->getResult(0)].getDefiningOp(), "exec.inner_step", "attention_maximum");
    mark(made[sum->getResult(0)].getDefiningOp(), "exec.inner_step", "attention_sum");
    mark(last, "exec.last_step", "attention");
    last->setOperand(0, made[weighing.back()->getResult(0)]);
    mark(fuse(b, weighing), "exec.inner_step", "attention_weights");
    mark(fuse(b, scoring), "exec.inner_step", "attention_scores");
    SmallVector<linalg::GenericOp> old{products};
    llvm::append_range(old, scoring);
    old.append({maximum, sum});
    llvm::append_range(old, weighing);
    for (linalg::GenericOp op : llvm::reverse(old))
      erase(b, op->getResult(0));
  }

private:
  static bool isScalarConstant(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.hasStaticShape() && type.getNumElements() == 1 && matchPattern(value, m_Constant());
  }

  /// The ops from the product of queries and keys to `op`, in order.
  bool findProducts(linalg::GenericOp op) {
    if (isByteProduct(op)) {
      products = op;
      return true;
    }
    if (!isPlainMap(op))
      return false;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      linalg::GenericOp maker = makerOf(operand->get());
      if (maker && maker->getBlock() == last->getBlock() && op.getMatchingIndexingMap(operand).isIdentity() &&
          countReaders(maker->getResult(0)) == 1 && findProducts(maker)) {
        scoring.push_back(op);
        return true;
      }
    }
    return false;
  }

  /// Whether the loops are those of attention, and one kernel takes less time than several.
  bool fits() {
    unsigned loops = last.getNumLoops();
    int64_t depth = products.getStaticLoopRanges().back(), width = last.getStaticLoopRanges()[loops - 2];
    AffineMap weightMap = AffineMap::getFilteredIdentityMap(
        last.getContext(), loops, [&](AffineDimExpr dim) { return dim.getPosition() != loops - 2; });
    auto isKnown = [](int64_t extent) {
      return !ShapedType::isDynamic(extent) && extent > 0 && extent <= mostElements;
    };
    int64_t keys = last.getStaticLoopRanges().back();
    return !scoring.empty() && products.getNumLoops() == loops && isKnown(depth) && isKnown(width) &&
           (ShapedType::isDynamic(keys) || keys <= mostKeys) && last.getIndexingMapsArray()[0] == weightMap &&
           elementOf(scoring.back()->getResult(0)).isF32();
  }

  /// The same op with loops of other extents.
  void copy(OpBuilder &b, linalg::GenericOp op, ArrayRef<OpFoldResult> extents) {
    Location loc = op.getLoc();
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<Value> inputs;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      linalg::GenericOp maker = makerOf(operand->get());
      Value own = maker ? made.lookup(maker->getResult(0)) : Value();
      inputs.push_back(own ? own : broadcast(b, loc, operand->get(), maps[operand->getOperandNumber()], extents));
    }
    Extents result;
    for (AffineExpr expression : maps.back().getResults())
      result.push_back(extents[cast<AffineDimExpr>(expression).getPosition()]);
    Value init = tensor::EmptyOp::create(b, loc, result, elementOf(op->getResult(0)));
    if (auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>())
      init = linalg::FillOp::create(b, loc, fill.getInputs(), init).getResult(0);
    auto next = linalg::GenericOp::create(b, loc, init.getType(), inputs, init, maps, op.getIteratorTypesArray());
    IRMapping mapping;
    op.getRegion().cloneInto(&next.getRegion(), mapping);
    made[op->getResult(0)] = next.getResult(0);
  }

  /// `value`, which an op reads by `map`, where its loops have these extents; `map` says where it has one element.
  static Value broadcast(OpBuilder &b, Location loc, Value value, AffineMap &map, ArrayRef<OpFoldResult> extents) {
    if (auto view = value.getDefiningOp<exec::BroadcastViewOp>())
      value = view.getSource();
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<AffineExpr> places;
    SmallVector<int64_t> shape;
    SmallVector<Value> sizes;
    bool needsView = false;
    for (auto [i, place] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(place);
      OpFoldResult target = loop ? extents[loop.getPosition()] : OpFoldResult(b.getIndexAttr(1));
      bool isOne = type.getDimSize(i) == 1 && !isConstantIntValue(target, 1);
      places.push_back(isOne ? b.getAffineConstantExpr(0) : place);
      if (!type.isDynamicDim(i)) {
        shape.push_back(type.getDimSize(i));
        continue;
      }
      needsView |= !isEqualConstantIntOrValue(extentOf(b, loc, value, i), target);
      dispatchIndexOpFoldResults(target, sizes, shape);
    }
    map = AffineMap::get(map.getNumDims(), 0, places, b.getContext());
    if (!needsView)
      return value;
    return exec::BroadcastViewOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), value, sizes);
  }

  /// Makes one op of the copies of `ops`, each of which reads the one before.
  linalg::GenericOp fuse(RewriterBase &b, ArrayRef<linalg::GenericOp> ops) {
    auto fused = made[ops.front()->getResult(0)].getDefiningOp<linalg::GenericOp>();
    for (linalg::GenericOp op : ops.drop_front()) {
      auto next = made[op->getResult(0)].getDefiningOp<linalg::GenericOp>();
      auto operand =
          llvm::find_if(next->getOpOperands(), [&](OpOperand &each) { return each.get().getDefiningOp() == fused; });
      b.setInsertionPoint(next);
      FailureOr<linalg::ElementwiseOpFusionResult> result = linalg::fuseElementwiseOps(b, operand);
      assert(succeeded(result) && "both are plain maps");
      b.replaceOp(next, result->replacements.lookup(next->getResult(0)));
      b.eraseOp(fused);
      fused = cast<linalg::GenericOp>(result->fusedOp);
    }
    return fused;
  }

  /// Erases an op that is not read any more, and what only broadcasts it.
  static void erase(RewriterBase &b, Value value) {
    for (Operation *user : llvm::make_early_inc_range(value.getUsers()))
      erase(b, user->getResult(0));
    b.eraseOp(value.getDefiningOp());
  }

  static void mark(Operation *op, StringRef name, StringRef step) {
    op->setAttr(name, StringAttr::get(op->getContext(), step));
  }

  linalg::GenericOp products, maximum, sum, last;
  /// The steps that make scores of the products, and weights of exponentials.
  SmallVector<linalg::GenericOp> scoring, weighing;
  /// By the result of an op, that of its copy.
  llvm::DenseMap<Value, Value> made;
};

struct ExecMarkAttentionPass : tegula::impl::ExecMarkAttentionPassBase<ExecMarkAttentionPass> {
  void runOnOperation() override {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    if (!module || !module->getAttrOfType<exec::CPUTargetAttr>("exec.target"))
      return;
    SmallVector<linalg::GenericOp> products;
    getOperation().walk([&](linalg::GenericOp op) {
      if (isByteProduct(op))
        products.push_back(op);
    });
    for (linalg::GenericOp op : products)
      if (Attention attention(op); attention.find())
        attention.make();
  }
};
} // namespace
