// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a graph with transposes where the exporter needed them.
// Out: fewer of them. In program order, a transpose moves behind the op that reads it when that op computes the same in
// any order of dimensions: elementwise ops, concatenations, reductions, softmax. All operands of the op must be the
// same transpose, alone used by it, or a single element, or a small constant, which is transposed back. So no op gets
// more transposes than it had. A transpose that reads a transpose becomes one, or none. What is left before
// graph.matmul and only swaps its operand's last two dimensions becomes the op's flag. A transpose behind a resize that
// makes more elements of its operand moves before it.
//
//   %t = graph.transpose %x {[0, 2, 3, 1]}              %r = graph.relu %x
//   %r = graph.relu %t                           =>     %u = graph.matmul %r ...
//   %u = graph.transpose %r {[0, 3, 1, 2]}
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Elementwise.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHPROPAGATELAYOUTPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

static RankedTensorType rankedOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

static SmallVector<int64_t> invert(ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> inverse(permutation.size());
  for (auto [i, from] : llvm::enumerate(permutation))
    inverse[from] = i;
  return inverse;
}

/// The type of which `type` is the transpose by `permutation`.
static Type beforeTranspose(Type type, ArrayRef<int64_t> permutation) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getRank());
  for (auto [i, from] : llvm::enumerate(permutation))
    shape[from] = tensor.getDimSize(i);
  return tensor.clone(shape);
}

static bool isReduction(Operation *op) {
  return isa<ReduceSumOp, ReduceMeanOp, ReduceProductOp, ReduceMaxOp, ReduceMinOp, ReduceLogSumExpOp>(op);
}

/// Whether `value` may stay as it is beside transposed operands.
static bool isSingleElement(Value value) {
  RankedTensorType type = rankedOf(value);
  return type && type.hasStaticShape() && type.getNumElements() == 1;
}

/// A small constant as it must be for the result to be transposed by `permutation` afterwards; null when it is no such
/// constant.
static Value transposeBack(OpBuilder &b, Value value, ArrayRef<int64_t> permutation) {
  RankedTensorType type = rankedOf(value);
  DenseElementsAttr constant;
  if (!type || !matchPattern(value, m_Constant(&constant)) || type.getRank() > int64_t(permutation.size()) ||
      (constant.getNumElements() > maxFoldedElements && !constant.isSplat()))
    return nullptr;
  // Operands of lower rank are aligned at the end.
  SmallVector<int64_t> shape(permutation.size() - type.getRank(), 1);
  llvm::append_range(shape, type.getShape());
  constant = constant.reshape(type.clone(shape));
  Value whole = ConstantOp::create(b, value.getLoc(), constant);
  return b.createOrFold<TransposeOp>(value.getLoc(), beforeTranspose(constant.getType(), permutation), whole,
                                     invert(permutation));
}

/// The permutation of `op`'s result when its operands are transposed by `permutation` no longer; sets the attributes
/// that name dimensions. Nothing for ops that depend on the order of dimensions.
static std::optional<SmallVector<int64_t>> adaptOp(Operation *op, ArrayRef<int64_t> permutation) {
  Builder b(op->getContext());
  SmallVector<int64_t> same(permutation);
  auto renumber = [&](ArrayRef<int64_t> axes) {
    SmallVector<int64_t> result;
    for (int64_t axis : axes)
      result.push_back(permutation[axis]);
    llvm::sort(result);
    return result;
  };
  if (isElementwise(op))
    return same;
  if (auto concat = dyn_cast<ConcatOp>(op)) {
    int64_t rank = permutation.size(), axis = concat.getAxis();
    concat.setAxis(permutation[axis < 0 ? axis + rank : axis]);
    return same;
  }
  if (isa<SoftmaxOp, LogSoftmaxOp>(op)) {
    auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes");
    op->setAttr("axes", b.getDenseI64ArrayAttr(renumber(axes)));
    return same;
  }
  auto axes = isReduction(op) ? op->getAttrOfType<DenseI64ArrayAttr>("axes") : DenseI64ArrayAttr();
  if (!axes)
    return std::nullopt;
  auto keeps = op->getAttrOfType<BoolAttr>("keep_dimensions");
  SmallVector<int64_t> kept;
  if (!keeps || keeps.getValue()) {
    kept = same;
  } else {
    // The dimensions that stay, numbered anew on both sides.
    SmallVector<int64_t> reduced = renumber(axes);
    for (auto [i, from] : llvm::enumerate(permutation))
      if (!llvm::is_contained(axes.asArrayRef(), int64_t(i)))
        kept.push_back(from - llvm::count_if(reduced, [from = from](int64_t axis) { return axis < from; }));
  }
  op->setAttr("axes", b.getDenseI64ArrayAttr(renumber(axes)));
  return kept;
}

