// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_STRUCTURE
#define TEGULA_GRAPH_STRUCTURE

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_ConstantOp : Graph_PureOp<"constant", [ConstantLike, AllTypesMatch<["value", "y"]>]> {
  let summary = "A constant tensor.";
  let description = [{
    The value is a `dense` attribute (small or splat) or a `dense_resource` that aliases the bytes of the model file.
    The result type is the value's type.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Graph_Tensor:$y);
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{
    build($_builder, $_state, value.getType(), value);
  }]>];
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Graph_OnnxOp : Graph_Op<"onnx"> {
  let summary = "Any ONNX node that is not lowered yet.";
  let description = [{
    A carrier, so that import is total: operator `op_type` of `domain` at opset `version` with its attributes and, for
    control flow, its subgraphs as regions. An absent optional operand is marked by `present` (false at its place).
    The `graph` stage lists every carrier that is left, all at once.
  }];
  let arguments = (ins Variadic<AnyType>:$arguments, StrAttr:$op_type, StrAttr:$domain, I64Attr:$version,
                       DictionaryAttr:$node_attributes, DenseBoolArrayAttr:$present);
  let results = (outs Variadic<AnyType>:$outputs);
  let assemblyFormat = [{
    $op_type `domain` $domain `version` $version `(` $arguments `)` `present` $present `attributes` $node_attributes attr-dict `:` functional-type(operands, results)
  }];
}

#endif
