// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_QUANTIZATION
#define TEGULA_GRAPH_QUANTIZATION

include "tegula/Dialect/Graph/IR/GraphBase.td"

// `scale` and `zero_point` have one shape and say the granularity: one element for the whole tensor, one dimension for
// one scale per index of dimension `axis`, or the operand's rank for one scale per `block_size` elements along `axis`.

def Graph_QuantizeOp : Graph_PureOp<"quantize"> {
  let summary = "Linear quantization.";
  let description = [{
    `y = saturate(round(x / scale) + zero_point)` for integer results, halves to even and clamped to the type's range;
    `y = cast(x / scale + zero_point)` for float8 and float4 results, which `saturate` governs as in graph.cast. The
    quotient is computed in f32 and then rounded to `precision` (f32, f16 or bf16). `scale` with one element serves the
    whole tensor, with one dimension the indices of dimension `axis`, with the rank of x (and `block_size` above 0)
    blocks of `block_size` elements along `axis`; `zero_point` has the same shape and the result's element type.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_NumericTensor:$scale, Graph_OptionalTensor:$zero_point,
                       I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$block_size,
                       DefaultValuedAttr<BoolAttr, "true">:$saturate, TypeAttr:$precision);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `,` $scale (`,` $zero_point^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_DequantizeOp : Graph_PureOp<"dequantize"> {
  let summary = "The inverse of linear quantization.";
  let description = [{
    `y = (x - zero_point) * scale`, computed in f32 and rounded to the result's element type. Granularity as in
    graph.quantize; `zero_point` has the element type of x.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_NumericTensor:$scale, Graph_OptionalTensor:$zero_point,
                       I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$block_size);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x `,` $scale (`,` $zero_point^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

#endif
