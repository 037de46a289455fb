// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

GraphBuilder::GraphBuilder(MLIRContext &context, std::shared_ptr<OnnxModel> model, const ImportOptions &options)
    : context(context), model(std::move(model)), options(options) {
  context.loadDialect<graph::GraphDialect, exec::ExecDialect, func::FuncDialect, arith::ArithDialect,
                      tensor::TensorDialect>();
}

Value GraphBuilder::lookup(StringRef name) const {
  for (const auto &scope : llvm::reverse(scopes))
    if (auto found = scope.find(name); found != scope.end())
      return found->second;
  return nullptr;
}

Type GraphBuilder::lookupType(StringRef name) const { return types.lookup(name); }

Value GraphBuilder::compose(NodeContext &outer, StringRef opType, ArrayRef<Value> operands,
                            ArrayRef<NodeAttribute> attributes, Type element) {
  NodeBuilder build = NodeTable::get().lookup("", opType, composeVersion);
  if (!build || !llvm::all_of(operands, [](Value operand) { return !operand || isa<TensorType>(operand.getType()); })) {
    (void)outer.unsupported("needs " + opType + ", which is not supported");
    return nullptr;
  }
  Scope scope(*this);
  onnx::NodeProto node;
  node.set_op_type(opType.str());
  for (auto [i, operand] : llvm::enumerate(operands)) {
    // Shadows names of outer scopes only while this one node is built.
    std::string name = operand ? "operand " + std::to_string(i) : "";
    node.add_input(name);
    if (operand)
      bind(name, operand);
  }
  const char *result = "result 0";
  node.add_output(result);
  if (element)
    types[result] = UnrankedTensorType::get(element);
  else
    types.erase(result);
  for (const NodeAttribute &attribute : attributes) {
    onnx::AttributeProto &proto = *node.add_attribute();
    proto.set_name(attribute.name.str());
    if (auto *integer = std::get_if<int64_t>(&attribute.value)) {
      proto.set_type(onnx::AttributeProto::INT);
      proto.set_i(*integer);
    } else if (auto *number = std::get_if<float>(&attribute.value)) {
      proto.set_type(onnx::AttributeProto::FLOAT);
      proto.set_f(*number);
    } else if (auto *text = std::get_if<std::string>(&attribute.value)) {
      proto.set_type(onnx::AttributeProto::STRING);
      proto.set_s(*text);
    } else {
      proto.set_type(onnx::AttributeProto::INTS);
      for (int64_t value : std::get<std::vector<int64_t>>(attribute.value))
        proto.add_ints(value);
    }
  }
  OpBuilder &builder = outer.builder;
  NodeContext inner(*this, builder, outer.location, node, composeVersion);
  if (failed(build(inner)) || inner.failedForGood) {
    outer.reason = inner.reason;
    outer.failedForGood |= inner.failedForGood || inner.reason.empty();
    return nullptr;
  }
  return lookup(result);
}

int64_t GraphBuilder::getOpset(const std::string &domain) const {
  for (const auto &import : model->proto->opset_import())
    if (import.domain() == domain || (domain.empty() && import.domain() == "ai.onnx") ||
        (domain == "ai.onnx" && import.domain().empty()))
      return import.version();
  return 1;
}

void GraphBuilder::declareTypes(const onnx::GraphProto &graph) {
  auto declare = [&](const onnx::ValueInfoProto &value) {
    if (Type type = convertType(value.type()))
      types[value.name()] = type;
  };
  llvm::for_each(graph.input(), declare);
  llvm::for_each(graph.value_info(), declare);
  llvm::for_each(graph.output(), declare);
}

Location GraphBuilder::initializerLocation(const onnx::TensorProto &tensor) const {
  return NameLoc::get(
      StringAttr::get(&context, llvm::sys::path::filename(model->path) + ": initializer '" + tensor.name() + "'"));
}

LogicalResult GraphBuilder::buildInitializers(const onnx::GraphProto &graph, OpBuilder &builder) {
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    Value value = buildConstant(tensor, builder, initializerLocation(tensor));
    if (!value)
      return failure();
    bind(tensor.name(), value);
  }
  if (graph.sparse_initializer_size())
    return emitError(UnknownLoc::get(&context)) << "sparse initializers are not supported";
  return success();
}

