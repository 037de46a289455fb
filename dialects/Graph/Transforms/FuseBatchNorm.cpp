// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph.conv, then graph.batch_norm on its result alone; weight, bias and statistics are f32 constants.
// Out: one graph.conv with other constants.
// With f = scale / sqrt(variance + epsilon) per output channel: weight' = f * weight, bias' = (bias - mean) * f +
// shift.
//
//   %c = graph.conv %x, %w {...}                       %y = graph.conv %x, %w', %b' {...}
//   %y = graph.batch_norm %c scale %s ...        =>
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

#include <cmath>
#include <optional>

using namespace mlir;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHFUSEBATCHNORMPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// The elements of a constant f32 tensor; nothing for any other value. The bytes of a resource may be unaligned.
static std::optional<SmallVector<float>> readFloats(Value value) {
  auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
  ElementsAttr constant;
  if (!type || !type.hasStaticShape() || !type.getElementType().isF32() || !matchPattern(value, m_Constant(&constant)))
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant))
    return llvm::to_vector(dense.getValues<float>());
  auto resource = dyn_cast<DenseResourceElementsAttr>(constant);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob || blob->getData().size() != size_t(type.getNumElements()) * sizeof(float))
    return std::nullopt;
  SmallVector<float> values(type.getNumElements());
  std::memcpy(values.data(), blob->getData().data(), blob->getData().size());
  return values;
}

static Value makeConstant(OpBuilder &b, Location loc, RankedTensorType type, ArrayRef<float> values) {
  if (values.size() <= 1024)
    return ConstantOp::create(b, loc, DenseElementsAttr::get(type, values));
  ArrayRef<char> bytes(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
  return ConstantOp::create(
      b, loc,
      DenseResourceElementsAttr::get(type, "folded_weight", HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64)));
}

namespace {
struct GraphFuseBatchNormPass : tegula::impl::GraphFuseBatchNormPassBase<GraphFuseBatchNormPass> {
  void fuse(BatchNormOp norm) {
    auto conv = norm.getX().getDefiningOp<ConvOp>();
    if (!conv || !conv->hasOneUse())
      return;
    auto weight = readFloats(conv.getWeight()), scale = readFloats(norm.getScale()), shift = readFloats(norm.getBias()),
         mean = readFloats(norm.getMean()), variance = readFloats(norm.getVariance());
    auto bias = conv.getBias() ? readFloats(conv.getBias()) : SmallVector<float>(scale ? scale->size() : 0, 0.0f);
    if (!weight || !scale || !shift || !mean || !variance || !bias)
      return;
    size_t channels = scale->size();
    auto weightType = cast<RankedTensorType>(conv.getWeight().getType());
    if (channels == 0 || int64_t(channels) != weightType.getDimSize(0) || bias->size() != channels)
      return;
    size_t inner = weight->size() / channels;
    double epsilon = norm.getEpsilon().convertToDouble();
    for (size_t c = 0; c < channels; ++c) {
      double factor = (*scale)[c] / std::sqrt(double((*variance)[c]) + epsilon);
      for (size_t i = 0; i < inner; ++i)
        (*weight)[c * inner + i] = float((*weight)[c * inner + i] * factor);
      (*bias)[c] = float((double((*bias)[c]) - (*mean)[c]) * factor + (*shift)[c]);
    }
    OpBuilder b(conv);
    Location loc = FusedLoc::get(&getContext(), {conv.getLoc(), norm.getLoc()});
    Value newWeight = makeConstant(b, loc, weightType, *weight);
    Value newBias = makeConstant(b, loc, RankedTensorType::get({int64_t(channels)}, b.getF32Type()), *bias);
    auto fused = ConvOp::create(b, loc, norm.getType(), conv.getX(), newWeight, newBias, conv.getStrides(),
                                conv.getPads(), conv.getDilations(), conv.getGroup(), conv.getAutoPad());
    norm.replaceAllUsesWith(fused.getResult());
    norm.erase();
    conv.erase();
  }

  void runOnOperation() override {
    SmallVector<BatchNormOp> norms;
    getOperation().walk([&](BatchNormOp norm) { norms.push_back(norm); });
    for (BatchNormOp norm : norms)
      fuse(norm);
  }
};
} // namespace
