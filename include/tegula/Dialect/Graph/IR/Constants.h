// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading and folding of small constants in the graph dialect.
#ifndef TEGULA_DIALECT_GRAPH_IR_CONSTANTS_H
#define TEGULA_DIALECT_GRAPH_IR_CONSTANTS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/STLFunctionalExtras.h"

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

/// Appends the result type of broadcasting `operands` with element type `element`; unranked when an operand is. Emits
/// an error on `op` when the shapes do not broadcast together.
llvm::LogicalResult inferBroadcast(mlir::Operation *op, mlir::ValueRange operands, mlir::Type element,
                                   llvm::SmallVectorImpl<mlir::Type> &types);

/// Folds an elementwise op on small constants with broadcasting. `result` must be static. Exactly one of the callbacks
/// is used, by the operands' element type; a callback that gives nothing stops the fold (division by zero).
using FoldIntegers = std::function<std::optional<int64_t>(llvm::ArrayRef<int64_t>)>;
using FoldFloats = std::function<std::optional<double>(llvm::ArrayRef<double>)>;
mlir::OpFoldResult foldElementwise(llvm::ArrayRef<mlir::Attribute> operands, mlir::Type result, FoldIntegers integers,
                                   FoldFloats floats);

/// What is known of one element of an integer tensor: its value, or that it is an extent of a tensor (0 or more).
struct PartialInteger {
  std::optional<int64_t> value;
  mlir::Value tensor; ///< null when the element is not known to be an extent
  int64_t dimension = 0;
};
/// The elements of an integer tensor in row-major order as far as the ops that made it tell: through Shape, Gather,
/// Slice, Concat, Cast, reshapes and elementwise arithmetic. Nothing when the number of elements is unknown or
/// above 64.
std::optional<llvm::SmallVector<PartialInteger>> getPartialIntegers(mlir::Value value);
/// The same as values only.
std::optional<llvm::SmallVector<std::optional<int64_t>>> getPartialShape(mlir::Value value);
/// getPartialShape as the extents of a type: what is unknown or negative is dynamic.
std::optional<llvm::SmallVector<int64_t>> getPartialExtents(mlir::Value value);

/// Extent `dimension` of a ranked tensor: its value, or the tensor and dimension that it is taken over from unchanged,
/// as far back as the ops in between tell. Equal answers mean equal extents.
PartialInteger getExtentOrigin(mlir::Value tensor, int64_t dimension);

/// `axis` counted from 0; nothing when it is outside -rank..rank-1.
std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank);
/// Constant `axes`, normalized; nothing when not constant, out of range or named twice.
std::optional<llvm::SmallVector<int64_t>> getConstantAxes(mlir::Value axes, int64_t rank);

/// One axis of a slice of constants, after ONNX's clamping: elements start, start + step, ... `count` of them.
struct SliceRange {
  int64_t start, step, count;
};
SliceRange clampSlice(int64_t start, int64_t end, int64_t step, int64_t extent);

/// A dense attribute of `type` whose element k is element `pick(coordinates of k)` (row-major) of `source`; null above
/// maxFoldedElements (splats have no limit). For integer and float elements.
mlir::DenseElementsAttr pickElements(mlir::Attribute source, mlir::Type type,
                                     llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)> pick);

} // namespace tegula::graph

#endif
