// RUN: tegula-opt %s --graph-infer-shapes | FileCheck %s

// Constant axes move from the operand to the attribute; negative ones count from the back.
// CHECK-LABEL: func.func @constant_axes
// CHECK: graph.reduce_sum %{{.*}} {axes = array<i64: 0, 2>, keep_dimensions = false} : tensor<2x?x4xf32> -> tensor<?xf32>
func.func @constant_axes(%x: tensor<2x?x4xf32>) -> tensor<*xf32> {
  %axes = graph.constant dense<[-1, 0]> : tensor<2xi64>
  %y = graph.reduce_sum %x over %axes {keep_dimensions = false} : tensor<2x?x4xf32>, tensor<2xi64> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// The number of run-time axes is enough for the rank.
// CHECK-LABEL: func.func @run_time_axes
// CHECK: graph.reduce_max %{{.*}} over %{{.*}} {keep_dimensions = false} : tensor<2x3x4xf32>, tensor<1xi64> -> tensor<?x?xf32>
func.func @run_time_axes(%x: tensor<2x3x4xf32>, %axes: tensor<1xi64>) -> tensor<*xf32> {
  %y = graph.reduce_max %x over %axes {keep_dimensions = false} : tensor<2x3x4xf32>, tensor<1xi64> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// CHECK-LABEL: func.func @product_of_shape
// CHECK: graph.constant dense<24> : tensor<i64>
func.func @product_of_shape(%x: tensor<2x3x4xf32>) -> tensor<i64> {
  %s = graph.shape %x {start = 0 : i64, end = 3 : i64} : tensor<2x3x4xf32> -> tensor<3xi64>
  %y = graph.reduce_product %s {axes = array<i64: 0>, keep_dimensions = false} : tensor<3xi64> -> tensor<i64>
  return %y : tensor<i64>
}

// CHECK-LABEL: func.func @normalizations
// CHECK: graph.layer_norm {{.*}} -> tensor<2x3x4xf16>, tensor<2x1x1xf32>, tensor<2x1x1xf32>
// CHECK: graph.arg_min {{.*}} -> tensor<2x4xi64>
func.func @normalizations(%x: tensor<2x3x4xf16>) -> (tensor<*xf16>, tensor<*xf32>, tensor<*xi64>) {
  %y, %m, %i = graph.layer_norm %x {axis = 1 : i64, epsilon = 1.0e-5 : f32} : tensor<2x3x4xf16> -> tensor<*xf16>, tensor<*xf32>, tensor<*xf32>
  %a = graph.arg_min %x {axis = 1 : i64, keep_dimensions = false} : tensor<2x3x4xf16> -> tensor<*xi64>
  return %y, %m, %a : tensor<*xf16>, tensor<*xf32>, tensor<*xi64>
}
