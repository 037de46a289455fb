// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One row per ONNX operator and opset range: how a node becomes graph ops.
#ifndef TEGULA_IMPORT_ONNX_NODETABLE_H
#define TEGULA_IMPORT_ONNX_NODETABLE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace onnx {
class NodeProto;
class GraphProto;
} // namespace onnx

namespace tegula {

class GraphBuilder;

/// An attribute of a composed node.
struct NodeAttribute {
  llvm::StringRef name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>> value;
};

/// What a row's builder sees of the node and may do.
class NodeContext {
public:
  NodeContext(GraphBuilder &graph, mlir::OpBuilder &builder, mlir::Location location, const onnx::NodeProto &node,
              int64_t version)
      : graph(graph), builder(builder), location(location), node(node), version(version) {}

  GraphBuilder &graph;
  mlir::OpBuilder &builder;
  mlir::Location location;
  const onnx::NodeProto &node;
  const int64_t version; ///< opset version that the model imports for the node's domain

  unsigned operandCount() const;
  unsigned resultCount() const;
  /// Operand `index`; null when it is absent or empty.
  mlir::Value operand(unsigned index) const;
  /// Whether result `index` is asked for.
  bool hasResult(unsigned index) const;
  /// What ONNX's inference knows of result `index`; an unranked tensor of `element` (default: operand 0's element type)
  /// when it knows nothing.
  mlir::Type resultType(unsigned index = 0, mlir::Type element = nullptr) const;
  mlir::Type elementType(unsigned operandIndex) const;
  /// Makes `value` the node's result `index`.
  void setResult(unsigned index, mlir::Value value);

  bool hasAttribute(llvm::StringRef name) const;
  int64_t getInteger(llvm::StringRef name, int64_t fallback) const;
  float getFloat(llvm::StringRef name, float fallback) const;
  std::string getString(llvm::StringRef name, llvm::StringRef fallback) const;
  std::optional<llvm::SmallVector<int64_t>> getIntegers(llvm::StringRef name) const;
  std::optional<llvm::SmallVector<float>> getFloats(llvm::StringRef name) const;
  std::optional<std::vector<std::string>> getStrings(llvm::StringRef name) const;
  /// The tensor attribute; null when absent or malformed (then an error was emitted).
  mlir::ElementsAttr getTensor(llvm::StringRef name) const;
  /// The tensor attribute, of numbers or strings, as a constant; null as above.
  mlir::Value makeConstant(llvm::StringRef name);
  /// A constant tensor of strings; null when one is not UTF-8 (then the node has failed).
  mlir::Value strings(llvm::ArrayRef<std::string> values, llvm::ArrayRef<int64_t> shape);
  /// The type in a type attribute; null when absent or of a kind that is not supported.
  mlir::Type getType(llvm::StringRef name) const;
  const onnx::GraphProto *getGraph(llvm::StringRef name) const;

  /// Joins the result types of a new op with what it infers; the node has failed when they contradict each other.
  void refine(mlir::Operation *op);
  /// Creates an op at the node's location, with refined types.
  template <typename OpTy, typename... Args> OpTy create(Args &&...args) {
    OpTy op = OpTy::create(builder, location, std::forward<Args>(args)...);
    refine(op);
    return op;
  }
  /// Creates an op with one result of type resultType(0) and makes it the node's first result.
  template <typename OpTy, typename... Args> mlir::LogicalResult emit(Args &&...args) {
    setResult(0, create<OpTy>(resultType(), std::forward<Args>(args)...)->getResult(0));
    return mlir::success();
  }
  /// The result of a node of ai.onnx on values, as opset GraphBuilder::composeVersion means it; how an operator that is
  /// a composition of others is expanded. Null when that node is not supported: the builder then returns failure().
  mlir::Value compose(llvm::StringRef opType, llvm::ArrayRef<mlir::Value> operands,
                      llvm::ArrayRef<NodeAttribute> attributes = {}, mlir::Type element = nullptr);
  /// `value` under a shape that is known here, with at most one -1.
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  /// A constant one-dimensional i64 tensor.
  mlir::Value integers(llvm::ArrayRef<int64_t> values);
  /// A rank-0 constant: i64, or of float or integer type `element`.
  mlir::Value scalar(int64_t value);
  mlir::Value scalar(double value, mlir::Type element);

