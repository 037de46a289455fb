// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the attention operators of com.microsoft share; internal to lib/Import.
//
// Letters: B batch, S queries, T keys, N heads of the queries, K heads of keys and values, H elements per head, V those
// of a value.
#ifndef TEGULA_IMPORT_ONNX_ATTENTION_H
#define TEGULA_IMPORT_ONNX_ATTENTION_H

#include "tegula/Import/ONNX/Composer.h"

namespace tegula {

/// What attention is computed of. Values that may be absent are null.
struct AttentionOperands {
  mlir::Value query;   ///< [B, N, S, H] with N and H known
  mlir::Value key;     ///< [B, K, T, H] with K known; N is a multiple of K
  mlir::Value value;   ///< [B, K, T, V]
  mlir::Value bias;    ///< added to the scores; broadcasts to [B, N, S, T]
  mlir::Value allowed; ///< bool, broadcasts to [B, N, S, T]; a score that is not allowed has no weight
  mlir::Value sink;    ///< [N]: one more score per head, which takes its weight and gives nothing
  float scale = 0;     ///< of the products; 0: 1 / sqrt(H)
  float softcap = 0;   ///< bounds the scores by softcap * tanh(score / softcap), before the bias; 0: no bound
  bool wantsScores = false;
};

struct AttentionResults {
  mlir::Value y;       ///< [B, S, N * V]
  mlir::Value scores;  ///< [B, N, S, T] with bias, 0 where not allowed; only when asked for
  mlir::Value weights; ///< [B, N, S, T]
};

/// softmax(scale * query key' + bias) value. The operands' ranks and known extents must be as said above.
AttentionResults attend(Composer &c, const AttentionOperands &operands);

/// [B, S, N * H], or [B, S, N, H] already, as [B, S, N, H].
mlir::Value splitHeads(Composer &c, mlir::Value x, int64_t heads);

/// [B, 1, S, T]: key t is not behind query s, whose position is `past` ([B] or one) + s.
mlir::Value causalMask(Composer &c, mlir::Value past, mlir::Value queries, mlir::Value keys);

/// Turns pairs of the first `rotated` elements of the last dimension of `x`, [B, S, N, H] or with heads first
/// [B, N, S, H], by the angles in rows `positions` ([B or 1, S]) of `cosines` and `sines` ([M, rotated / 2]). Pairs are
/// neighbours when interleaved, else elements of the first and second half.
mlir::Value rotatePairs(Composer &c, mlir::Value x, mlir::Value positions, mlir::Value cosines, mlir::Value sines,
                        int64_t rotated, bool isInterleaved, bool areHeadsFirst);

} // namespace tegula

#endif
