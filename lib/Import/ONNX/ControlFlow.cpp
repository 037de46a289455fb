// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "mlir/IR/Matchers.h"
#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

static bool areTensors(ValueRange values) {
  return llvm::all_of(values.getTypes(), [](Type type) { return isa<TensorType>(type); });
}

/// Builds `graph` into the builder's block, in a scope of its own.
static LogicalResult buildRegion(NodeContext &node, const onnx::GraphProto &graph, SmallVectorImpl<Value> &outputs,
                                 function_ref<LogicalResult()> bindInputs = nullptr,
                                 const onnx::NodeProto *inlined = nullptr) {
  GraphBuilder::Scope scope(node.graph);
  if ((bindInputs && failed(bindInputs())) || failed(node.graph.buildBody(graph, node.builder, outputs, inlined))) {
    node.failedForGood = true;
    return failure();
  }
  return success();
}

/// The constant that `value` folds to, looking through at most `depth` ops; null when there is none.
static Attribute foldValue(Value value, int depth) {
  Attribute constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant;
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0 || op->getNumRegions())
    return nullptr;
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands())
    operands.push_back(foldValue(operand, depth - 1));
  SmallVector<OpFoldResult> results;
  if (failed(op->fold(operands, results)) || results.empty())
    return nullptr;
  OpFoldResult result = results[cast<OpResult>(value).getResultNumber()];
  if (auto attribute = dyn_cast<Attribute>(result))
    return attribute;
  return foldValue(cast<Value>(result), depth - 1);
}

static LogicalResult buildIf(NodeContext &node) {
  const onnx::GraphProto *graphs[] = {node.getGraph("then_branch"), node.getGraph("else_branch")};
  if (!graphs[0] || !graphs[1])
    return node.error("expected attributes then_branch and else_branch, but one is missing");
  // Exporters ask for ranks and extents that are known here: only one branch is then part of the model, and what
  // follows knows its types.
  if (Attribute constant = foldValue(node.operand(0), /*depth=*/8)) {
    auto condition = graph::getConstantIntegers(constant);
    if (condition && condition->size() == 1) {
      SmallVector<Value> outputs;
      if (failed(buildRegion(node, *graphs[condition->front() ? 0 : 1], outputs, nullptr, &node.node)))
        return failure();
      if (node.graph.isFinished())
        return success();
      if (outputs.size() < node.resultCount())
        return node.error("expected a branch of " + Twine(node.resultCount()) + " results, but got " +
                          Twine(outputs.size()));
      for (unsigned i = 0; i < node.resultCount(); ++i)
        node.setResult(i, outputs[i]);
      return success();
    }
  }
  Region regions[2];
  SmallVector<Value> outputs[2];
  {
    OpBuilder::InsertionGuard guard(node.builder);
    for (int i = 0; i < 2; ++i) {
      node.builder.createBlock(&regions[i]);
      if (failed(buildRegion(node, *graphs[i], outputs[i])))
        return failure();
      node.create<graph::YieldOp>(outputs[i]);
    }
  }
  if (outputs[0].size() != outputs[1].size())
    return node.error("expected branches of equally many results, but got " + Twine(outputs[0].size()) + " and " +
                      Twine(outputs[1].size()));
  auto rankOf = [](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type ? type.getRank() : -1;
  };
  for (auto [first, second] : llvm::zip(outputs[0], outputs[1]))
    if (rankOf(first) >= 0 && rankOf(second) >= 0 && rankOf(first) != rankOf(second))
      return node.graph.switchRanks(node, *graphs[0], *graphs[1]);
  SmallVector<Type> types;
  for (auto [first, second] : llvm::zip(outputs[0], outputs[1])) {
    Type type = graph::meetTypes(first.getType(), second.getType());
    if (!type)
      return node.error("expected branches of equal element types");
    types.push_back(type);
  }
  auto op = graph::IfOp::create(node.builder, node.location, types, node.operand(0));
  op.getThenRegion().takeBody(regions[0]);
  op.getElseRegion().takeBody(regions[1]);
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    node.setResult(i, result);
  return success();
}

