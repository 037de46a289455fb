// RUN: tegula-opt %s -split-input-file --exec-form-kernels | FileCheck %s

// On a CPU, what is padded is written into the middle of the padded result; the extents of the middle follow from it.
// CHECK-LABEL: func.func @main
// CHECK: %[[Y:.*]] = exec.dispatch @[[KERNEL:.*]] ins(%{{.*}}) outs(%{{.*}}) {{.*}} -> tensor<?x10x16xf32>
// CHECK-NEXT: return %[[Y]]
// CHECK: exec.kernel @[[KERNEL]]
// CHECK-NEXT: func.func @[[KERNEL]](%{{.*}}: memref<?x8x16xf32>, %[[OUT:.*]]: memref<?x10x16xf32>
// CHECK: exec.fill_border %[[OUT]] low [2, 1, 0] high [1, 1, 0] with 0.000000e+00 : f32
// CHECK: %[[ALL:.*]] = memref.dim %[[OUT]]
// CHECK: %[[ROWS:.*]] = arith.subi %[[ALL]], %c3
// CHECK: %[[MIDDLE:.*]] = memref.subview %[[OUT]][2, 1, 0] [%[[ROWS]], 8, 16] [1, 1, 1]
// CHECK: %[[R:.*]] = linalg.generic
// CHECK: bufferization.materialize_in_destination %[[R]] in restrict writable %[[MIDDLE]]
// CHECK-NOT: tensor.pad
#id = affine_map<(i, j, k) -> (i, j, k)>
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  func.func @main(%x: tensor<?x8x16xf32>) -> tensor<?x10x16xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x8x16xf32>
    %e = tensor.empty(%n) : tensor<?x8x16xf32>
    %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x : tensor<?x8x16xf32>) outs(%e : tensor<?x8x16xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.negf %a : f32
      linalg.yield %s : f32
    } -> tensor<?x8x16xf32>
    %p = tensor.pad %r low[2, 1, 0] high[1, 1, 0] {
    ^bb0(%i: index, %j: index, %k: index):
      tensor.yield %zero : f32
    } : tensor<?x8x16xf32> to tensor<?x10x16xf32>
    return %p : tensor<?x10x16xf32>
  }
}

// -----

// Somebody else reads what is padded: the padding is a kernel of its own.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: exec.dispatch
// CHECK-NOT: exec.fill_border
// CHECK: tensor.pad
#id = affine_map<(i) -> (i)>
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  func.func @main(%x: tensor<8xf32>) -> (tensor<10xf32>, tensor<8xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<8xf32>
    %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.negf %a : f32
      linalg.yield %s : f32
    } -> tensor<8xf32>
    %p = tensor.pad %r low[1] high[1] {
    ^bb0(%i: index):
      tensor.yield %zero : f32
    } : tensor<8xf32> to tensor<10xf32>
    return %p, %r : tensor<10xf32>, tensor<8xf32>
  }
}

// -----

// The family of a contraction writes vectors along the innermost dimension.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: exec.dispatch
// CHECK-NOT: exec.fill_border
// CHECK: tensor.pad
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  func.func @main(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>) -> tensor<4x5xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x4xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
    %r = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%z : tensor<4x4xf32>) {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %acc, %p : f32
      linalg.yield %s : f32
    } -> tensor<4x4xf32>
    %p = tensor.pad %r low[0, 0] high[0, 1] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
    } : tensor<4x4xf32> to tensor<4x5xf32>
    return %p : tensor<4x5xf32>
  }
}
