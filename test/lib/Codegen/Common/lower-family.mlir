// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family | FileCheck %s

// The map family: each worker of the grid takes its share of a loop.
// CHECK: exec.kernel
// CHECK: exec.grid_id
// CHECK: exec.grid_size
// CHECK: scf.for
// CHECK: arith.maximumf
// CHECK-NOT: linalg
func.func @main(%x: tensor<64xf32> {graph.name = "x", graph.dims = [""]}) -> (tensor<64xf32> {graph.name = "y", graph.dims = [""]}) {
  %r = graph.relu %x : tensor<64xf32> -> tensor<64xf32>
  return %r : tensor<64xf32>
}