/// The type that a carried value's argument has at first: its rank may be relied on, its extents may change.
static Type argumentType(NodeContext &node, const onnx::ValueInfoProto &declared, Type initial) {
  Type loose = graph::forgetExtents(initial);
  Type type = node.graph.convertType(declared.type());
  if (!type)
    return loose;
  Type joined = graph::joinTypes(type, loose);
  return joined ? joined : type;
}

static LogicalResult buildLoop(NodeContext &node) {
  const onnx::GraphProto *body = node.getGraph("body");
  if (!body)
    return node.error("expected attribute body, but it is missing");
  SmallVector<Value> initial;
  for (unsigned i = 2; i < node.operandCount(); ++i)
    initial.push_back(node.operand(i));
  if (llvm::is_contained(initial, Value()))
    return node.unsupported("a carried value that is absent");
  if (body->input_size() != int(initial.size()) + 2)
    return node.error("expected a body of " + Twine(initial.size() + 2) + " inputs, but got " +
                      Twine(body->input_size()));
  Region region;
  SmallVector<Value> outputs;
  {
    OpBuilder::InsertionGuard guard(node.builder);
    Block *block = node.builder.createBlock(&region);
    block->addArgument(RankedTensorType::get({}, node.builder.getI64Type()), node.location);
    block->addArgument(RankedTensorType::get({}, node.builder.getI1Type()), node.location);
    for (auto [i, value] : llvm::enumerate(initial))
      block->addArgument(argumentType(node, body->input(i + 2), value.getType()), node.location);
    auto bindInputs = [&] {
      for (auto [i, argument] : llvm::enumerate(block->getArguments()))
        node.graph.bind(body->input(i).name(), argument);
      return success();
    };
    if (failed(buildRegion(node, *body, outputs, bindInputs)))
      return failure();
    node.create<graph::YieldOp>(outputs);
  }
  if (outputs.size() < initial.size() + 1 || outputs.size() - 1 < node.resultCount())
    return node.error("expected a body of at least " + Twine(std::max<size_t>(initial.size(), node.resultCount()) + 1) +
                      " outputs, but got " + Twine(outputs.size()));
  if (!areTensors(ArrayRef(outputs).drop_front(1 + initial.size())))
    return node.unsupported("scanned values that are no tensors");
  SmallVector<Type> types;
  for (auto [i, output] : llvm::enumerate(ArrayRef(outputs).drop_front()))
    types.push_back(i < initial.size()
                        ? region.getArgument(i + 2).getType()
                        : Type(UnrankedTensorType::get(cast<TensorType>(output.getType()).getElementType())));
  auto op = graph::LoopOp::create(node.builder, node.location, types, node.operand(0), node.operand(1), initial);
  op.getBody().takeBody(region);
  node.refine(op);
  for (auto [i, result] : llvm::enumerate(op.getResults())) {
    // An optional that each round replaces by what it may hold: the model's result is not optional.
    Type declared = node.hasResult(i) ? node.graph.lookupType(node.node.output(i)) : nullptr;
    bool isHeld = declared && isa<graph::OptionalType>(result.getType()) && !isa<graph::OptionalType>(declared);
    node.setResult(i, isHeld ? Value(node.create<graph::OptionalGetElementOp>(declared, result)) : Value(result));
  }
  return success();
}

