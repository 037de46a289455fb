// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_ACTIVATION
#define TEGULA_GRAPH_ACTIVATION

include "tegula/Dialect/Graph/IR/GraphElementwise.td"

// Activation functions: elementwise, the result has the operand's shape; f16 and bf16 compute in f32.
class Graph_ActivationOp<string mnemonic, string meaning, dag parameters = (ins)>
    : Graph_UnaryFloatOp<mnemonic, meaning> {
  let arguments = !con((ins Graph_FloatTensor:$x), parameters);
}

def Graph_ReluOp : Graph_UnaryOp<"relu", "max(x, 0); NaN stays NaN.">;
def Graph_SigmoidOp : Graph_UnaryFloatOp<"sigmoid", "1 / (1 + exp(-x)), without overflow.">;
def Graph_SoftplusOp : Graph_UnaryFloatOp<"softplus", "log(1 + exp(x)), without overflow.">;
def Graph_SoftsignOp : Graph_UnaryFloatOp<"softsign", "x / (1 + |x|).">;
def Graph_MishOp : Graph_UnaryFloatOp<"mish", "x * tanh(softplus(x)).">;
def Graph_HardSwishOp : Graph_UnaryFloatOp<"hard_swish", "x * max(0, min(1, x / 6 + 1 / 2)).">;

def Graph_LeakyReluOp : Graph_ActivationOp<"leaky_relu", "x where x >= 0, else alpha * x.",
    (ins DefaultValuedAttr<F32Attr, "0.01f">:$alpha)>;
def Graph_ThresholdedReluOp : Graph_ActivationOp<"thresholded_relu", "x where x > alpha, else 0.",
    (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha)>;
def Graph_EluOp : Graph_ActivationOp<"elu", "x where x >= 0, else alpha * (exp(x) - 1).",
    (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha)>;
def Graph_CeluOp : Graph_ActivationOp<"celu", "max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).",
    (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha)>;
def Graph_SeluOp : Graph_ActivationOp<"selu", "gamma * x where x > 0, else gamma * alpha * (exp(x) - 1).",
    (ins DefaultValuedAttr<F32Attr, "1.67326319217681884765625f">:$alpha,
         DefaultValuedAttr<F32Attr, "1.05070102214813232421875f">:$gamma)>;
def Graph_HardSigmoidOp : Graph_ActivationOp<"hard_sigmoid", "max(0, min(1, alpha * x + beta)).",
    (ins DefaultValuedAttr<F32Attr, "0.2f">:$alpha, DefaultValuedAttr<F32Attr, "0.5f">:$beta)>;
def Graph_SwishOp : Graph_ActivationOp<"swish", "x * sigmoid(alpha * x).",
    (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha)>;
def Graph_GeluOp : Graph_ActivationOp<"gelu",
    "x / 2 * (1 + erf(x / sqrt(2))), or with `tanh` x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))).",
    (ins DefaultValuedAttr<BoolAttr, "false">:$tanh)>;

def Graph_ShrinkOp : Graph_UnaryOp<"shrink",
    "x + bias where x < -threshold, x - bias where x > threshold, else 0; integers compute in f32 and truncate."> {
  let arguments = (ins Graph_NumericTensor:$x, DefaultValuedAttr<F32Attr, "0.5f">:$threshold,
                       DefaultValuedAttr<F32Attr, "0.0f">:$bias);
}

def Graph_PreluOp : Graph_BinaryOp<"prelu", "lhs where lhs >= 0, else rhs * lhs.">;

#endif
