// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that map words or labels to numbers and back, as compositions of ai.onnx operators: inside a program a
// string is a number, so that its search is a comparison of integers.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Classifier.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "onnx/onnx_pb.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace tegula;

static constexpr const char *domain = "ai.onnx.ml";

static Value compose(NodeContext &node, StringRef opType, ArrayRef<Value> operands,
                     ArrayRef<NodeAttribute> attributes = {}, Type element = nullptr) {
  return llvm::is_contained(operands, Value()) ? nullptr : node.compose(opType, operands, attributes, element);
}

static LogicalResult finish(NodeContext &node, Value value) {
  if (!value)
    return failure();
  node.setResult(0, value);
  return success();
}

static Type elementOf(Value value) { return cast<TensorType>(value.getType()).getElementType(); }

/// A list attribute of any type as a one-dimensional constant: `<name>_strings`, `<name>_int64s`, `<name>_floats` or
/// `<name>_tensor`; null when there is none, or after a failure.
static Value listOf(NodeContext &node, const std::string &name) {
  if (auto values = node.getStrings(name + "_strings"); values && !values->empty())
    return node.strings(*values, {int64_t(values->size())});
  if (auto values = node.getIntegers(name + "_int64s"); values && !values->empty())
    return node.integers(*values);
  if (auto values = node.getFloats(name + "_floats"); values && !values->empty())
    return constantFloats(node, *values, {int64_t(values->size())});
  if (!node.hasAttribute(name + "_tensor"))
    return nullptr;
  Value tensor = node.makeConstant(name + "_tensor");
  node.failedForGood |= !tensor;
  auto type = tensor ? cast<RankedTensorType>(tensor.getType()) : nullptr;
  if (type && type.getRank() != 1)
    node.failedForGood |= failed(node.error("expected one-dimensional " + name + "_tensor"));
  return node.failedForGood ? nullptr : tensor;
}

/// The value of `values` at the place of each element of `x` in `keys`, or `fallback` (one element).
static LogicalResult lookUp(NodeContext &node, Value x, Value keys, Value values, Value fallback) {
  auto keyType = cast<RankedTensorType>(keys.getType()), valueType = cast<RankedTensorType>(values.getType());
  if (keyType.getDimSize(0) != valueType.getDimSize(0) || keyType.getDimSize(0) == 0)
    return node.error("expected as many keys as values, but got " + Twine(keyType.getDimSize(0)) + " and " +
                      Twine(valueType.getDimSize(0)));
  if (!fallback || elementOf(fallback) != valueType.getElementType() || elementOf(x) != keyType.getElementType())
    return node.unsupported("keys or a default of another type than the operand or the values");
  Type i1 = node.builder.getI1Type(), i64 = node.builder.getI64Type();
  Value column = compose(node, "Unsqueeze", {x, node.integers({-1})});
  Value isKey = compose(node, "Cast", {compose(node, "Equal", {column, keys}, {}, i1)},
                        {{"to", int64_t(onnx::TensorProto::INT32)}}, node.builder.getI32Type());
  Value place = compose(node, "ArgMax", {isKey}, {{"axis", int64_t(-1)}, {"keepdims", int64_t(0)}}, i64);
  Value hits = compose(node, "ReduceMax", {isKey, node.integers({-1})}, {{"keepdims", int64_t(0)}});
  Value isFound = compose(node, "Cast", {hits}, {{"to", int64_t(onnx::TensorProto::BOOL)}}, i1);
  Value found = compose(node, "Gather", {values, place}, {{"axis", int64_t(0)}});
  return finish(node, compose(node, "Where", {isFound, found, fallback}, {}, valueType.getElementType()));
}

/// The default of a LabelEncoder for values of type `element`.
static Value defaultLabel(NodeContext &node, Type element) {
  if (node.hasAttribute("default_tensor")) {
    Value tensor = node.makeConstant("default_tensor");
    node.failedForGood |= !tensor;
    return tensor ? node.reshape(tensor, {}) : nullptr;
  }
  if (isa<graph::StringType>(element))
    return node.strings(node.getString("default_string", "_Unused"), {});
  if (element.isInteger(64))
    return node.scalar(node.getInteger("default_int64", -1));
  return node.scalar(double(node.getFloat("default_float", -0.0f)), element);
}

