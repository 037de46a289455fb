// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops on images whose channels, and matrices whose columns, lie in blocks, and attention. Only stage `layout` makes them,
// so they have declarations of their own (Blocked.h), which import and most lowerings never see.
#ifndef TEGULA_GRAPH_BLOCKED
#define TEGULA_GRAPH_BLOCKED

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_BlockChannelsOp : Graph_PureOp<"block_channels", [SameOperandsAndResultElementType]> {
  let summary = "[N, C, H, W] as [N, C / length, H, W, length].";
  let description = [{
    A relayout: channel k is element k mod `length` of block k / `length`. C is a multiple of `length`.
  }];
  let arguments = (ins Graph_Tensor:$x, I64Attr:$length);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Graph_UnblockChannelsOp : Graph_PureOp<"unblock_channels", [SameOperandsAndResultElementType]> {
  let summary = "[N, B, H, W, length] as [N, channels, H, W].";
  let description = [{
    The inverse of `graph.block_channels`; what the last block holds beyond `channels` is dropped.
  }];
  let arguments = (ins Graph_Tensor:$x, I64Attr:$channels);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_BlockedConvOp : Graph_PureOp<"blocked_conv"> {
  let summary = "Two-dimensional convolution on blocked channels.";
  let description = [{
    The convolution of `graph.conv` (one group) on values whose channels lie in blocks: `x` is [N, C / c, H, W, c],
    the optional `bias` is [M / m, m], the result is [N, M / m, OH, OW, m]. `pads` holds two begins, then two ends, none
    negative; `auto_pad` of SAME_UPPER or SAME_LOWER decides in their place, as for `graph.conv`.

    All are f32; or `x` and `weight` are bf16, and bias and result are f32 (as for `graph.matmul`); or `x` is 8-bit, and
    bias and result are i32: the exact sums of `x` - `x_offset` times `weight`, which is i8 or i16. Padding is of
    `x_padding` (an element of `x`, 0 for floats). If not all are f32, `weight` holds g neighboring channels together, for
    instructions that multiply and add them at once: [M / m, C / c, KH, KW, c / g, m, g].

    For f32 with `winograd` = 0, `weight` is [M / m, C / c, KH, KW, c, m]. Otherwise the kernel is 3 x 3 of stride and dilation
    1, `winograd` is the side of an output tile (2 or 4), and `weight` holds G g G^T for each pair of channels, where g
    is the kernel and G the weight transformation of F(2, 3) or F(4, 3) by Lavin and Gray ("Fast Algorithms for
    Convolutional Neural Networks"): [t, t, M / m, C / c, c, m] with t = `winograd` + 2.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_NumericTensor:$weight, Graph_OptionalTensor:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DefaultValuedAttr<I64Attr, "0">:$winograd, DefaultValuedAttr<I64Attr, "0">:$x_offset,
                       DefaultValuedAttr<I64Attr, "0">:$x_padding,
                       DefaultValuedAttr<StrAttr, "\"NOTSET\"">:$auto_pad);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $weight (`,` $bias^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_BlockedDepthwiseConvOp : Graph_PureOp<"blocked_depthwise_conv"> {
  let summary = "Two-dimensional convolution of each channel by itself, on blocked channels.";
  let description = [{
    The convolution of `graph.conv` with as many groups as input and output channels, on values whose channels lie in
    blocks: `x` is [N, C / c, H, W, c], `weight` is [C / c, KH, KW, c], the optional `bias` is [C / c, c], the result is
    [N, C / c, OH, OW, c]. `pads` and `auto_pad` are as for `graph.blocked_conv`.

    Element types, except bf16, `x_offset` and `x_padding` are as for `graph.blocked_conv`. The weight of 8-bit values holds g
    neighboring columns of the kernel together: [C / c, KH, KW / g, c, g].
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_NumericTensor:$weight, Graph_OptionalTensor:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DefaultValuedAttr<I64Attr, "0">:$x_offset, DefaultValuedAttr<I64Attr, "0">:$x_padding,
                       DefaultValuedAttr<StrAttr, "\"NOTSET\"">:$auto_pad);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $weight (`,` $bias^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_BlockColumnsOp : Graph_PureOp<"block_columns", [SameOperandsAndResultElementType]> {
  let summary = "[K, N] as [ceil(N / length), K, length], filled up with zeros.";
  let description = [{
    A relayout: column k is element k mod `length` of each row of block k / `length`. What the last block holds beyond N is 0.
  }];
  let arguments = (ins Graph_NumericTensor:$x, I64Attr:$length);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_BlockedMatMulOp : Graph_PureOp<"blocked_matmul"> {
  let summary = "Matrix product with a right operand whose columns lie in blocks.";
  let description = [{
    The product of `graph.matmul` of `x` [..., K] and a matrix of K rows and `columns` columns, which `weight` holds as
    `graph.block_columns` lays it out: [ceil(`columns` / c), K, c]. Elements of `x` are f32, f16 or bf16, those of `weight` may also be 8-bit
    integers, and need not be of the same type; sums are f32. The result has the type of `x`, or is f32.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_NumericTensor:$weight, I64Attr:$columns);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $weight attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_AttentionTensor : TensorOf<[F32, F16, BF16]>;
def Graph_AttentionOp : Graph_PureOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "Scaled dot-product attention: softmax(q k^T) v.";
  let description = [{
    `q` is [..., S, D], `k` is [..., T, D] ([..., D, T] with `transpose_k`), `v` is [..., T, E]; the result is [..., S, E].
    Leading dimensions broadcast, so that several heads of queries may share one of keys and values. The scores, [..., S, T],
    broadcast with `bias` and the bool `mask`.

    A query's score of a key is the sum of products along D, times `scale`; then, where `softcap` is not 0,
    softcap * tanh(score / softcap); plus `bias`; then `fill`, which is there with `mask`, where that is false. The
    result is the sum of the rows of `v`, weighed by the softmax of the scores along T: NaN for a row with a score of
    NaN or plus infinity, or with minus infinity for all scores. Empty sums are 0.

    Elements of `q`, `k`, `v` and `bias` are of one type; f16 and bf16 are computed in f32 and rounded once, in the
    result. The order of sums is free, and weights are divided by their sum before or after they multiply `v`.
  }];
  let arguments = (ins Graph_AttentionTensor:$q, Graph_AttentionTensor:$k, Graph_AttentionTensor:$v,
                       Graph_OptionalTensor:$bias, Graph_OptionalTensor:$mask,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_k,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale, DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
                       OptionalAttr<F32Attr>:$fill);
  let results = (outs Graph_AttentionTensor:$y);
  let assemblyFormat = "$q `,` $k `,` $v (`bias` $bias^)? (`mask` $mask^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif
