// RUN: tegula-opt %s --graph-verify-layout --verify-diagnostics

func.func @two(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  // expected-note @+1 {{the other one}}
  %t = graph.transpose %x {permutation = array<i64: 1, 0, 2>} : tensor<2x3x4xf32> -> tensor<3x2x4xf32>
  // expected-error @+1 {{expected at most one relayout on an edge, but got two}}
  %u = graph.transpose %t {permutation = array<i64: 2, 1, 0>} : tensor<3x2x4xf32> -> tensor<4x2x3xf32>
  return %u : tensor<4x2x3xf32>
}
