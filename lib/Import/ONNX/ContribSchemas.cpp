// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/ContribSchemas.h"

#include "onnx/defs/schema.h"
#include "onnx/defs/shape_inference.h"

#include <cctype>
#include <set>

using onnx::InferenceContext;
using onnx::OpSchema;

namespace {

/// What is known of the results of an operator when operand 0 is.
enum class Results {
  Unknown, ///< nothing
  Element, ///< result 0 has its element type
  Rank,    ///< result 0 has its element type and rank
  Shape,   ///< result 0 has its type
  Sum,     ///< results 0 and 3 have its type
  Caches,  ///< result 0 has its element type; results 1 and 2 have four dimensions
  Float,   ///< result 0 is f32
  Shaped8, ///< result 0 has its shape, the type of operand 2 or u8: quantization
};

struct Operator {
  const char *domain, *name;
  /// One letter per operand, by its elements, capital where the operand may be left out: (f) the operator's
  /// floating-point type, (g) another one, (i) i32 or i64, (q) 8-bit integers, (a) any. A final * makes the last
  /// operand variadic.
  const char *operands;
  Results results;
};

constexpr const char *microsoft = "com.microsoft";
constexpr Operator operators[] = {
    {"", "SimplifiedLayerNormalization", "fg", Results::Shape},
    {microsoft, "SimplifiedLayerNormalization", "fg", Results::Shape},
    {microsoft, "SkipSimplifiedLayerNormalization", "fffF", Results::Sum},
    {microsoft, "SkipLayerNormalization", "fffFF", Results::Sum},
    {microsoft, "EmbedLayerNormalization", "iIffFffII", Results::Unknown},
    {microsoft, "Gelu", "f", Results::Shape},
    {microsoft, "BiasGelu", "ff", Results::Shape},
    {microsoft, "FastGelu", "fF", Results::Shape},
    {microsoft, "QuickGelu", "f", Results::Shape},
    {microsoft, "FusedMatMul", "ff", Results::Element},
    {microsoft, "FusedConv", "ffFF", Results::Rank},
    {microsoft, "FusedGemm", "ffF", Results::Rank},
    {microsoft, "RotaryEmbedding", "fiff", Results::Shape},
    // The result has the value's hidden size, which may differ from the query's.
    {microsoft, "MultiHeadAttention", "fFFFIFFFII", Results::Caches},
    {microsoft, "Attention", "ffFIFFI", Results::Rank},
    {microsoft, "GroupQueryAttention", "fFFAAiiFFIFFAAAA", Results::Rank},
    {microsoft, "MatMulNBits", "fafAIF", Results::Rank},
    {microsoft, "QLinearAdd", "qfQqfQfQ", Results::Element},
    {microsoft, "QLinearMul", "qfQqfQfQ", Results::Element},
    {microsoft, "QLinearLeakyRelu", "qfQfQ", Results::Shape},
    {microsoft, "QLinearSigmoid", "qfQfQ", Results::Shape},
    {microsoft, "QLinearAveragePool", "qfQfQ", Results::Rank},
    {microsoft, "QLinearGlobalAveragePool", "qfqfq", Results::Rank},
    {microsoft, "QLinearConcat", "fqa*", Results::Unknown},
    {microsoft, "NhwcMaxPool", "q", Results::Rank},
    {microsoft, "QGemm", "qfqqfqIFQ", Results::Unknown},
    {microsoft, "MatMulIntegerToFloat", "qqffQQF", Results::Unknown},
    {microsoft, "DynamicQuantizeMatMul", "fqfQF", Results::Float},
    {microsoft, "DynamicQuantizeLSTM", "fqqFIFFFfqfq", Results::Float},
    {microsoft, "GreedySearch", "iiIFIII", Results::Unknown},
    {microsoft, "BeamSearch", "aiIiiFFIIIII", Results::Unknown},
    {microsoft, "QuantizeLinear", "agA", Results::Shaped8},
    {microsoft, "DequantizeLinear", "agA", Results::Unknown},
};

} // namespace

static void giveRank(InferenceContext &context, size_t result, int rank) {
  onnx::TensorShapeProto unknown;
  for (int i = 0; i < rank; ++i)
    unknown.add_dim();
  onnx::updateOutputShape(context, result, unknown);
}

