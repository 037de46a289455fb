// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Maps from integers or strings to values, of ai.onnx.ml.
#ifndef TEGULA_GRAPH_MAP
#define TEGULA_GRAPH_MAP

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_ZipMapOp : Graph_PureOp<"zip_map"> {
  let summary = "A map from labels to the scores of each row: a sequence of maps.";
  let description = [{
    x is f32 [rows, labels], or one row [labels]. `labels` are one-dimensional, i64 or strings, as many as columns, else it is
    a run-time error.
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_Tensor:$labels);
  let results = (outs Graph_SequenceType:$maps);
  let assemblyFormat = "$x `,` $labels attr-dict `:` functional-type(operands, results)";
}

def Graph_DictVectorizeOp : Graph_PureOp<"dict_vectorize"> {
  let summary = "The values of a map in the order of a vocabulary, 0 (or empty) for keys that the map does not have.";
  let arguments = (ins Graph_MapType:$map, Graph_Tensor:$vocabulary);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$map `,` $vocabulary attr-dict `:` functional-type(operands, results)";
}

def Graph_MapValuesOp : Graph_Op<"map_values", [NoMemoryEffect]> {
  let summary = "The values of a map in the order of its keys, [1, n].";
  let description = [{
    With `extent` 0, one column for each key. Else `extent` columns: the value of key k stands in column k, other columns
    are 0 or empty; a key that is negative or not below `extent` is left out.
  }];
  let arguments = (ins Graph_MapType:$map, I64Attr:$extent);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$map attr-dict `:` functional-type(operands, results)";
}

#endif
