// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/TextGeneration.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Import/ONNX/GraphBuilder.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

LogicalResult TextGenerator::readAttributes() {
  decoder = node.getGraph("decoder");
  firstDecoder = node.getGraph("init_decoder");
  if (!decoder || !node.hasAttribute("eos_token_id") || !node.hasAttribute("pad_token_id"))
    return node.error("expected attributes decoder, eos_token_id and pad_token_id, but one is missing");
  end = node.getInteger("eos_token_id", 0);
  padding = node.getInteger("pad_token_id", 0);
  gram = node.getInteger("no_repeat_ngram_size", 0);
  auto type = Composer::rankedType(node.operand(0));
  if (!type || type.getRank() != 2)
    return node.unsupported("input_ids that are not known to have two dimensions");
  tokens = c.cast(node.operand(0), i32);
  batches = c.extent(tokens, 0);
  longest = one(1, i64);
  return success();
}

LogicalResult TextGenerator::readCaches(const onnx::GraphProto &graph) {
  int count = graph.input_size() - 3;
  if (count < 0 || graph.output_size() != count + 1)
    return node.error("expected a decoder of tokens, positions, a mask and caches, and of scores and as many caches");
  cacheTypes.clear();
  for (int i = 0; i < count; ++i) {
    Type declared = node.graph.convertType(graph.input(i + 3).type());
    auto type = dyn_cast_or_null<RankedTensorType>(declared);
    if (!type || type.getRank() != 5 || type.isDynamicDim(2) || type.isDynamicDim(4))
      return node.unsupported("a decoder whose caches are not [2, batch, N, past, H] with known N and H");
    int64_t any = ShapedType::kDynamic;
    cacheTypes.push_back(
        RankedTensorType::get({2, any, type.getDimSize(2), any, type.getDimSize(4)}, type.getElementType()));
  }
  return success();
}

void TextGenerator::readPrompt() {
  Value isToken = c.cast(c("Not", {c.compare("Equal", tokens, number(padding))}), i32);
  mask = operands.mask ? c.cast(operands.mask, i32) : isToken;
  positions = c.mul(c.sub(c("CumSum", {isToken, node.scalar(int64_t(1))}), number(1)), isToken);
  counts = c("ReduceSum", {isToken, node.integers({1})}, {{"keepdims", int64_t(1)}});
}

void TextGenerator::appendEmptyCaches(Value rows, SmallVectorImpl<Value> &values) {
  Value zero = node.scalar(int64_t(0));
  for (RankedTensorType type : cacheTypes) {
    SmallVector<Value> extents;
    for (auto [i, extent] : llvm::enumerate(type.getShape()))
      extents.push_back(!ShapedType::isDynamic(extent)    ? node.scalar(extent)
                        : i + 4 == size_t(type.getRank()) ? rows
                                                          : zero);
    Value element = c.reshape(node.scalar(0.0, type.getElementType()), SmallVector<int64_t>(type.getRank(), 1));
    values.push_back(c("Expand", {element, c.join(extents)}));
  }
}

LogicalResult TextGenerator::run(const onnx::GraphProto &graph, ValueRange inputs, SmallVectorImpl<Value> &outputs) {
  if (c.failed)
    return failure();
  GraphBuilder::Scope scope(node.graph);
  for (auto [i, input] : llvm::enumerate(inputs))
    node.graph.bind(graph.input(i).name(), input);
  if (succeeded(node.graph.buildBody(graph, node.builder, outputs)))
    return success();
  node.failedForGood = true;
  return failure();
}

FailureOr<Value> TextGenerator::takeLast(Value logits) {
  auto type = Composer::rankedType(logits);
  if (!type || type.getRank() != 3)
    return node.unsupported("a decoder whose scores are not known to have three dimensions");
  int64_t words = node.getInteger("vocab_size", 0);
  if (words > 0 && !type.isDynamicDim(2) && type.getDimSize(2) != words)
    return node.unsupported("attribute vocab_size of " + Twine(words) + " for scores of " + Twine(type.getDimSize(2)));
  return c("Gather", {logits, node.scalar(int64_t(-1))}, {{"axis", int64_t(1)}});
}

void TextGenerator::requireLess(Value x, Value y) {
  if (c.failed)
    return;
  auto element = [&](Value scalar) {
    return tensor::ExtractOp::create(node.builder, node.location, scalar, ValueRange());
  };
  Value holds = arith::CmpIOp::create(node.builder, node.location, arith::CmpIPredicate::slt, element(x), element(y));
  exec::CheckOp::create(node.builder, node.location, holds, node.builder.getI32IntegerAttr(TEGULA_INVALID_VALUE));
}