/// Ranks of operands that the standard wants (vectors, scalars, the input's for a weight), which ONNX's inference
/// checks only where it knows them.
static LogicalResult checkOperandRanks(NodeContext &node, StringRef opType) {
  static const llvm::StringMap<SmallVector<unsigned, 4>> vectors{
      {"ConstantOfShape", {0}}, {"Expand", {1}},         {"Pad", {1}},  {"Reshape", {1}},
      {"Resize", {1, 2, 3}},    {"Slice", {1, 2, 3, 4}}, {"Tile", {1}}, {"TopK", {1}},
  };
  for (unsigned i = 0; opType == "Range" && i < node.operandCount(); ++i) {
    Value value = node.operand(i);
    if (auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
        type && (!type.hasStaticShape() || type.getNumElements() != 1))
      return node.error("expected input " + Twine(i) + " to be a scalar, but got a tensor");
  }
  unsigned weight = opType == "QLinearConv" ? 3 : 1;
  bool isConvolution = llvm::is_contained({"Conv", "ConvInteger", "ConvTranspose", "QLinearConv"}, opType);
  if (isConvolution && weight < node.operandCount() && node.operand(0) && node.operand(weight)) {
    auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
    auto w = dyn_cast<RankedTensorType>(node.operand(weight).getType());
    if (x && w && x.getRank() != w.getRank())
      return node.error("expected a weight of rank " + Twine(x.getRank()) + " like the input, but got rank " +
                        Twine(w.getRank()));
  }
  auto found = vectors.find(opType);
  if (found == vectors.end() || (opType == "Tile" && node.version < 6)) // whose first version had scalars
    return success();
  for (unsigned i : found->second) {
    Value value = i < node.operandCount() ? node.operand(i) : Value();
    if (auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr; type && type.getRank() != 1)
      return node.error("expected input " + Twine(i) + " to have rank 1, but got rank " + Twine(type.getRank()));
  }
  return success();
}

LogicalResult GraphBuilder::buildNode(const onnx::NodeProto &node, OpBuilder &builder) {
  int64_t version = getOpset(node.domain());
  StringRef name = node.name().empty() && node.output_size() ? StringRef(node.output(0)) : StringRef(node.name());
  Location location = NameLoc::get(builder.getStringAttr(llvm::sys::path::filename(model->path) + ": node '" + name +
                                                         "' (" + node.op_type() + ", opset " + Twine(version) + ")"));
  for (const std::string &input : node.input())
    if (!input.empty() && !lookup(input))
      return emitError(location) << "expected input '" << input << "' to be defined before its use";

  NodeContext nodeContext(*this, builder, location, node, version);
  std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
  NodeBuilder build = NodeTable::get().lookup(domain, node.op_type(), version);
  NodeTable::Serves serves = NodeTable::get().whatIsServed(domain, node.op_type());
  auto isServed = [&](Type type) {
    auto tensor = dyn_cast_or_null<TensorType>(type);
    bool isNumber = !type || (tensor && !isa<graph::StringType>(tensor.getElementType()));
    return isNumber || serves == NodeTable::Serves::Values || (tensor && serves == NodeTable::Serves::Strings);
  };
  bool isWhole =
      llvm::all_of(node.input(),
                   [&](const std::string &input) { return input.empty() || isServed(lookup(input).getType()); }) &&
      llvm::all_of(node.output(), [&](const std::string &output) { return isServed(lookupType(output)); });
  if (build && !isWhole)
    nodeContext.reason = "strings, sequences or other values that are no numbers";
  if (build && isWhole) {
    LogicalResult built = failure();
    if (!domain.empty() || succeeded(checkOperandRanks(nodeContext, node.op_type())))
      built = build(nodeContext);
    if (nodeContext.failedForGood)
      return failure();
    if (succeeded(built))
      return success();
  }

  // No row, or a form that the row does not serve: carry the node; `graph-list-unsupported` reports it.
  SmallVector<Value> operands;
  SmallVector<bool> present;
  for (const std::string &input : node.input()) {
    present.push_back(!input.empty());
    if (!input.empty())
      operands.push_back(lookup(input));
  }
  SmallVector<Type> resultTypes;
  for (const std::string &output : node.output()) {
    Type type = output.empty() ? nullptr : lookupType(output);
    resultTypes.push_back(type ? type : NoneType::get(&context));
  }
  auto carrier = graph::OnnxOp::create(builder, location, resultTypes, operands, node.op_type(), domain, version,
                                       DictionaryAttr::get(&context), present);
  if (!nodeContext.reason.empty())
    carrier->setAttr("reason", builder.getStringAttr(nodeContext.reason));
  for (auto [output, value] : llvm::zip(node.output(), carrier->getResults()))
    if (!output.empty())
      bind(output, value);
  return success();
}

