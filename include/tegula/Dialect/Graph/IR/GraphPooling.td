// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_POOLING
#define TEGULA_GRAPH_POOLING

include "tegula/Dialect/Graph/IR/GraphBase.td"

// What all pools share; `extra` are the op's own attributes.
defvar poolAttributes = (ins DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                             DenseI64ArrayAttr:$dilations, DefaultValuedAttr<BoolAttr, "false">:$ceil_mode,
                             DefaultValuedAttr<StrAttr, "\"NOTSET\"">:$auto_pad);
defvar poolDescription = [{
    `x` is [N, C, D1, ..., Ds], the result [N, C, o1, ..., os] with
    o = (D + pad_begin + pad_end - dilation * (kernel - 1) - 1) / stride + 1, rounded down, or up with `ceil_mode` (but the
    last window starts inside the extent or its leading padding). `pads` holds s begins, then s ends. `auto_pad` of
    SAME_UPPER or SAME_LOWER replaces `pads` such that o = ceil(D / stride).
}];

def Graph_MaxPoolOp : Graph_PureOp<"max_pool"> {
  let summary = "Maximum over sliding windows.";
  let description = poolDescription # [{
    Padding is never chosen. `indices`, if asked for, holds the place of each maximum (the first one in row-major order)
    in the whole flattened operand: row-major, or with the spatial dimensions in column-major order when `column_major`.
  }];
  let arguments = !con((ins Graph_NumericTensor:$x), poolAttributes,
                       (ins DefaultValuedAttr<BoolAttr, "false">:$column_major));
  let results = (outs Graph_NumericTensor:$y, Optional<Graph_IndexTensor>:$indices);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type(results)";
  let hasVerifier = 1;
}

def Graph_AveragePoolOp : Graph_PureOp<"average_pool"> {
  let summary = "Mean over sliding windows.";
  let description = poolDescription # [{
    The mean is over the elements of the operand, with `count_include_pad` over the padding (zeros) too; elements past the
    padding never count.
  }];
  let arguments = !con((ins Graph_FloatTensor:$x), poolAttributes,
                       (ins DefaultValuedAttr<BoolAttr, "false">:$count_include_pad));
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_LpPoolOp : Graph_PureOp<"lp_pool"> {
  let summary = "Lp norm over sliding windows.";
  let description = poolDescription # "The result is (sum of |x|^p)^(1/p); padding is zero.";
  let arguments = !con((ins Graph_FloatTensor:$x), poolAttributes, (ins DefaultValuedAttr<I64Attr, "2">:$p));
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Graph_GlobalPoolOp : Graph_PureOp<"global_pool"> {
  let summary = "Mean, maximum or Lp norm over all spatial dimensions.";
  let description = [{
    `x` is [N, C, D1, ..., Ds], the result [N, C, 1, ..., 1]. `kind` is "average", "max" or "lp" ((sum of |x|^p)^(1/p)).
  }];
  let arguments = (ins Graph_FloatTensor:$x, StrAttr:$kind, DefaultValuedAttr<I64Attr, "2">:$p);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x $kind attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

#endif
