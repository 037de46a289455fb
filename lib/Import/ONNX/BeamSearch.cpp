// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// com.microsoft.BeamSearch: each of B batches follows M sequences, its beams, that have the greatest sums of
// log-probabilities, and keeps the M best sequences that have ended. What is chosen, and when a batch stops, is
// onnxruntime's. Rows are the B * M beams.
#include "tegula/Import/ONNX/GraphBuilder.h"
#include "tegula/Import/ONNX/TextGeneration.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

namespace {

/// What a round changes. With an encoder there are no positions, and the mask is the encoder's, which stays.
struct Beams {
  Value tokens, positions, mask; ///< new tokens [B * M, s], their positions; mask [B * M, t]
  Value sequences;               ///< [B * M, t]
  Value sums;                    ///< [B, M]: log-probabilities
  Value ended, endedScores;      ///< [B, M, max_length] and [B, M]: sequences that have ended, the best first
  Value endedCounts;             ///< [B, 1]: how many of these there are
  Value isDone;                  ///< [B, 1]
  SmallVector<Value> caches;

  SmallVector<Value> values() const {
    SmallVector<Value> all;
    for (Value value : {tokens, positions, mask, sequences, sums, ended, endedScores, endedCounts, isDone})
      if (value)
        all.push_back(value);
    llvm::append_range(all, caches);
    return all;
  }
  /// The same members, with these values.
  Beams with(ValueRange values) const {
    Beams beams;
    auto take = [&](Value Beams::*member) {
      if (this->*member) {
        beams.*member = values.front();
        values = values.drop_front();
      }
    };
    for (auto member : {&Beams::tokens, &Beams::positions, &Beams::mask, &Beams::sequences, &Beams::sums, &Beams::ended,
                        &Beams::endedScores, &Beams::endedCounts, &Beams::isDone})
      take(member);
    beams.caches.assign(values.begin(), values.end());
    return beams;
  }
};

class BeamSearch : TextGenerator {
public:
  explicit BeamSearch(NodeContext &node)
      : TextGenerator(node, {node.operand(2), node.operand(6), node.operand(7), nullptr, node.operand(9)}) {}
  LogicalResult build();

private:
  LogicalResult readParameters();
  LogicalResult readEncoder();
  LogicalResult startWithPrompt(Beams &beams);
  LogicalResult startWithEncoder(Beams &beams, Value &scores);
  void start(Beams &beams);
  LogicalResult decode(const onnx::GraphProto &graph, Value round, Beams &beams, Value &scores);
  LogicalResult advance(Value logits, ArrayRef<Value> presents, Value round, Beams &beams, Value &scores);
  void keepEnded(Beams &beams, Value isCandidate, Value candidates, Value sums);
  void updateDone(Beams &beams, Value best);
  LogicalResult finish(Beams beams, Value firstScores, Value scores);

  /// The greatest `count` of each row, and where they are; the first of equals comes first.
  std::pair<Value, Value> greatest(Value x, Value count) {
    if (c.failed)
      return {};
    SmallVector<Type> types{UnrankedTensorType::get(Composer::elementOf(x)), UnrankedTensorType::get(i64)};
    auto op = node.create<graph::TopKOp>(types, x, c.reshape(count, {1}), int64_t(1), true);
    return {op.getValues(), op.getIndices()};
  }
  Value elements(Value x, Value indices) { return c("GatherElements", {x, indices}, {{"axis", int64_t(1)}}); }
  Value rowsAt(Value x, Value indices, int64_t axis = 0) { return c("Gather", {x, indices}, {{"axis", axis}}); }
  /// `value` in all of [B, M].
  Value filled(Value value) { return c("Expand", {value, c.join({batches, beamCount})}); }
  /// Of each batch [B, 1]: `count` times its number.
  Value starts(Value count) { return c.unsqueeze(c.mul(c.iota(batches), count), {1}); }
  /// Sums of log-probabilities of sequences of the extent of `sequences`, as what they are compared by.
  Value rate(Value sums, Value sequences) {
    Value length = c.cast(c.extent(sequences, 1), f32);
    return c.div(sums, lengthPenalty ? c("Pow", {length, lengthPenalty}) : length);
  }
  /// One row per batch becomes one per beam.
  Value repeat(Value x);

