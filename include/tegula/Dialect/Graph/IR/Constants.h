// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading and folding of small constants in the graph dialect.
#ifndef TEGULA_DIALECT_GRAPH_IR_CONSTANTS_H
#define TEGULA_DIALECT_GRAPH_IR_CONSTANTS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"

#include <functional>
#include <optional>

namespace tegula::graph {

/// Folders look only at tensors of at most this many elements: shape arithmetic, not weights. What is bigger folds in
/// the constant evaluator.
constexpr int64_t maxFoldedElements = 1024;

/// The elements of a constant integer (or bool) tensor in row-major order, sign- or zero-extended by its type; nothing
/// when `value` is not such a constant or has more than maxFoldedElements.
std::optional<llvm::SmallVector<int64_t>> getConstantIntegers(mlir::Value value);
std::optional<llvm::SmallVector<int64_t>> getConstantIntegers(mlir::Attribute attribute);

/// The elements of a constant float tensor widened to double, under the same limit.
std::optional<llvm::SmallVector<double>> getConstantFloats(mlir::Value value);
std::optional<llvm::SmallVector<double>> getConstantFloats(mlir::Attribute attribute);

/// A dense attribute of `type` (integer or bool elements) from 64-bit values, truncated to the element width.
mlir::DenseElementsAttr makeIntegers(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> values);
/// A dense attribute of `type` (float elements), rounded to nearest even.
mlir::DenseElementsAttr makeFloats(mlir::RankedTensorType type, llvm::ArrayRef<double> values);

/// The shape that numpy's broadcasting gives; kDynamic where unknown; nothing when extents contradict each other.
std::optional<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes);

/// Folds an elementwise op on small constants with broadcasting. `result` must be static. Exactly one of the callbacks
/// is used, by the operands' element type; a callback that gives nothing stops the fold (division by zero).
using FoldIntegers = std::function<std::optional<int64_t>(llvm::ArrayRef<int64_t>)>;
using FoldFloats = std::function<std::optional<double>(llvm::ArrayRef<double>)>;
mlir::OpFoldResult foldElementwise(llvm::ArrayRef<mlir::Attribute> operands, mlir::Type result, FoldIntegers integers,
                                   FoldFloats floats);

} // namespace tegula::graph

#endif