Value TextGenerator::all(Value values) {
  return c.cast(c("ReduceMin", {c.cast(values, i32)}, {{"keepdims", int64_t(0)}}), i1);
}

Value TextGenerator::padded(Value sequences) {
  Value zero = node.scalar(int64_t(0)), rest = c.sub(longest, c.extent(sequences, 1));
  return c("Pad", {sequences, c.join({zero, zero, zero, rest}), number(padding)});
}

/// Like `scores`: whether each token is one of `marked` [rows, n]; where `isMarked` (null: everywhere) holds.
static Value markTokens(Composer &c, Value scores, Value marked, Value isMarked) {
  if (c.failed)
    return nullptr;
  Value none = c("Expand", {c.number(0, scores), c.shape(scores)});
  Value marks =
      isMarked ? c.cast(isMarked, Composer::elementOf(scores)) : c("Expand", {c.number(1, scores), c.shape(marked)});
  marks = c("ScatterElements", {none, c.cast(marked, c.node.builder.getI64Type()), marks},
            {{"axis", int64_t(1)}, {"reduction", std::string("max")}});
  return c.compare("Greater", marks, c.number(0, scores));
}

Value TextGenerator::punishRepetition(Value scores, Value sequences) {
  Value zero = c.number(0, scores), penalty = one(operands.repetitionPenalty, Composer::elementOf(scores));
  Value punished = c.select(c.compare("Less", scores, zero), c.mul(scores, penalty), c.div(scores, penalty));
  return c.select(markTokens(c, scores, sequences, nullptr), punished, scores);
}

/// A token is forbidden when it followed the last `gram` - 1 tokens somewhere before.
Value TextGenerator::forbidRepeatedGrams(Value scores, Value sequences) {
  Value length = c.extent(sequences, 1), zero = node.scalar(int64_t(0));
  Value starts = c("Max", {c.sub(length, node.scalar(gram - 1)), zero}); // of runs that lie in the sequence
  Value isRepeated;
  for (int64_t i = 0; i < gram - 1; ++i) {
    Value at = node.scalar(i), last = c("Max", {c.sub(length, node.scalar(gram - 1 - i)), zero});
    Value runs = c.slice(sequences, 1, at, c.add(starts, at));
    Value isEqual = c.compare("Equal", runs, c.unsqueeze(c("Gather", {sequences, last}, {{"axis", int64_t(1)}}), {1}));
    isRepeated = isRepeated ? c.logicalAnd(isRepeated, isEqual) : isEqual;
  }
  Value behind = node.scalar(gram - 1);
  Value followers = c.slice(sequences, 1, behind, c.add(starts, behind));
  return c.select(markTokens(c, scores, followers, isRepeated), c.lowest(scores), scores);
}

Value TextGenerator::process(Value scores, Value sequences, Value round) {
  if (c.failed)
    return nullptr;
  Value lowest = c.lowest(scores);
  if (operands.repetitionPenalty)
    scores = punishRepetition(scores, sequences);
  if (gram > 0)
    scores = forbidRepeatedGrams(scores, sequences);
  auto allow = [&](Value allowed) { scores = c.select(c.compare("Equal", allowed, number(0)), lowest, scores); };
  if (operands.words)
    allow(c.cast(operands.words, i32));
  if (operands.firstWords) {
    Value isLater = c.compare("Greater", round, node.scalar(int64_t(0)));
    allow(c.select(isLater, number(1), c.cast(operands.firstWords, i32)));
  }
  if (operands.shortest) {
    Value isShort = c.compare("Less", c.extent(sequences, 1), one(operands.shortest, i64));
    Value isEnd = c.compare("Equal", c.iota(c.extent(scores, 1)), node.scalar(end));
    scores = c.select(c.logicalAnd(isShort, isEnd), lowest, scores);
  }
  return scores;
}

