// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Walks an ONNX graph and builds graph ops through the node table; internal to lib/Import.
#ifndef TEGULA_IMPORT_ONNX_GRAPHBUILDER_H
#define TEGULA_IMPORT_ONNX_GRAPHBUILDER_H

#include "tegula/Import/ONNX/Importer.h"
#include "tegula/Import/ONNX/Model.h"
#include "tegula/Import/ONNX/NodeTable.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace onnx {
class TensorProto;
class TypeProto;
} // namespace onnx

namespace tegula {

class GraphBuilder {
public:
  GraphBuilder(mlir::MLIRContext &context, std::shared_ptr<OnnxModel> model, const ImportOptions &options);

  /// The whole model: module with @main.
  mlir::OwningOpRef<mlir::ModuleOp> build();
  /// Nodes and initializers of `graph` into the current insertion point; names resolve to outer scopes too. Appends the
  /// values of the graph's outputs.
  mlir::LogicalResult buildBody(const onnx::GraphProto &graph, mlir::OpBuilder &builder,
                                llvm::SmallVectorImpl<mlir::Value> &outputs);
  /// A nested scope for a subgraph: values bound inside are forgotten at its end.
  struct Scope {
    explicit Scope(GraphBuilder &builder) : builder(builder) { builder.scopes.emplace_back(); }
    ~Scope() { builder.scopes.pop_back(); }
    GraphBuilder &builder;
  };

  /// Builds a node of ai.onnx at opset `composeVersion` through the node table, as part of `outer`. The result's
  /// element type is `element`, or operand 0's. Null, with the reason in `outer`, when that node is not supported.
  mlir::Value compose(NodeContext &outer, llvm::StringRef opType, llvm::ArrayRef<mlir::Value> operands,
                      llvm::ArrayRef<NodeAttribute> attributes, mlir::Type element);
  /// The opset whose meaning composed nodes have.
  static constexpr int64_t composeVersion = 24;

  /// Joins the result types of an op with what it infers, so that rows see ranks that ONNX's inference does not know.
  mlir::LogicalResult refineTypes(mlir::Operation *op);

  mlir::Value lookup(llvm::StringRef name) const;
  void bind(llvm::StringRef name, mlir::Value value) { scopes.back()[name] = value; }
  /// The declared or inferred type of a value; null when unknown.
  mlir::Type lookupType(llvm::StringRef name) const;
  /// Tensor types only; null for others.
  mlir::Type convertType(const onnx::TypeProto &type) const;
  /// Null for undefined and string types.
  mlir::Type convertElementType(int32_t onnxType) const;
  /// Emits an error at `location` and returns null when the tensor is malformed.
  mlir::ElementsAttr convertTensor(const onnx::TensorProto &tensor, mlir::Location location) const;

  mlir::MLIRContext &context;
  std::shared_ptr<OnnxModel> model;
  const ImportOptions &options;

private:
  mlir::LogicalResult buildNode(const onnx::NodeProto &node, mlir::OpBuilder &builder);
  mlir::LogicalResult buildInitializers(const onnx::GraphProto &graph, mlir::OpBuilder &builder);
  void declareTypes(const onnx::GraphProto &graph);
  int64_t getOpset(const std::string &domain) const;

  llvm::SmallVector<llvm::StringMap<mlir::Value>> scopes;
  llvm::StringMap<mlir::Type> types;
};

} // namespace tegula

#endif
