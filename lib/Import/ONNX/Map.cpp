// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators of ai.onnx.ml that make or read maps.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

static constexpr const char *domain = "ai.onnx.ml";

/// A one-dimensional constant of the strings in attribute `strings` or the integers in `integers`; null when there is
/// none, and `failed` is set when the strings are malformed.
static Value keysOf(NodeContext &node, StringRef strings, StringRef integers) {
  if (auto values = node.getStrings(strings); values && !values->empty())
    return node.strings(*values, {int64_t(values->size())});
  if (auto values = node.getIntegers(integers); values && !values->empty())
    return node.integers(*values);
  return nullptr;
}

static LogicalResult buildZipMap(NodeContext &node) {
  Value x = node.operand(0), labels = keysOf(node, "classlabels_strings", "classlabels_int64s");
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (node.failedForGood || !labels)
    return node.failedForGood ? failure() : node.error("expected labels, strings or integers, but got none");
  if (!type || !type.getElementType().isF32() || (type.getRank() != 1 && type.getRank() != 2))
    return node.unsupported("scores other than f32 [rows, labels] or [labels]");
  auto map = graph::MapType::get(node.builder.getContext(), cast<TensorType>(labels.getType()).getElementType(),
                                 type.getElementType());
  Type result = graph::SequenceType::get(node.builder.getContext(), map);
  node.setResult(0, node.create<graph::ZipMapOp>(result, x, labels));
  return success();
}

static LogicalResult buildDictVectorizer(NodeContext &node) {
  auto map = dyn_cast<graph::MapType>(node.operand(0).getType());
  Value vocabulary = keysOf(node, "string_vocabulary", "int64_vocabulary");
  if (node.failedForGood || !vocabulary)
    return node.failedForGood ? failure() : node.error("expected a vocabulary, but got none");
  if (!map || map.getKey() != cast<TensorType>(vocabulary.getType()).getElementType())
    return node.unsupported("a vocabulary of another type than the map's keys");
  Type type = UnrankedTensorType::get(map.getValue());
  node.setResult(0, node.create<graph::DictVectorizeOp>(type, node.operand(0), vocabulary));
  return success();
}

static LogicalResult buildCastMap(NodeContext &node) {
  auto map = dyn_cast<graph::MapType>(node.operand(0).getType());
  if (!map || !(map.getKey().isInteger(64) || isa<graph::StringType>(map.getKey())))
    return node.unsupported("an operand that is no map from int64 or strings");
  std::string form = node.getString("map_form", "DENSE"), to = node.getString("cast_to", "TO_FLOAT");
  int64_t extent = form == "SPARSE" ? node.getInteger("max_map", 1) : 0;
  if (form != "DENSE" && form != "SPARSE")
    return node.error("expected map_form DENSE or SPARSE, but got " + form);
  if (form == "SPARSE" && (extent < 1 || !map.getKey().isInteger(64)))
    return node.error("expected keys of int64 and max_map of 1 or more for map_form SPARSE");
  static const std::pair<StringRef, int32_t> targets[] = {{"TO_FLOAT", onnx::TensorProto::FLOAT},
                                                          {"TO_INT64", onnx::TensorProto::INT64},
                                                          {"TO_STRING", onnx::TensorProto::STRING}};
  auto *target = llvm::find_if(targets, [&](const auto &row) { return row.first == to; });
  if (target == std::end(targets))
    return node.error("expected cast_to TO_FLOAT, TO_INT64 or TO_STRING, but got " + to);
  Value values = node.create<graph::MapValuesOp>(UnrankedTensorType::get(map.getValue()), node.operand(0), extent);
  Type element = node.graph.convertAnyElementType(target->second);
  if (element != map.getValue())
    values = node.compose("Cast", {values}, {{"to", int64_t(target->second)}}, element);
  if (!values)
    return failure();
  node.setResult(0, values);
  return success();
}

void tegula::addMapNodes(NodeTable &table) {
  table.add(domain, "ZipMap", 1, buildZipMap);
  table.add(domain, "DictVectorizer", 1, buildDictVectorizer);
  table.add(domain, "CastMap", 1, buildCastMap);
  table.serve(NodeTable::Serves::Values, {"ZipMap", "DictVectorizer", "CastMap"}, domain);
  table.runOnHost({"ZipMap", "DictVectorizer", "CastMap"}, domain);
}
