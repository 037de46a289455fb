// RUN: tegula-opt %s --tegula-graph --tegula-linalg --exec-form-kernels | FileCheck %s

// The contraction takes the elementwise chain that alone uses its result; the dynamic extent travels as a scalar.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
// CHECK-SAME: %[[W:.*]]: tensor<8x16xf32>
// CHECK-NOT: linalg.generic
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: %[[Y:.*]] = exec.dispatch @[[KERNEL:.*]] ins(%[[X]], %[[W]]) outs(%{{.*}}) scalars(%{{.*}}) : (tensor<?x8xf32>, tensor<8x16xf32>), (tensor<?x16xf32>) -> tensor<?x16xf32>
// CHECK-NEXT: return %[[Y]]
// CHECK: exec.kernel @[[KERNEL]]
// CHECK-NEXT: func.func @[[KERNEL]](%{{.*}}: memref<?x8xf32>, %{{.*}}: memref<8x16xf32>, %{{.*}}: memref<?x16xf32>, %{{.*}}: index)
// CHECK: arith.mulf
// CHECK: arith.maximumf
// CHECK: bufferization.materialize_in_destination
// CHECK-NOT: exec.kernel
func.func @main(%x: tensor<?x8xf32> {graph.name = "x", graph.dims = ["n", ""]}, %w: tensor<8x16xf32> {graph.name = "w", graph.dims = ["", ""]}) -> (tensor<?x16xf32> {graph.name = "y", graph.dims = ["n", ""]}) {
  %m = graph.matmul %x, %w : tensor<?x8xf32>, tensor<8x16xf32> -> tensor<?x16xf32>
  %r = graph.relu %m : tensor<?x16xf32> -> tensor<?x16xf32>
  return %r : tensor<?x16xf32>
}