FailureOr<graph::LoopOp>
TextGenerator::loop(Value count, Value condition, ArrayRef<Value> initial,
                    function_ref<LogicalResult(Value, ValueRange, SmallVectorImpl<Value> &)> body) {
  if (c.failed)
    return failure();
  Region region;
  SmallVector<Value> yields;
  SmallVector<Type> types;
  for (Value value : initial.drop_back(cacheTypes.size())) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> loose(type.getRank(), ShapedType::kDynamic);
    types.push_back(RankedTensorType::get(loose, type.getElementType()));
  }
  llvm::append_range(types, cacheTypes);
  {
    OpBuilder::InsertionGuard guard(node.builder);
    Block *block = node.builder.createBlock(&region);
    block->addArgument(RankedTensorType::get({}, i64), node.location);
    block->addArgument(RankedTensorType::get({}, i1), node.location);
    for (Type type : types)
      block->addArgument(type, node.location);
    SmallVector<Value> carried(block->getArguments().drop_front(2));
    if (failed(body(block->getArgument(0), carried, yields)) || c.failed)
      return failure();
    node.create<graph::YieldOp>(yields);
  }
  for (Value scanned : ArrayRef(yields).drop_front(1 + types.size()))
    types.push_back(UnrankedTensorType::get(Composer::elementOf(scanned)));
  auto op = graph::LoopOp::create(node.builder, node.location, types, count, condition, initial);
  op.getBody().takeBody(region);
  node.refine(op);
  return op;
}

namespace {

/// com.microsoft.GreedySearch: each round appends the token with the greatest score.
class GreedySearch : TextGenerator {
public:
  explicit GreedySearch(NodeContext &node)
      : TextGenerator(node, {node.operand(2), node.operand(3), node.operand(4), node.operand(5), node.operand(6)}) {}
  LogicalResult build();

private:
  /// `carried`: new tokens [B, s], their positions, mask [B, t], sequences [B, t], whether each has ended [B], caches.
  LogicalResult buildRound(const onnx::GraphProto &graph, Value round, ValueRange carried,
                           SmallVectorImpl<Value> &yields);
};

} // namespace

LogicalResult GreedySearch::buildRound(const onnx::GraphProto &graph, Value round, ValueRange carried,
                                       SmallVectorImpl<Value> &yields) {
  Value sequences = carried[3], hasEnded = carried[4];
  SmallVector<Value> inputs(carried.take_front(3)), outputs;
  llvm::append_range(inputs, carried.drop_front(5));
  if (failed(run(graph, inputs, outputs)))
    return failure();
  FailureOr<Value> scores = takeLast(outputs[0]);
  if (failed(scores))
    return failure();
  scores = process(*scores, sequences, round);
  Value next = c.cast(c("ArgMax", {*scores}, {{"axis", int64_t(1)}, {"keepdims", int64_t(0)}}, i64), i32);
  hasEnded = c("Or", {hasEnded, c.compare("Equal", next, number(end))});
  next = c.unsqueeze(c.select(hasEnded, number(padding), next), {1});
  Value places = c.add(counts, c.cast(round, i32));
  yields.assign({c("Not", {all(hasEnded)}), next, places, c.concat({carried[2], column(batches, number(1))}, 1),
                 c.concat({sequences, next}, 1), hasEnded});
  llvm::append_range(yields, ArrayRef(outputs).drop_front());
  return success();
}

LogicalResult GreedySearch::build() {
  if (node.getInteger("model_type", 0))
    return node.unsupported("attribute model_type of " + Twine(node.getInteger("model_type", 0)));
  if (failed(readAttributes()) || (firstDecoder && failed(readCaches(*firstDecoder))) || failed(readCaches(*decoder)))
    return failure();
  readPrompt();
  requireLess(c.extent(tokens, 1), longest);
  Value count = c.sub(longest, c.extent(tokens, 1)), condition, first = node.scalar(int64_t(0));
  SmallVector<Value> carried{tokens, positions, mask, tokens, c("Expand", {boolean(false), c.join({batches})})};
  appendEmptyCaches(batches, carried);
  if (firstDecoder) {
    SmallVector<Value> yields;
    if (failed(buildRound(*firstDecoder, first, carried, yields)))
      return failure();
    condition = yields[0];
    carried.assign(yields.begin() + 1, yields.end());
    first = node.scalar(int64_t(1));
    count = c.sub(count, first);
  }
  auto body = [&](Value round, ValueRange values, SmallVectorImpl<Value> &yields) {
    return buildRound(*decoder, c.add(round, first), values, yields);
  };
  FailureOr<graph::LoopOp> rounds = loop(count, condition, carried, body);
  if (failed(rounds))
    return failure();
  // What sequences do not need of their length is padding.
  return c.finish(padded(rounds->getResult(3)));
}

static LogicalResult buildGreedySearch(NodeContext &node) { return GreedySearch(node).build(); }

void tegula::addTextGenerationNodes(NodeTable &table) {
  table.add("com.microsoft", "GreedySearch", 1, buildGreedySearch);
}
