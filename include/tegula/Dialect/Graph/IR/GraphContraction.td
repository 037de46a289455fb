// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_CONTRACTION
#define TEGULA_GRAPH_CONTRACTION

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_MatMulOp : Graph_PureOp<"matmul", [SameOperandsAndResultElementType]> {
  let summary = "Matrix product with broadcast batch dimensions (numpy.matmul).";
  let description = [{
    `lhs` is [..., M, K] or [K], `rhs` is [..., K, N] or [K]; the result is [..., M, N] without the dimension of a
    one-dimensional operand. Leading dimensions broadcast. `transpose_lhs` and `transpose_rhs` swap an operand's last
    two dimensions first (rank 2 or more). f16 and bf16 accumulate in f32.
  }];
  let arguments = (ins Graph_NumericTensor:$lhs, Graph_NumericTensor:$rhs,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_lhs,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_rhs);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_ConvOp : Graph_PureOp<"conv"> {
  let summary = "Convolution (cross-correlation) over any number of spatial dimensions.";
  let description = [{
    `x` is [N, C, D1, ..., Ds], `weight` is [M, C / group, k1, ..., ks], the optional `bias` is [M]; the result is
    [N, M, o1, ..., os] with o = (D + pad_begin + pad_end - dilation * (k - 1) - 1) / stride + 1.
    `pads` holds s begins, then s ends; padding is zero.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_NumericTensor:$weight, Graph_OptionalTensor:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DefaultValuedAttr<I64Attr, "1">:$group);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $weight (`,` $bias^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

#endif
