// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the models of ai.onnx.ml share; internal to lib/Import.
#ifndef TEGULA_IMPORT_ONNX_CLASSIFIER_H
#define TEGULA_IMPORT_ONNX_CLASSIFIER_H

#include "tegula/Import/ONNX/Composer.h"

namespace tegula {

/// The rows of a model: operand 0 as [N, F] in `element`; one dimension is one row. Null when the rank is unknown.
mlir::Value readRows(Composer &c, mlir::Type element);

mlir::Value constantFloats(NodeContext &node, llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> shape);

/// A one-dimensional constant of the labels, which are strings or integers; null, with the reason or error given, when
/// there are none.
mlir::Value readLabels(NodeContext &node, llvm::StringRef integers, llvm::StringRef strings = "classlabels_strings");

/// `scores` [N, C] after attribute post_transform.
mlir::Value transformScores(Composer &c, mlir::Value scores);

/// Results of a classifier: the label of column `best` ([N] of i64), and the scores after post_transform.
mlir::LogicalResult finishClassifier(Composer &c, mlir::Value labels, mlir::Value best, mlir::Value scores);

/// How the score of the second of two classes becomes two: the first is 1 - score, or - score.
enum class Opposite { Complement, Negation };
/// [N, 1] scores of the second of two classes as both scores, after post_transform: LOGISTIC makes probabilities of
/// both; SOFTMAX and SOFTMAX_ZERO, which need more than one score, leave them.
mlir::Value transformBinary(Composer &c, mlir::Value scores, Opposite opposite);

} // namespace tegula

#endif