static LogicalResult buildLabelEncoder(NodeContext &node) {
  Value keys = listOf(node, "keys"), values = listOf(node, "values");
  if (node.failedForGood)
    return failure();
  if (!keys || !values)
    return node.error("expected keys and values, but one is missing");
  if (auto list = node.getFloats("keys_floats"))
    if (llvm::any_of(*list, [](float key) { return std::isnan(key); }))
      return node.unsupported("a key that is no number");
  Value fallback = defaultLabel(node, elementOf(values));
  return node.failedForGood ? failure() : lookUp(node, node.operand(0), keys, values, fallback);
}

/// Labels in both directions between strings and integers: the operand's type tells which.
static LogicalResult mapLabels(NodeContext &node, Value strings, Value integers) {
  bool fromText = isa<graph::StringType>(node.elementType(0));
  Value fallback = fromText ? node.scalar(node.getInteger("default_int64", -1))
                            : node.strings(node.getString("default_string", "_Unused"), {});
  if (!strings || !integers || node.failedForGood)
    return node.failedForGood ? failure() : node.error("expected labels, strings and integers, but got none");
  return fromText ? lookUp(node, node.operand(0), strings, integers, fallback)
                  : lookUp(node, node.operand(0), integers, strings, fallback);
}

static LogicalResult buildLabelEncoder1(NodeContext &node) {
  Value strings = listOf(node, "classes");
  if (!strings)
    return node.failedForGood ? failure() : node.error("expected classes_strings, but it is missing");
  SmallVector<int64_t> places(cast<RankedTensorType>(strings.getType()).getDimSize(0));
  std::iota(places.begin(), places.end(), 0);
  return mapLabels(node, strings, node.integers(places));
}

static LogicalResult buildCategoryMapper(NodeContext &node) {
  Value strings, integers;
  if (auto values = node.getStrings("cats_strings"); values && !values->empty())
    strings = node.strings(*values, {int64_t(values->size())});
  if (auto values = node.getIntegers("cats_int64s"); values && !values->empty())
    integers = node.integers(*values);
  return mapLabels(node, strings, integers);
}

// --- n-grams ---------------------------------------------------------------------------------------------------------

/// How often each of `count` n-grams stands in each row of `x` [..., length], its elements `step` apart: [..., count].
/// `columns` holds the k-th elements of all n-grams.
static Value countGrams(NodeContext &node, Value x, ArrayRef<Value> columns, int64_t step) {
  Type i1 = node.builder.getI1Type(), f32 = node.builder.getF32Type();
  int64_t n = columns.size();
  Value isHere;
  for (int64_t k = 0; k < n; ++k) {
    int64_t behind = (n - 1 - k) * step;
    Value part =
        compose(node, "Slice",
                {x, node.integers({k * step}), node.integers({behind ? -behind : std::numeric_limits<int64_t>::max()}),
                 node.integers({-1})});
    Value matches =
        compose(node, "Equal", {compose(node, "Unsqueeze", {part, node.integers({-1})}), columns[k]}, {}, i1);
    isHere = isHere ? compose(node, "And", {isHere, matches}, {}, i1) : matches;
  }
  Value ones = compose(node, "Cast", {isHere}, {{"to", int64_t(onnx::TensorProto::FLOAT)}}, f32);
  return compose(node, "ReduceSum", {ones, node.integers({-2})}, {{"keepdims", int64_t(0)}});
}