  const onnx::GraphProto *encoder = nullptr;
  bool startsDecoder = false;  ///< the encoder makes the decoder's first round
  bool takesSequences = false; ///< the decoder takes all tokens in each round
  Type f32 = node.builder.getF32Type();
  Value beamCount, rows; ///< M and B * M
  Value lengthPenalty;   ///< null: 1
  SmallVector<Value> encoded,
      caches; ///< with an encoder: operands of each round before and behind the decoder's caches
};

} // namespace

Value BeamSearch::repeat(Value x) {
  if (c.failed)
    return nullptr;
  Value one = node.scalar(int64_t(1));
  SmallVector<Value> repeats{one, beamCount}, extents{rows};
  for (int64_t i = 1; i < Composer::rankedType(x).getRank(); ++i) {
    repeats.push_back(one);
    extents.push_back(c.extent(x, i));
  }
  return c.reshape(c("Expand", {c.unsqueeze(x, {1}), c.join(repeats)}), c.join(extents));
}

LogicalResult BeamSearch::readParameters() {
  if (int64_t type = node.getInteger("model_type", 0); type != 0 && type != 1)
    return node.unsupported("attribute model_type of " + Twine(type));
  for (unsigned index : {10, 11})
    if (node.operand(index))
      return node.unsupported(index == 10 ? "operand decoder_input_ids" : "operand logits_processor");
  if (failed(readAttributes()))
    return failure();
  beamCount = one(3, i64);
  rows = c.mul(batches, beamCount);
  // Between 1 and M sequences are asked for.
  Value returned = one(4, i64);
  requireLess(node.scalar(int64_t(0)), returned);
  requireLess(returned, c.add(beamCount, node.scalar(int64_t(1))));
  lengthPenalty = node.operand(5) ? one(5, f32) : nullptr;
  if (node.operand(8))
    operands.firstWords = repeat(c.cast(node.operand(8), i32));
  return success();
}

/// Of the encoder: tokens, a mask and, unless the decoder makes it, the decoder's first token; results: with it logits
/// [B, 1, V], hidden states and the decoder's caches [B, N, 1, H] of itself; caches of the encoder's tokens.
/// Of the decoder: tokens, the mask, hidden states where it wants them, both caches; results: logits and the caches of
/// itself.
LogicalResult BeamSearch::readEncoder() {
  encoder = node.getGraph("encoder");
  if (!encoder || node.getInteger("decoder_start_token_id", -1) < 0)
    return node.error("expected attributes encoder and decoder_start_token_id, but one is missing");
  int count = decoder->output_size() - 1;
  if (count < 1 || decoder->input_size() < 3)
    return node.error("expected a decoder with caches");
  int before = decoder->input(2).name() == "encoder_hidden_states" ? 3 : 2;
  startsDecoder = encoder->input_size() == 3;
  if ((!startsDecoder && encoder->input_size() != 2) || (!startsDecoder && before == 3) ||
      encoder->output_size() != (startsDecoder ? 2 + 2 * count : count) || decoder->input_size() != before + 2 * count)
    return node.unsupported("an encoder whose results are not what the decoder needs at first");
  for (int i = 0; i < count; ++i) {
    Type declared = node.graph.convertType(decoder->input(before + i).type());
    auto type = dyn_cast_or_null<RankedTensorType>(declared);
    if (!type || type.getRank() != 4 || type.isDynamicDim(1) || type.isDynamicDim(3))
      return node.unsupported("a decoder whose caches are not [batch, N, past, H] with known N and H");
    int64_t any = ShapedType::kDynamic;
    cacheTypes.push_back(
        RankedTensorType::get({any, type.getDimSize(1), any, type.getDimSize(3)}, type.getElementType()));
  }
  auto first = dyn_cast_or_null<RankedTensorType>(node.graph.convertType(decoder->input(0).type()));
  takesSequences = !first || first.getRank() != 2 || first.getDimSize(1) != 1;
  return success();
}