/// op(transpose(x)) becomes transpose(op(x)).
static void sinkTranspose(Operation *op) {
  if (op->getNumResults() != 1 || !(isElementwise(op) || isa<ConcatOp, SoftmaxOp, LogSoftmaxOp>(op) || isReduction(op)))
    return;
  RankedTensorType type = rankedOf(op->getResult(0));
  ArrayRef<int64_t> permutation;
  for (Value operand : op->getOperands())
    if (auto transpose = operand.getDefiningOp<TransposeOp>()) {
      if (!permutation.empty() && permutation != transpose.getPermutation())
        return;
      permutation = transpose.getPermutation();
      if (transpose->getBlock() != op->getBlock() ||
          llvm::any_of(transpose->getUsers(), [&](Operation *user) { return user != op; }) ||
          !rankedOf(transpose.getX()))
        return;
    }
  if (permutation.empty() || !type || (isReduction(op) && op->getNumOperands() != 1))
    return;
  if (!isReduction(op) && type.getRank() != int64_t(permutation.size()))
    return;
  OpBuilder b(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (auto transpose = operand.getDefiningOp<TransposeOp>())
      operands.push_back(transpose.getX());
    else if (isElementwise(op) && isSingleElement(operand))
      operands.push_back(operand);
    else if (Value constant = isElementwise(op) ? transposeBack(b, operand, permutation) : Value())
      operands.push_back(constant);
    else
      return;
  }
  SmallVector<int64_t> owned(permutation);
  auto after = adaptOp(op, owned);
  if (!after)
    return;
  SmallVector<Operation *> dead;
  for (Value operand : op->getOperands())
    if (auto transpose = operand.getDefiningOp<TransposeOp>(); transpose && !llvm::is_contained(dead, transpose))
      dead.push_back(transpose);
  op->setOperands(operands);
  Value result = op->getResult(0);
  result.setType(beforeTranspose(type, *after));
  b.setInsertionPointAfter(op);
  auto transpose = TransposeOp::create(b, op->getLoc(), type, result, *after);
  result.replaceAllUsesExcept(transpose, transpose);
  for (Operation *operand : dead)
    operand->erase();
}

/// One transpose for two, or none.
static void mergeTranspose(TransposeOp op) {
  auto inner = op.getX().getDefiningOp<TransposeOp>();
  if (inner) {
    SmallVector<int64_t> composed;
    for (int64_t from : op.getPermutation())
      composed.push_back(inner.getPermutation()[from]);
    op.getXMutable().assign(inner.getX());
    op.setPermutation(composed);
    if (inner->use_empty())
      inner.erase();
  }
  if (llvm::equal(op.getPermutation(), llvm::seq<int64_t>(0, op.getPermutation().size())) &&
      op.getX().getType() == op.getType()) {
    op.replaceAllUsesWith(op.getX());
    op.erase();
  }
}

/// A transpose that only swaps the last two dimensions of an operand becomes a flag.
static void mergeIntoMatMul(MatMulOp op) {
  auto swapped = [](OpOperand &operand) -> bool {
    auto transpose = operand.get().getDefiningOp<TransposeOp>();
    size_t rank = transpose ? transpose.getPermutation().size() : 0;
    if (rank < 2)
      return false;
    auto expected = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(expected[rank - 1], expected[rank - 2]);
    if (transpose.getPermutation() != ArrayRef<int64_t>(expected))
      return false;
    operand.set(transpose.getX());
    if (transpose->use_empty())
      transpose.erase();
    return true;
  };
  if (swapped(op.getLhsMutable()))
    op.setTransposeLhs(!op.getTransposeLhs());
  if (swapped(op.getRhsMutable()))
    op.setTransposeRhs(!op.getTransposeRhs());
}

/// transpose(resize(x)) becomes resize(transpose(x)) where x has fewer elements; returns the new transpose.
static TransposeOp hoistTranspose(TransposeOp op) {
  auto resize = op.getX().getDefiningOp<ResizeOp>();
  RankedTensorType before = resize ? rankedOf(resize.getX()) : RankedTensorType(), after = rankedOf(op.getX());
  if (!before || !resize->hasOneUse() || resize->getBlock() != op->getBlock() || !after)
    return nullptr;
  // An extent that is known on one side only says nothing.
  bool grows = false;
  for (auto [from, to] : llvm::zip(before.getShape(), after.getShape())) {
    if (ShapedType::isDynamic(from) != ShapedType::isDynamic(to) || to < from)
      return nullptr;
    grows |= to > from;
  }
  if (!grows)
    return nullptr;
  SmallVector<int64_t> permutation(op.getPermutation()), inverse = invert(permutation), shape, axes(inverse);
  for (int64_t from : permutation)
    shape.push_back(before.getDimSize(from));
  if (resize.getAxes()) {
    ArrayRef<int64_t> given = *resize.getAxes();
    axes.clear();
    for (int64_t axis : given)
      axes.push_back(inverse[*normalizeAxis(axis, permutation.size())]);
  }
  OpBuilder b(resize);
  auto transpose = TransposeOp::create(b, op.getLoc(), before.clone(shape), resize.getX(), permutation);
  resize.getXMutable().assign(transpose);
  resize.setAxes(ArrayRef<int64_t>(axes));
  resize.getResult().setType(cast<TensorType>(op.getType()));
  op.replaceAllUsesWith(resize.getResult());
  op.erase();
  return transpose;
}

namespace {
struct GraphPropagateLayoutPass : tegula::impl::GraphPropagateLayoutPassBase<GraphPropagateLayoutPass> {
  void runOnOperation() override {
    // Each op is visited once, after those it reads; new transposes go behind it and are its users' affair. A transpose
    // is erased only by its single user, or here.
    for (Block &block : getOperation())
      visit(block);
  }

  void visit(Block &block) {
    for (Operation *op = block.empty() ? nullptr : &block.front(); op;) {
      // The next op may be the transpose that was just made: its users take it, and it merges when its turn comes.
      for (Region &region : op->getRegions())
        for (Block &nested : region)
          visit(nested);
      sinkTranspose(op);
      Operation *next = op->getNextNode();
      if (auto matmul = dyn_cast<MatMulOp>(op))
        mergeIntoMatMul(matmul);
      else if (auto transpose = dyn_cast<TransposeOp>(op)) {
        while (TransposeOp earlier = hoistTranspose(transpose))
          transpose = earlier;
        mergeTranspose(transpose);
      }
      op = next;
    }
  }
};
} // namespace
