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
  /// values of the graph's outputs. With `inlined`, the graph is the chosen branch of that node in the region of the
  /// node itself; then a rank switch in it may finish that region (see isFinished).
  mlir::LogicalResult buildBody(const onnx::GraphProto &graph, mlir::OpBuilder &builder,
                                llvm::SmallVectorImpl<mlir::Value> &outputs, const onnx::NodeProto *inlined = nullptr);
  /// A rank switch: an If whose branches give results of different ranks decides which types everything behind it has,
  /// so each branch goes on with all that is left of the region, and the If's results are the region's. A branch that
  /// cannot be built, because the rest of the model does not fit its ranks, becomes an exec.check that never
  /// holds.
  mlir::LogicalResult switchRanks(NodeContext &node, const onnx::GraphProto &thenBranch,
                                  const onnx::GraphProto &elseBranch);
  /// Whether a rank switch has built all that is left of the current region.
  bool isFinished() const { return finished.has_value(); }
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
  /// In a rank switch what the model declares may hold in the other branch alone: inference is right.
  mlir::LogicalResult refineTypes(mlir::Operation *op);

  mlir::Value lookup(llvm::StringRef name) const;
  void bind(llvm::StringRef name, mlir::Value value) { scopes.back()[name] = value; }
  /// The declared or inferred type of a value; null when unknown.
  mlir::Type lookupType(llvm::StringRef name) const;
  /// Tensors, sequences, optionals, and maps of numbers or strings; null for others.
  mlir::Type convertType(const onnx::TypeProto &type) const;
  /// Null for undefined and string types.
  mlir::Type convertElementType(int32_t onnxType) const;
  /// The same with strings.
  mlir::Type convertAnyElementType(int32_t onnxType) const;
  /// Emits an error at `location` and returns null when the tensor is malformed.
  mlir::ElementsAttr convertTensor(const onnx::TensorProto &tensor, mlir::Location location) const;
  /// The tensor, of numbers or strings, as a constant; null after an error at `location`.
  mlir::Value buildConstant(const onnx::TensorProto &tensor, mlir::OpBuilder &builder, mlir::Location location) const;

  mlir::MLIRContext &context;
  std::shared_ptr<OnnxModel> model;
  const ImportOptions &options;

private:
  mlir::LogicalResult buildNode(const onnx::NodeProto &node, mlir::OpBuilder &builder);
  mlir::LogicalResult buildInitializers(const onnx::GraphProto &graph, mlir::OpBuilder &builder);
  /// "model.onnx: initializer 'w'"
  mlir::Location initializerLocation(const onnx::TensorProto &tensor) const;
  /// The tensor, of numbers or strings, as the elements of an input of type `declared` that a run may leave out; null
  /// after an error, also when it does not fit that type.
  mlir::ElementsAttr convertDefault(const onnx::TensorProto &tensor, mlir::Type declared) const;
  mlir::FailureOr<llvm::SmallVector<llvm::StringRef>> getStrings(const onnx::TensorProto &tensor,
                                                                 mlir::Location location) const;
  void declareTypes(const onnx::GraphProto &graph);
  int64_t getOpset(const std::string &domain) const;

  /// A graph being built: its next node, and the If node whose branch it is when it is part of the outer graph's
  /// region.
  struct Frame {
    const onnx::GraphProto *graph;
    int next;
    const onnx::NodeProto *inlined;
  };
  mlir::LogicalResult buildFrames(llvm::ArrayRef<Frame> rest, mlir::OpBuilder &builder,
                                  llvm::SmallVectorImpl<mlir::Value> &outputs);
  /// One branch of a rank switch at `ifNode`: its values and what is left of the region, `rest`, into the builder's
  /// block. Fails with the error that building it met, which is not emitted.
  mlir::LogicalResult buildSwitchBranch(NodeContext &ifNode, const onnx::GraphProto &branch, llvm::ArrayRef<Frame> rest,
                                        llvm::SmallVectorImpl<mlir::Value> &outputs,
                                        std::optional<mlir::Diagnostic> &error);
  mlir::LogicalResult collectOutputs(const onnx::GraphProto &graph, llvm::SmallVectorImpl<mlir::Value> &outputs);

  llvm::SmallVector<Frame> frames;                        ///< from the outermost graph to the one being built
  std::optional<llvm::SmallVector<mlir::Value>> finished; ///< the outputs of the region that a rank switch finished
  unsigned rankSwitches = 0, switchDepth = 0;
  llvm::SmallVector<llvm::StringMap<mlir::Value>> scopes;
  llvm::StringMap<mlir::Type> types;
};

} // namespace tegula

#endif
