// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// com.microsoft.GreedySearch: a loop around the decoder that is its attribute. Each round runs the decoder on the
// tokens that are new (the prompt at first) and its cache, and appends the token with the greatest score.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

namespace {

class GreedySearch {
public:
  explicit GreedySearch(NodeContext &node) : node(node), c(node) {}
  LogicalResult build();

private:
  LogicalResult readAttributes();
  LogicalResult readCaches();
  void readPrompt();
  LogicalResult buildRound(Block *block);
  Value process(Value scores, Value sequences, Value round);
  Value one(unsigned index, Type element) {
    return c.reshape(c.cast(node.operand(index), element), ArrayRef<int64_t>{});
  }
  Value number(int64_t value) { return node.scalar(double(value), i32); }

  NodeContext &node;
  Composer c;
  Type i32 = IntegerType::get(node.builder.getContext(), 32), i64 = node.builder.getI64Type();
  const onnx::GraphProto *decoder = nullptr;
  int64_t end = 0, padding = 0;
  SmallVector<Type> cacheTypes;
  Value tokens, positions, mask, batches; ///< [B, S] of the prompt; B
  Value counts;                           ///< [B, 1]: tokens of the prompt
  Value longest;                          ///< a scalar: how many tokens a sequence may have
};

} // namespace

LogicalResult GreedySearch::readAttributes() {
  decoder = node.getGraph("decoder");
  if (!decoder || !node.hasAttribute("eos_token_id") || !node.hasAttribute("pad_token_id"))
    return node.error("expected attributes decoder, eos_token_id and pad_token_id, but one is missing");
  end = node.getInteger("eos_token_id", 0);
  padding = node.getInteger("pad_token_id", 0);
  if (node.getInteger("model_type", 0))
    return node.unsupported("attribute model_type of " + Twine(node.getInteger("model_type", 0)));
  for (StringRef name : {"encoder", "init_decoder"})
    if (node.hasAttribute(name))
      return node.unsupported("attribute " + name);
  if (node.getInteger("no_repeat_ngram_size", 0) > 0)
    return node.unsupported("attribute no_repeat_ngram_size");
  auto type = Composer::rankedType(node.operand(0));
  if (!type || type.getRank() != 2)
    return node.unsupported("input_ids that are not known to have two dimensions");
  return success();
}

/// input_ids, position_ids, attention_mask and caches [2, B, N, P, H]; results: logits [B, S, V] and caches.
LogicalResult GreedySearch::readCaches() {
  int count = decoder->input_size() - 3;
  if (count < 0 || decoder->output_size() != count + 1)
    return node.error("expected a decoder of tokens, positions, a mask and caches, and of scores and as many caches");
  for (int i = 0; i < count; ++i) {
    Type declared = node.graph.convertType(decoder->input(i + 3).type());
    auto type = dyn_cast_or_null<RankedTensorType>(declared);
    if (!type || type.getRank() != 5 || type.isDynamicDim(2) || type.isDynamicDim(4))
      return node.unsupported("a decoder whose caches are not [2, batch, N, past, H] with known N and H");
    cacheTypes.push_back(type);
  }
  return success();
}

/// Padding has position 0, and is masked where no mask is given.
void GreedySearch::readPrompt() {
  tokens = c.cast(node.operand(0), i32);
  batches = c.extent(tokens, 0);
  longest = one(1, i64);
  Value isToken = c.cast(c("Not", {c.compare("Equal", tokens, number(padding))}), i32);
  mask = node.operand(6) ? c.cast(node.operand(6), i32) : isToken;
  positions = c.mul(c.sub(c("CumSum", {isToken, node.scalar(int64_t(1))}), number(1)), isToken);
  counts = c("ReduceSum", {isToken, node.integers({1})}, {{"keepdims", int64_t(1)}});
}

/// Scores [B, V] of a round's next token, after penalties and masks.
Value GreedySearch::process(Value scores, Value sequences, Value round) {
  if (c.failed)
    return nullptr;
  Value lowest = c.lowest(scores);
  if (node.operand(3)) {
    Value penalty = one(3, Composer::elementOf(scores));
    auto filled = [&](double value, Value like) { return c("Expand", {c.number(value, scores), c.shape(like)}); };
    Value marks =
        c("ScatterElements", {filled(0, scores), c.cast(sequences, i64), filled(1, sequences)}, {{"axis", int64_t(1)}});
    Value isSeen = c.compare("Greater", marks, c.number(0, scores));
    Value punished =
        c.select(c.compare("Less", scores, c.number(0, scores)), c.mul(scores, penalty), c.div(scores, penalty));
    scores = c.select(isSeen, punished, scores);
  }
  auto allow = [&](Value allowed) { scores = c.select(c.compare("Equal", allowed, number(0)), lowest, scores); };
  if (node.operand(4))
    allow(c.cast(node.operand(4), i32));
  if (node.operand(5)) {
    Value isLater = c.compare("Greater", round, node.scalar(int64_t(0)));
    allow(c.select(isLater, number(1), c.cast(node.operand(5), i32)));
  }
  if (node.operand(2)) {
    Value isShort = c.compare("Less", c.extent(sequences, 1), one(2, i64));
    Value isEnd = c.compare("Equal", c.iota(c.extent(scores, 1)), node.scalar(end));
    scores = c.select(c.logicalAnd(isShort, isEnd), lowest, scores);
  }
  return scores;
}

