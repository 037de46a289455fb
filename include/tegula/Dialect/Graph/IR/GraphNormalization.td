// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_NORMALIZATION
#define TEGULA_GRAPH_NORMALIZATION

include "tegula/Dialect/Graph/IR/GraphBase.td"

def Graph_BatchNormOp : Graph_PureOp<"batch_norm"> {
  let summary = "Batch normalization with given statistics (inference).";
  let description = [{
    `x` is [N, C, ...] or [N] (then C is 1); `scale`, `bias`, `mean` and `variance` are [C]. The result is
    (x - mean) * scale / sqrt(variance + epsilon) + bias per channel, computed in f32 for f16 and bf16.
  }];
  let arguments = (ins Graph_FloatTensor:$x, Graph_FloatTensor:$scale, Graph_FloatTensor:$bias,
                       Graph_FloatTensor:$mean, Graph_FloatTensor:$variance, F64Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = [{
    $x `scale` $scale `bias` $bias `mean` $mean `variance` $variance attr-dict `:` type(operands) `->` type($y)
  }];
  let hasVerifier = 1;
}

def Graph_LocalResponseNormOp : Graph_PureOp<"local_response_norm", [SameOperandsAndResultElementType]> {
  let summary = "Local response normalization over neighbouring channels.";
  let description = [{
    `x` is [N, C, ...]. The result is x / (bias + alpha / size * s)^beta, where s is the sum of squares over channels
    c - (size - 1) / 2 to c + size / 2 (both rounded down), as far as they exist.
  }];
  let arguments = (ins Graph_FloatTensor:$x, I64Attr:$size, F64Attr:$alpha, F64Attr:$beta, F64Attr:$bias);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

#endif
