// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_CONTROL_FLOW
#define TEGULA_GRAPH_CONTROL_FLOW

include "mlir/Interfaces/ControlFlowInterfaces.td"
include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_YieldOp : Op<Graph_Dialect, "yield", [Pure, ReturnLike, Terminator, ParentOneOf<["IfOp", "LoopOp"]>]> {
  let summary = "Ends a region of graph.if or graph.loop with its values.";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "$values attr-dict (`:` type($values)^)?";
  let builders = [OpBuilder<(ins), [{}]>];
}

def Graph_IfOp : Graph_Op<"if", [RecursiveMemoryEffects, SingleBlock]> {
  let summary = "One of two regions, chosen at run time.";
  let description = [{
    `condition` has one element. Both regions use values from outside and yield the results; a result's type is what both
    yields have in common.
  }];
  let arguments = (ins Graph_BoolTensor:$condition);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region SizedRegion<1>:$then_region, SizedRegion<1>:$else_region);
  let assemblyFormat = [{
    $condition attr-dict `:` functional-type(operands, results) $then_region `else` $else_region
  }];
  let hasVerifier = 1;
}

def Graph_LoopOp : Graph_Op<"loop", [RecursiveMemoryEffects, SingleBlock, AttrSizedOperandSegments]> {
  let summary = "A region that runs again and again on values that it carries.";
  let description = [{
    The region runs while the number of rounds is below `trip_count` (one i64 element; unlimited when absent) and the
    condition holds (`condition` at first, then what the round yields; true when absent). Its arguments are the
    round's number (tensor<i64>), the condition and the carried values, `initial` at first. It yields the next condition,
    the next carried values and any number of scanned values. Results are the last carried values, then the scanned
    values of all rounds along a new first dimension. Shapes of carried values may change from round to round: the
    argument's type is what all rounds have in common.
  }];
  let arguments = (ins Optional<Graph_IndexTensor>:$trip_count, Optional<Graph_BoolTensor>:$condition,
                       Variadic<AnyType>:$initial);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`count` $trip_count^)? (`while` $condition^)? `(` $initial `)` attr-dict `:` functional-type(operands, results) $body
  }];
  let hasVerifier = 1;
}

#endif
