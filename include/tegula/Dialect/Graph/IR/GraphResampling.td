// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_RESAMPLING
#define TEGULA_GRAPH_RESAMPLING

include "tegula/Dialect/Graph/IR/GraphMovement.td"

def Graph_ResizeModeAttr : Graph_ChoiceAttr<"text == \"nearest\" || text == \"linear\" || text == \"cubic\"",
                                            "nearest, linear, cubic">;
def Graph_CoordinateModeAttr : Graph_ChoiceAttr<
    "text == \"half_pixel\" || text == \"half_pixel_symmetric\" || text == \"pytorch_half_pixel\" || "
    "text == \"align_corners\" || text == \"asymmetric\" || text == \"tf_crop_and_resize\"",
    "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric, tf_crop_and_resize">;
def Graph_NearestModeAttr : Graph_ChoiceAttr<
    "text == \"round_prefer_floor\" || text == \"round_prefer_ceil\" || text == \"floor\" || text == \"ceil\"",
    "round_prefer_floor, round_prefer_ceil, floor, ceil">;
def Graph_AspectPolicyAttr : Graph_ChoiceAttr<
    "text == \"stretch\" || text == \"not_larger\" || text == \"not_smaller\"", "stretch, not_larger, not_smaller">;

def Graph_ResizeOp : Graph_PureOp<"resize", [AttrSizedOperandSegments]> {
  let summary = "Interpolation to other extents, axis by axis.";
  let description = [{
    Along each of `axes` (default: all) the result's extent is floor(extent * scales[k]), or sizes[k]; exactly one of the
    two is given. With policy `not_larger` (`not_smaller`) all axes share the smallest (largest) ratio of `sizes`, and
    extents are rounded half up. Result position i lies at x in the operand, with scale s, extents n (operand) and m (result),
    and w = s n:
    - `half_pixel`: (i + 0.5) / s - 0.5; `pytorch_half_pixel` the same, but -0.5 where w is 1
    - `half_pixel_symmetric`: n / 2 (1 - m / w) + (i + 0.5) / s - 0.5
    - `align_corners`: i (n - 1) / (w - 1), or 0 where w is 1
    - `asymmetric`: i / s
    - `tf_crop_and_resize`: from `roi` (starts, then ends, in 0..1): start (n - 1) + i (end - start)(n - 1) / (w - 1);
      positions outside 0..n-1 become `extrapolation_value`
    `nearest` takes the element at x rounded by `nearest_mode`. `linear` and `cubic` (coefficient a) weigh their neighbors,
    with the border repeated; `exclude_outside` gives neighbors beyond the border weight 0, `antialias` widens the kernel
    by 1 / s when s is below 1; both normalize the weights. Integers are rounded to nearest even and saturate.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Optional<Graph_FloatTensor>:$roi, Optional<Graph_FloatTensor>:$scales,
                       Optional<Graph_IndexTensor>:$sizes, OptionalAttr<DenseI64ArrayAttr>:$axes,
                       Graph_ResizeModeAttr:$mode, Graph_CoordinateModeAttr:$coordinates,
                       Graph_NearestModeAttr:$nearest_mode, Graph_AspectPolicyAttr:$aspect_policy,
                       F32Attr:$cubic_coefficient, F32Attr:$extrapolation_value, BoolAttr:$exclude_outside,
                       BoolAttr:$antialias);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = [{
    $x (`roi` $roi^)? (`scales` $scales^)? (`sizes` $sizes^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Graph_PaddingModeAttr : Graph_ChoiceAttr<"text == \"zeros\" || text == \"border\" || text == \"reflection\"",
                                             "zeros, border, reflection">;
def Graph_GridSampleOp : Graph_PureOp<"grid_sample"> {
  let summary = "Interpolation at positions given by a grid.";
  let description = [{
    `x` is [N, C, D1, ..., Ds], `grid` is [N, o1, ..., os, s] with positions in -1..1, innermost dimension first; the result
    is [N, C, o1, ..., os]. -1 and 1 are the centers of the border elements with `align_corners`, else their outer edges.
    Beyond the border elements are 0 (`zeros`), the border's (`border`) or mirrored (`reflection`). `nearest` rounds to
    even; `linear` and `cubic` (a = -0.75) weigh 2 or 4 neighbors per dimension.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_FloatTensor:$grid, Graph_ResizeModeAttr:$mode,
                       Graph_PaddingModeAttr:$padding, BoolAttr:$align_corners);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $grid attr-dict `:` type($x) `,` type($grid) `->` type($y)";
}

def Graph_RoiModeAttr : Graph_ChoiceAttr<"text == \"avg\" || text == \"max\"", "avg, max">;
def Graph_RoiAlignOp : Graph_PureOp<"roi_align"> {
  let summary = "Regions of images pooled to a fixed size by bilinear samples.";
  let description = [{
    `x` is [N, C, H, W], `rois` [R, 4] (x1, y1, x2, y2), `batch_indices` [R]; the result is [R, C, height, width]. Region r
    of image batch_indices[r], scaled by `spatial_scale` and with `half_pixel` moved by -0.5 (without, it is at least 1
    element wide and high), is cut into height x width bins; each bin takes the average or maximum of `sampling_ratio`
    squared samples (0: ceil(region / result) per dimension). Samples more than 1 outside the image are 0. `max` compares
    the weighted corners of the samples.
  }];
  let arguments = (ins Graph_FloatTensor:$x, Graph_FloatTensor:$rois, Graph_IndexTensor:$batch_indices,
                       Graph_RoiModeAttr:$mode, ConfinedAttr<I64Attr, [IntPositive]>:$height,
                       ConfinedAttr<I64Attr, [IntPositive]>:$width,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$sampling_ratio, F32Attr:$spatial_scale,
                       BoolAttr:$half_pixel);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x `,` $rois `,` $batch_indices attr-dict `:` functional-type(operands, results)";
}

def Graph_Col2ImOp : Graph_PureOp<"col2im"> {
  let summary = "Columns of overlapping blocks summed into an image.";
  let description = [{
    `x` is [N, C * product of the block's extents, L]; the result is [N, C, image extents...]. Column l holds block l of a
    window that slides over the padded image with `strides` and `dilations`; overlapping elements add up. `pads` holds
    begins, then ends. L must be the number of window positions.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_IndexTensor:$image_shape, Graph_IndexTensor:$block_shape,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $image_shape `,` $block_shape attr-dict `:` functional-type(operands, results)";
}

#endif
