// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/ContribSchemas.h"

#include "onnx/defs/schema.h"
#include "onnx/defs/shape_inference.h"

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
  /// One character per operand: needed, optional, or variadic.
  const char *operands;
  Results results;
};

constexpr const char *microsoft = "com.microsoft";
constexpr Operator operators[] = {
    {"", "SimplifiedLayerNormalization", "nn", Results::Shape},
    {microsoft, "SimplifiedLayerNormalization", "nn", Results::Shape},
    {microsoft, "SkipSimplifiedLayerNormalization", "nnno", Results::Sum},
    {microsoft, "SkipLayerNormalization", "nnnoo", Results::Sum},
    {microsoft, "EmbedLayerNormalization", "nonnonnoo", Results::Unknown},
    {microsoft, "Gelu", "n", Results::Shape},
    {microsoft, "BiasGelu", "nn", Results::Shape},
    {microsoft, "FastGelu", "no", Results::Shape},
    {microsoft, "QuickGelu", "n", Results::Shape},
    {microsoft, "FusedMatMul", "nn", Results::Element},
    {microsoft, "FusedConv", "nnoo", Results::Rank},
    {microsoft, "FusedGemm", "nno", Results::Rank},
    {microsoft, "RotaryEmbedding", "nnnn", Results::Shape},
    // The result has the value's hidden size, which may differ from the query's.
    {microsoft, "MultiHeadAttention", "nooooooooo", Results::Caches},
    {microsoft, "Attention", "nnooooo", Results::Rank},
    {microsoft, "GroupQueryAttention", "noooonnooooooooo", Results::Rank},
    {microsoft, "MatMulNBits", "nnnooo", Results::Rank},
    {microsoft, "QLinearAdd", "nnonnono", Results::Element},
    {microsoft, "QLinearMul", "nnonnono", Results::Element},
    {microsoft, "QLinearLeakyRelu", "nnono", Results::Shape},
    {microsoft, "QLinearSigmoid", "nnono", Results::Shape},
    {microsoft, "QLinearAveragePool", "nnono", Results::Rank},
    {microsoft, "QLinearGlobalAveragePool", "nnnnn", Results::Rank},
    {microsoft, "QLinearConcat", "nnv", Results::Unknown},
    {microsoft, "NhwcMaxPool", "n", Results::Rank},
    {microsoft, "QGemm", "nnnnnnooo", Results::Unknown},
    {microsoft, "MatMulIntegerToFloat", "nnnnooo", Results::Unknown},
    {microsoft, "DynamicQuantizeMatMul", "nnnoo", Results::Float},
    {microsoft, "DynamicQuantizeLSTM", "nnnooooonnnn", Results::Float},
    {microsoft, "GreedySearch", "nnooooo", Results::Unknown},
    {microsoft, "BeamSearch", "nnonnooooooo", Results::Unknown},
    {microsoft, "QuantizeLinear", "nno", Results::Shaped8},
    {microsoft, "DequantizeLinear", "nno", Results::Unknown},
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

static void add(const Operator &row) {
  OpSchema schema;
  schema.SetName(row.name).SetDomain(row.domain).SinceVersion(1).SetDoc("").SetLocation(__FILE__, __LINE__);
  for (int i = 0; row.operands[i]; ++i) {
    std::string type = "T" + std::to_string(i);
    auto option = row.operands[i] == 'n'   ? OpSchema::Single
                  : row.operands[i] == 'o' ? OpSchema::Optional
                                           : OpSchema::Variadic;
    schema.Input(i, "input_" + std::to_string(i), "", type, option, /*is_homogeneous=*/false);
    schema.TypeConstraint(type, OpSchema::all_tensor_types_ir14(), "");
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
