// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/ContribSchemas.h"

#include "onnx/defs/schema.h"
#include "onnx/defs/shape_inference.h"

using onnx::InferenceContext;
using onnx::OpSchema;

/// Results `shaped` look like operand 0, results `unshaped` have its element type and rank 4 (key and value caches).
static void inferResults(InferenceContext &context, std::initializer_list<size_t> shaped,
                         std::initializer_list<size_t> caches) {
  for (size_t i : shaped)
    if (i < context.getNumOutputs()) {
      onnx::propagateElemTypeFromInputToOutput(context, 0, i);
      if (onnx::hasInputShape(context, 0))
        onnx::propagateShapeFromInputToOutput(context, 0, i);
    }
  for (size_t i : caches)
    if (i < context.getNumOutputs()) {
      onnx::propagateElemTypeFromInputToOutput(context, 0, i);
      onnx::TensorShapeProto unknown;
      for (int k = 0; k < 4; ++k)
        unknown.add_dim();
      onnx::updateOutputShape(context, i, unknown);
    }
}

/// `inputs` operands must be given; as many more may be absent as any of these operators has.
static void add(const char *domain, const char *name, int inputs, onnx::InferenceFunction infer) {
  constexpr int mostInputs = 16;
  OpSchema schema;
  schema.SetName(name).SetDomain(domain).SinceVersion(1).SetDoc("").SetLocation(__FILE__, __LINE__);
  for (int i = 0; i < mostInputs; ++i) {
    std::string type = "T" + std::to_string(i);
    schema.Input(i, "input_" + std::to_string(i), "", type, i < inputs ? OpSchema::Single : OpSchema::Optional);
    schema.TypeConstraint(type, OpSchema::all_tensor_types_ir4(), "");
  }
  schema.Output(0, "outputs", "", "T", OpSchema::Variadic, /*is_homogeneous=*/false, 1);
  schema.TypeConstraint("T", OpSchema::all_tensor_types_ir4(), "");
  schema.AllowUncheckedAttributes();
  schema.TypeAndShapeInferenceFunction(std::move(infer));
  onnx::RegisterSchema(std::move(schema), 0, /*fail_duplicate_schema=*/false);
}

void tegula::registerContribSchemas() {
  static const bool once = [] {
    constexpr const char *microsoft = "com.microsoft";
    auto &ranges = onnx::OpSchemaRegistry::DomainToVersionRange::Instance();
    if (!ranges.Map().count(microsoft))
      ranges.AddDomainToVersion(microsoft, 1, 1);
    auto likeOperand = [](InferenceContext &context) { inferResults(context, {0}, {}); };
    auto withSum = [](InferenceContext &context) { inferResults(context, {0, 3}, {}); };
    auto withCaches = [](InferenceContext &context) { inferResults(context, {0}, {1, 2}); };
    auto elementOnly = [](InferenceContext &context) { onnx::propagateElemTypeFromInputToOutput(context, 0, 0); };
    add("", "SimplifiedLayerNormalization", 2, likeOperand);
    add(microsoft, "SimplifiedLayerNormalization", 2, likeOperand);
    add(microsoft, "SkipSimplifiedLayerNormalization", 3, withSum);
    add(microsoft, "SkipLayerNormalization", 3, withSum);
    add(microsoft, "RotaryEmbedding", 4, likeOperand);
    // The result has the value's hidden size, which may differ from the query's.
    add(microsoft, "MultiHeadAttention", 1, [](InferenceContext &context) {
      inferResults(context, {}, {1, 2});
      onnx::propagateElemTypeFromInputToOutput(context, 0, 0);
    });
    add(microsoft, "GroupQueryAttention", 1, withCaches);
    add(microsoft, "FusedMatMul", 2, elementOnly);
    add(microsoft, "BiasGelu", 2, likeOperand);
    for (const char *name : {"FastGelu", "Gelu", "QuickGelu"})
      add(microsoft, name, 1, likeOperand);
    return true;
  }();
  (void)once;
}
