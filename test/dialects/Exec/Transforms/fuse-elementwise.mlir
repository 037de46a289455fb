// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --exec-fuse-elementwise | FileCheck %s

// One loop computes both.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-NEXT: arith.maximumf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @main(%x: tensor<64xf32> {graph.name = "x", graph.dims = [""]}) -> (tensor<64xf32> {graph.name = "y", graph.dims = [""]}) {
  %e = graph.exp %x : tensor<64xf32> -> tensor<64xf32>
  %r = graph.relu %e : tensor<64xf32> -> tensor<64xf32>
  return %r : tensor<64xf32>
}

// -----

// A producer that is also returned is computed once, not once per consumer.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK-NOT: math.exp
// CHECK: arith.maximumf
// CHECK: return
func.func @main(%x: tensor<64xf32> {graph.name = "x", graph.dims = [""]}) -> (tensor<64xf32> {graph.name = "e", graph.dims = [""]}, tensor<64xf32> {graph.name = "y", graph.dims = [""]}) {
  %e = graph.exp %x : tensor<64xf32> -> tensor<64xf32>
  %r = graph.relu %e : tensor<64xf32> -> tensor<64xf32>
  return %e, %r : tensor<64xf32>, tensor<64xf32>
}
