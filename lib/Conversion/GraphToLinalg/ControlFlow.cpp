// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph.if and graph.loop.
// Out: scf.if, scf.for (a loop whose condition never ends it) and scf.while, host control flow around kernels. They are
// made on graph types, before the dialect conversion, which then converts their types
//      and everything in them alike.
// Scanned values of a loop go into a tensor of all rounds when their number and shape are known before the loop; else
// the tensor grows by one row per round.
#include "tegula/Conversion/GraphToLinalg/Lowering.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/Kernel/Unsupported.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;

/// The only element of a small graph tensor as a scalar of type i64.
static Value extractInteger(OpBuilder &b, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.getElementType().isSignlessInteger(64))
    tensor = graph::CastOp::create(b, loc, RankedTensorType::get(type.getShape(), b.getI64Type()), tensor, true);
  SmallVector<Value> indices(type.getRank(), constantIndex(b, loc, 0));
  return tensor::ExtractOp::create(b, loc, tensor, indices);
}

static Value extractBool(OpBuilder &b, Location loc, Value tensor) {
  Value integer = extractInteger(b, loc, tensor);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, integer, constantScalar(b, loc, 0, b.getI64Type()));
}

static bool isRankedTensor(Type type) { return isa<RankedTensorType>(type); }

/// What the host carries from block to block: tensors of one rank, and handles.
static bool canCarry(Type type) { return isRankedTensor(type) || graph::isValueType(type); }

/// `value` as `type` says it, which may differ in static knowledge.
static Value carryAs(OpBuilder &b, Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return isRankedTensor(type) ? castTo(b, loc, value, type) : Value(graph::RetypeOp::create(b, loc, type, value));
}

/// Moves the ops of `source` but its graph.yield to the end of `target`; returns the yielded values.
static SmallVector<Value> moveBody(Block &source, Block &target, ValueRange arguments) {
  for (auto [argument, value] : llvm::zip(source.getArguments(), arguments))
    argument.replaceAllUsesWith(value);
  Operation *yield = source.getTerminator();
  SmallVector<Value> values(yield->getOperands());
  yield->erase();
  target.getOperations().splice(target.end(), source.getOperations());
  return values;
}

