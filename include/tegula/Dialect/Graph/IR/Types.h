// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is known of a value's type: a lattice from "nothing" (unranked) to a static shape.
#ifndef TEGULA_DIALECT_GRAPH_IR_TYPES_H
#define TEGULA_DIALECT_GRAPH_IR_TYPES_H

#include "mlir/IR/BuiltinTypes.h"

namespace tegula::graph {

/// Both pieces of knowledge about one value; null when they contradict each other. Sequences and optionals: of what
/// they hold. Other types: `known`.
mlir::Type joinTypes(mlir::Type known, mlir::Type inferred);

/// What holds for either of two values (the branches of a graph.if, the rounds of a graph.loop); null when the element
/// types differ.
mlir::Type meetTypes(mlir::Type first, mlir::Type second);

/// Whether `type` is a sequence, an optional or a map.
bool isValueType(mlir::Type type);

/// The type with every extent dynamic: what a value that may grow and shrink keeps.
mlir::Type forgetExtents(mlir::Type type);

/// TensorProto.DataType of an element type; 0 for one that ONNX does not have.
int32_t getOnnxElementType(mlir::Type element);

} // namespace tegula::graph

#endif
