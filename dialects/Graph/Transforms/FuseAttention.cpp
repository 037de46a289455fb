// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph.matmul - scale, soft cap, summand, mask - graph.softmax - graph.matmul, each with one use.
// Out: graph.attention, for which no run stores the scores.
// Algorithm: from each softmax along the last dimension (or along that of the matrix to which it was flattened) whose
// result is the left operand of a product, up through the steps in the order in which graph.attention takes them. What
// stands in the way is a missed remark of the category "fusion".
//
//   %s = graph.matmul %q, %k {transpose_rhs = true}
//   %t = graph.mul %s, %eighth
//   %u = graph.add %t, %b                                =>   %y = graph.attention %q, %k, %v bias %b {scale = 0.125}
//   %w = graph.softmax %u {axes = array<i64: 3>}
//   %y = graph.matmul %w, %v
#include "UnflattenSoftmax.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

#include <cmath>

using namespace mlir;
using namespace tegula;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHFUSEATTENTIONPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// The most elements of a query, or of a value: what a kernel holds of a row.
static constexpr int64_t mostElements = 512;

/// Queries of half precision from which one kernel takes less time than several: fewer are bound by reading keys and
/// values, which matrix products do faster for narrow elements.
static constexpr int64_t leastHalves = 5;

/// The number that is the only element of a constant; nothing for other values.
static std::optional<double> getNumber(Value value) {
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || elements.getNumElements() != 1 ||
      !isa<FloatType>(elements.getElementType()))
    return std::nullopt;
  return elements.getSplatValue<APFloat>().convertToDouble();
}

/// The product whose left operand `value` is, if there is one.
static MatMulOp findProduct(Value value) {
  for (Operation *user : value.getUsers())
    if (auto product = dyn_cast<MatMulOp>(user); product && product.getLhs() == value)
      return product;
  return MatMulOp();
}

namespace {
class Fusion {
public:
  explicit Fusion(SoftmaxOp softmax) : softmax(softmax) {}

  /// Replaces the ops around the softmax; false, with `reason`, where one does not fit.
  bool run() {
    if (!findUse())
      return false;
    // Steps from the softmax to the product.
    Value scores = softmax.getX();
    if (!takeMask(scores) || !takeBias(scores) || !takeSoftcap(scores) || !takeScale(scores) || !takeProduct(scores) ||
        !checkBlocks() || !checkOperands())
      return false;
    replace();
    return true;
  }

  /// Why not; empty where there is no attention at all.
  std::string reason;

private:
  bool fail(const Twine &why) {
    reason = why.str();
    return false;
  }

  /// Finds the product with the values. In front of it may stand a choice of 0 for whole rows (what ONNX's Attention
  /// gives where a mask leaves nothing). It moves behind, where it also hides NaN and infinity of the values, which
  /// zeros in front of the product do not: it stays with the precision f32-strict.
  bool findUse() {
    auto type = dyn_cast<RankedTensorType>(softmax.getX().getType());
    if (!type || !llvm::equal(softmax.getAxes(), ArrayRef{type.getRank() - 1}))
      return false;
    for (Operation *user : softmax->getUsers())
      if (auto where = dyn_cast<WhereOp>(user); where && isZeroRows(where))
        zeroRows = where;
    Value weights = zeroRows ? zeroRows.getZ() : softmax.getY();
    last = findProduct(weights);
    if (!last) {
      for (Operation *user : weights.getUsers())
        if (llvm::any_of(user->getResults(), findProduct))
          return fail(user->getName().getStringRef() + " stands between the weights and the product with the values");
      return false;
    }
    if (zeroRows && getPrecision(softmax) == Precision::F32Strict)
      return fail("zeros for whole rows stay in front of the product with the values in precision f32-strict");
    if (!softmax.getY().hasOneUse() || !weights.hasOneUse())
      return fail("the weights have other uses");
    if (last.getTransposeLhs() || last.getTransposeRhs())
      return fail("the product with the values transposes an operand");
    return true;
  }

  /// Whether `where`, which reads the weights, chooses 0 for whole rows of them.
  bool isZeroRows(WhereOp where) {
    auto condition = dyn_cast<RankedTensorType>(where.getCondition().getType());
    Value other = where.getX() == softmax.getY() ? where.getY() : where.getX();
    return condition && condition.getRank() > 0 && condition.getShape().back() == 1 &&
           where.getZ().getType() == softmax.getY().getType() && getNumber(other) == 0.0;
  }

  bool takeMask(Value &scores) {
    auto where = scores.getDefiningOp<WhereOp>();
    if (!where)
      return true;
    auto number = getNumber(where.getY());
    keepsWhere = number.has_value();
    if (!number)
      number = getNumber(where.getX());
    if (!number)
      return fail("a choice between the scores and what is no number");
    mask = where.getCondition();
    fill = float(*number);
    return step(scores, keepsWhere ? where.getX() : where.getY());
  }

  bool takeBias(Value &scores) {
    auto add = scores.getDefiningOp<AddOp>();
    if (!add)
      return true;
    bool isLeft = leadsToProduct(add.getLhs());
    bias = isLeft ? add.getRhs() : add.getLhs();
    return step(scores, isLeft ? add.getLhs() : add.getRhs());
  }