LogicalResult GraphBuilder::refineTypes(Operation *op) {
  auto interface = dyn_cast<graph::InferShapesOpInterface>(op);
  if (!interface || op->hasTrait<OpTrait::ConstantLike>())
    return success();
  SmallVector<Type> inferred;
  if (failed(interface.inferTypes(inferred)))
    return failure();
  for (auto [result, type] : llvm::zip(op->getResults(), inferred)) {
    Type joined = graph::joinTypes(result.getType(), type);
    if (!joined && switchDepth)
      joined = type;
    if (!joined)
      return op->emitOpError("expected result type ") << result.getType() << " as the model says, but got " << type;
    result.setType(joined);
  }
  return success();
}

LogicalResult GraphBuilder::buildBody(const onnx::GraphProto &graph, OpBuilder &builder,
                                      SmallVectorImpl<Value> &outputs, const onnx::NodeProto *inlined) {
  declareTypes(graph);
  if (failed(buildInitializers(graph, builder)))
    return failure();
  frames.push_back({&graph, 0, inlined});
  size_t own = frames.size() - 1;
  while (frames[own].next < graph.node_size() && !finished)
    if (failed(buildNode(graph.node(frames[own].next++), builder)))
      return failure();
  frames.pop_back();
  if (!finished)
    return collectOutputs(graph, outputs);
  if (!inlined) {
    llvm::append_range(outputs, *finished);
    finished.reset();
  }
  return success();
}

LogicalResult GraphBuilder::buildFrames(ArrayRef<Frame> rest, OpBuilder &builder, SmallVectorImpl<Value> &outputs) {
  size_t depth = frames.size();
  llvm::append_range(frames, rest);
  while (true) {
    size_t top = frames.size() - 1;
    const onnx::GraphProto &graph = *frames[top].graph;
    while (frames[top].next < graph.node_size() && !finished)
      if (failed(buildNode(graph.node(frames[top].next++), builder)))
        return failure();
    if (finished) {
      frames.truncate(depth);
      llvm::append_range(outputs, *finished);
      finished.reset();
      return success();
    }
    Frame done = frames.pop_back_val();
    if (frames.size() == depth)
      return collectOutputs(graph, outputs);
    SmallVector<Value> values;
    if (failed(collectOutputs(graph, values)))
      return failure();
    for (auto [name, value] : llvm::zip(done.inlined->output(), values))
      if (!name.empty())
        bind(name, value);
  }
}

LogicalResult GraphBuilder::buildSwitchBranch(NodeContext &ifNode, const onnx::GraphProto &branch, ArrayRef<Frame> rest,
                                              SmallVectorImpl<Value> &outputs, std::optional<Diagnostic> &error) {
  size_t depth = frames.size();
  ++switchDepth;
  Scope scope(*this);
  declareTypes(branch);
  SmallVector<Frame> whole(rest);
  whole.push_back({&branch, 0, &ifNode.node});
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return failure();
    if (!error)
      error.emplace(std::move(diagnostic));
    return success();
  });
  LogicalResult built =
      failure(failed(buildInitializers(branch, ifNode.builder)) || failed(buildFrames(whole, ifNode.builder, outputs)));
  --switchDepth;
  if (succeeded(built))
    return success();
  frames.truncate(depth);
  finished.reset();
  if (!error)
    error.emplace(ifNode.location, DiagnosticSeverity::Error) << "a branch cannot be built";
  return failure();
}

/// A branch that stopped at `error`: a check that never holds, and values in the place of those of the other branch,
/// which nobody reads.
static SmallVector<Value> buildFailure(OpBuilder &builder, Diagnostic &error, ArrayRef<Value> others) {
  Location location = error.getLocation();
  emitRemark(location) << "a run that comes here by a branch that leads to other ranks fails: " << error.str();
  Value never = arith::ConstantOp::create(builder, location, builder.getBoolAttr(false));
  exec::CheckOp::create(builder, location, never, builder.getI32IntegerAttr(TEGULA_SHAPE_MISMATCH));
  SmallVector<Value> results;
  for (Value other : others) {
    auto ranked = dyn_cast<RankedTensorType>(other.getType());
    auto type = ranked ? ranked : RankedTensorType::get({}, cast<TensorType>(other.getType()).getElementType());
    SmallVector<Value> extents(type.getNumDynamicDims());
    for (Value &extent : extents)
      extent = arith::ConstantIndexOp::create(builder, location, 0);
    results.push_back(tensor::EmptyOp::create(builder, location, type, extents));
  }
  return results;
}

