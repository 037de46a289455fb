// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_CONTRACTION
#define TEGULA_GRAPH_CONTRACTION

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_MatMulOp : Graph_PureOp<"matmul"> {
  let summary = "Matrix product with broadcast batch dimensions (numpy.matmul).";
  let description = [{
    `lhs` is [..., M, K] or [K], `rhs` is [..., K, N] or [K]; the result is [..., M, N] without the dimension of a
    one-dimensional operand. Leading dimensions broadcast. `transpose_lhs` and `transpose_rhs` swap an operand's last
    two dimensions first (rank 2 or more). All element types are equal, and f16 and bf16 accumulate in f32; or the
    operands are bf16 and the result is the f32 sum, in which the target may take denormals for zeros and round as its
    instruction for products of bf16 does; or the operands are 8-bit integers of any signedness and the result is i32,
    exact modulo 2^32. With 8-bit integers the product is that of `lhs - lhs_zero_point` and `rhs - rhs_zero_point`;
    zero points are values of the operand's type.
  }];
  let arguments = (ins Graph_NumericTensor:$lhs, Graph_NumericTensor:$rhs,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_lhs,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_rhs,
                       DefaultValuedAttr<I64Attr, "0">:$lhs_zero_point,
                       DefaultValuedAttr<I64Attr, "0">:$rhs_zero_point);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_ConvOp : Graph_PureOp<"conv"> {
  let summary = "Convolution (cross-correlation) over any number of spatial dimensions.";
  let description = [{
    `x` is [N, C, D1, ..., Ds], `weight` is [M, C / group, k1, ..., ks], the optional `bias` is [M]; the result is
    [N, M, o1, ..., os] with o = (D + pad_begin + pad_end - dilation * (k - 1) - 1) / stride + 1.
    `pads` holds s begins, then s ends; padding is zero, a negative number crops. `auto_pad` of SAME_UPPER or SAME_LOWER
    replaces `pads` such that o = ceil(D / stride). Element types and zero points are as for `graph.matmul` (padding is
    of `x_zero_point`, which counts as zero); `bias` has the result's type.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_NumericTensor:$weight, Graph_OptionalTensor:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DefaultValuedAttr<I64Attr, "1">:$group,
                       DefaultValuedAttr<StrAttr, "\"NOTSET\"">:$auto_pad,
                       DefaultValuedAttr<I64Attr, "0">:$x_zero_point,
                       DefaultValuedAttr<I64Attr, "0">:$weight_zero_point);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $weight (`,` $bias^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_ConvTransposeOp : Graph_PureOp<"conv_transpose"> {
  let summary = "Transposed convolution.";
  let description = [{
    `x` is [N, C, D1, ..., Ds], `weight` is [C, M / group, k1, ..., ks], the optional `bias` is [M]; the result is
    [N, M, o1, ..., os] with o = stride * (D - 1) + output_padding + dilation * (k - 1) + 1 - pad_begin - pad_end: each
    element of `x` adds its multiple of the kernel at stride times its place. With `output_shape` (one extent per
    spatial dimension), or `auto_pad` of SAME_UPPER or SAME_LOWER (then o = D * stride), `pads` follow from o: the
    smaller half comes first for SAME_UPPER, last otherwise.
  }];
  let arguments = (ins Graph_FloatTensor:$x, Graph_FloatTensor:$weight, Graph_OptionalTensor:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$output_padding, DefaultValuedAttr<I64Attr, "1">:$group,
                       DefaultValuedAttr<StrAttr, "\"NOTSET\"">:$auto_pad,
                       OptionalAttr<DenseI64ArrayAttr>:$output_shape);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x `,` $weight (`,` $bias^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_EinsumOp : Graph_PureOp<"einsum", [SameOperandsAndResultElementType]> {
  let summary = "Sum of products of elements by index labels.";
  let description = [{
    `equation` is numpy's: labels (letters) per operand, separated by commas, and after `->` those of the result; without
    `->` the result has the labels that occur once, in alphabetical order. `...` stands for dimensions that broadcast.
    A label that occurs twice in one operand takes its diagonal. f16 and bf16 accumulate in f32.
  }];
  let arguments = (ins Variadic<Graph_NumericTensor>:$operands, StrAttr:$equation);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$equation `(` $operands `)` attr-dict `:` functional-type($operands, results)";
  let hasVerifier = 1;
}

#endif
