// RUN: tegula-opt %s --graph-propagate-layout --canonicalize --cse | FileCheck %s

// A sandwich as exporters from channels-last frameworks leave it.
// CHECK-LABEL: func.func @sandwich
// CHECK-SAME: %[[X:.*]]: tensor<1x4x8x6xf32>
// CHECK-DAG: %[[B:.*]] = graph.constant dense<{{.*}}> : tensor<1x4x1x1xf32>
// CHECK-NOT: graph.transpose
// CHECK: %[[A:.*]] = graph.add %[[X]], %[[B]]
// CHECK: %[[R:.*]] = graph.relu %[[A]]
// CHECK: return %[[R]]
func.func @sandwich(%x: tensor<1x4x8x6xf32>) -> tensor<1x4x8x6xf32> {
  %b = graph.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %t = graph.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x4x8x6xf32> -> tensor<1x8x6x4xf32>
  %a = graph.add %t, %b : tensor<1x8x6x4xf32>, tensor<4xf32> -> tensor<1x8x6x4xf32>
  %r = graph.relu %a : tensor<1x8x6x4xf32> -> tensor<1x8x6x4xf32>
  %u = graph.transpose %r {permutation = array<i64: 0, 3, 1, 2>} : tensor<1x8x6x4xf32> -> tensor<1x4x8x6xf32>
  return %u : tensor<1x4x8x6xf32>
}

// Ops that name dimensions name others: concat of dimension 3 becomes one of dimension 1, the mean over 1 and 2 one over 2
// and 3, whose result is transposed no longer when only one dimension is left in order.
// CHECK-LABEL: func.func @axes
// CHECK: %[[C:.*]] = graph.concat %{{.*}}, %{{.*}} {axis = 1 : i64} {{.*}} -> tensor<2x8x5x6xf32>
// CHECK: %[[S:.*]] = graph.softmax %[[C]] {axes = array<i64: 1>}
// CHECK: %[[M:.*]] = graph.reduce_mean %[[S]] {axes = array<i64: 2, 3>, keep_dimensions = false} {{.*}} -> tensor<2x8xf32>
// CHECK: return %[[M]]
func.func @axes(%x: tensor<2x4x5x6xf32>, %y: tensor<2x4x5x6xf32>) -> tensor<2x8xf32> {
  %t = graph.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : tensor<2x4x5x6xf32> -> tensor<2x5x6x4xf32>
  %u = graph.transpose %y {permutation = array<i64: 0, 2, 3, 1>} : tensor<2x4x5x6xf32> -> tensor<2x5x6x4xf32>
  %c = graph.concat %t, %u {axis = 3 : i64} : (tensor<2x5x6x4xf32>, tensor<2x5x6x4xf32>) -> tensor<2x5x6x8xf32>
  %s = graph.softmax %c {axes = array<i64: 3>} : tensor<2x5x6x8xf32> -> tensor<2x5x6x8xf32>
  %m = graph.reduce_mean %s {axes = array<i64: 1, 2>, keep_dimensions = false} : tensor<2x5x6x8xf32> -> tensor<2x8xf32>
  return %m : tensor<2x8xf32>
}