/// What beams have at first besides their tokens: all but the first are so bad that they do not count.
void BeamSearch::start(Beams &beams) {
  Value isFirst = c.compare("Equal", c.iota(beamCount), node.scalar(int64_t(0)));
  beams.sums = filled(c.select(isFirst, node.scalar(0.0, f32), node.scalar(-1e9, f32)));
  beams.ended = c("Expand", {number(padding), c.join({batches, beamCount, longest})});
  beams.endedScores = filled(node.scalar(0.0, f32));
  beams.endedCounts = column(batches, node.scalar(int64_t(0)));
  beams.isDone = column(batches, boolean(false));
}

LogicalResult BeamSearch::startWithPrompt(Beams &beams) {
  if ((firstDecoder && failed(readCaches(*firstDecoder))) || failed(readCaches(*decoder)))
    return failure();
  readPrompt();
  counts = repeat(counts);
  beams.tokens = beams.sequences = repeat(tokens);
  beams.positions = repeat(positions);
  beams.mask = repeat(mask);
  appendEmptyCaches(rows, beams.caches);
  start(beams);
  return success();
}

/// The encoder may give the first scores, too.
LogicalResult BeamSearch::startWithEncoder(Beams &beams, Value &scores) {
  if (failed(readEncoder()))
    return failure();
  // Padding behind the first token counts, as the last token may be of the same number.
  Value isToken = c.cast(c("Not", {c.compare("Equal", tokens, number(padding))}), i32);
  Value sums = c("CumSum", {isToken, node.scalar(int64_t(1))});
  mask = operands.mask ? c.cast(operands.mask, i32) : c.cast(c.compare("Greater", sums, number(0)), i32);
  Value first = column(batches, number(node.getInteger("decoder_start_token_id", 0)));
  SmallVector<Value> inputs{tokens, mask}, outputs;
  if (startsDecoder)
    inputs.push_back(first);
  if (failed(run(*encoder, inputs, outputs)))
    return failure();
  if (!llvm::all_of(outputs, [](Value output) { return Composer::rankedType(output); }))
    return node.unsupported("an encoder whose results are of unknown rank");
  SmallVector<Value> repeated;
  for (Value output : outputs)
    repeated.push_back(repeat(output));
  int count = cacheTypes.size();
  encoded.push_back(repeat(mask));
  if (decoder->input_size() == 3 + 2 * count)
    encoded.push_back(repeated[1]);
  caches.assign(repeated.end() - count, repeated.end());
  beams.tokens = beams.sequences = repeat(first);
  start(beams);
  if (startsDecoder)
    return advance(repeated[0], ArrayRef(repeated).slice(2, count), node.scalar(int64_t(0)), beams, scores);
  appendEmptyCaches(rows, beams.caches);
  return success(!c.failed);
}

/// One round of a decoder.
LogicalResult BeamSearch::decode(const onnx::GraphProto &graph, Value round, Beams &beams, Value &scores) {
  SmallVector<Value> inputs, outputs;
  if (encoder) {
    inputs.push_back(takesSequences ? beams.sequences : beams.tokens);
    llvm::append_range(inputs, encoded);
  } else {
    inputs.append({beams.tokens, beams.positions, beams.mask});
  }
  llvm::append_range(inputs, beams.caches);
  llvm::append_range(inputs, caches);
  if (failed(run(graph, inputs, outputs)))
    return failure();
  return advance(outputs[0], ArrayRef(outputs).drop_front(), round, beams, scores);
}

