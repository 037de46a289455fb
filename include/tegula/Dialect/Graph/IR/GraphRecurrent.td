// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_RECURRENT
#define TEGULA_GRAPH_RECURRENT

include "tegula/Dialect/Graph/IR/GraphBase.td"

defvar recurrentDescription = [{
    S steps, B batches, I inputs, H hidden elements, D directions (1, or 2 for "bidirectional"), G gates. `x` is
    [S, B, I], `w` [D, G * H, I], `r` [D, G * H, H], the optional `bias` [D, 2 * G * H] (of `w`, then of `r`),
    `initial_h` [D, B, H] (default 0). With `lengths` [B] (i32), steps from a batch's length on leave its state as it is
    and write 0. Direction "reverse" goes from the last step to the first; "bidirectional" does both. Results: `y`
    [S, D, B, H] holds every step's hidden state, `y_h` [D, B, H] the last one. What enters an activation is limited to
    [-clip, clip] when `clip` is not 0. `activations` names them per direction, `alpha` and `beta` are their
    parameters, one each. f16 and bf16 compute in f32.
  }];
// `extra` operands and results belong to the cell state, which only the LSTM has.
class Graph_RecurrentOp<string mnemonic, dag extraOperands, dag extraAttributes, dag extraResults>
    : Graph_PureOp<mnemonic, [AttrSizedOperandSegments]> {
  let arguments = !con((ins Graph_FloatTensor:$x, Graph_FloatTensor:$w, Graph_FloatTensor:$r,
                            Optional<Graph_FloatTensor>:$bias, Optional<Graph_IntegerTensor>:$lengths,
                            Optional<Graph_FloatTensor>:$initial_h),
                       extraOperands,
                       (ins StrAttr:$direction, StrArrayAttr:$activations, DenseF32ArrayAttr:$alpha,
                            DenseF32ArrayAttr:$beta, DefaultValuedAttr<F32Attr, "0.0f">:$clip),
                       extraAttributes);
  let results = !con((outs Graph_FloatTensor:$y, Graph_FloatTensor:$y_h), extraResults);
  let hasVerifier = 1;
}

def Graph_LstmOp : Graph_RecurrentOp<"lstm",
    (ins Optional<Graph_FloatTensor>:$initial_c, Optional<Graph_FloatTensor>:$peepholes),
    (ins DefaultValuedAttr<BoolAttr, "false">:$input_forget), (outs Graph_FloatTensor:$y_c)> {
  let summary = "Long short-term memory layer.";
  let description = recurrentDescription # [{
    Gates are in the order i, o, f, c; activations f, g, h; `peepholes` is [D, 3 * H] (of i, o, f), `initial_c` and `y_c`
    [D, B, H]. i = f(xWi + hRi + Pi * c + bi), f = f(xWf + hRf + Pf * c + bf) or 1 - i with `input_forget`,
    c' = f * c + i * g(xWc + hRc + bc), o = f(xWo + hRo + Po * c' + bo), h' = o * h(c').
  }];
  let assemblyFormat = [{
    $x `,` $w `,` $r (`bias` $bias^)? (`lengths` $lengths^)? (`initial_h` $initial_h^)? (`initial_c` $initial_c^)? (`peepholes` $peepholes^)? attr-dict `:` type(operands) `->` type(results)
  }];
}

def Graph_GruOp : Graph_RecurrentOp<"gru", (ins), (ins DefaultValuedAttr<BoolAttr, "false">:$linear_before_reset),
                                    (outs)> {
  let summary = "Gated recurrent unit layer.";
  let description = recurrentDescription # [{
    Gates are in the order z, r, h; activations f, g. z = f(xWz + hRz + bz), r = f(xWr + hRr + br),
    n = g(xWh + (r * h)Rh + bh), or g(xWh + r * (hRh + Rbh) + Wbh) with `linear_before_reset`; h' = (1 - z) * n + z * h.
  }];
  let assemblyFormat = [{
    $x `,` $w `,` $r (`bias` $bias^)? (`lengths` $lengths^)? (`initial_h` $initial_h^)? attr-dict `:` type(operands) `->` type(results)
  }];
}

def Graph_RnnOp : Graph_RecurrentOp<"rnn", (ins), (ins), (outs)> {
  let summary = "Simple recurrent layer.";
  let description = recurrentDescription # "One gate: h' = f(xW + hR + b).";
  let assemblyFormat = [{
    $x `,` $w `,` $r (`bias` $bias^)? (`lengths` $lengths^)? (`initial_h` $initial_h^)? attr-dict `:` type(operands) `->` type(results)
  }];
}

#endif
