// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pictures and boxes.
#ifndef TEGULA_GRAPH_VISION
#define TEGULA_GRAPH_VISION

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_DecodeImageOp : Graph_Op<"decode_image", [NoMemoryEffect]> {
  let summary = "The picture in the bytes of a file.";
  let description = [{
    x is ui8 [bytes] of a format that the runtime was built with (BMP and PNM always; JPEG, PNG, TIFF, WebP). The result is
    ui8 [height, width, channels] in `pixel_format` "RGB" or "BGR" (3 channels) or "Grayscale" (1). Bytes that are no such
    picture are a run-time error.
  }];
  let arguments = (ins Graph_Tensor:$x, StrAttr:$pixel_format);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def Graph_NonMaxSuppressionOp : Graph_Op<"non_max_suppression", [NoMemoryEffect, AttrSizedOperandSegments]> {
  let summary = "Boxes of high score that overlap little, by batch and class.";
  let description = [{
    `boxes` is f32 [batches, n, 4]: corners [y1, x1, y2, x2] in any order, or with `center_point` [x, y, width, height].
    `scores` is f32 [batches, classes, n]. In each batch and class boxes of a score above `score_threshold` (any without it)
    are taken in the order of falling score, the first of equal ones first, unless the ratio of intersection to union with
    a box taken before is above `iou_threshold` (0 without it), until there are `max_count` (none without it). The result
    is i64 [taken, 3]: batch, class, box.
  }];
  let arguments = (ins Graph_FloatTensor:$boxes, Graph_FloatTensor:$scores, Optional<Graph_IndexTensor>:$max_count,
                       Optional<Graph_FloatTensor>:$iou_threshold, Optional<Graph_FloatTensor>:$score_threshold,
                       BoolAttr:$center_point);
  let results = (outs Graph_Tensor:$selected);
  let assemblyFormat = [{
    $boxes `,` $scores (`max` $max_count^)? (`iou` $iou_threshold^)? (`above` $score_threshold^)? attr-dict `:` functional-type(operands, results)
  }];
}

#endif
