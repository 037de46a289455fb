// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_ELEMENTWISE
#define TEGULA_GRAPH_ELEMENTWISE

include "tegula/Dialect/Graph/IR/GraphBase.td"

// Shapes: result = operand.
class Graph_UnaryOp<string mnemonic, string meaning, Type tensor = Graph_NumericTensor>
    : Graph_PureOp<mnemonic, [SameOperandsAndResultElementType]> {
  let summary = meaning;
  let description = meaning # " Elementwise; the result has the operand's shape.";
  let arguments = (ins tensor:$x);
  let results = (outs tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}
class Graph_UnaryFloatOp<string mnemonic, string meaning> : Graph_UnaryOp<mnemonic, meaning, Graph_FloatTensor>;

// Shapes: result = multidirectional broadcast of the operands.
class Graph_BinaryOp<string mnemonic, string meaning, Type tensor = Graph_NumericTensor>
    : Graph_PureOp<mnemonic, [SameOperandsAndResultElementType]> {
  let summary = meaning;
  let description = meaning # " Elementwise with multidirectional broadcasting.";
  let arguments = (ins tensor:$lhs, tensor:$rhs);
  let results = (outs tensor:$y);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($y)";
}
class Graph_CompareOp<string mnemonic, string meaning> : Graph_PureOp<mnemonic> {
  let summary = meaning;
  let description = meaning # " Elementwise with multidirectional broadcasting; NaN compares false.";
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs);
  let results = (outs Graph_BoolTensor:$y);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($y)";
}

def Graph_AddOp : Graph_BinaryOp<"add", "Sum; integers wrap."> { let hasFolder = 1; }
def Graph_SubOp : Graph_BinaryOp<"sub", "Difference; integers wrap."> { let hasFolder = 1; }
def Graph_MulOp : Graph_BinaryOp<"mul", "Product; integers wrap."> { let hasFolder = 1; }
def Graph_DivOp : Graph_BinaryOp<"div", "Quotient; integers truncate toward zero; an integer zero divisor and INT_MIN / -1 are run-time errors."> {
  let hasFolder = 1;
}
def Graph_MaxOp : Graph_BinaryOp<"max", "Larger operand; a NaN operand gives NaN."> { let hasFolder = 1; }
def Graph_MinOp : Graph_BinaryOp<"min", "Smaller operand; a NaN operand gives NaN."> { let hasFolder = 1; }

def Graph_EqualOp : Graph_CompareOp<"equal", "lhs == rhs."> { let hasFolder = 1; }
def Graph_LessOp : Graph_CompareOp<"less", "lhs < rhs."> { let hasFolder = 1; }
def Graph_GreaterOp : Graph_CompareOp<"greater", "lhs > rhs."> { let hasFolder = 1; }

def Graph_ReluOp : Graph_UnaryOp<"relu", "max(x, 0); NaN stays NaN.">;
def Graph_NegOp : Graph_UnaryOp<"neg", "-x; integers wrap."> { let hasFolder = 1; }
def Graph_ExpOp : Graph_UnaryFloatOp<"exp", "e to the power x.">;
def Graph_TanhOp : Graph_UnaryFloatOp<"tanh", "Hyperbolic tangent.">;
def Graph_SigmoidOp : Graph_UnaryFloatOp<"sigmoid", "1 / (1 + exp(-x)).">;

def Graph_CastOp : Graph_PureOp<"cast"> {
  let summary = "Conversion of the element type.";
  let description = [{
    Converts every element to the result's element type: float to float rounds to nearest even; float to integer
    truncates toward zero; integer to integer keeps the low bits; to bool is `x != 0`; from bool is 0 or 1.
    `saturate` (float8 results only): out-of-range values become the largest finite value instead of infinity or NaN.
  }];
  let arguments = (ins Graph_Tensor:$x, DefaultValuedAttr<BoolAttr, "true">:$saturate);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
}

def Graph_WhereOp : Graph_PureOp<"where"> {
  let summary = "Elementwise selection.";
  let description = "`condition ? x : y`, elementwise with multidirectional broadcasting of all three operands.";
  let arguments = (ins Graph_BoolTensor:$condition, Graph_Tensor:$x, Graph_Tensor:$y);
  let results = (outs Graph_Tensor:$z);
  let assemblyFormat = "$condition `,` $x `,` $y attr-dict `:` type($condition) `,` type($x) `,` type($y) `->` type($z)";
  let hasFolder = 1;
}

#endif