/// Keeps the best M of what has ended and of `candidates` [B * M, t] that have, `sums` [B, M] being theirs.
void BeamSearch::keepEnded(Beams &beams, Value isCandidate, Value candidates, Value sums) {
  Value scores = rate(sums, candidates), two = node.scalar(int64_t(2));
  Value isKept = c.compare("Less", c.iota(beamCount), beams.endedCounts);
  // What is there is better than what is not, whatever its score.
  Value none = node.scalar(-std::numeric_limits<double>::infinity(), f32);
  auto key = [&](Value isThere, Value score) { return c.select(isThere, c("Max", {score, c.lowest(score)}), none); };
  Value keys = c.concat({key(isKept, beams.endedScores), key(isCandidate, scores)}, 1);
  Value kept = greatest(keys, beamCount).second;
  beams.endedScores = elements(c.concat({beams.endedScores, scores}, 1), kept);
  Value blocks = c.reshape(padded(candidates), c.join({batches, beamCount, longest}));
  Value lines = c.reshape(c.concat({beams.ended, blocks}, 1), c.join({node.scalar(int64_t(-1)), longest}));
  beams.ended = rowsAt(lines, c.add(kept, starts(c.mul(beamCount, two))));
  Value count = c("ReduceSum", {c.cast(isCandidate, i64), node.integers({1})}, {{"keepdims", int64_t(1)}});
  beams.endedCounts = c("Min", {c.add(beams.endedCounts, count), beamCount});
}

/// A batch is done when M of its sequences have ended and, unless it stops early, none that goes on can become better.
/// `best`: the greatest 2 * M sums of each batch. onnxruntime looks at 2 * M of them from M times the batch's number
/// on, which for all but the first batch are others than its own.
void BeamSearch::updateDone(Beams &beams, Value best) {
  Value isFull = c.compare("Equal", beams.endedCounts, beamCount);
  if (node.getInteger("early_stopping", 0) != 1) {
    Value one = node.scalar(int64_t(1));
    Value places = c.add(c.iota(c.extent(best, 1)), starts(beamCount));
    Value greatest = c("ReduceMax", {rowsAt(c.reshape(best, {-1}), places), node.integers({1})});
    Value worst = c.slice(beams.endedScores, 1, c.sub(beamCount, one), beamCount);
    isFull = c.logicalAnd(isFull, c("Not", {c.compare("Less", worst, rate(greatest, beams.sequences))}));
  }
  beams.isDone = c("Or", {beams.isDone, isFull});
}

/// The beams after the tokens that `logits` [B * M, s, V] tell; `scores` [B * M, V]: the sums of all continuations.
LogicalResult BeamSearch::advance(Value logits, ArrayRef<Value> presents, Value round, Beams &beams, Value &scores) {
  FailureOr<Value> last = takeLast(logits);
  if (failed(last))
    return failure();
  scores = c("LogSoftmax", {c.cast(*last, f32)}, {{"axis", int64_t(-1)}});
  scores = process(scores, beams.sequences, round);
  scores = c.add(scores, c.reshape(beams.sums, {-1, 1}));
  Value words = c.extent(scores, 1), zero = node.scalar(int64_t(0)),
        candidateCount = c.mul(beamCount, node.scalar(int64_t(2)));
  // At most M continuations end, so that twice as many contain M that go on.
  auto [best, places] = greatest(c.reshape(scores, c.join({batches, c.mul(beamCount, words)})), candidateCount);
  Value parents = c.div(places, words);
  Value next = c.cast(c.sub(places, c.mul(parents, words)), i32);
  parents = c.add(parents, starts(beamCount));
  Value isEnd = c.compare("Equal", next, number(end)), wasDone = beams.isDone;

  // Only those among the best M have ended well.
  auto head = [&](Value x) { return c.slice(x, 1, zero, beamCount); };
  Value ending = rowsAt(beams.sequences, c.reshape(head(parents), {-1}));
  keepEnded(beams, c.logicalAnd(head(isEnd), c("Not", {wasDone})), ending, head(best));
  updateDone(beams, best);

  Value order = c.sub(c.select(isEnd, c.sub(zero, candidateCount), zero), c.iota(candidateCount));
  Value kept = greatest(order, beamCount).second;
  auto keep = [&](Value x, Value whenDone) { return c.select(wasDone, whenDone, elements(x, kept)); };
  beams.sums = keep(best, node.scalar(0.0, f32));
  beams.tokens = c.reshape(keep(next, number(padding)), {-1, 1});
  Value from = c.reshape(keep(parents, zero), {-1});
  beams.sequences = c.concat({rowsAt(beams.sequences, from), beams.tokens}, 1);
  if (!encoder) {
    beams.positions = c.add(counts, c.cast(round, i32));
    beams.mask = c.concat({beams.mask, column(rows, number(1))}, 1);
  }
  beams.caches.clear();
  for (Value present : presents)
    beams.caches.push_back(rowsAt(present, from, encoder ? 0 : 1));
  return success(!c.failed);
}