LogicalResult GraphBuilder::switchRanks(NodeContext &node, const onnx::GraphProto &thenBranch,
                                        const onnx::GraphProto &elseBranch) {
  constexpr unsigned limit = 16; // each switch builds the rest of its region twice
  if (++rankSwitches > limit)
    return node.unsupported("branches whose results differ in rank, in more than " + Twine(limit) + " places");
  size_t base = frames.size() - 1;
  while (frames[base].inlined)
    --base;
  SmallVector<Frame> rest(frames.begin() + base, frames.end());
  Region regions[2];
  SmallVector<Value> outputs[2];
  std::optional<Diagnostic> errors[2];
  {
    OpBuilder::InsertionGuard guard(node.builder);
    for (int i = 0; i < 2; ++i) {
      node.builder.createBlock(&regions[i]);
      if (succeeded(buildSwitchBranch(node, i == 0 ? thenBranch : elseBranch, rest, outputs[i], errors[i])))
        continue;
      regions[i].dropAllReferences();
      regions[i].getBlocks().clear();
      outputs[i].clear();
    }
    auto areTensors = llvm::all_of(llvm::concat<Value>(outputs[0], outputs[1]),
                                   [](Value value) { return isa<TensorType>(value.getType()); });
    if ((errors[0] && errors[1]) || ((errors[0] || errors[1]) && !areTensors)) {
      node.failedForGood = true;
      context.getDiagEngine().emit(std::move(*errors[errors[0] ? 0 : 1]));
      return failure();
    }
    for (int i = 0; i < 2; ++i) {
      if (errors[i]) {
        node.builder.createBlock(&regions[i]);
        outputs[i] = buildFailure(node.builder, *errors[i], outputs[1 - i]);
      }
      node.builder.setInsertionPointToEnd(&regions[i].front());
      node.create<graph::YieldOp>(outputs[i]);
    }
  }
  SmallVector<Type> types;
  for (auto [first, second] : llvm::zip_equal(outputs[0], outputs[1])) {
    Type type = isa<TensorType>(first.getType()) && isa<TensorType>(second.getType())
                    ? graph::meetTypes(first.getType(), second.getType())
                    : Type();
    if (!type)
      return node.error("expected branches that lead to results of equal element types");
    types.push_back(type);
  }
  auto op = graph::IfOp::create(node.builder, node.location, types, node.operand(0));
  op.getThenRegion().takeBody(regions[0]);
  op.getElseRegion().takeBody(regions[1]);
  finished = SmallVector<Value>(op.getResults());
  return success();
}

LogicalResult GraphBuilder::collectOutputs(const onnx::GraphProto &graph, SmallVectorImpl<Value> &outputs) {
  for (const onnx::ValueInfoProto &output : graph.output()) {
    Value value = lookup(output.name());
    if (!value)
      return emitError(UnknownLoc::get(&context)) << "expected graph output '" << output.name() << "' to be produced";
    outputs.push_back(value);
  }
  return success();
}

/// `graph.dims`: the names of the symbolic dimensions of a value, "" where there is none.
static ArrayAttr dimensionNames(Builder &builder, const onnx::TypeProto &type) {
  SmallVector<Attribute> names;
  if (type.has_tensor_type())
    for (const auto &dim : type.tensor_type().shape().dim())
      names.push_back(builder.getStringAttr(dim.dim_param()));
  return builder.getArrayAttr(names);
}

