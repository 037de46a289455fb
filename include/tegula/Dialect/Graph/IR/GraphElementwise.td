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

// The remaining arithmetic: mixed operand types, or a meaning that an attribute chooses.
def Graph_PowOp : Graph_PureOp<"pow"> {
  let summary = "base to the power exponent.";
  let description = [{
    Elementwise with multidirectional broadcasting; the result has the base's element type. Float bases take the
    exponent converted to their type. An integer base with an integer exponent multiplies and wraps; a negative exponent
    gives the reciprocal truncated toward zero (0 for base 0). An integer base with a float exponent is computed in f64
    and truncated.
  }];
  let arguments = (ins Graph_NumericTensor:$base, Graph_NumericTensor:$exponent);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$base `,` $exponent attr-dict `:` type($base) `,` type($exponent) `->` type($y)";
  let hasCanonicalizer = 1;
}

def Graph_ModOp : Graph_PureOp<"mod", [SameOperandsAndResultElementType]> {
  let summary = "Remainder of a division.";
  let description = [{
    `lhs - q * rhs`, elementwise with multidirectional broadcasting. The quotient q is rounded toward minus infinity (the
    result has the divisor's sign), or toward zero (the dividend's sign) when `truncate` is set. An integer zero divisor is
    a run-time error; a float remainder follows C's fmod.
  }];
  let arguments = (ins Graph_NumericTensor:$lhs, Graph_NumericTensor:$rhs,
                       DefaultValuedAttr<BoolAttr, "false">:$truncate);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($y)";
  let hasFolder = 1;
}

def Graph_ShiftOp : Graph_PureOp<"shift", [SameOperandsAndResultElementType]> {
  let summary = "Bit shift.";
  let description = [{
    Shifts the bits of `x` by `amount` to the left, or to the right when `right` is set (filling with the sign bit of a
    signed type); elementwise with multidirectional broadcasting. An amount that is negative or not less than the
    element's width shifts out all bits when `total` is set and is a run-time error otherwise.
  }];
  let arguments = (ins Graph_IntegerTensor:$x, Graph_IntegerTensor:$amount, BoolAttr:$right,
                       DefaultValuedAttr<BoolAttr, "false">:$total);
  let results = (outs Graph_IntegerTensor:$y);
  let assemblyFormat = "$x `,` $amount attr-dict `:` type($x) `,` type($amount) `->` type($y)";
}

// --- comparisons and logic -------------------------------------------------------------------------------------------

def Graph_EqualOp : Graph_CompareOp<"equal", "lhs == rhs."> { let hasFolder = 1; }
def Graph_LessOp : Graph_CompareOp<"less", "lhs < rhs."> { let hasFolder = 1; }
def Graph_LessOrEqualOp : Graph_CompareOp<"less_or_equal", "lhs <= rhs."> { let hasFolder = 1; }
def Graph_GreaterOp : Graph_CompareOp<"greater", "lhs > rhs."> { let hasFolder = 1; }
def Graph_GreaterOrEqualOp : Graph_CompareOp<"greater_or_equal", "lhs >= rhs."> { let hasFolder = 1; }

def Graph_AndOp : Graph_BinaryOp<"and", "Logical and of bools, bitwise and of integers.", Graph_IntegerTensor> {
  let hasFolder = 1;
}
def Graph_OrOp : Graph_BinaryOp<"or", "Logical or of bools, bitwise or of integers.", Graph_IntegerTensor> {
  let hasFolder = 1;
}
def Graph_XorOp : Graph_BinaryOp<"xor", "Exclusive or of bools, bitwise exclusive or of integers.", Graph_IntegerTensor> {
  let hasFolder = 1;
}
def Graph_NotOp : Graph_UnaryOp<"not", "Logical negation of bools, complement of all bits of integers.",
                                Graph_IntegerTensor> {
  let hasFolder = 1;
}

