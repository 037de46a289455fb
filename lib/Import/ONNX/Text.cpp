// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that look into strings.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/NodeTable.h"

using namespace mlir;
using namespace tegula;

static bool isText(Value value) {
  return isa<TensorType>(value.getType()) && isa<graph::StringType>(cast<TensorType>(value.getType()).getElementType());
}

static Type textResult(NodeContext &node) {
  return node.resultType(0, graph::StringType::get(node.builder.getContext()));
}

static LogicalResult buildConcat(NodeContext &node) {
  if (!isText(node.operand(0)) || !isText(node.operand(1)))
    return node.unsupported("operands that are no strings");
  node.setResult(0, node.create<graph::StringConcatOp>(textResult(node), node.operand(0), node.operand(1)));
  return success();
}

static LogicalResult buildSplit(NodeContext &node) {
  if (!isText(node.operand(0)))
    return node.unsupported("an operand that is no string");
  IntegerAttr limit;
  if (node.hasAttribute("maxsplit"))
    limit = node.builder.getI64IntegerAttr(node.getInteger("maxsplit", 0));
  if (limit && limit.getInt() < 0)
    return node.error("expected maxsplit of 0 or more, but got " + Twine(limit.getInt()));
  auto split = node.create<graph::StringSplitOp>(textResult(node), node.resultType(1, node.builder.getI64Type()),
                                                 node.operand(0), node.getString("delimiter", ""), limit);
  node.setResult(0, split.getParts());
  node.setResult(1, split.getCounts());
  return success();
}

static LogicalResult buildNormalizer(NodeContext &node) {
  if (!isText(node.operand(0)))
    return node.unsupported("an operand that is no string");
  std::string change = node.getString("case_change_action", "NONE");
  if (change != "NONE" && change != "LOWER" && change != "UPPER")
    return node.error("expected case_change_action NONE, LOWER or UPPER, but got " + change);
  std::vector<std::string> words = node.getStrings("stopwords").value_or(std::vector<std::string>());
  SmallVector<StringRef> list(words.begin(), words.end());
  node.setResult(0, node.create<graph::StringNormalizeOp>(textResult(node), node.operand(0), change,
                                                          node.getInteger("is_case_sensitive", 0) != 0,
                                                          node.builder.getStrArrayAttr(list)));
  return success();
}

static LogicalResult buildRegexFullMatch(NodeContext &node) {
  if (!isText(node.operand(0)))
    return node.unsupported("an operand that is no string");
  node.setResult(0, node.create<graph::RegexFullMatchOp>(node.resultType(0, node.builder.getI1Type()), node.operand(0),
                                                         node.getString("pattern", "")));
  return success();
}

void tegula::addTextNodes(NodeTable &table) {
  table.add("StringConcat", 20, buildConcat);
  table.add("StringSplit", 20, buildSplit);
  table.add("StringNormalizer", 10, buildNormalizer);
  table.add("RegexFullMatch", 20, buildRegexFullMatch);
  table.serve(NodeTable::Serves::Strings, {"RegexFullMatch", "StringConcat", "StringSplit", "StringNormalizer"});
  table.runOnHost({"RegexFullMatch", "StringConcat", "StringSplit", "StringNormalizer"});
  // Inside the program strings are integers, so that what moves and compares elements serves them too.
  table.serve(NodeTable::Serves::Strings,
              {"Cast",   "CastLike",       "Compress", "Concat",    "Equal",     "Expand", "Flatten",
               "Gather", "GatherElements", "GatherND", "Reshape",   "Shape",     "Size",   "Slice",
               "Split",  "Squeeze",        "Tile",     "Transpose", "Unsqueeze", "Where"});
}
