// RUN: tegula-opt %s --graph-to-linalg --canonicalize --cse | FileCheck %s

// CHECK: #[[SUM:.*]] = affine_map<(d0, d1, d2, d3) -> (d0 + d2, d1 + d3)>

// Sums may be reassociated, and nothing else; f16 accumulates in f32.
// CHECK-LABEL: func.func @mean
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK: arith.extf
// CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<reassoc> : f32
// CHECK: arith.divf
// CHECK: arith.truncf
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0, 1]]
func.func @mean(%x: tensor<?x64xf16>) -> tensor<?x1xf16> {
  %y = graph.reduce_mean %x {axes = array<i64: 1>} : tensor<?x64xf16> -> tensor<?x1xf16>
  return %y : tensor<?x1xf16>
}

// CHECK-LABEL: func.func @max_of_all
// CHECK: arith.maximumf
// CHECK-NOT: tensor.expand_shape
// CHECK: return %{{.*}} : tensor<f32>
func.func @max_of_all(%x: tensor<4x8xf32>) -> tensor<f32> {
  %y = graph.reduce_max %x {axes = array<i64: 0, 1>, keep_dimensions = false} : tensor<4x8xf32> -> tensor<f32>
  return %y : tensor<f32>
}

// Shape arithmetic stays scalar.
// CHECK-LABEL: func.func @host
// CHECK-NOT: linalg.generic
// CHECK: arith.muli
// CHECK: tensor.from_elements
func.func @host(%x: tensor<3xi64>) -> tensor<i64> {
  %y = graph.reduce_product %x {axes = array<i64: 0>, keep_dimensions = false} : tensor<3xi64> -> tensor<i64>
  return %y : tensor<i64>
}

// Axes known at run time: every dimension is a kept and a reduced one, and of each pair one has extent 1.
// CHECK-LABEL: func.func @run_time_axes
// CHECK: exec.check %{{.*}}, 1
// CHECK: linalg.generic {indexing_maps = [#[[SUM]], {{.*}}iterator_types = ["parallel", "parallel", "reduction", "reduction"]
// CHECK: exec.check %{{.*}}, 5
// CHECK: tensor.reshape
func.func @run_time_axes(%x: tensor<4x8xf32>, %axes: tensor<1xi64>) -> tensor<?xf32> {
  %y = graph.reduce_sum %x over %axes {keep_dimensions = false} : tensor<4x8xf32>, tensor<1xi64> -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// CHECK-LABEL: func.func @arg_max
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK: arith.cmpf ogt
// CHECK: linalg.index 1
// CHECK: linalg.yield %{{.*}}, %{{.*}} : f32, i64
func.func @arg_max(%x: tensor<4x8xf32>) -> tensor<4xi64> {
  %y = graph.arg_max %x {axis = 1 : i64, keep_dimensions = false} : tensor<4x8xf32> -> tensor<4xi64>
  return %y : tensor<4xi64>
}

// Maximum, sum of exponentials, quotient; the slices of old opsets have several dimensions.
// CHECK-LABEL: func.func @softmax
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "reduction"]
// CHECK: arith.maximumf
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "reduction"]
// CHECK: math.exp
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]
// CHECK: arith.divf
func.func @softmax(%x: tensor<?x4x8xf32>) -> tensor<?x4x8xf32> {
  %y = graph.softmax %x {axes = array<i64: 1, 2>} : tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  return %y : tensor<?x4x8xf32>
}

// Statistics that nobody uses leave nothing behind: three loops.
// CHECK-LABEL: func.func @layer_norm
// CHECK-COUNT-3: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @layer_norm(%x: tensor<?x64xf32>, %s: tensor<64xf32>) -> tensor<?x64xf32> {
  %y, %m, %i = graph.layer_norm %x scale %s bias %s {axis = 1 : i64, epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, scale tensor<64xf32>, bias tensor<64xf32> -> tensor<?x64xf32>, tensor<?x1xf32>, tensor<?x1xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @cumulative_sum
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK: linalg.yield %{{.*}}, %{{.*}} : f32, f32
func.func @cumulative_sum(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %axis = graph.constant dense<-1> : tensor<i64>
  %y = graph.cumulative_sum %x along %axis : tensor<4x8xf32>, tensor<i64> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
