// RUN: tegula-opt %s -split-input-file --tegula-graph --tegula-linalg --exec-form-kernels | FileCheck %s

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

// -----

// Two contractions whose results meet in one addition: the first takes it, the second stays alone.
// CHECK-LABEL: module
// CHECK-COUNT-2: exec.dispatch
// CHECK-NOT: exec.dispatch
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
module {
  func.func @main(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %c: tensor<8x4xf32>) -> tensor<4x4xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x4xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
    %0 = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%z : tensor<4x4xf32>) {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %acc, %p : f32
      linalg.yield %s : f32
    } -> tensor<4x4xf32>
    %1 = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %c : tensor<4x8xf32>, tensor<8x4xf32>) outs(%z : tensor<4x4xf32>) {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %acc, %p : f32
      linalg.yield %s : f32
    } -> tensor<4x4xf32>
    %2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%0, %1 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
    ^bb0(%x: f32, %y: f32, %o: f32):
      %s = arith.addf %x, %y : f32
      linalg.yield %s : f32
    } -> tensor<4x4xf32>
    return %2 : tensor<4x4xf32>
  }
}

// -----

// A big result of one value throughout is a kernel's work; the artifact does not hold it.
// CHECK-LABEL: module
// CHECK-NOT: exec.constant
// CHECK: %[[Y:.*]] = exec.dispatch @{{.*}} outs(%{{.*}}) {{.*}} -> tensor<1099511627776xf32>
// CHECK: return %[[Y]]
// CHECK: linalg.fill
func.func @main() -> tensor<1099511627776xf32> {
  %y = graph.constant dense<1.0> : tensor<1099511627776xf32>
  return %y : tensor<1099511627776xf32>
}
