// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What com.microsoft's generators of text share: a loop around the decoder that is their attribute, whose rounds run
// it on the tokens that are new (the prompt at first) and its caches. Internal to lib/Import.
#ifndef TEGULA_IMPORT_ONNX_TEXTGENERATION_H
#define TEGULA_IMPORT_ONNX_TEXTGENERATION_H

#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"

namespace tegula {

class TextGenerator {
protected:
  /// Operands that a generator may have; their indices differ. Null: absent.
  struct Operands {
    mlir::Value shortest, repetitionPenalty, words, firstWords, mask;
  };

  TextGenerator(NodeContext &node, const Operands &operands) : node(node), c(node), operands(operands) {}

  /// Decoders, tokens and what every generator demands of input_ids.
  mlir::LogicalResult readAttributes();
  /// The types of the caches [2, B, N, P, H] of a decoder of tokens, positions, a mask and caches, whose results are
  /// logits [B, S, V] and caches.
  mlir::LogicalResult readCaches(const onnx::GraphProto &graph);
  /// Tokens, positions, mask and counts of the prompt. Padding has position 0, and is masked where no mask is given.
  void readPrompt();
  /// Caches [.., rows, N, 0, H] that hold nothing.
  void appendEmptyCaches(mlir::Value rows, mlir::SmallVectorImpl<mlir::Value> &values);
  /// The outputs of `graph`, of which `inputs` are the first inputs.
  mlir::LogicalResult run(const onnx::GraphProto &graph, mlir::ValueRange inputs,
                          mlir::SmallVectorImpl<mlir::Value> &outputs);
  /// The last token's scores [rows, V] of `logits`; fails when their rank is unknown.
  mlir::FailureOr<mlir::Value> takeLast(mlir::Value logits);
  /// Scores [rows, V] of the token that continues each of `sequences` [rows, t], after penalties and masks.
  mlir::Value process(mlir::Value scores, mlir::Value sequences, mlir::Value round);
  /// A loop of up to `count` rounds while `condition` (null: true at first). `body` gives the next condition, the next
  /// carried values and scanned values; the last of `initial` are caches.
  mlir::FailureOr<graph::LoopOp>
  loop(mlir::Value count, mlir::Value condition, mlir::ArrayRef<mlir::Value> initial,
       llvm::function_ref<mlir::LogicalResult(mlir::Value round, mlir::ValueRange carried,
                                              mlir::SmallVectorImpl<mlir::Value> &yields)>
           body);

  /// An operand of one element, as a scalar.
  mlir::Value one(unsigned index, mlir::Type element) { return one(node.operand(index), element); }
  mlir::Value one(mlir::Value value, mlir::Type element) {
    return c.reshape(c.cast(value, element), mlir::ArrayRef<int64_t>{});
  }
  /// An i32 scalar.
  mlir::Value number(int64_t value) { return node.scalar(double(value), i32); }
  mlir::Value boolean(bool value) {
    return node.create<graph::ConstantOp>(mlir::DenseElementsAttr::get(mlir::RankedTensorType::get({}, i1), value));
  }
  /// Each of [rows, 1] filled with `value`.
  mlir::Value column(mlir::Value rows, mlir::Value value) {
    return c("Expand", {value, c.join({rows, node.scalar(int64_t(1))})});
  }
  /// A run fails unless the i64 scalars `x` and `y` have `x` < `y`.
  void requireLess(mlir::Value x, mlir::Value y);
  /// Whether all elements of a bool tensor are true.
  mlir::Value all(mlir::Value values);
  /// Sequences [rows, t] with padding up to `longest` tokens.
  mlir::Value padded(mlir::Value sequences);

  NodeContext &node;
  Composer c;
  Operands operands;
  mlir::Type i1 = node.builder.getI1Type(), i32 = node.builder.getI32Type(), i64 = node.builder.getI64Type();
  const onnx::GraphProto *decoder = nullptr, *firstDecoder = nullptr; ///< of all rounds; of the first one, or null
  int64_t end = 0, padding = 0;
  mlir::SmallVector<mlir::RankedTensorType> cacheTypes;
  mlir::Value tokens, positions, mask, batches; ///< [B, S] of the prompt; B
  mlir::Value counts;                           ///< [B, 1]: tokens of the prompt
  mlir::Value longest;                          ///< a scalar: how many tokens a sequence may have

private:
  mlir::Value punishRepetition(mlir::Value scores, mlir::Value sequences);
  mlir::Value forbidRepeatedGrams(mlir::Value scores, mlir::Value sequences);

  int64_t gram = 0; ///< no sequence contains the same tokens twice in a run of this length; 0: it may
};

} // namespace tegula

#endif