  /// Whether scales and soft caps lead from `value` to a matrix product.
  static bool leadsToProduct(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (isa<MatMulOp>(op))
        return true;
      if (!isa<MulOp, DivOp, TanhOp>(op))
        return false;
      value = isa<MulOp>(op) && getNumber(op->getOperand(0)) ? op->getOperand(1) : op->getOperand(0);
    }
    return false;
  }

  /// A number that divides as its reciprocal multiplies: both are normal numbers of f32.
  static std::optional<double> getFactor(Value value) {
    auto number = getNumber(value);
    return number && std::isnormal(float(*number)) && std::isnormal(float(1 / *number)) ? number : std::nullopt;
  }

  /// x * number, or x / number as x * (1 / number).
  static std::optional<std::pair<Value, double>> matchScale(Value value) {
    if (auto div = value.getDefiningOp<DivOp>())
      if (auto number = getFactor(div.getRhs()))
        return std::pair(div.getLhs(), 1 / *number);
    if (auto mul = value.getDefiningOp<MulOp>()) {
      if (auto number = getFactor(mul.getRhs()))
        return std::pair(mul.getLhs(), *number);
      if (auto number = getFactor(mul.getLhs()))
        return std::pair(mul.getRhs(), *number);
    }
    return std::nullopt;
  }

  bool takeSoftcap(Value &scores) {
    auto scaled = matchScale(scores);
    auto tanh = scaled ? scaled->first.getDefiningOp<TanhOp>() : TanhOp();
    auto divided = tanh ? matchScale(tanh.getX()) : std::nullopt;
    if (!divided)
      return true;
    if (std::abs(divided->second * scaled->second - 1) > 1e-6)
      return fail("a tanh that is no soft cap");
    softcap = float(scaled->second);
    return step(scores, scaled->first) && step(scores, tanh.getX()) && step(scores, divided->first);
  }

  bool takeScale(Value &scores) {
    auto scaled = matchScale(scores);
    if (!scaled)
      return true;
    scale = float(scaled->second);
    return step(scores, scaled->first);
  }

  bool takeProduct(Value scores) {
    first = scores.getDefiningOp<MatMulOp>();
    if (!first)
      return fail("the scores are no scaled product");
    if (!hasOneReader(scores))
      return fail("the scores have other uses");
    if (first.getTransposeLhs())
      return fail("the product with the keys transposes the queries");
    return true;
  }

  /// Goes on from `scores` to `operand` of the op that makes them.
  bool step(Value &scores, Value operand) {
    if (!hasOneReader(scores))
      return fail("the scores have other uses");
    steps.push_back(scores.getDefiningOp());
    scores = operand;
    return true;
  }

  /// Whether one op alone reads `scores`. Others may ask for their shape, which is known without them unless bias and
  /// mask have a part in it.
  bool hasOneReader(Value scores) {
    unsigned readers = 0;
    for (Operation *user : scores.getUsers()) {
      auto shape = dyn_cast<ShapeOp>(user);
      if (shape && !isa<AddOp, WhereOp>(scores.getDefiningOp()))
        shapes.push_back(shape);
      else
        ++readers;
    }
    return readers == 1;
  }