/// Result `result` has operand 0's element type, and its shape or only its rank.
static void giveOperand(InferenceContext &context, size_t result, bool isShaped) {
  if (result >= context.getNumOutputs())
    return;
  onnx::propagateElemTypeFromInputToOutput(context, 0, result);
  if (!onnx::hasInputShape(context, 0))
    return;
  if (isShaped)
    onnx::propagateShapeFromInputToOutput(context, 0, result);
  else
    giveRank(context, result, onnx::getInputShape(context, 0).dim_size());
}

static void infer(InferenceContext &context, Results results) {
  switch (results) {
  case Results::Unknown:
    return;
  case Results::Element:
    return onnx::propagateElemTypeFromInputToOutput(context, 0, 0);
  case Results::Rank:
    return giveOperand(context, 0, false);
  case Results::Sum:
    giveOperand(context, 3, true);
    [[fallthrough]];
  case Results::Shape:
    return giveOperand(context, 0, true);
  case Results::Caches:
    onnx::propagateElemTypeFromInputToOutput(context, 0, 0);
    for (size_t i = 1; i < 3 && i < context.getNumOutputs(); ++i) {
      onnx::propagateElemTypeFromInputToOutput(context, 0, i);
      giveRank(context, i, 4);
    }
    return;
  case Results::Float:
    for (size_t i = 0; i < context.getNumOutputs(); ++i)
      onnx::updateOutputElemType(context, i, onnx::TensorProto::FLOAT);
    return;
  case Results::Shaped8:
    if (context.getNumInputs() > 2 && context.getInputType(2))
      onnx::propagateElemTypeFromInputToOutput(context, 2, 0);
    else
      onnx::updateOutputElemType(context, 0, onnx::TensorProto::UINT8);
    if (onnx::hasInputShape(context, 0))
      onnx::propagateShapeFromInputToOutput(context, 0, 0);
    return;
  }
}

/// The element types of a letter of Operator::operands.
static std::vector<std::string> typesOf(char letter) {
  switch (letter) {
  case 'f':
  case 'g':
    return OpSchema::all_float_types_ir4();
  case 'i':
    return {"tensor(int32)", "tensor(int64)"};
  case 'q':
    return {"tensor(int8)", "tensor(uint8)"};
  default:
    return OpSchema::all_tensor_types_ir14();
  }
}

static void add(const Operator &row) {
  OpSchema schema;
  schema.SetName(row.name).SetDomain(row.domain).SinceVersion(1).SetDoc("").SetLocation(__FILE__, __LINE__);
  std::set<std::string> types;
  for (int i = 0; row.operands[i] && row.operands[i] != '*'; ++i) {
    char letter = char(std::tolower(row.operands[i]));
    auto option = row.operands[i + 1] == '*'  ? OpSchema::Variadic
                  : row.operands[i] == letter ? OpSchema::Single
                                              : OpSchema::Optional;
    // Operands of one type name have one type.
    std::string type = letter == 'f' ? "F" : "T" + std::to_string(i);
    schema.Input(i, "input_" + std::to_string(i), "", type, option, /*is_homogeneous=*/letter == 'f');
    if (types.insert(type).second)
      schema.TypeConstraint(type, typesOf(letter), "");
  }
  schema.Output(0, "outputs", "", "T", OpSchema::Variadic, /*is_homogeneous=*/false, 1);
  schema.TypeConstraint("T", OpSchema::all_tensor_types_ir14(), "");
  schema.AllowUncheckedAttributes();
  schema.TypeAndShapeInferenceFunction([results = row.results](InferenceContext &context) { infer(context, results); });
  onnx::RegisterSchema(std::move(schema), 0, /*fail_duplicate_schema=*/false);
}

void tegula::registerContribSchemas() {
  static const bool once = [] {
    auto &ranges = onnx::OpSchemaRegistry::DomainToVersionRange::Instance();
    if (!ranges.Map().count(microsoft))
      ranges.AddDomainToVersion(microsoft, 1, 1);
    for (const Operator &row : operators)
      add(row);
    return true;
  }();
  (void)once;
}
