// RUN: tegula-opt %s --graph-infer-shapes --graph-to-linalg --canonicalize | FileCheck %s

// CHECK-DAG: #[[LEFT:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
// CHECK-DAG: #[[RIGHT:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
// CHECK-DAG: #[[DIAGONAL:.*]] = affine_map<(d0, d1) -> (d0, d1, d1)>

// CHECK-LABEL: func.func @einsum
// CHECK: linalg.generic {indexing_maps = [#[[LEFT]], #[[RIGHT]],
func.func @einsum(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x9x16xf32>) -> tensor<2x4x8x9xf32> {
  %y = graph.einsum "b h i d, b h j d -> b h i j"(%q, %k) : (tensor<2x4x8x16xf32>, tensor<2x4x9x16xf32>) -> tensor<*xf32>
  %r = graph.relu %y : tensor<*xf32> -> tensor<2x4x8x9xf32>
  return %r : tensor<2x4x8x9xf32>
}

// CHECK-LABEL: func.func @diagonal
// CHECK: linalg.generic {indexing_maps = [#[[DIAGONAL]],
func.func @diagonal(%x: tensor<2x3x3xf32>) -> tensor<2xf32> {
  %y = graph.einsum "...ii->..."(%x) : (tensor<2x3x3xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// Zero points are subtracted in the body.
// CHECK-LABEL: func.func @zero_points
// CHECK: linalg.generic
// CHECK: %[[L:.*]] = arith.extui %{{.*}} : i8 to i32
// CHECK: %[[A:.*]] = arith.subi %[[L]], %c128_i32
// CHECK: %[[R:.*]] = arith.extsi %{{.*}} : i8 to i32
// CHECK: arith.muli %[[A]], %[[R]]
func.func @zero_points(%x: tensor<2x3xui8>, %w: tensor<3x4xi8>) -> tensor<2x4xi32> {
  %y = graph.matmul %x, %w {lhs_zero_point = 128 : i64} : tensor<2x3xui8>, tensor<3x4xi8> -> tensor<2x4xi32>
  return %y : tensor<2x4xi32>
}
