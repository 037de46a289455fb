// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Linear models and what prepares their features (ai.onnx.ml), as compositions of ai.onnx operators.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Classifier.h"

#include <cmath>

using namespace mlir;
using namespace tegula;

static constexpr const char *domain = "ai.onnx.ml";

static Value compose(NodeContext &node, StringRef opType, ArrayRef<Value> operands,
                     ArrayRef<NodeAttribute> attributes = {}, Type element = nullptr) {
  return llvm::is_contained(operands, Value()) ? nullptr : node.compose(opType, operands, attributes, element);
}

static Value toFloat(NodeContext &node, Value value) {
  Type f32 = node.builder.getF32Type();
  auto type = cast<TensorType>(value.getType());
  return type.getElementType() == f32 ? value : Value(node.create<graph::CastOp>(type.clone(f32), value, true));
}

static LogicalResult finish(NodeContext &node, unsigned index, Value value) {
  if (!value)
    return failure();
  node.setResult(index, value);
  return success();
}

// --- linear models, scalers ------------------------------------------------------------------------------------------

/// x [N, F] times coefficients [rows, F] transposed, plus intercepts.
static Value multiply(Composer &c, int64_t rows) {
  NodeContext &node = c.node;
  auto coefficients = node.getFloats("coefficients");
  if (!coefficients || rows <= 0 || coefficients->empty() || coefficients->size() % rows != 0) {
    c.failed = true;
    (void)node.error("expected coefficients for each of " + Twine(rows) + " results");
    return nullptr;
  }
  Value x = readRows(c, node.builder.getF32Type());
  if (c.failed)
    return nullptr;
  Value matrix = constantFloats(node, *coefficients, {rows, int64_t(coefficients->size()) / rows});
  Value product =
      node.create<graph::MatMulOp>(UnrankedTensorType::get(node.builder.getF32Type()), x, matrix, false, true);
  auto shift = node.getFloats("intercepts");
  return shift && int64_t(shift->size()) == rows ? c.add(product, constantFloats(node, *shift, {rows})) : product;
}

/// One row of coefficients and two labels: a score above 0 is the second label.
static LogicalResult buildLinearClassifier(NodeContext &node) {
  Composer c(node);
  Value labels = readLabels(node, "classlabels_ints");
  if (!labels)
    return failure();
  int64_t count = *Composer::knownExtent(labels, 0);
  auto intercepts = node.getFloats("intercepts");
  int64_t rows = intercepts && !intercepts->empty() ? intercepts->size() : count;
  if (rows != count && !(rows == 1 && count == 2))
    return node.error("expected one intercept for each of " + Twine(count) + " labels, but got " + Twine(rows));
  Value scores = multiply(c, rows);
  if (rows == 1) {
    Value isSecond = c.compare("Greater", c.reshape(scores, {-1}), node.scalar(0.0, node.builder.getF32Type()));
    if (count != 2)
      return node.error("expected two labels for one row of coefficients, but got " + Twine(count));
    return finishClassifier(c, labels, c.cast(isSecond, node.builder.getI64Type()),
                            transformBinary(c, scores, Opposite::Complement));
  }
  Value best = c("ArgMax", {scores}, {{"axis", int64_t(1)}, {"keepdims", int64_t(0)}}, node.builder.getI64Type());
  return finishClassifier(c, labels, best, transformScores(c, scores));
}

static LogicalResult buildLinearRegressor(NodeContext &node) {
  Composer c(node);
  Value scores = transformScores(c, multiply(c, node.getInteger("targets", 1)));
  return c.failed ? failure() : finish(node, 0, scores);
}

static LogicalResult buildNormalizer(NodeContext &node) {
  std::string norm = node.getString("norm", "MAX");
  Value x = toFloat(node, node.operand(0)), axes = node.integers({-1}), size;
  if (norm == "MAX")
    size = compose(node, "ReduceMax", {x, axes});
  else if (norm == "L1")
    size = compose(node, "ReduceSum", {compose(node, "Abs", {x}), axes});
  else if (norm == "L2")
    size = compose(node, "Sqrt", {compose(node, "ReduceSum", {compose(node, "Mul", {x, x}), axes})});
  else
    return node.unsupported("norm " + norm);
  // A row of zeros stays.
  Type f32 = node.builder.getF32Type(), i1 = node.builder.getI1Type();
  Value isZero = compose(node, "Equal", {size, node.scalar(0.0, f32)}, {}, i1);
  Value divisor = compose(node, "Where", {isZero, node.scalar(1.0, f32), size}, {}, f32);
  return finish(node, 0, compose(node, "Div", {x, divisor}));
}

static LogicalResult buildScaler(NodeContext &node) {
  Value x = toFloat(node, node.operand(0));
  if (auto offset = node.getFloats("offset"))
    x = compose(node, "Sub", {x, constantFloats(node, *offset, {int64_t(offset->size())})});
  if (auto scale = node.getFloats("scale"))
    x = compose(node, "Mul", {x, constantFloats(node, *scale, {int64_t(scale->size())})});
  return finish(node, 0, x);
}

