// RUN: tegula-opt %s --graph-infer-shapes --split-input-file --verify-diagnostics

func.func @contradiction(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{expected result type 'tensor<2x4xf32>' as the model says, but got 'tensor<2x3xf32>'}}
  %r = graph.relu %x : tensor<2x3xf32> -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}
