// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sequences and optionals.
#ifndef TEGULA_GRAPH_SEQUENCE
#define TEGULA_GRAPH_SEQUENCE

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_SequenceConstructOp : Graph_PureOp<"sequence_construct"> {
  let summary = "A sequence of the operands, in order.";
  let description = [{
    All operands have one element type; their shapes may differ, and the result's element type is what they have in common.
    Without operands the sequence is empty and the result type tells what it may hold.
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$elements);
  let results = (outs Graph_SequenceType:$sequence);
  let assemblyFormat = "`(` $elements `)` attr-dict `:` functional-type(operands, results)";
}

def Graph_SequenceAtOp : Graph_Op<"sequence_at", [NoMemoryEffect]> {
  let summary = "One element of a sequence.";
  let description = [{
    `position` is one integer, counted from the end when negative. One that is out of range is a run-time error; so is an
    element whose shape is not the result's.
  }];
  let arguments = (ins Graph_SequenceType:$sequence, Graph_IndexTensor:$position);
  let results = (outs Graph_Tensor:$element);
  let assemblyFormat = "$sequence `[` $position `]` attr-dict `:` functional-type(operands, results)";
}

def Graph_SequenceInsertOp : Graph_Op<"sequence_insert", [NoMemoryEffect]> {
  let summary = "A sequence with one more element.";
  let description = [{
    `element` stands before the element that was at `position` (counted from the end when negative; from minus the length
    to the length, else a run-time error), or at the end without it.
  }];
  let arguments = (ins Graph_SequenceType:$sequence, Graph_Tensor:$element, Optional<Graph_IndexTensor>:$position);
  let results = (outs Graph_SequenceType:$result);
  let assemblyFormat = "$sequence `,` $element (`at` $position^)? attr-dict `:` functional-type(operands, results)";
}

def Graph_SequenceEraseOp : Graph_Op<"sequence_erase", [NoMemoryEffect]> {
  let summary = "A sequence without one of its elements.";
  let description = [{
    Without the element at `position` (counted from the end when negative; out of range is a run-time error), or the last
    one. An empty sequence is a run-time error.
  }];
  let arguments = (ins Graph_SequenceType:$sequence, Optional<Graph_IndexTensor>:$position);
  let results = (outs Graph_SequenceType:$result);
  let assemblyFormat = "$sequence (`at` $position^)? attr-dict `:` functional-type(operands, results)";
}

def Graph_SequenceLengthOp : Graph_PureOp<"sequence_length"> {
  let summary = "The number of elements, one i64.";
  let arguments = (ins Graph_SequenceType:$sequence);
  let results = (outs Graph_Tensor:$length);
  let assemblyFormat = "$sequence attr-dict `:` functional-type(operands, results)";
}

def Graph_SplitToSequenceOp : Graph_Op<"split_to_sequence", [NoMemoryEffect]> {
  let summary = "The parts of a tensor along an axis.";
  let description = [{
    `split` of rank 1 gives the rows of each part: they must add up to the extent. Of rank 0 it is the rows of every part
    but perhaps the last, at least 1. Without it each part is one row, whose dimension goes when `keep_dims` is false.
  }];
  let arguments = (ins Graph_Tensor:$x, Optional<Graph_IndexTensor>:$split, I64Attr:$axis, BoolAttr:$keep_dims);
  let results = (outs Graph_SequenceType:$sequence);
  let assemblyFormat = "$x (`by` $split^)? attr-dict `:` functional-type(operands, results)";
}

def Graph_ConcatFromSequenceOp : Graph_Op<"concat_from_sequence", [NoMemoryEffect]> {
  let summary = "The elements of a sequence one after the other along an axis.";
  let description = [{
    Along dimension `axis` of the elements, or of the result along a new one when `new_axis` is set. An empty sequence, and
    elements whose other extents differ, are run-time errors.
  }];
  let arguments = (ins Graph_SequenceType:$sequence, I64Attr:$axis, BoolAttr:$new_axis);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$sequence attr-dict `:` functional-type(operands, results)";
}

def Graph_OptionalConstructOp : Graph_PureOp<"optional_construct"> {
  let summary = "An optional that holds the operand, or nothing.";
  let arguments = (ins Optional<Graph_AnyValue>:$value);
  let results = (outs Graph_OptionalType:$result);
  let assemblyFormat = "($value^)? attr-dict `:` functional-type(operands, results)";
}

def Graph_OptionalHasElementOp : Graph_PureOp<"optional_has_element"> {
  let summary = "Whether an optional holds something: one bool.";
  let arguments = (ins Graph_OptionalType:$value);
  let results = (outs Graph_BoolTensor:$result);
  let assemblyFormat = "$value attr-dict `:` functional-type(operands, results)";
}

def Graph_OptionalGetElementOp : Graph_Op<"optional_get_element", [NoMemoryEffect]> {
  let summary = "What an optional holds; a run-time error when it is empty.";
  let arguments = (ins Graph_OptionalType:$value);
  let results = (outs Graph_AnyValue:$element);
  let assemblyFormat = "$value attr-dict `:` functional-type(operands, results)";
}

def Graph_RetypeOp : Graph_PureOp<"retype"> {
  let summary = "The same sequence or optional under a type that says more or less of its shapes.";
  let arguments = (ins AnyTypeOf<[Graph_SequenceType, Graph_OptionalType, Graph_MapType]>:$value);
  let results = (outs AnyTypeOf<[Graph_SequenceType, Graph_OptionalType, Graph_MapType]>:$result);
  let assemblyFormat = "$value attr-dict `:` functional-type(operands, results)";
}

#endif