static LogicalResult buildBinarizer(NodeContext &node) {
  Value x = node.operand(0), threshold = node.scalar(double(node.getFloat("threshold", 0)), node.elementType(0));
  Value isAbove = compose(node, "Greater", {x, threshold}, {}, node.builder.getI1Type());
  if (!isAbove)
    return failure();
  node.setResult(0, node.create<graph::CastOp>(x.getType(), isAbove, true));
  return success();
}

static LogicalResult buildFeatureExtractor(NodeContext &node) {
  auto x = dyn_cast<RankedTensorType>(node.operand(0).getType());
  if (!x || x.getRank() < 1)
    return node.unsupported("an operand of unknown rank");
  Value indices = node.reshape(node.operand(1), {-1});
  Value chosen = compose(node, "Gather", {node.operand(0), indices}, {{"axis", int64_t(-1)}});
  return finish(node, 0, chosen && x.getRank() == 1 ? node.reshape(chosen, {1, -1}) : chosen);
}

/// Elements equal to replaced_value (NaN equals NaN) become imputed_value, one for all or one per column.
static LogicalResult buildImputer(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0), replacement, isReplaced;
  Type element = node.elementType(0);
  if (isa<FloatType>(element)) {
    auto values = node.getFloats("imputed_value_floats");
    float replaced = node.getFloat("replaced_value_float", 0);
    if (!values || values->empty())
      return node.error("expected attribute imputed_value_floats, but it is missing");
    replacement = c.cast(constantFloats(node, *values, {int64_t(values->size())}), element);
    isReplaced = std::isnan(replaced) ? c("IsNaN", {x}, {}, node.builder.getI1Type())
                                      : c.compare("Equal", x, node.scalar(double(replaced), element));
  } else {
    auto values = node.getIntegers("imputed_value_int64s");
    if (!values || values->empty())
      return node.error("expected attribute imputed_value_int64s, but it is missing");
    replacement = c.cast(node.integers(*values), element);
    Value replaced = c.cast(node.scalar(node.getInteger("replaced_value_int64", 0)), element);
    isReplaced = c.compare("Equal", x, replaced);
  }
  Value result = c.select(isReplaced, replacement, x);
  return c.failed ? failure() : finish(node, 0, result);
}

/// One column for each category, 1 where the element is it.
static LogicalResult buildOneHotEncoder(NodeContext &node) {
  Composer c(node);
  if (node.getInteger("zeros", 1) == 0)
    return node.unsupported("attribute zeros of 0, which fails on other categories");
  Value categories = readLabels(node, "cats_int64s", "cats_strings"), x = node.operand(0);
  if (!categories)
    return failure();
  Type element = Composer::elementOf(categories);
  if (element.isInteger(64))
    x = c.cast(x, element);
  else if (node.elementType(0) != element)
    return node.error("expected cats_int64s for an operand of numbers, but got cats_strings");
  Value isCategory = c.compare("Equal", c.unsqueeze(x, {-1}), categories);
  Value result = c.cast(isCategory, node.builder.getF32Type());
  return c.failed ? failure() : finish(node, 0, result);
}

/// All columns of all operands behind each other, as many of each as inputdimensions says.
static LogicalResult buildFeatureVectorizer(NodeContext &node) {
  Composer c(node);
  SmallVector<int64_t> widths = node.getIntegers("inputdimensions").value_or(SmallVector<int64_t>());
  SmallVector<Value> parts;
  for (unsigned i = 0; i < node.operandCount(); ++i) {
    auto type = Composer::rankedType(node.operand(i));
    if (!type || type.getRank() < 1 || type.getRank() > 2)
      return node.unsupported("operands of another or unknown rank than 1 or 2");
    Value part = c.cast(node.operand(i), node.builder.getF32Type());
    if (type.getRank() == 1)
      part = c.reshape(part, {1, -1});
    if (i < widths.size() && !c.failed) {
      auto width = Composer::knownExtent(part, 1);
      if (!width || *width != widths[i])
        return node.unsupported("an operand that does not have the " + Twine(widths[i]) +
                                " columns of inputdimensions");
    }
    parts.push_back(part);
  }
  Value result = c.concat(parts, 1);
  return c.failed ? failure() : finish(node, 0, result);
}

void tegula::addClassicalNodes(NodeTable &table) {
  table.add(domain, "ArrayFeatureExtractor", 1, buildFeatureExtractor);
  table.add(domain, "Binarizer", 1, buildBinarizer);
  table.add(domain, "LinearClassifier", 1, buildLinearClassifier);
  table.add(domain, "LinearRegressor", 1, buildLinearRegressor);
  table.add(domain, "Normalizer", 1, buildNormalizer);
  table.add(domain, "Scaler", 1, buildScaler);
  table.add(domain, "Imputer", 1, buildImputer);
  table.add(domain, "OneHotEncoder", 1, buildOneHotEncoder);
  table.add(domain, "FeatureVectorizer", 1, buildFeatureVectorizer);
  table.serve(NodeTable::Serves::Strings, {"LinearClassifier", "OneHotEncoder"}, domain);
}
