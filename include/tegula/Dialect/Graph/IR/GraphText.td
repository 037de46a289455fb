// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Strings: what looks into their text. Movement and comparison are the ops of tensors of any type.
#ifndef TEGULA_GRAPH_TEXT
#define TEGULA_GRAPH_TEXT

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_StringConstantOp : Graph_PureOp<"string_constant"> {
  let summary = "A constant tensor of strings.";
  let description = "`value` holds the elements, row-major; as many as the static result type has.";
  let arguments = (ins StrArrayAttr:$value);
  let results = (outs Graph_StringTensor:$y);
  let assemblyFormat = "$value attr-dict `:` type($y)";
  let hasVerifier = 1;
}

def Graph_StringConcatOp : Graph_PureOp<"string_concat"> {
  let summary = "Each string of x with that of y behind it, with broadcasting.";
  let arguments = (ins Graph_StringTensor:$x, Graph_StringTensor:$y);
  let results = (outs Graph_StringTensor:$z);
  let assemblyFormat = "$x `,` $y attr-dict `:` functional-type(operands, results)";
}

def Graph_StringSplitOp : Graph_PureOp<"string_split"> {
  let summary = "The parts of each string between delimiters.";
  let description = [{
    Without a delimiter (or an empty one), parts are between runs of white space. At most `max_split` splits, counted from
    the left, when it is given. `parts` has one more dimension than x, as long as the largest number of parts, filled with
    empty strings; `counts` (i64, x's shape) are the numbers of parts.
  }];
  let arguments = (ins Graph_StringTensor:$x, StrAttr:$delimiter, OptionalAttr<I64Attr>:$max_split);
  let results = (outs Graph_StringTensor:$parts, Graph_Tensor:$counts);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def Graph_StringNormalizeOp : Graph_PureOp<"string_normalize"> {
  let summary = "Strings without stop words, in one case.";
  let description = [{
    x has the shape [n] or [1, n]. Strings that equal one of `stop_words` (whatever their case unless `is_case_sensitive`)
    go; `case_change` ("NONE", "LOWER" or "UPPER") applies to what stays. Without any left the result is one empty string.
    Case is that of Unicode's simple mappings, in every locale.
  }];
  let arguments = (ins Graph_StringTensor:$x, StrAttr:$case_change, BoolAttr:$is_case_sensitive,
                       StrArrayAttr:$stop_words);
  let results = (outs Graph_StringTensor:$y);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def Graph_RegexFullMatchOp : Graph_Op<"regex_full_match", [NoMemoryEffect]> {
  let summary = "Whether each string as a whole matches a regular expression of RE2's syntax.";
  let arguments = (ins Graph_StringTensor:$x, StrAttr:$pattern);
  let results = (outs Graph_BoolTensor:$y);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def Graph_FormatOp : Graph_PureOp<"format"> {
  let summary = "Numbers as decimal strings.";
  let description = [{
    Integers and bool (0 or 1) in full; floats by the fewest digits that read back as the same number, at most 9 of f32 and
    17 of f64 (as C's %g writes them), with "INF", "-INF" and "NaN".
  }];
  let arguments = (ins Graph_NumericTensor:$x);
  let results = (outs Graph_StringTensor:$y);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def Graph_ParseOp : Graph_Op<"parse", [NoMemoryEffect]> {
  let summary = "Strings as numbers.";
  let description = [{
    Decimal and scientific notation, "INF", "+INF", "-INF" and "NaN" in any case; anything else, and an integer that does
    not fit, is a run-time error. A string for an integer type may be written as a float: it is truncated.
  }];
  let arguments = (ins Graph_StringTensor:$x);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

#endif
