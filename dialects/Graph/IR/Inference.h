// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Small helpers of shape inference; internal to dialects/Graph/IR.
#ifndef TEGULA_DIALECTS_GRAPH_IR_INFERENCE_H
#define TEGULA_DIALECTS_GRAPH_IR_INFERENCE_H

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

#include "mlir/IR/DialectResourceBlobManager.h"

#include <array>

namespace tegula::graph {

inline mlir::Type elementOf(mlir::Value value) {
  return mlir::cast<mlir::TensorType>(value.getType()).getElementType();
}
inline mlir::RankedTensorType rankedOf(mlir::Value value) {
  return value ? mlir::dyn_cast<mlir::RankedTensorType>(value.getType()) : nullptr;
}
inline bool isDynamic(int64_t extent) { return mlir::ShapedType::isDynamic(extent); }

/// Answers of inferTypes.
inline llvm::LogicalResult answer(llvm::SmallVectorImpl<mlir::Type> &types, llvm::ArrayRef<int64_t> shape,
                                  mlir::Type element) {
  types.push_back(mlir::RankedTensorType::get(shape, element));
  return mlir::success();
}
inline llvm::LogicalResult answerUnknown(llvm::SmallVectorImpl<mlir::Type> &types, mlir::Type element) {
  types.push_back(mlir::UnrankedTensorType::get(element));
  return mlir::success();
}
inline llvm::LogicalResult answerDynamic(llvm::SmallVectorImpl<mlir::Type> &types, int64_t rank, mlir::Type element) {
  return answer(types, llvm::SmallVector<int64_t>(rank, mlir::ShapedType::kDynamic), element);
}

/// getPartialIntegers and getExtentOrigin ask each other (a shape is of a reshape's result, whose extents are of a
/// shape). `depth` counts how often, and beyond maxOriginDepth an extent is its own origin. What a question has found
/// out is kept for the rest of it: the layers of a transformer ask for the same few extents again and again.
constexpr int maxOriginDepth = 2;
struct OriginQuery {
  std::array<llvm::SmallDenseMap<std::pair<mlir::Value, int64_t>, PartialInteger>, maxOriginDepth + 1> origins;
  std::array<llvm::SmallDenseMap<mlir::Value, std::optional<llvm::SmallVector<PartialInteger>>>, maxOriginDepth + 1>
      integers;
};
std::optional<llvm::SmallVector<PartialInteger>> getPartialIntegers(mlir::Value value, OriginQuery &query, int depth);
PartialInteger getExtentOrigin(mlir::Value tensor, int64_t dimension, OriginQuery &query, int depth);

/// The number of elements of a one-dimensional tensor (1 for a scalar); nothing when unknown.
inline std::optional<int64_t> lengthOf(mlir::Value value) {
  mlir::RankedTensorType type = rankedOf(value);
  if (!type || type.getRank() > 1 || !type.hasStaticShape())
    return std::nullopt;
  return type.getNumElements();
}

/// Row-major linear index.
inline int64_t linearize(llvm::ArrayRef<int64_t> index, llvm::ArrayRef<int64_t> shape) {
  int64_t linear = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    linear = linear * shape[i] + index[i];
  return linear;
}

inline llvm::LogicalResult badAxis(mlir::Operation *op, int64_t axis, int64_t rank) {
  return op->emitOpError("expected an axis in ") << -rank << ".." << rank - 1 << ", but got " << axis;
}

/// Folds an op that shows the operand's elements in the same order under the result's static type.
inline mlir::OpFoldResult foldView(mlir::Value x, mlir::Attribute constant, mlir::Type result) {
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(result);
  if (!type || !type.hasStaticShape())
    return {};
  if (x.getType() == type)
    return x;
  if (auto dense = mlir::dyn_cast_or_null<mlir::DenseElementsAttr>(constant))
    if (dense.getNumElements() == type.getNumElements() && dense.getElementType() == type.getElementType())
      return dense.reshape(type);
  // A resource keeps its bytes, whatever its shape.
  if (auto resource = mlir::dyn_cast_or_null<mlir::DenseResourceElementsAttr>(constant))
    if (resource.getNumElements() == type.getNumElements() && resource.getElementType() == type.getElementType())
      return mlir::DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return {};
}

/// Folds a small integer tensor all of whose elements follow from the structure of what made it.
inline mlir::OpFoldResult foldPartial(mlir::Value result) {
  mlir::RankedTensorType type = rankedOf(result);
  if (!type || !type.hasStaticShape() || type.getNumElements() > 64 ||
      !mlir::isa<mlir::IntegerType>(type.getElementType()))
    return {};
  auto elements = getPartialShape(result);
  if (!elements || int64_t(elements->size()) != type.getNumElements())
    return {};
  llvm::SmallVector<int64_t> values;
  for (std::optional<int64_t> element : *elements) {
    if (!element)
      return {};
    values.push_back(*element);
  }
  return makeIntegers(type, values);
}

} // namespace tegula::graph

#endif