static LogicalResult buildTfIdf(NodeContext &node) {
  Value x = node.operand(0);
  auto type = dyn_cast<RankedTensorType>(x.getType());
  auto starts = node.getIntegers("ngram_counts"), places = node.getIntegers("ngram_indexes");
  auto integers = node.getIntegers("pool_int64s");
  auto strings = node.getStrings("pool_strings");
  auto weights = node.getFloats("weights");
  std::string mode = node.getString("mode", "TF");
  int64_t shortest = node.getInteger("min_gram_length", 1), longest = node.getInteger("max_gram_length", 1),
          skips = node.getInteger("max_skip_count", 0);
  if (!type || type.getRank() < 1 || type.getRank() > 2)
    return node.unsupported("an operand of another rank than 1 or 2");
  bool isText = isa<graph::StringType>(type.getElementType());
  int64_t poolSize = isText && strings ? strings->size() : !isText && integers ? integers->size() : 0;
  if (!starts || !places || poolSize == 0 || places->empty())
    return node.error("expected ngram_counts, ngram_indexes and a pool of the operand's type");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return node.error("expected mode TF, IDF or TFIDF, but got " + mode);
  if (shortest < 1 || longest < shortest || skips < 0 || longest > 64 || skips > 1024)
    return node.unsupported("n-grams of " + Twine(shortest) + " to " + Twine(longest) + " elements that skip " +
                            Twine(skips));
  if (weights && weights->size() != places->size())
    return node.error("expected one weight for each n-gram");
  if (!isText && !type.getElementType().isInteger(64))
    x = compose(node, "Cast", {x}, {{"to", int64_t(onnx::TensorProto::INT64)}}, node.builder.getI64Type());

  Value counts;
  SmallVector<int64_t> columnOf; // of the result, for each n-gram that is counted
  SmallVector<float> weightOf;
  int64_t gram = 0;
  for (int64_t n = 1; n <= int64_t(starts->size()); ++n) {
    int64_t begin = (*starts)[n - 1], end = n < int64_t(starts->size()) ? (*starts)[n] : poolSize;
    if (begin < 0 || end < begin || end > poolSize || (end - begin) % n != 0)
      return node.error("expected ngram_counts to split the pool into whole n-grams");
    int64_t count = (end - begin) / n;
    if (gram + count > int64_t(places->size()))
      return node.error("expected one of ngram_indexes for each n-gram");
    if (n >= shortest && n <= longest && count > 0) {
      SmallVector<Value> columns;
      for (int64_t k = 0; k < n; ++k) {
        std::vector<std::string> words;
        SmallVector<int64_t> numbers;
        for (int64_t i = 0; i < count; ++i)
          isText ? words.push_back((*strings)[begin + i * n + k]) : numbers.push_back((*integers)[begin + i * n + k]);
        columns.push_back(isText ? node.strings(words, {count}) : node.integers(numbers));
        if (!columns.back())
          return failure();
      }
      Value sum;
      for (int64_t skip = 0; skip <= (n == 1 ? 0 : skips); ++skip) {
        Value found = countGrams(node, x, columns, skip + 1);
        sum = sum ? compose(node, "Add", {sum, found}) : found;
      }
      counts = counts ? compose(node, "Concat", {counts, sum}, {{"axis", int64_t(-1)}}) : sum;
      for (int64_t i = 0; i < count; ++i) {
        columnOf.push_back((*places)[gram + i]);
        weightOf.push_back(weights ? (*weights)[gram + i] : 1.0f);
      }
    }
    gram += count;
  }
  if (!counts)
    return node.reason.empty() && columnOf.empty() ? node.unsupported("no n-gram of the lengths asked for") : failure();
  if (mode == "IDF") {
    Value zero = node.scalar(0.0, node.builder.getF32Type());
    Value isThere = compose(node, "Greater", {counts, zero}, {}, node.builder.getI1Type());
    counts = compose(node, "Cast", {isThere}, {{"to", int64_t(onnx::TensorProto::FLOAT)}}, node.builder.getF32Type());
  }
  if (mode != "TF")
    counts = compose(node, "Mul", {counts, constantFloats(node, weightOf, {int64_t(weightOf.size())})});
  // Column c of the result is that of its n-gram, or the column of zeros behind the last.
  int64_t width = 1 + *llvm::max_element(*places);
  if (width < 1 || width > (int64_t(1) << 24) || llvm::any_of(*places, [](int64_t place) { return place < 0; }))
    return node.unsupported("ngram_indexes below 0 or above 2^24");
  SmallVector<int64_t> sources(width, int64_t(columnOf.size()));
  for (auto [k, column] : llvm::enumerate(columnOf))
    sources[column] = k;
  SmallVector<int64_t> pads(2 * type.getRank(), 0);
  pads.back() = 1;
  Value padded = compose(node, "Pad", {counts, node.integers(pads)});
  return finish(node, compose(node, "Gather", {padded, node.integers(sources)}, {{"axis", int64_t(-1)}}));
}

void tegula::addEncodingNodes(NodeTable &table) {
  table.add("TfIdfVectorizer", 9, buildTfIdf);
  table.add(domain, "LabelEncoder", 1, buildLabelEncoder1);
  table.add(domain, "LabelEncoder", 2, buildLabelEncoder);
  table.add(domain, "CategoryMapper", 1, buildCategoryMapper);
  table.serve(NodeTable::Serves::Strings, {"TfIdfVectorizer"});
  table.serve(NodeTable::Serves::Strings, {"LabelEncoder", "CategoryMapper"}, domain);
}