OwningOpRef<ModuleOp> GraphBuilder::build() {
  const onnx::GraphProto &graph = model->proto->graph();
  Location location = NameLoc::get(StringAttr::get(&context, llvm::sys::path::filename(model->path)));
  OwningOpRef<ModuleOp> module = ModuleOp::create(location, StringRef(graph.name()));
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());

  llvm::StringMap<const onnx::TensorProto *> defaults;
  for (const onnx::TensorProto &tensor : model->defaults->initializer())
    defaults[tensor.name()] = &tensor;
  llvm::StringSet<llvm::MallocAllocator> initialized;
  for (const onnx::TensorProto &tensor : graph.initializer())
    initialized.insert(tensor.name());
  declareTypes(graph);

  SmallVector<const onnx::ValueInfoProto *> inputs;
  SmallVector<Type> inputTypes;
  for (const onnx::ValueInfoProto &input : graph.input()) {
    if (initialized.contains(input.name()))
      continue; // constant
    Type type = convertType(input.type());
    if (!type) {
      emitError(location) << "input '" << input.name()
                          << "': expected a tensor, sequence, optional or map, but got another type";
      return nullptr;
    }
    inputs.push_back(&input);
    inputTypes.push_back(type);
  }
  auto function = func::FuncOp::create(builder, location, "main", builder.getFunctionType(inputTypes, {}));
  Block *body = function.addEntryBlock();
  scopes.emplace_back();
  for (auto [index, input] : llvm::enumerate(inputs)) {
    bind(input->name(), body->getArgument(index));
    function.setArgAttr(index, "graph.name", builder.getStringAttr(input->name()));
    function.setArgAttr(index, "graph.dims", dimensionNames(builder, input->type()));
    const onnx::TensorProto *standIn = defaults.lookup(input->name());
    if (!standIn)
      continue;
    ElementsAttr elements = convertDefault(*standIn, inputTypes[index]);
    if (!elements)
      return nullptr;
    function.setArgAttr(index, "graph.default", elements);
  }
  builder.setInsertionPointToEnd(body);
  SmallVector<Value> outputs;
  if (failed(buildBody(graph, builder, outputs)))
    return nullptr;
  func::ReturnOp::create(builder, location, outputs);
  function.setFunctionType(builder.getFunctionType(inputTypes, SmallVector<Type>(ValueRange(outputs).getTypes())));
  for (auto [index, output] : llvm::enumerate(graph.output())) {
    function.setResultAttr(index, "graph.name", builder.getStringAttr(output.name()));
    function.setResultAttr(index, "graph.dims", dimensionNames(builder, output.type()));
  }
  return module;
}

static void remarkOnDefaults(Location location, int64_t count) {
  emitRemark(location) << count
                       << " of the inputs have defaults, which a run may override, so that nothing is known of "
                       << "their values; --freeze-defaults makes them constants";
}

void tegula::remarkOnDefaults(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return;
  int64_t count = 0;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    count += main.getArgAttr(i, "graph.default") != nullptr;
  if (count)
    ::remarkOnDefaults(module.getLoc(), count);
}

static OwningOpRef<ModuleOp> import(MLIRContext &context, std::shared_ptr<OnnxModel> model, StringRef name,
                                    const std::string &error, const ImportOptions &options) {
  if (!model) {
    emitError(NameLoc::get(StringAttr::get(&context, name))) << error;
    return nullptr;
  }
  int count = model->defaults->initializer_size();
  Location location = NameLoc::get(StringAttr::get(&context, llvm::sys::path::filename(name)));
  for (const std::string &warning : model->warnings)
    emitWarning(location) << warning;
  if (count)
    emitWarning(location) << count << " of " << model->proto->graph().input_size()
                          << " inputs are initializers too, and from IR version 4 on a run may override them: nothing "
                          << "is folded or packed from them; --freeze-defaults makes them constants";
  OwningOpRef<ModuleOp> module = GraphBuilder(context, std::move(model), options).build();
  if (!module && count)
    ::remarkOnDefaults(location, count);
  return module;
}

static bool hasRow(const std::string &domain, const std::string &opType) {
  return NodeTable::get().contains(domain == "ai.onnx" ? "" : domain, opType);
}

OwningOpRef<ModuleOp> tegula::importOnnxFile(MLIRContext &context, StringRef path, const ImportOptions &options) {
  std::string error;
  auto model = loadOnnxModel(path.str(), {options.externalDataRoot, options.freezeDefaults}, hasRow, error);
  return import(context, std::move(model), path, error, options);
}

OwningOpRef<ModuleOp> tegula::importOnnxBytes(MLIRContext &context, StringRef bytes, const ImportOptions &options) {
  std::string error;
  auto model = loadOnnxModelFromBytes(bytes.data(), bytes.size(), {options.externalDataRoot, options.freezeDefaults},
                                      hasRow, error);
  return import(context, std::move(model), "<memory>", error, options);
}
