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

// -----

// A contraction reads a transposed operand where it lies.
// CHECK-DAG: #[[LEFT:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d1, d4)>
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {indexing_maps = [#[[LEFT]],
// CHECK: arith.mulf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @main(%x: tensor<2x8x4x16xf32> {graph.name = "x", graph.dims = ["", "", "", ""]}, %w: tensor<16x5xf32> {graph.name = "w", graph.dims = ["", ""]}) -> (tensor<2x4x8x5xf32> {graph.name = "y", graph.dims = ["", "", "", ""]}) {
  %t = graph.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : tensor<2x8x4x16xf32> -> tensor<2x4x8x16xf32>
  %y = graph.matmul %t, %w : tensor<2x4x8x16xf32>, tensor<16x5xf32> -> tensor<2x4x8x5xf32>
  return %y : tensor<2x4x8x5xf32>
}