/// Results: sequences [B, R, max_length], their scores [B, R], and the sums of all continuations [rounds, B, M, V],
/// zeros where no round was needed. `scores` [n, B * M, V] are those of the loop.
LogicalResult BeamSearch::finish(Beams beams, Value firstScores, Value scores) {
  // A batch that is not done takes its beams as they are.
  keepEnded(beams, filled(c("Not", {beams.isDone})), beams.sequences, beams.sums);
  Value zero = node.scalar(int64_t(0)), count = one(4, i64);
  Value best = c.slice(beams.endedScores, 1, zero, count);
  if (scores) {
    scores = firstScores ? c.concat({c.unsqueeze(firstScores, {0}), scores}, 0) : scores;
    Value all = c.sub(longest, encoder ? node.scalar(int64_t(1)) : c.extent(tokens, 1));
    SmallVector<Value> pads(6, zero);
    pads[3] = c.sub(all, c.extent(scores, 0));
    scores = c("Pad", {scores, c.join(pads)});
    scores = c.reshape(scores, c.join({all, batches, beamCount, c.extent(scores, 2)}));
  }
  // Scores have the type of the penalties.
  Value typed = node.operand(5) ? node.operand(5) : node.operand(6);
  Type element = typed ? Composer::elementOf(typed) : f32;
  best = c.cast(best, element);
  scores = scores ? c.cast(scores, element) : nullptr;
  if (failed(c.finish(c.slice(beams.ended, 1, zero, count))))
    return failure();
  node.setResult(1, best);
  if (scores)
    node.setResult(2, scores);
  return success();
}

LogicalResult BeamSearch::build() {
  if (failed(readParameters()))
    return failure();
  Beams beams;
  Value first = node.scalar(int64_t(0)), length, condition, scores;
  if (node.getInteger("model_type", 0)) {
    if (failed(startWithEncoder(beams, scores)))
      return failure();
    length = node.scalar(int64_t(1));
    first = node.scalar(int64_t(startsDecoder));
  } else {
    if (failed(startWithPrompt(beams)))
      return failure();
    length = c.extent(tokens, 1);
    if (firstDecoder) {
      if (failed(decode(*firstDecoder, first, beams, scores)))
        return failure();
      condition = c("Not", {all(beams.isDone)});
      first = node.scalar(int64_t(1));
    }
  }
  requireLess(length, longest);
  auto body = [&](Value round, ValueRange carried, SmallVectorImpl<Value> &yields) {
    Beams next = beams.with(carried);
    Value scores;
    if (failed(decode(*decoder, c.add(round, first), next, scores)))
      return failure();
    yields.push_back(c("Not", {all(next.isDone)}));
    llvm::append_range(yields, next.values());
    if (node.hasResult(2))
      yields.push_back(scores);
    return success();
  };
  SmallVector<Value> initial = beams.values();
  FailureOr<graph::LoopOp> rounds = loop(c.sub(c.sub(longest, length), first), condition, initial, body);
  if (failed(rounds))
    return failure();
  Value all = node.hasResult(2) ? rounds->getResults().back() : Value();
  return finish(beams.with(rounds->getResults().take_front(initial.size())), scores, all);
}

static LogicalResult buildBeamSearch(NodeContext &node) { return BeamSearch(node).build(); }

void tegula::addBeamSearchNodes(NodeTable &table) { table.add("com.microsoft", "BeamSearch", 1, buildBeamSearch); }
