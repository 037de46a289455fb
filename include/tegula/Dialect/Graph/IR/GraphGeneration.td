// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_GENERATION
#define TEGULA_GRAPH_GENERATION

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_ConstantOfShapeOp : Graph_PureOp<"constant_of_shape"> {
  let summary = "One value under a shape that is an operand.";
  let description = "`shape` is one-dimensional with entries of 0 or more; `value` has one element.";
  let arguments = (ins Graph_IndexTensor:$shape, ElementsAttr:$value);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$shape `,` $value attr-dict `:` type($shape) `->` type($y)";
  let hasFolder = 1;
}

def Graph_RangeOp : Graph_PureOp<"range"> {
  let summary = "An arithmetic progression.";
  let description = [{
    max(0, ceil((limit - start) / delta)) elements start + i * delta; the operands are scalars of the result's element
    type. A delta of 0 is an error.
  }];
  let arguments = (ins Graph_NumericTensor:$start, Graph_NumericTensor:$limit, Graph_NumericTensor:$delta);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$start `,` $limit `,` $delta attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Graph_RandomUniformOp : Graph_PureOp<"random_uniform"> {
  let summary = "Pseudorandom numbers, evenly from [0, 1).";
  let description = [{
    `count` (one element, 0 or more) numbers of 53 random bits from the generator MT19937 started with `seed`: the same
    numbers as NumPy's `RandomState(seed).random_sample(count)`.
  }];
  let arguments = (ins Graph_IndexTensor:$count, I32Attr:$seed);
  let results = (outs TensorOf<[F64]>:$y);
  let assemblyFormat = "$count attr-dict `:` type($count) `->` type($y)";
}

def Graph_OneHotOp : Graph_PureOp<"one_hot"> {
  let summary = "A new axis that is on at the index and off elsewhere.";
  let description = [{
    `depth` (one element) is the extent of the new axis at place `axis` of the result (negative: from the result's end);
    `values` holds [off, on]. Negative indices count from `depth`; an index outside -depth..depth-1 gives all off.
    Fractions of indices and depth are cut off.
  }];
  let arguments = (ins Graph_NumericTensor:$indices, Graph_NumericTensor:$depth, Graph_Tensor:$values, I64Attr:$axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$indices `,` $depth `,` $values attr-dict `:` functional-type(operands, results)";
}

def Graph_EyeLikeOp : Graph_PureOp<"eye_like"> {
  let summary = "A matrix of zeros with ones on a diagonal.";
  let description = "The shape is that of the matrix `x`; element [i, j] is 1 where j - i = `k`.";
  let arguments = (ins Graph_Tensor:$x, I64Attr:$k);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def Graph_TriluOp : Graph_PureOp<"trilu"> {
  let summary = "The upper or lower triangle of matrices.";
  let description = [{
    The last two dimensions are matrices; elements below (`upper`) or above diagonal `k` (one element, default 0) become 0.
  }];
  let arguments = (ins Graph_Tensor:$x, Optional<Graph_IndexTensor>:$k, BoolAttr:$upper);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x (`diagonal` $k^)? attr-dict `:` functional-type(operands, results)";
}

#endif
