// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arithmetic on values while importing: operators that are a formula of others. Internal to lib/Import.
#ifndef TEGULA_IMPORT_ONNX_COMPOSER_H
#define TEGULA_IMPORT_ONNX_COMPOSER_H

#include "tegula/Import/ONNX/NodeTable.h"

namespace tegula {

/// NodeContext::compose that remembers a failure: from then on every result is null, and the row returns failure().
class Composer {
public:
  explicit Composer(NodeContext &node) : node(node) {}

  /// The result of a node of ai.onnx; see NodeContext::compose. Absent operands are null.
  mlir::Value operator()(llvm::StringRef opType, llvm::ArrayRef<mlir::Value> operands,
                         llvm::ArrayRef<NodeAttribute> attributes = {}, mlir::Type element = nullptr) {
    mlir::Value value = failed ? nullptr : node.compose(opType, operands, attributes, element);
    failed |= !value;
    return value;
  }
  mlir::Value add(mlir::Value x, mlir::Value y) { return (*this)("Add", {x, y}); }
  mlir::Value sub(mlir::Value x, mlir::Value y) { return (*this)("Sub", {x, y}); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return (*this)("Mul", {x, y}); }
  mlir::Value div(mlir::Value x, mlir::Value y) { return (*this)("Div", {x, y}); }
  /// Equal, Less, Greater, LessOrEqual or GreaterOrEqual.
  mlir::Value compare(llvm::StringRef opType, mlir::Value x, mlir::Value y) {
    return (*this)(opType, {x, y}, {}, node.builder.getI1Type());
  }
  mlir::Value logicalAnd(mlir::Value x, mlir::Value y) { return (*this)("And", {x, y}); }
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return failed ? nullptr : (*this)("Where", {condition, x, y}, {}, elementOf(x));
  }
  mlir::Value cast(mlir::Value x, mlir::Type element);
  mlir::Value reshape(mlir::Value x, mlir::Value shape) { return (*this)("Reshape", {x, shape}); }
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<int64_t> shape) { return reshape(x, node.integers(shape)); }
  /// One-dimensional integers behind each other; scalars count as one.
  mlir::Value join(llvm::ArrayRef<mlir::Value> integers);
  /// 0, 1, ... `count` - 1.
  mlir::Value iota(mlir::Value count);
  static mlir::Type elementOf(mlir::Value value) {
    return llvm::cast<mlir::TensorType>(value.getType()).getElementType();
  }

  NodeContext &node;
  bool failed = false;
};

} // namespace tegula

#endif
