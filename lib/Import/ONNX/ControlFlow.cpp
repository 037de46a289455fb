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

namespace {
/// A loop whose round takes one slice of each scanned operand and whose count is their extent.
struct Scan {
  SmallVector<Value> initial, scanned;
  SmallVector<Type> carriedTypes; ///< what a round's carried values have at first
  SmallVector<int64_t> axes, directions, resultAxes, resultDirections;
};
} // namespace

/// Builds the loop; `body` builds a round, carried values first, then slices, and gives the next carried values, then
/// scanned results. `results` are the carried values at the end, then scanned results along their axes.
static LogicalResult buildScanLoop(NodeContext &node, const Scan &scan,
                                   function_ref<LogicalResult(ValueRange, SmallVectorImpl<Value> &)> body,
                                   SmallVectorImpl<Value> &results) {
  size_t carriedCount = scan.initial.size();
  Type i64 = node.builder.getI64Type();
  auto first = dyn_cast<RankedTensorType>(scan.scanned[0].getType());
  if (!first)
    return node.unsupported("a scanned operand of unknown rank");
  int64_t axis = scan.axes[0] < 0 ? scan.axes[0] + first.getRank() : scan.axes[0];
  Value count = node.compose("Shape", {scan.scanned[0]}, {{"start", axis}, {"end", axis + 1}}, i64);
  count = count ? node.reshape(count, {}) : nullptr;
  if (!count)
    return failure();

  Region region;
  SmallVector<Value> outputs;
  {
    OpBuilder::InsertionGuard guard(node.builder);
    Block *block = node.builder.createBlock(&region);
    block->addArgument(RankedTensorType::get({}, i64), node.location);
    block->addArgument(RankedTensorType::get({}, node.builder.getI1Type()), node.location);
    for (Type type : scan.carriedTypes)
      block->addArgument(type, node.location);
    SmallVector<Value> inputs(block->getArguments().drop_front(2));
    for (auto [i, value] : llvm::enumerate(scan.scanned)) {
      Value round = block->getArgument(0);
      if (scan.directions[i]) {
        Value last = node.create<graph::SubOp>(round.getType(), count, node.scalar(int64_t(1)));
        round = node.create<graph::SubOp>(round.getType(), last, round);
      }
      inputs.push_back(node.compose("Gather", {value, round}, {{"axis", scan.axes[i]}}));
      if (!inputs.back())
        return failure();
    }
    if (failed(body(inputs, outputs)))
      return failure();
    auto type = RankedTensorType::get({}, node.builder.getI1Type());
    Value goesOn = node.create<graph::ConstantOp>(DenseElementsAttr::get(type, true));
    SmallVector<Value> yields{goesOn};
    llvm::append_range(yields, outputs);
    node.create<graph::YieldOp>(yields);
  }
  if (!areTensors(ArrayRef(outputs).drop_front(carriedCount)))
    return node.unsupported("scanned values that are no tensors");
  SmallVector<Type> types;
  for (auto [i, output] : llvm::enumerate(outputs))
    types.push_back(i < carriedCount
                        ? region.getArgument(i + 2).getType()
                        : Type(UnrankedTensorType::get(cast<TensorType>(output.getType()).getElementType())));
  auto op = graph::LoopOp::create(node.builder, node.location, types, count, Value(), scan.initial);
  op.getBody().takeBody(region);
  node.refine(op);
  for (auto [i, value] : llvm::enumerate(op.getResults())) {
    Value result = value;
    if (i >= carriedCount && scan.resultDirections[i - carriedCount])
      result = node.compose("Slice", {result, node.integers({-1}), node.integers({std::numeric_limits<int64_t>::min()}),
                                      node.integers({0}), node.integers({-1})});
    if (i >= carriedCount && result && scan.resultAxes[i - carriedCount] != 0) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type)
        return node.unsupported("a scanned result of unknown rank");
      // The first dimension moves to the axis.
      int64_t axis = scan.resultAxes[i - carriedCount], target = axis < 0 ? axis + type.getRank() : axis;
      std::vector<int64_t> permutation;
      for (int64_t d = 1; d < type.getRank(); ++d)
        permutation.push_back(d);
      permutation.insert(permutation.begin() + target, 0);
      result = node.compose("Transpose", {result}, {{"perm", permutation}});
    }
    if (!result)
      return failure();
    results.push_back(result);
  }
  return success();
}

/// `operands` of a Scan by what its attributes say; fails with an error where they contradict each other.
static FailureOr<Scan> readScan(NodeContext &node, const onnx::GraphProto *body, ArrayRef<Value> operands) {
  int64_t scannedCount = node.getInteger("num_scan_inputs", 0), operandCount = operands.size();
  if (!body || scannedCount < 1 || scannedCount > operandCount || body->input_size() != operandCount)
    return node.error("expected a body that takes each of " + Twine(operandCount) + " operands, " +
                      Twine(scannedCount) + " of them scanned");
  int64_t carriedCount = operandCount - scannedCount;
  int64_t scannedResults = body->output_size() - carriedCount;
  if (scannedResults < 0 || int64_t(node.resultCount()) > body->output_size())
    return node.error("expected a body of at least " + Twine(node.resultCount()) + " outputs");
  for (auto [i, operand] : llvm::enumerate(operands))
    if (!operand)
      return node.error("expected operand " + Twine(i) + ", but it is absent");
  auto list = [&](StringRef name, int64_t count) {
    return node.getIntegers(name).value_or(SmallVector<int64_t>(count, 0));
  };
  Scan scan;
  scan.initial.assign(operands.begin(), operands.begin() + carriedCount);
  scan.scanned.assign(operands.begin() + carriedCount, operands.end());
  scan.axes = list("scan_input_axes", scannedCount);
  scan.directions = list(node.version < 9 ? "directions" : "scan_input_directions", scannedCount);
  scan.resultAxes = list("scan_output_axes", scannedResults);
  scan.resultDirections = list("scan_output_directions", scannedResults);
  if (int64_t(scan.axes.size()) != scannedCount || int64_t(scan.directions.size()) != scannedCount ||
      int64_t(scan.resultAxes.size()) != scannedResults || int64_t(scan.resultDirections.size()) != scannedResults)
    return node.error("expected one axis and one direction per scanned value");
  return scan;
}

