// RUN: tegula-opt %s --graph-verify-layout | FileCheck %s

// One transpose on each edge.
// CHECK-LABEL: func.func @one
// CHECK: graph.transpose
// CHECK: graph.relu
// CHECK: graph.transpose
func.func @one(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %t = graph.transpose %x {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<3x2xf32>
  %r = graph.relu %t : tensor<3x2xf32> -> tensor<3x2xf32>
  %u = graph.transpose %r {permutation = array<i64: 1, 0>} : tensor<3x2xf32> -> tensor<2x3xf32>
  return %u : tensor<2x3xf32>
}
