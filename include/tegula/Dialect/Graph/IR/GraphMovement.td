// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_MOVEMENT
#define TEGULA_GRAPH_MOVEMENT

include "tegula/Dialect/Graph/IR/GraphBase.td"

// A string attribute out of a fixed list; `condition` compares $_self's text.
class Graph_ChoiceAttr<string condition, string choices> : StringBasedAttr<
    CPred<"[](::llvm::StringRef text) { return " # condition # "; }(::llvm::cast<::mlir::StringAttr>($_self).getValue())">,
    "one of " # choices>;

def Graph_TransposeOp : Graph_PureOp<"transpose", [SameOperandsAndResultElementType]> {
  let summary = "Permutation of dimensions.";
  let description = "Result dimension i is operand dimension `permutation[i]`.";
  let arguments = (ins Graph_Tensor:$x, DenseI64ArrayAttr:$permutation);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Graph_ReshapeOp : Graph_PureOp<"reshape"> {
  let summary = "The same elements in row-major order under another shape.";
  let description = [{
    `shape` is a one-dimensional integer tensor: -1 (at most once) takes what is left; 0 copies the operand's dimension
    at that place unless `allow_zero` is set. A shape that does not fit the element count is an error.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$shape, DefaultValuedAttr<BoolAttr, "false">:$allow_zero);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $shape attr-dict `:` type($x) `,` type($shape) `->` type($y)";
  let hasFolder = 1;
}

def Graph_FlattenOp : Graph_PureOp<"flatten", [SameOperandsAndResultElementType]> {
  let summary = "A matrix of the leading and the remaining dimensions.";
  let description = [{
    The result is [product of dimensions before `axis`, product of the others]; an empty product is 1. `axis` is in
    -rank..rank; a negative one counts from the end.
  }];
  let arguments = (ins Graph_Tensor:$x, I64Attr:$axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def Graph_SqueezeOp : Graph_PureOp<"squeeze"> {
  let summary = "Removes dimensions of extent 1.";
  let description = [{
    `axes` names the dimensions (negative ones count from the end); without it every dimension that is 1 goes, which
    needs an operand of static shape. A named dimension whose extent is not 1 is an error, and with `others_differ` so is
    another one whose extent is 1 (the model asked for all, and only those named were known).
  }];
  let arguments = (ins Graph_Tensor:$x, Optional<Graph_IndexTensor>:$axes, UnitAttr:$others_differ);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x (`axes` $axes^)? attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Graph_UnsqueezeOp : Graph_PureOp<"unsqueeze"> {
  let summary = "Inserts dimensions of extent 1.";
  let description = "`axes` names places in the result (negative ones count from its end); each at most once.";
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$axes);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `axes` $axes attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Graph_ShapeOp : Graph_PureOp<"shape"> {
  let summary = "The extents of a tensor as a one-dimensional i64 tensor.";
  let description = "Elements `start` (inclusive) to `end` (exclusive) of the shape, both already normalized to 0..rank.";
  let arguments = (ins Graph_Tensor:$x, I64Attr:$start, I64Attr:$end);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def Graph_SizeOp : Graph_PureOp<"size"> {
  let summary = "The number of elements of a tensor as an i64 scalar.";
  let description = "The product of all extents; 1 for a scalar.";
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def Graph_ConcatOp : Graph_PureOp<"concat"> {
  let summary = "Tensors one after the other along an axis.";
  let description = [{
    All operands have the same rank (at least 1) and, except along `axis` (negative: from the end), the same extents.
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$inputs attr-dict `:` functional-type($inputs, $y)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Graph_SplitOp : Graph_PureOp<"split"> {
  let summary = "Consecutive pieces of a tensor along an axis.";
  let description = [{
    `sizes` holds one extent per result, which add up to the operand's; without it every piece is
    ceil(extent / result count) long but the last, which takes the rest.
  }];
  let arguments = (ins Graph_Tensor:$x, Optional<Graph_IndexTensor>:$sizes, I64Attr:$axis);
  let results = (outs Variadic<Graph_Tensor>:$pieces);
  let assemblyFormat = "$x (`sizes` $sizes^)? attr-dict `:` functional-type(operands, results)";
}

def Graph_SliceOp : Graph_PureOp<"slice", [AttrSizedOperandSegments]> {
  let summary = "Every step-th element of a range, per axis.";
  let description = [{
    Along `axes[k]` (default: k; negative: from the end) the elements `starts[k]`, `starts[k] + steps[k]`, ... before
    `ends[k]`. Negative starts and ends count from the end; then both are clamped: to 0..extent for a positive step, starts
    to 0..extent-1 and ends to -1..extent-1 for a negative one. Steps default to 1; a step of 0 is an error.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$starts, Graph_IndexTensor:$ends,
                       Optional<Graph_IndexTensor>:$axes, Optional<Graph_IndexTensor>:$steps);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = [{
    $x `from` $starts `to` $ends (`axes` $axes^)? (`steps` $steps^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def Graph_ExpandOp : Graph_PureOp<"expand"> {
  let summary = "Broadcast to a shape.";
  let description = [{
    The result's shape is the multidirectional broadcast of the operand's shape and `shape`, so an entry of 1 keeps the
    operand's extent.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$shape);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $shape attr-dict `:` type($x) `,` type($shape) `->` type($y)";
  let hasFolder = 1;
}

def Graph_TileOp : Graph_PureOp<"tile"> {
  let summary = "Repeats a tensor along each of its axes.";
  let description = "`repeats` holds one count of 0 or more per dimension; result extent = extent * repeats.";
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$repeats);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $repeats attr-dict `:` type($x) `,` type($repeats) `->` type($y)";
  let hasFolder = 1;
}

def Graph_PadModeAttr : Graph_ChoiceAttr<
    "text == \"constant\" || text == \"reflect\" || text == \"edge\" || text == \"wrap\"",
    "constant, reflect, edge, wrap">;
def Graph_PadOp : Graph_PureOp<"pad", [AttrSizedOperandSegments]> {
  let summary = "Elements added (or removed) at both ends of axes.";
  let description = [{
    `pads` holds n begins, then n ends for `axes` (default: all axes); negative counts remove elements. `mode` says what
    the new elements are: `constant` is `value` (a scalar, default 0), `reflect` mirrors without repeating the border,
    `edge` repeats it, `wrap` goes around.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$pads, Optional<Graph_Tensor>:$value,
                       Optional<Graph_IndexTensor>:$axes, Graph_PadModeAttr:$mode);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = [{
    $x `by` $pads (`value` $value^)? (`axes` $axes^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def Graph_DepthToSpaceOp : Graph_PureOp<"depth_to_space", [SameOperandsAndResultElementType]> {
  let summary = "Channels rearranged into blocks of pixels.";
  let description = [{
    [N, C, H, W] becomes [N, C / b², H b, W b] for block size b. The channel index reads (block row, block column, rest),
    or (rest, block row, block column) with `column_row_depth`.
  }];
  let arguments = (ins Graph_Tensor:$x, ConfinedAttr<I64Attr, [IntPositive]>:$block,
                       DefaultValuedAttr<BoolAttr, "false">:$column_row_depth);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def Graph_SpaceToDepthOp : Graph_PureOp<"space_to_depth", [SameOperandsAndResultElementType]> {
  let summary = "Blocks of pixels rearranged into channels.";
  let description = [{
    [N, C, H, W] becomes [N, b² C, H / b, W / b]; the channel index reads (block row, block column, channel), or (channel,
    block row, block column) with `column_row_depth`.
  }];
  let arguments = (ins Graph_Tensor:$x, ConfinedAttr<I64Attr, [IntPositive]>:$block,
                       DefaultValuedAttr<BoolAttr, "false">:$column_row_depth);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def Graph_ReverseSequenceOp : Graph_PureOp<"reverse_sequence"> {
  let summary = "The first elements of every batch entry in reverse order.";
  let description = [{
    Along `time_axis`, the first `lengths[i]` elements of batch entry i (of `batch_axis`) are reversed, the others stay. A
    length outside 0..extent is an error. The axes are 0 and 1 in either order.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$lengths, I64Attr:$batch_axis, I64Attr:$time_axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $lengths attr-dict `:` type($x) `,` type($lengths) `->` type($y)";
}

#endif