/// One round of a Scan: its body with `inputs`.
static LogicalResult buildRound(NodeContext &node, const onnx::GraphProto &body, ValueRange inputs,
                                SmallVectorImpl<Value> &outputs) {
  return buildRegion(node, body, outputs, [&] {
    for (auto [i, value] : llvm::enumerate(inputs))
      node.graph.bind(body.input(i).name(), value);
    return success();
  });
}

static SmallVector<Value> operandsFrom(NodeContext &node, unsigned first) {
  SmallVector<Value> operands;
  for (unsigned i = first; i < node.operandCount(); ++i)
    operands.push_back(node.operand(i));
  return operands;
}

static LogicalResult buildScan(NodeContext &node) {
  const onnx::GraphProto *body = node.getGraph("body");
  FailureOr<Scan> scan = readScan(node, body, operandsFrom(node, 0));
  if (failed(scan))
    return failure();
  for (auto [i, value] : llvm::enumerate(scan->initial))
    scan->carriedTypes.push_back(argumentType(node, body->input(i), value.getType()));
  SmallVector<Value> results;
  auto round = [&](ValueRange inputs, SmallVectorImpl<Value> &outputs) {
    return buildRound(node, *body, inputs, outputs);
  };
  if (failed(buildScanLoop(node, *scan, round, results)))
    return failure();
  for (auto [i, result] : llvm::enumerate(results))
    node.setResult(i, result);
  return success();
}

/// The first Scan: of each batch by itself, so a scan in a scan. Sequences may end before the others; what follows in
/// scanned results is 0.
static LogicalResult buildScan8(NodeContext &node) {
  const onnx::GraphProto *body = node.getGraph("body");
  Value lengths = node.operand(0);
  FailureOr<Scan> whole = readScan(node, body, operandsFrom(node, 1));
  if (failed(whole))
    return failure();
  size_t carriedCount = whole->initial.size(), resultCount = body->output_size();
  Scan batches;
  llvm::append_range(batches.scanned, whole->initial);
  llvm::append_range(batches.scanned, whole->scanned);
  if (lengths)
    batches.scanned.push_back(lengths);
  batches.axes.assign(batches.scanned.size(), 0);
  batches.directions = batches.axes;
  batches.resultAxes.assign(resultCount, 0);
  batches.resultDirections = batches.resultAxes;
  Type i64 = node.builder.getI64Type();
  auto ofBatch = [&](ValueRange inputs, SmallVectorImpl<Value> &outputs) -> LogicalResult {
    Scan scan = *whole;
    Value length, rest;
    if (lengths) {
      length = node.reshape(inputs.back(), {1});
      rest = node.compose("Shape", {inputs[carriedCount]}, {{"start", int64_t(0)}, {"end", int64_t(1)}}, i64);
      rest = rest ? node.compose("Sub", {rest, length}) : nullptr;
      if (!rest)
        return failure();
    }
    for (size_t i = 0; i < carriedCount; ++i) {
      scan.initial[i] = inputs[i];
      scan.carriedTypes.push_back(argumentType(node, body->input(i), inputs[i].getType()));
    }
    Value zero = node.integers({0});
    for (auto [i, value] : llvm::enumerate(scan.scanned)) {
      value = inputs[carriedCount + i];
      value = lengths ? node.compose("Slice", {value, zero, length, zero}) : value;
      if (!value)
        return failure();
    }
    auto round = [&](ValueRange values, SmallVectorImpl<Value> &next) { return buildRound(node, *body, values, next); };
    if (failed(buildScanLoop(node, scan, round, outputs)))
      return failure();
    for (size_t i = carriedCount; lengths && i < outputs.size(); ++i) {
      Value pads = node.compose("Concat", {zero, rest}, {{"axis", int64_t(0)}});
      outputs[i] = pads ? node.compose("Pad", {outputs[i], pads, Value(), zero}) : nullptr;
      if (!outputs[i])
        return failure();
    }
    return success();
  };
  SmallVector<Value> results;
  if (failed(buildScanLoop(node, batches, ofBatch, results)))
    return failure();
  for (auto [i, result] : llvm::enumerate(results))
    node.setResult(i, result);
  return success();
}

void tegula::addControlFlowNodes(NodeTable &table) {
  table.add("If", 1, buildIf);
  table.add("Loop", 1, buildLoop);
  table.add("Scan", 8, buildScan8);
  table.add("Scan", 9, buildScan);
  table.serve(NodeTable::Serves::Values, {"If", "Loop", "Scan"});
}