def Graph_IsNanOp : Graph_PureOp<"is_nan"> {
  let summary = "Whether an element is NaN.";
  let description = "True where `x` is NaN; the result has the operand's shape.";
  let arguments = (ins Graph_FloatTensor:$x);
  let results = (outs Graph_BoolTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

def Graph_IsInfOp : Graph_PureOp<"is_inf"> {
  let summary = "Whether an element is infinite.";
  let description = [{
    True where `x` is minus infinity (if `negative`) or plus infinity (if `positive`); the result has the operand's shape.
  }];
  let arguments = (ins Graph_FloatTensor:$x, DefaultValuedAttr<BoolAttr, "true">:$negative,
                       DefaultValuedAttr<BoolAttr, "true">:$positive);
  let results = (outs Graph_BoolTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
}

// --- unary functions -------------------------------------------------------------------------------------------------

def Graph_NegOp : Graph_UnaryOp<"neg", "-x; integers wrap."> { let hasFolder = 1; }
def Graph_AbsOp : Graph_UnaryOp<"abs", "|x|; the lowest signed integer stays."> { let hasFolder = 1; }
def Graph_SignOp : Graph_UnaryOp<"sign", "-1, 0 or 1 as x is less than, equal to or greater than 0; NaN stays NaN."> {
  let hasFolder = 1;
}
def Graph_CeilOp : Graph_UnaryFloatOp<"ceil", "Least integral value not less than x."> { let hasFolder = 1; }
def Graph_FloorOp : Graph_UnaryFloatOp<"floor", "Greatest integral value not greater than x."> { let hasFolder = 1; }
def Graph_RoundOp : Graph_UnaryFloatOp<"round", "Nearest integral value, halves to even."> { let hasFolder = 1; }
def Graph_ReciprocalOp : Graph_UnaryFloatOp<"reciprocal", "1 / x.">;
def Graph_SqrtOp : Graph_UnaryFloatOp<"sqrt", "Square root; NaN for negative x."> { let hasFolder = 1; }
def Graph_ExpOp : Graph_UnaryFloatOp<"exp", "e to the power x.">;
def Graph_LogOp : Graph_UnaryFloatOp<"log", "Natural logarithm.">;
def Graph_ErfOp : Graph_UnaryFloatOp<"erf", "Error function.">;
def Graph_SinOp : Graph_UnaryFloatOp<"sin", "Sine of x in radians.">;
def Graph_CosOp : Graph_UnaryFloatOp<"cos", "Cosine of x in radians.">;
def Graph_TanOp : Graph_UnaryFloatOp<"tan", "Tangent of x in radians.">;
def Graph_AsinOp : Graph_UnaryFloatOp<"asin", "Arc sine in radians.">;
def Graph_AcosOp : Graph_UnaryFloatOp<"acos", "Arc cosine in radians.">;
def Graph_AtanOp : Graph_UnaryFloatOp<"atan", "Arc tangent in radians.">;
def Graph_SinhOp : Graph_UnaryFloatOp<"sinh", "Hyperbolic sine.">;
def Graph_CoshOp : Graph_UnaryFloatOp<"cosh", "Hyperbolic cosine.">;
def Graph_TanhOp : Graph_UnaryFloatOp<"tanh", "Hyperbolic tangent.">;
def Graph_AsinhOp : Graph_UnaryFloatOp<"asinh", "Inverse hyperbolic sine.">;
def Graph_AcoshOp : Graph_UnaryFloatOp<"acosh", "Inverse hyperbolic cosine.">;
def Graph_AtanhOp : Graph_UnaryFloatOp<"atanh", "Inverse hyperbolic tangent.">;

// --- types and selection ---------------------------------------------------------------------------------------------

def Graph_CastOp : Graph_PureOp<"cast"> {
  let summary = "Conversion of the element type.";
  let description = [{
    Converts every element to the result's element type: float to float rounds to nearest even; float to integer
    truncates toward zero (outside the range of i64, and for NaN, the result is unspecified but some value); integer to
    integer keeps the low bits; to bool is `x != 0`; from bool is 0 or 1.
    `saturate` (float8 results only): out-of-range values, infinities too, become the largest finite value of their sign;
    without it they become infinity, or NaN in formats without one. float4 and float6 results always saturate.
    `round_mode` (f8E8M0FNU results only): "up" away from zero, "down" toward zero, "nearest" with halves up.
  }];
  let arguments = (ins Graph_Tensor:$x, DefaultValuedAttr<BoolAttr, "true">:$saturate,
                       DefaultValuedAttr<StrAttr, "\"up\"">:$round_mode);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasFolder = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$x, CArg<"bool", "true">:$saturate), [{
    build($_builder, $_state, type, x, saturate, "up");
  }]>];
}

def Graph_BitcastOp : Graph_PureOp<"bitcast"> {
  let summary = "The same bits under another element type of equal width.";
  let description = "Elementwise; bool counts as a byte. The result has the operand's shape.";
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
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