  /// The shape of the product, of `rank` dimensions, from what it multiplies.
  Value shapeOfProduct(OpBuilder &b, Location loc, int64_t rank) {
    auto partOf = [&](Value x, int64_t begin, int64_t count) -> Value {
      return ShapeOp::create(b, loc, RankedTensorType::get({count}, b.getI64Type()), x, begin, begin + count);
    };
    Value q = first.getLhs(), k = first.getRhs();
    SmallVector<Value> parts;
    if (int64_t batch = rank - 2) {
      Value left = partOf(q, 0, batch), right = partOf(k, 0, batch);
      auto type = cast<RankedTensorType>(left.getType());
      Value one = ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getI64IntegerAttr(1)));
      Value isOne = EqualOp::create(b, loc, type.clone(b.getI1Type()), left, one);
      parts.push_back(WhereOp::create(b, loc, type, isOne, right, left));
    }
    parts.push_back(partOf(q, rank - 2, 1));
    parts.push_back(partOf(k, rank - (first.getTransposeRhs() ? 2 : 1), 1));
    return ConcatOp::create(b, loc, RankedTensorType::get({rank}, b.getI64Type()), parts, 0);
  }

  void replaceShapes() {
    for (ShapeOp op : shapes) {
      OpBuilder b(op);
      Location loc = op.getLoc();
      int64_t rank = cast<RankedTensorType>(first.getLhs().getType()).getRank();
      auto type = cast<RankedTensorType>(op.getType());
      Value whole = shapeOfProduct(b, loc, rank);
      auto number = [&](int64_t value) -> Value {
        auto one = RankedTensorType::get({1}, b.getI64Type());
        return ConstantOp::create(b, loc, DenseElementsAttr::get(one, b.getI64IntegerAttr(value)));
      };
      Value part = SliceOp::create(b, loc, type, whole, number(op.getStart()), number(op.getEnd()), Value(), Value());
      op.replaceAllUsesWith(part);
      op.erase();
    }
  }

  /// What a loop computes once stays in front of it. Steps lie between the two products, so in the same block.
  bool checkBlocks() {
    Block *block = last->getBlock();
    bool isOne = first->getBlock() == block && softmax->getBlock() == block;
    return isOne || fail("control flow stands between the steps");
  }

  bool checkOperands() {
    for (Value operand : {first.getLhs(), first.getRhs(), first.getY(), last.getRhs()}) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      if (!type || type.getRank() < 2)
        return fail("operands of unknown rank, or of rank 1");
      Type element = type.getElementType();
      if (!element.isF32() && !element.isF16() && !element.isBF16())
        return fail("elements that are not f32, f16 or bf16");
      if (element != getElementTypeOrSelf(last.getY().getType()))
        return fail("a result of another type than its operands");
    }
    auto rank = [](Value value) { return cast<RankedTensorType>(value.getType()).getRank(); };
    if (!shapes.empty() && rank(first.getLhs()) != rank(first.getRhs()))
      return fail("the shape of the scores is used, but that of queries and keys differs in rank");
    // A scale of higher rank than the product gives its own to what it scales.
    for (ShapeOp shape : shapes) {
      auto type = dyn_cast<RankedTensorType>(shape.getX().getType());
      if (!type || type.getRank() != rank(first.getY()))
        return fail("the shape of scores is used that differ in rank from the product");
    }
    auto back = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape().back(); };
    for (int64_t size : {back(first.getLhs()), back(last.getRhs())})
      if (ShapedType::isDynamic(size) || size < 1 || size > mostElements)
        return fail("a head size that is unknown, or above " + Twine(mostElements));
    auto queries = cast<RankedTensorType>(first.getLhs().getType());
    int64_t count = queries.getDimSize(queries.getRank() - 2);
    if (!queries.getElementType().isF32() && (ShapedType::isDynamic(count) || count < leastHalves))
      return fail("half precision of fewer than " + Twine(leastHalves) + " queries, or of how many a run says");
    auto result = dyn_cast<RankedTensorType>(last.getY().getType());
    if (!result)
      return fail("a result of unknown rank");
    int64_t scoresRank = rank(first.getY());
    for (Value operand : {bias, mask}) {
      if (operand && !isa<RankedTensorType>(operand.getType()))
        return fail("a bias or mask of unknown rank");
      scoresRank = std::max(scoresRank, operand ? rank(operand) : 0);
    }
    if (scoresRank != rank(softmax.getX()) || result.getRank() < scoresRank)
      return fail("steps that change the rank");
    return true;
  }

  void replace() {
    OpBuilder b(last);
    Location loc = b.getFusedLoc({first.getLoc(), softmax.getLoc(), last.getLoc()});
    if (mask && !keepsWhere)
      mask = NotOp::create(b, loc, mask.getType(), mask);
    FloatAttr filled = mask ? b.getF32FloatAttr(fill) : FloatAttr();
    Value q = first.getLhs(), k = first.getRhs(), v = last.getRhs();
    Value condition = zeroRows ? zeroRows.getCondition() : Value();
    auto type = cast<RankedTensorType>(last.getType());
    Value y = AttentionOp::create(b, loc, type, q, k, v, bias, mask, !first.getTransposeRhs(), APFloat(scale),
                                  APFloat(softcap), filled);
    if (condition) {
      bool keeps = zeroRows.getX() == softmax.getY();
      Value zero = keeps ? zeroRows.getY() : zeroRows.getX();
      y = WhereOp::create(b, loc, type, condition, keeps ? y : zero, keeps ? zero : y);
    }
    last.replaceAllUsesWith(y);
    last.erase();
    if (zeroRows)
      zeroRows.erase();
    softmax.erase();
    replaceShapes();
    for (Operation *op : steps)
      op->erase();
    first.erase();
  }

  SoftmaxOp softmax;
  MatMulOp first, last;
  WhereOp zeroRows;
  /// Between the product and the softmax, the last one first.
  SmallVector<Operation *> steps;
  /// What asks for the shape of the scores.
  SmallVector<ShapeOp> shapes;
  Value bias, mask;
  bool keepsWhere = true;
  float scale = 1, softcap = 0, fill = 0;
};

struct GraphFuseAttentionPass : tegula::impl::GraphFuseAttentionPassBase<GraphFuseAttentionPass> {
  void runOnOperation() override {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    if (!module || !module->getAttrOfType<exec::CPUTargetAttr>("exec.target"))
      return;
    SmallVector<SoftmaxOp> candidates;
    getOperation().walk([&](SoftmaxOp op) { candidates.push_back(op); });
    for (SoftmaxOp softmax : candidates) {
      unflattenSoftmax(softmax);
      Fusion fusion(softmax);
      if (!fusion.run() && !fusion.reason.empty())
        remark::missed(softmax.getLoc(), remark::RemarkOpts::name("no attention").category("fusion"))
            << remark::reason("{0}", fusion.reason);
    }
  }
};
} // namespace