/// A loop with as many rounds as the first scanned value has slices along its axis; each round takes a slice of each of
/// them (the last one first where its direction is 1). Gives the carried values, then the scanned results, stacked
/// along a new first dimension.
static FailureOr<SmallVector<Value>> createScan(NodeContext &node, const onnx::GraphProto &body,
                                                ArrayRef<Value> initial, ArrayRef<Value> scanned,
                                                ArrayRef<int64_t> axes, ArrayRef<int64_t> directions) {
  Type i64 = node.builder.getI64Type();
  auto type = dyn_cast<RankedTensorType>(scanned.front().getType());
  if (!type) {
    (void)node.unsupported("a scanned operand of unknown rank");
    return failure();
  }
  int64_t axis = axes[0] < 0 ? axes[0] + type.getRank() : axes[0];
  Value count = node.compose("Shape", {scanned.front()}, {{"start", axis}, {"end", axis + 1}}, i64);
  count = count ? node.reshape(count, {}) : nullptr;
  if (!count)
    return failure();

  int64_t carriedCount = initial.size();
  Region region;
  SmallVector<Value> outputs;
  {
    OpBuilder::InsertionGuard guard(node.builder);
    Block *block = node.builder.createBlock(&region);
    block->addArgument(RankedTensorType::get({}, i64), node.location);
    block->addArgument(RankedTensorType::get({}, node.builder.getI1Type()), node.location);
    for (int64_t i = 0; i < carriedCount; ++i)
      block->addArgument(argumentType(node, body.input(i), initial[i].getType()), node.location);
    SmallVector<Value> slices;
    for (auto [value, along, direction] : llvm::zip_equal(scanned, axes, directions)) {
      Value round = block->getArgument(0);
      if (direction) {
        Value last = node.create<graph::SubOp>(round.getType(), count, node.scalar(int64_t(1)));
        round = node.create<graph::SubOp>(round.getType(), last, round);
      }
      slices.push_back(node.compose("Gather", {value, round}, {{"axis", along}}));
      if (!slices.back())
        return failure();
    }
    auto bindInputs = [&] {
      for (int64_t i = 0; i < body.input_size(); ++i)
        node.graph.bind(body.input(i).name(),
                        i < carriedCount ? Value(block->getArgument(i + 2)) : slices[i - carriedCount]);
      return success();
    };
    if (failed(buildRegion(node, body, outputs, bindInputs)))
      return failure();
    auto flag = RankedTensorType::get({}, node.builder.getI1Type());
    SmallVector<Value> yields{node.create<graph::ConstantOp>(DenseElementsAttr::get(flag, true))};
    llvm::append_range(yields, outputs);
    node.create<graph::YieldOp>(yields);
  }
  if (!areTensors(ArrayRef(outputs).drop_front(carriedCount))) {
    (void)node.unsupported("scanned values that are no tensors");
    return failure();
  }
  SmallVector<Type> types;
  for (auto [i, output] : llvm::enumerate(outputs))
    types.push_back(int64_t(i) < carriedCount
                        ? region.getArgument(i + 2).getType()
                        : Type(UnrankedTensorType::get(cast<TensorType>(output.getType()).getElementType())));
  auto op = graph::LoopOp::create(node.builder, node.location, types, count, Value(), initial);
  op.getBody().takeBody(region);
  node.refine(op);
  return SmallVector<Value>(op.getResults());
}

/// The operands of a Scan from `first` on, as carried and scanned values; checks them against the body.
static LogicalResult readScan(NodeContext &node, const onnx::GraphProto *body, unsigned first,
                              SmallVectorImpl<Value> &initial, SmallVectorImpl<Value> &scanned) {
  int64_t scannedCount = node.getInteger("num_scan_inputs", 0), operandCount = int64_t(node.operandCount()) - first;
  if (!body || scannedCount < 1 || scannedCount > operandCount || body->input_size() != operandCount)
    return node.error("expected a body that takes each of " + Twine(operandCount) + " operands, " +
                      Twine(scannedCount) + " of them scanned");
  if (body->output_size() < operandCount - scannedCount || int64_t(node.resultCount()) > body->output_size())
    return node.error("expected a body of at least " + Twine(node.resultCount()) + " outputs");
  for (unsigned i = first; i < node.operandCount(); ++i) {
    if (!node.operand(i))
      return node.error("expected operand " + Twine(i) + ", but it is absent");
    (int64_t(i - first) < operandCount - scannedCount ? initial : scanned).push_back(node.operand(i));
  }
  return success();
}

