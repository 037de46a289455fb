// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_MOVEMENT
#define TEGULA_GRAPH_MOVEMENT

include "tegula/Dialect/Graph/IR/GraphBase.td"

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

def Graph_ShapeOp : Graph_PureOp<"shape"> {
  let summary = "The extents of a tensor as a one-dimensional i64 tensor.";
  let description = "Elements `start` (inclusive) to `end` (exclusive) of the shape, both already normalized to 0..rank.";
  let arguments = (ins Graph_Tensor:$x, I64Attr:$start, I64Attr:$end);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

#endif