  /// This form is not supported: the node becomes a `graph.onnx` carrier with this reason.
  mlir::LogicalResult unsupported(const llvm::Twine &reason);
  /// The model is wrong: emits an error at the node.
  mlir::LogicalResult error(const llvm::Twine &message);
  std::string reason;
  bool failedForGood = false;
};

using NodeBuilder = mlir::LogicalResult (*)(NodeContext &);

/// Rows by domain and operator; each operator has builders ordered by the first opset version they serve.
class NodeTable {
public:
  /// Adds a row for `opType` of `domain` ("" is ai.onnx) from opset version `since` on.
  void add(llvm::StringRef domain, llvm::StringRef opType, int64_t since, NodeBuilder builder) {
    rows[{domain.str(), opType.str()}][since] = builder;
  }
  void add(llvm::StringRef opType, int64_t since, NodeBuilder builder) { add("", opType, since, builder); }
  /// What the values of a node may be. A row that says nothing serves numbers and bools alone.
  enum class Serves { Numbers, Strings, Values };
  void serve(Serves what, llvm::ArrayRef<llvm::StringRef> opTypes, llvm::StringRef domain = "") {
    for (llvm::StringRef opType : opTypes)
      served[{domain.str(), opType.str()}] = what;
  }
  Serves whatIsServed(llvm::StringRef domain, llvm::StringRef opType) const {
    auto found = served.find({domain.str(), opType.str()});
    return found == served.end() ? Serves::Numbers : found->second;
  }
  /// The row with the greatest `since` up to `version`; null when there is none.
  NodeBuilder lookup(llvm::StringRef domain, llvm::StringRef opType, int64_t version) const;
  bool contains(llvm::StringRef domain, llvm::StringRef opType) const {
    return rows.count({domain.str(), opType.str()});
  }
  /// Operators that run as host operations of the runtime.
  void runOnHost(llvm::ArrayRef<llvm::StringRef> opTypes, llvm::StringRef domain = "") {
    for (llvm::StringRef opType : opTypes)
      host.insert({domain.str(), opType.str()});
  }
  bool runsOnHost(llvm::StringRef domain, llvm::StringRef opType) const {
    return host.count({domain.str(), opType.str()});
  }
  /// The table of all op groups.
  static const NodeTable &get();

private:
  std::map<std::pair<std::string, std::string>, std::map<int64_t, NodeBuilder>> rows;
  std::map<std::pair<std::string, std::string>, Serves> served;
  std::set<std::pair<std::string, std::string>> host;
};

// One function per op group, in the file of that name.
void addStructureNodes(NodeTable &table);
void addElementwiseNodes(NodeTable &table);
void addActivationNodes(NodeTable &table);
void addReductionNodes(NodeTable &table);
void addQuantizationNodes(NodeTable &table);
void addContractionNodes(NodeTable &table);
void addLinearAlgebraNodes(NodeTable &table);
void addMovementNodes(NodeTable &table);
void addConvolutionNodes(NodeTable &table);
void addPoolingNodes(NodeTable &table);
void addClassicalNodes(NodeTable &table);
void addControlFlowNodes(NodeTable &table);
void addContribNodes(NodeTable &table);
void addContribAttentionNodes(NodeTable &table);
void addContribQuantizationNodes(NodeTable &table);
void addGroupQueryAttentionNodes(NodeTable &table);
void addRecurrentNodes(NodeTable &table);
void addNormalizationNodes(NodeTable &table);
void addIndexingNodes(NodeTable &table);
void addGenerationNodes(NodeTable &table);
void addResamplingNodes(NodeTable &table);
void addSignalNodes(NodeTable &table);
void addTrainingNodes(NodeTable &table);
void addGradientNodes(NodeTable &table);
void addRandomNodes(NodeTable &table);
void addTreeEnsembleNodes(NodeTable &table);
void addTreeNodes(NodeTable &table);
void addSupportVectorNodes(NodeTable &table);
void addSequenceNodes(NodeTable &table);
void addTextNodes(NodeTable &table);
void addTextGenerationNodes(NodeTable &table);
void addBeamSearchNodes(NodeTable &table);
void addMapNodes(NodeTable &table);
void addVisionNodes(NodeTable &table);
void addEncodingNodes(NodeTable &table);

} // namespace tegula

#endif