/// Arguments: round, condition, new tokens [B, s], their positions, mask [B, t], sequences [B, t], whether each has
/// ended [B], caches.
LogicalResult GreedySearch::buildRound(Block *block) {
  auto arguments = block->getArguments();
  Value round = arguments[0], sequences = arguments[5], hasEnded = arguments[6];
  SmallVector<Value> outputs;
  {
    GraphBuilder::Scope scope(node.graph);
    for (int i = 0; i < decoder->input_size(); ++i)
      node.graph.bind(decoder->input(i).name(), arguments[i < 3 ? i + 2 : i + 4]);
    if (failed(node.graph.buildBody(*decoder, node.builder, outputs))) {
      node.failedForGood = true;
      return failure();
    }
  }
  auto type = Composer::rankedType(outputs[0]);
  if (!type || type.getRank() != 3)
    return node.unsupported("a decoder whose scores are not known to have three dimensions");
  Value scores = c("Gather", {outputs[0], node.scalar(int64_t(-1))}, {{"axis", int64_t(1)}});
  scores = process(scores, sequences, round);
  Value next = c.cast(c("ArgMax", {scores}, {{"axis", int64_t(1)}, {"keepdims", int64_t(0)}}, i64), i32);
  hasEnded = c("Or", {hasEnded, c.compare("Equal", next, number(end))});
  next = c.unsqueeze(c.select(hasEnded, number(padding), next), {1});
  Value places = c.add(counts, c.cast(round, i32));
  Value goesOn =
      c("Not", {c.cast(c("ReduceMin", {c.cast(hasEnded, i32)}, {{"keepdims", int64_t(0)}}), node.builder.getI1Type())});
  Value ones = c("Expand", {number(1), c.join({batches, node.scalar(int64_t(1))})});
  SmallVector<Value> yields{goesOn,  next, places, c.concat({arguments[4], ones}, 1), c.concat({sequences, next}, 1),
                            hasEnded};
  if (c.failed)
    return failure();
  llvm::append_range(yields, ArrayRef(outputs).drop_front());
  node.create<graph::YieldOp>(yields);
  return success();
}

LogicalResult GreedySearch::build() {
  if (failed(readAttributes()) || failed(readCaches()))
    return failure();
  readPrompt();
  Value count = c.sub(longest, c.extent(tokens, 1));
  Value column = c.join({batches});
  Value none = c("Expand", {node.create<graph::ConstantOp>(
                                DenseElementsAttr::get(RankedTensorType::get({}, node.builder.getI1Type()), false)),
                            column});
  SmallVector<Value> initial{tokens, positions, mask, tokens, none};
  for (Type cache : cacheTypes) {
    auto type = cast<RankedTensorType>(cache);
    Value shape = c.join({node.scalar(int64_t(2)), batches, node.scalar(type.getDimSize(2)), node.scalar(int64_t(0)),
                          node.scalar(type.getDimSize(4))});
    initial.push_back(c("Expand", {c.reshape(node.scalar(0.0, type.getElementType()), {1, 1, 1, 1, 1}), shape}));
  }
  if (c.failed)
    return failure();
  auto loose = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return RankedTensorType::get(SmallVector<int64_t>(type.getRank(), ShapedType::kDynamic), type.getElementType());
  };
  Region region;
  {
    OpBuilder::InsertionGuard guard(node.builder);
    Block *block = node.builder.createBlock(&region);
    block->addArgument(RankedTensorType::get({}, i64), node.location);
    block->addArgument(RankedTensorType::get({}, node.builder.getI1Type()), node.location);
    for (auto [i, value] : llvm::enumerate(initial)) {
      RankedTensorType type = loose(value);
      if (i >= 5) {
        auto cache = cast<RankedTensorType>(cacheTypes[i - 5]);
        type = RankedTensorType::get(
            {2, ShapedType::kDynamic, cache.getDimSize(2), ShapedType::kDynamic, cache.getDimSize(4)},
            cache.getElementType());
      }
      block->addArgument(type, node.location);
    }
    if (failed(buildRound(block)))
      return failure();
  }
  SmallVector<Type> types;
  for (unsigned i = 0; i < initial.size(); ++i)
    types.push_back(region.getArgument(i + 2).getType());
  auto loop = graph::LoopOp::create(node.builder, node.location, types, count, Value(), initial);
  loop.getBody().takeBody(region);
  node.refine(loop);
  // What sequences do not need of their length is padding.
  Value sequences = loop.getResult(3), zero = node.scalar(int64_t(0));
  Value rest = c("Max", {c.sub(longest, c.extent(sequences, 1)), zero});
  Value result = c("Pad", {sequences, c.join({zero, zero, zero, rest}), number(padding)});
  return c.finish(result);
}

static LogicalResult buildGreedySearch(NodeContext &node) { return GreedySearch(node).build(); }

void tegula::addTextGenerationNodes(NodeTable &table) {
  table.add("com.microsoft", "GreedySearch", 1, buildGreedySearch);
}
