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
  /// Elements [begin, end) of dimension `axis`; negative numbers count from the end. As values: one i64 each.
  mlir::Value slice(mlir::Value x, int64_t axis, int64_t begin, int64_t end) {
    return (*this)("Slice", {x, node.integers({begin}), node.integers({end}), node.integers({axis})});
  }
  mlir::Value slice(mlir::Value x, int64_t axis, mlir::Value begin, mlir::Value end) {
    return (*this)("Slice", {x, reshape(begin, {1}), reshape(end, {1}), node.integers({axis})});
  }
  mlir::Value transpose(mlir::Value x, std::vector<int64_t> permutation) {
    return (*this)("Transpose", {x}, {{"perm", std::move(permutation)}});
  }
  mlir::Value concat(llvm::ArrayRef<mlir::Value> parts, int64_t axis) {
    return (*this)("Concat", parts, {{"axis", axis}});
  }
  mlir::Value squeeze(mlir::Value x, llvm::ArrayRef<int64_t> axes) {
    return (*this)("Squeeze", {x, node.integers(axes)});
  }
  mlir::Value unsqueeze(mlir::Value x, llvm::ArrayRef<int64_t> axes) {
    return (*this)("Unsqueeze", {x, node.integers(axes)});
  }
  /// A constant of the element type of `like`, which must be one of real numbers.
  mlir::Value number(double value, mlir::Value like);
  /// The least finite number of the element type of `like`.
  mlir::Value lowest(mlir::Value like);
  /// All extents of `x`, [rank] of i64.
  mlir::Value shape(mlir::Value x) { return (*this)("Shape", {x}, {}, node.builder.getI64Type()); }
  /// Extent `dimension` of `x` as a scalar.
  mlir::Value extent(mlir::Value x, int64_t dimension);
  /// The same, where it is known.
  static std::optional<int64_t> knownExtent(mlir::Value x, int64_t dimension);
  /// Null when the rank is unknown or `value` is absent.
  static mlir::RankedTensorType rankedType(mlir::Value value) {
    return value ? llvm::dyn_cast<mlir::RankedTensorType>(value.getType()) : nullptr;
  }
  static mlir::Type elementOf(mlir::Value value) {
    return llvm::cast<mlir::TensorType>(value.getType()).getElementType();
  }
  /// Makes `value` the node's first result; fails when a step before was not supported.
  mlir::LogicalResult finish(mlir::Value value) {
    if (failed)
      return mlir::failure();
    node.setResult(0, value);
    return mlir::success();
  }

  NodeContext &node;
  bool failed = false;
};

} // namespace tegula

#endif