static LogicalResult lowerIf(graph::IfOp op) {
  if (!llvm::all_of(op.getResultTypes(), canCarry) || !isRankedTensor(op.getCondition().getType()))
    return emitUnsupported(op) << "unsupported operator ai.onnx.If: branches whose results differ in rank";
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value condition = extractBool(b, loc, op.getCondition());
  auto branch = scf::IfOp::create(b, loc, op.getResultTypes(), condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  for (auto [from, to] :
       {std::pair(&op.getThenRegion(), branch.thenBlock()), std::pair(&op.getElseRegion(), branch.elseBlock())}) {
    SmallVector<Value> values = moveBody(from->front(), *to, {});
    b.setInsertionPointToEnd(to);
    for (auto [value, type] : llvm::zip(values, op.getResultTypes()))
      value = carryAs(b, loc, value, type);
    scf::YieldOp::create(b, loc, values);
  }
  op.replaceAllUsesWith(branch.getResults());
  op.erase();
  return success();
}

/// Whether a loop runs all its rounds: no condition ever becomes false.
static bool runsAllRounds(graph::LoopOp op) {
  auto isTrue = [](Value value) {
    DenseElementsAttr constant;
    return matchPattern(value, m_Constant(&constant)) && constant.isSplat() && constant.getSplatValue<bool>();
  };
  Value first = op.getCondition(), next = op.getBody().front().getTerminator()->getOperand(0);
  bool startsTrue = !first || isTrue(first);
  return op.getTripCount() && startsTrue && (isTrue(next) || next == op.getBody().getArgument(1));
}

/// `row` written as row `at` of `all`.
static Value insertRow(OpBuilder &b, Location loc, Value row, Value all, Value at) {
  auto type = cast<RankedTensorType>(row.getType());
  SmallVector<OpFoldResult> offsets(type.getRank() + 1, b.getIndexAttr(0)), sizes{b.getIndexAttr(1)},
      strides(type.getRank() + 1, b.getIndexAttr(1));
  offsets[0] = at;
  for (int64_t i = 0; i < type.getRank(); ++i)
    sizes.push_back(type.isDynamicDim(i) ? OpFoldResult(tensor::DimOp::create(b, loc, row, i).getResult())
                                         : OpFoldResult(b.getIndexAttr(type.getDimSize(i))));
  return tensor::InsertSliceOp::create(b, loc, row, all, offsets, sizes, strides);
}

/// `all` with `count` rows and `row` behind them.
static Value appendRow(OpBuilder &b, Location loc, Value all, Value row, Value count) {
  auto type = cast<RankedTensorType>(row.getType());
  auto allType = cast<RankedTensorType>(all.getType());
  Value one = constantIndex(b, loc, 1);
  SmallVector<OpFoldResult> extents{arith::AddIOp::create(b, loc, count, one).getResult()}, old{count},
      offsets(type.getRank() + 1, b.getIndexAttr(0)), strides(type.getRank() + 1, b.getIndexAttr(1));
  for (int64_t i = 0; i < type.getRank(); ++i) {
    OpFoldResult extent = type.isDynamicDim(i) ? OpFoldResult(tensor::DimOp::create(b, loc, row, i).getResult())
                                               : OpFoldResult(b.getIndexAttr(type.getDimSize(i)));
    extents.push_back(extent);
    old.push_back(extent);
  }
  Value longer = tensor::EmptyOp::create(b, loc, extents, type.getElementType());
  // Before the first round the old rows have no extents of their own.
  Value kept = tensor::InsertSliceOp::create(
      b, loc, all, longer, offsets,
      [&] {
        SmallVector<OpFoldResult> sizes;
        for (int64_t i = 0; i < allType.getRank(); ++i)
          sizes.push_back(allType.isDynamicDim(i) ? OpFoldResult(tensor::DimOp::create(b, loc, all, i).getResult())
                                                  : OpFoldResult(b.getIndexAttr(allType.getDimSize(i))));
        return sizes;
      }(),
      strides);
  return castTo(b, loc, insertRow(b, loc, row, kept, count), allType);
}

static LogicalResult lowerLoop(graph::LoopOp op) {
  Block &body = op.getBody().front();
  size_t carriedCount = op.getInitial().size();
  ValueRange yielded = body.getTerminator()->getOperands();
  SmallVector<Value> scanned(yielded.drop_front(1 + carriedCount));
  if (!llvm::all_of(op.getResultTypes(), canCarry) || !llvm::all_of(body.getArgumentTypes(), canCarry) ||
      !llvm::all_of(ValueRange(scanned).getTypes(), isRankedTensor))
    return emitUnsupported(op) << "unsupported operator ai.onnx.Loop: carried values that change their rank";
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  auto i1Tensor = RankedTensorType::get({}, b.getI1Type());
  Value count;
  if (op.getTripCount()) {
    Value integer = extractInteger(b, loc, op.getTripCount());
    count = arith::IndexCastOp::create(b, loc, b.getIndexType(), integer);
    count = arith::MaxSIOp::create(b, loc, count, zero);
  }
  bool isCounted = runsAllRounds(op);
  // Rows of static shape in a counted loop have their place before the loop.
  auto hasPlace = [&](Value row) { return isCounted && cast<RankedTensorType>(row.getType()).hasStaticShape(); };
  SmallVector<Value> carried;
  SmallVector<Type> argumentTypes(llvm::drop_begin(body.getArgumentTypes(), 2));
  for (auto [value, type] : llvm::zip(op.getInitial(), argumentTypes))
    carried.push_back(carryAs(b, loc, value, type));
  for (Value row : scanned) {
    auto type = cast<RankedTensorType>(row.getType());
    SmallVector<OpFoldResult> extents{hasPlace(row) ? OpFoldResult(count) : OpFoldResult(b.getIndexAttr(0))};
    for (int64_t extent : type.getShape())
      extents.push_back(b.getIndexAttr(ShapedType::isDynamic(extent) ? 0 : extent));
    SmallVector<int64_t> shape{ShapedType::kDynamic};
    llvm::append_range(shape, type.getShape());
    Value empty = tensor::EmptyOp::create(b, loc, extents, type.getElementType());
    carried.push_back(castTo(b, loc, empty, RankedTensorType::get(shape, type.getElementType())));
  }

  // A model that would not end is stopped where the user said so.
  Value limit;
  if (auto rounds = op->getParentOfType<ModuleOp>()->getAttrOfType<IntegerAttr>("graph.max_loop"))
    limit = constantIndex(b, loc, rounds.getInt());

  /// One round at `round` with `state`; returns the next condition and state.
  auto runRound = [&](Block &target, Value round, Value condition, ValueRange state) {
    b.setInsertionPointToEnd(&target);
    if (limit)
      exec::CheckOp::create(b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, round, limit),
                            b.getI32IntegerAttr(TEGULA_LOOP_LIMIT));
    Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), round);
    SmallVector<Value> arguments{
        tensor::FromElementsOp::create(b, loc, RankedTensorType::get({}, b.getI64Type()), number), condition};
    llvm::append_range(arguments, state.take_front(carriedCount));
    SmallVector<Value> values = moveBody(body, target, arguments);
    b.setInsertionPointToEnd(&target);
    SmallVector<Value> next;
    for (size_t i = 0; i < carriedCount; ++i)
      next.push_back(carryAs(b, loc, values[1 + i], argumentTypes[i]));
    for (size_t i = carriedCount; i < state.size(); ++i) {
      Value row = values[1 + i];
      next.push_back(hasPlace(row) ? insertRow(b, loc, row, state[i], round) : appendRow(b, loc, state[i], row, round));
    }
    return std::pair(values[0], next);
  };

  SmallVector<Value> results;
  if (isCounted) {
    Value always = graph::ConstantOp::create(b, loc, DenseElementsAttr::get(i1Tensor, true));
    auto loop = scf::ForOp::create(b, loc, zero, count, one, carried);
    if (carried.empty())
      loop.getBody()->getTerminator()->erase();
    auto [condition, next] = runRound(*loop.getBody(), loop.getInductionVar(), always, loop.getRegionIterArgs());
    scf::YieldOp::create(b, loc, next);
    results.assign(loop.getResults().begin(), loop.getResults().end());
  } else {
    Value condition = op.getCondition()
                          ? Value(op.getCondition())
                          : Value(graph::ConstantOp::create(b, loc, DenseElementsAttr::get(i1Tensor, true)));
    if (condition.getType() != i1Tensor) // one element, of rank 1
      condition = graph::ReshapeOp::create(
          b, loc, i1Tensor, condition,
          graph::ConstantOp::create(
              b, loc, DenseElementsAttr::get(RankedTensorType::get({0}, b.getI64Type()), ArrayRef<int64_t>{})),
          false);
    SmallVector<Value> inits{zero, condition};
    llvm::append_range(inits, carried);
    auto loop = scf::WhileOp::create(b, loc, ValueRange(inits).getTypes(), inits);
    SmallVector<Location> locations(inits.size(), loc);
    Block *before = b.createBlock(&loop.getBefore(), {}, ValueRange(inits).getTypes(), locations);
    Value goesOn = extractBool(b, loc, before->getArgument(1));
    if (count) {
      Value isBelow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, before->getArgument(0), count);
      goesOn = arith::AndIOp::create(b, loc, goesOn, isBelow);
    }
    scf::ConditionOp::create(b, loc, goesOn, before->getArguments());
    Block *after = b.createBlock(&loop.getAfter(), {}, ValueRange(inits).getTypes(), locations);
    auto [nextCondition, next] =
        runRound(*after, after->getArgument(0), after->getArgument(1), ValueRange(after->getArguments()).drop_front(2));
    SmallVector<Value> yields{arith::AddIOp::create(b, loc, after->getArgument(0), one)};
    if (nextCondition.getType() != i1Tensor)
      return emitUnsupported(op) << "unsupported operator ai.onnx.Loop: expected a condition of rank 0, but got "
                                 << nextCondition.getType();
    yields.push_back(nextCondition);
    llvm::append_range(yields, next);
    scf::YieldOp::create(b, loc, yields);
    results.assign(loop.getResults().begin() + 2, loop.getResults().end());
  }
  b.setInsertionPoint(op);
  for (auto [result, value] : llvm::zip(op.getResults(), results))
    result.replaceAllUsesWith(carryAs(b, loc, value, result.getType()));
  op.erase();
  return success();
}

