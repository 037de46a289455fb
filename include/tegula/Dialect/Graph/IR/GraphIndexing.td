// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_INDEXING
#define TEGULA_GRAPH_INDEXING

include "tegula/Dialect/Graph/IR/GraphMovement.td"

// Everywhere here a negative index counts from the end, and an index outside its extent is a run-time error.

def Graph_GatherOp : Graph_PureOp<"gather"> {
  let summary = "Entries of one axis, chosen by an index tensor.";
  let description = [{
    The axis (negative: from the end) is replaced by the dimensions of `indices`:
    y[i..., j..., k...] = x[i..., indices[j...], k...].
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $indices attr-dict `:` type($x) `,` type($indices) `->` type($y)";
  let hasFolder = 1;
}

def Graph_GatherElementsOp : Graph_PureOp<"gather_elements"> {
  let summary = "One element per index along an axis.";
  let description = [{
    `indices` has the operand's rank and gives the result's shape; y[..., i, ...] = x[..., indices[..., i, ...], ...] with
    the index at `axis`.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $indices attr-dict `:` type($x) `,` type($indices) `->` type($y)";
}

def Graph_GatherNDOp : Graph_PureOp<"gather_nd"> {
  let summary = "Slices chosen by index tuples.";
  let description = [{
    The last dimension of `indices` holds tuples of static length m that index the dimensions after the first
    `batch_dims`, which both operands share. The result is indices.shape[:-1] + x.shape[batch_dims + m:].
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, ConfinedAttr<I64Attr, [IntNonNegative]>:$batch_dims);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $indices attr-dict `:` type($x) `,` type($indices) `->` type($y)";
}

def Graph_ReductionAttr : Graph_ChoiceAttr<
    "text == \"none\" || text == \"add\" || text == \"mul\" || text == \"max\" || text == \"min\"",
    "none, add, mul, max, min">;
def Graph_ScatterElementsOp : Graph_PureOp<"scatter_elements"> {
  let summary = "A copy with single elements replaced along an axis.";
  let description = [{
    For every position p of `indices` (same shape as `updates`), the element of x at p with `indices[p]` at `axis` becomes
    `updates[p]`, or is combined with it by `reduction`. Updates are applied in row-major order.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, Graph_Tensor:$updates, I64Attr:$axis,
                       Graph_ReductionAttr:$reduction);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def Graph_ScatterNDOp : Graph_PureOp<"scatter_nd"> {
  let summary = "A copy with slices replaced at index tuples.";
  let description = [{
    The last dimension of `indices` holds tuples of static length m that index the first m dimensions of x; the slice
    there becomes `updates[p]` (of shape x.shape[m:]), or is combined with it by `reduction`, in row-major order of p.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, Graph_Tensor:$updates, Graph_ReductionAttr:$reduction);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def Graph_TensorScatterOp : Graph_PureOp<"tensor_scatter"> {
  let summary = "A cache with an update written at each batch entry's position.";
  let description = [{
    y = x except that along `axis` (negative: from the end; not 0) batch entry i holds `update` from position
    `write_indices[i]` (default 0) on. With `circular` positions wrap around; without, an update that does not fit is an
    error.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_Tensor:$update, Optional<Graph_IndexTensor>:$write_indices, I64Attr:$axis,
                       BoolAttr:$circular);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $update (`at` $write_indices^)? attr-dict `:` functional-type(operands, results)";
}

def Graph_TopKOp : Graph_PureOp<"top_k"> {
  let summary = "The k largest or smallest elements along an axis, with their indices.";
  let description = [{
    `k` holds one integer in 0..extent. Results are in descending (`largest`) or ascending order; of equal elements the
    one with the lower index comes first. `indices` is i64.
  }];
  let arguments = (ins Graph_NumericTensor:$x, Graph_IndexTensor:$k, I64Attr:$axis, BoolAttr:$largest);
  let results = (outs Graph_NumericTensor:$values, Graph_Tensor:$indices);
  let assemblyFormat = "$x `,` $k attr-dict `:` functional-type(operands, results)";
}

def Graph_UniqueOp : Graph_PureOp<"unique"> {
  let summary = "The distinct elements, or slices along an axis.";
  let description = [{
    Without `axis` the operand is flattened. `y` holds each distinct entry once: in ascending order (slices compare
    lexicographically) when `sorted`, else in the order of first occurrence. `firsts` are the first places of the entries of
    y, `inverse` the place in y of each entry of x, `counts` how often each entry of y occurs; all i64.
  }];
  let arguments = (ins Graph_NumericTensor:$x, OptionalAttr<I64Attr>:$axis, BoolAttr:$sorted);
  let results = (outs Graph_NumericTensor:$y, Graph_Tensor:$firsts, Graph_Tensor:$inverse, Graph_Tensor:$counts);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def Graph_NonZeroOp : Graph_PureOp<"non_zero"> {
  let summary = "Coordinates of the elements that are not zero.";
  let description = "The result is i64 [rank, count], columns in row-major order of the elements.";
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def Graph_CompressOp : Graph_PureOp<"compress"> {
  let summary = "The entries of an axis whose condition is true.";
  let description = [{
    `condition` is one-dimensional and at most as long as the axis; what it does not reach is left out. Without `axis` the
    operand is flattened first.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_BoolTensor:$condition, OptionalAttr<I64Attr>:$axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x `,` $condition attr-dict `:` functional-type(operands, results)";
}

#endif