// The dimensions that a reduction leaves are transposed, numbered anew.
// CHECK-LABEL: func.func @reduce
// CHECK: %[[M:.*]] = graph.reduce_max %{{.*}} {axes = array<i64: 1>, keep_dimensions = false} : tensor<2x3x4xf32> -> tensor<2x4xf32>
// CHECK: graph.transpose %[[M]] {permutation = array<i64: 1, 0>} : tensor<2x4xf32> -> tensor<4x2xf32>
func.func @reduce(%x: tensor<2x3x4xf32>) -> tensor<4x2xf32> {
  %t = graph.transpose %x {permutation = array<i64: 2, 1, 0>} : tensor<2x3x4xf32> -> tensor<4x3x2xf32>
  %m = graph.reduce_max %t {axes = array<i64: 1>, keep_dimensions = false} : tensor<4x3x2xf32> -> tensor<4x2xf32>
  return %m : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @matmul
// CHECK: graph.matmul %{{.*}}, %{{.*}} {transpose_rhs = true}
// CHECK-NOT: graph.transpose
// CHECK: return
func.func @matmul(%x: tensor<2x3x4xf32>, %w: tensor<2x5x4xf32>) -> tensor<2x3x5xf32> {
  %t = graph.transpose %w {permutation = array<i64: 0, 2, 1>} : tensor<2x5x4xf32> -> tensor<2x4x5xf32>
  %y = graph.matmul %x, %t : tensor<2x3x4xf32>, tensor<2x4x5xf32> -> tensor<2x3x5xf32>
  return %y : tensor<2x3x5xf32>
}

// The transpose is needed as it is: one more would be made.
// CHECK-LABEL: func.func @two_users
// CHECK: %[[T:.*]] = graph.transpose
// CHECK: graph.relu %[[T]]
func.func @two_users(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %t = graph.transpose %x {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<3x2xf32>
  %r = graph.relu %t : tensor<3x2xf32> -> tensor<3x2xf32>
  return %t, %r : tensor<3x2xf32>, tensor<3x2xf32>
}

// Only one operand is transposed.
// CHECK-LABEL: func.func @one_operand
// CHECK: %[[T:.*]] = graph.transpose
// CHECK: graph.add %[[T]]
func.func @one_operand(%x: tensor<2x3xf32>, %y: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %t = graph.transpose %x {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<3x2xf32>
  %r = graph.add %t, %y : tensor<3x2xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// One scale or one for each index: only the run tells, so the transpose stays where it is.
// CHECK-LABEL: func.func @scale_of_unknown_length
// CHECK: %[[T:.*]] = graph.transpose %{{.*}} {permutation = array<i64: 0, 2, 1>}
// CHECK: graph.dequantize %[[T]]
// CHECK-NOT: graph.transpose
// CHECK: return
func.func @scale_of_unknown_length(%x: tensor<2x4x8xi8>, %s: tensor<?xf32>) -> tensor<2x8x4xf32> {
  %t = graph.transpose %x {permutation = array<i64: 0, 2, 1>} : tensor<2x4x8xi8> -> tensor<2x8x4xi8>
  %y = graph.dequantize %t, %s {axis = 1 : i64} : tensor<2x8x4xi8>, tensor<?xf32> -> tensor<2x8x4xf32>
  return %y : tensor<2x8x4xf32>
}

// The smaller image is transposed; scale k belongs to the axis that dimension k became.
// CHECK-LABEL: func.func @resize
// CHECK: %[[T:.*]] = graph.transpose %{{.*}} {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x3x4x5xf32> -> tensor<1x4x5x3xf32>
// CHECK: %[[R:.*]] = graph.resize %[[T]] {{.*}}axes = array<i64: 0, 3, 1, 2>{{.*}} -> tensor<1x8x10x3xf32>
// CHECK: return %[[R]]
func.func @resize(%x: tensor<1x3x4x5xf32>) -> tensor<1x8x10x3xf32> {
  %scales = graph.constant dense<[1.0, 1.0, 2.0, 2.0]> : tensor<4xf32>
  %r = graph.resize %x scales %scales {mode = "linear", coordinates = "half_pixel", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<1x3x4x5xf32>, tensor<4xf32>) -> tensor<1x3x8x10xf32>
  %t = graph.transpose %r {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x3x8x10xf32> -> tensor<1x8x10x3xf32>
  return %t : tensor<1x8x10x3xf32>
}

// So are named axes; a transpose that is undone goes away.
// CHECK-LABEL: func.func @resize_axes
// CHECK-NOT: graph.transpose
// CHECK: %[[R:.*]] = graph.resize %arg0 {{.*}}axes = array<i64: 2, 1>{{.*}} -> tensor<1x8x10x3xf32>
// CHECK: return %[[R]]
func.func @resize_axes(%x: tensor<1x4x5x3xf32>) -> tensor<1x8x10x3xf32> {
  %scales = graph.constant dense<2.0> : tensor<2xf32>
  %u = graph.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : tensor<1x4x5x3xf32> -> tensor<1x3x4x5xf32>
  %r = graph.resize %u scales %scales {axes = array<i64: -1, 2>, mode = "linear", coordinates = "half_pixel", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<1x3x4x5xf32>, tensor<2xf32>) -> tensor<1x3x8x10xf32>
  %t = graph.transpose %r {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x3x8x10xf32> -> tensor<1x8x10x3xf32>
  return %t : tensor<1x8x10x3xf32>
}

// A smaller result is better transposed afterwards.
// CHECK-LABEL: func.func @resize_shrinks
// CHECK: graph.resize %arg0
// CHECK: graph.transpose
func.func @resize_shrinks(%x: tensor<1x3x4x5xf32>) -> tensor<1x2x10x3xf32> {
  %scales = graph.constant dense<[1.0, 1.0, 0.5, 2.0]> : tensor<4xf32>
  %r = graph.resize %x scales %scales {mode = "linear", coordinates = "half_pixel", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<1x3x4x5xf32>, tensor<4xf32>) -> tensor<1x3x2x10xf32>
  %t = graph.transpose %r {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x3x2x10xf32> -> tensor<1x2x10x3xf32>
  return %t : tensor<1x2x10x3xf32>
}
