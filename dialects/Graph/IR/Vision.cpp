// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Type inference of ops on pictures and boxes.
#include "Inference.h"

using namespace mlir;
using namespace tegula::graph;

LogicalResult DecodeImageOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!elementOf(getX()).isUnsignedInteger(8) || (x && x.getRank() != 1))
    return emitOpError("expected ui8 [bytes], but got ") << getX().getType();
  if (getPixelFormat() != "RGB" && getPixelFormat() != "BGR" && getPixelFormat() != "Grayscale")
    return emitOpError("expected pixel_format RGB, BGR or Grayscale, but got ") << getPixelFormat();
  int64_t channels = getPixelFormat() == "Grayscale" ? 1 : 3;
  return answer(types, {ShapedType::kDynamic, ShapedType::kDynamic, channels}, elementOf(getX()));
}

LogicalResult NonMaxSuppressionOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto boxes = rankedOf(getBoxes()), scores = rankedOf(getScores());
  if ((boxes && (boxes.getRank() != 3 || (!boxes.isDynamicDim(2) && boxes.getDimSize(2) != 4))) ||
      (scores && scores.getRank() != 3))
    return emitOpError("expected boxes [batches, n, 4] and scores [batches, classes, n], but got ")
           << getBoxes().getType() << " and " << getScores().getType();
  return answer(types, {ShapedType::kDynamic, 3}, IntegerType::get(getContext(), 64));
}