LogicalResult tegula::lowerControlFlow(ModuleOp module) {
  SmallVector<Operation *> found;
  module.walk<WalkOrder::PostOrder>([&](Operation *op) {
    if (isa<graph::IfOp, graph::LoopOp>(op))
      found.push_back(op);
  });
  for (Operation *op : found) {
    auto branch = dyn_cast<graph::IfOp>(op);
    if (failed(branch ? lowerIf(branch) : lowerLoop(cast<graph::LoopOp>(op))))
      return failure();
  }
  return success();
}

namespace {
/// An op that says nothing but its types, again with converted ones.
template <typename OpTy> struct ConvertTypes : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(this->getTypeConverter()->convertTypes(op->getResultTypes(), types)))
      return failure();
    Operation *converted =
        rewriter.create(op->getLoc(), op->getName().getIdentifier(), adaptor.getOperands(), types, op->getAttrs());
    rewriter.replaceOp(op, converted->getResults());
    return success();
  }
};
} // namespace

void tegula::populateControlFlowLowerings(const TypeConverter &converter, RewritePatternSet &patterns,
                                          ConversionTarget &target) {
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
  patterns.add<ConvertTypes<tensor::CastOp>, ConvertTypes<tensor::EmptyOp>, ConvertTypes<tensor::InsertSliceOp>,
               ConvertTypes<tensor::DimOp>>(converter, patterns.getContext());
  target.addDynamicallyLegalOp<tensor::CastOp, tensor::EmptyOp, tensor::InsertSliceOp, tensor::DimOp>(
      [&](Operation *op) { return converter.isLegal(op); });
}