/// Opset 8: the first dimension of all operands and results is a batch, and each of its entries is scanned by itself.
static LogicalResult buildScan8(NodeContext &node) {
  const onnx::GraphProto *body = node.getGraph("body");
  SmallVector<Value> initial, scanned;
  if (node.operand(0))
    return node.unsupported("operand sequence_lens");
  if (failed(readScan(node, body, 1, initial, scanned)))
    return failure();
  SmallVector<int64_t> directions = node.getIntegers("directions").value_or(SmallVector<int64_t>(scanned.size(), 0));
  if (directions.size() != scanned.size())
    return node.error("expected one direction per scanned value");
  Type i64 = node.builder.getI64Type();
  Value count = node.compose("Shape", {scanned.front()}, {{"start", int64_t(0)}, {"end", int64_t(1)}}, i64);
  count = count ? node.reshape(count, {}) : nullptr;
  if (!count)
    return failure();
  Region region;
  SmallVector<Value> results;
  {
    OpBuilder::InsertionGuard guard(node.builder);
    Block *block = node.builder.createBlock(&region);
    Value entry = block->addArgument(RankedTensorType::get({}, i64), node.location);
    block->addArgument(RankedTensorType::get({}, node.builder.getI1Type()), node.location);
    for (auto *values : {&initial, &scanned})
      for (Value &value : *values)
        if (!(value = node.compose("Gather", {value, entry}, {{"axis", int64_t(0)}})))
          return failure();
    auto made = createScan(node, *body, initial, scanned, SmallVector<int64_t>(scanned.size(), 0), directions);
    if (failed(made))
      return failure();
    results = *made;
    auto flag = RankedTensorType::get({}, node.builder.getI1Type());
    SmallVector<Value> yields{node.create<graph::ConstantOp>(DenseElementsAttr::get(flag, true))};
    llvm::append_range(yields, results);
    node.create<graph::YieldOp>(yields);
  }
  SmallVector<Type> types;
  for (Value result : results)
    types.push_back(UnrankedTensorType::get(cast<TensorType>(result.getType()).getElementType()));
  auto op = graph::LoopOp::create(node.builder, node.location, types, count, Value(), ValueRange());
  op.getBody().takeBody(region);
  node.refine(op);
  for (unsigned i = 0; i < node.resultCount(); ++i)
    node.setResult(i, op.getResult(i));
  return success();
}

static LogicalResult buildScan(NodeContext &node) {
  const onnx::GraphProto *body = node.getGraph("body");
  SmallVector<Value> initial, scanned;
  if (failed(readScan(node, body, 0, initial, scanned)))
    return failure();
  int64_t carriedCount = initial.size(), scannedResults = body->output_size() - carriedCount;
  auto list = [&](StringRef name, int64_t count) {
    return node.getIntegers(name).value_or(SmallVector<int64_t>(count, 0));
  };
  int64_t scannedCount = scanned.size();
  SmallVector<int64_t> axes = list("scan_input_axes", scannedCount),
                       directions = list("scan_input_directions", scannedCount),
                       resultAxes = list("scan_output_axes", scannedResults),
                       resultDirections = list("scan_output_directions", scannedResults);
  if (int64_t(axes.size()) != scannedCount || int64_t(directions.size()) != scannedCount ||
      int64_t(resultAxes.size()) != scannedResults || int64_t(resultDirections.size()) != scannedResults)
    return node.error("expected one axis and one direction per scanned value");
  auto results = createScan(node, *body, initial, scanned, axes, directions);
  if (failed(results))
    return failure();
  for (int64_t i = 0; i < int64_t(results->size()); ++i) {
    Value result = (*results)[i];
    int64_t k = i - carriedCount;
    if (k >= 0 && resultDirections[k])
      result = node.compose("Slice", {result, node.integers({-1}), node.integers({std::numeric_limits<int64_t>::min()}),
                                      node.integers({0}), node.integers({-1})});
    if (k >= 0 && result && resultAxes[k] != 0) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type)
        return node.unsupported("a scanned result of unknown rank");
      // The first dimension moves to the axis.
      int64_t target = resultAxes[k] < 0 ? resultAxes[k] + type.getRank() : resultAxes[k];
      std::vector<int64_t> permutation;
      for (int64_t d = 1; d < type.getRank(); ++d)
        permutation.push_back(d);
      permutation.insert(permutation.begin() + target, 0);
      result = node.compose("Transpose", {result}, {{"perm", permutation}});
    }
    if (!result)
      return failure();
    node.setResult(i, result);
  }
  return success();
}

void tegula::addControlFlowNodes(NodeTable &table) {
  table.add("If", 1, buildIf);
  table.add("Loop", 1, buildLoop);
  table.add("Scan", 8, buildScan8);
  table.add("Scan", 9, buildScan);
  table.serve(NodeTable::Serves::Values, {"If", "Loop", "Scan"});
}
