// RUN: tegula-opt %s --graph-fuse-batch-norm --canonicalize | FileCheck %s

// factor = scale / sqrt(variance + epsilon) = 6 / sqrt(3 + 1) = 3 and 2 / sqrt(0 + 1) = 2
// weight' = factor * weight, bias' = (bias - mean) * factor + shift
// CHECK-LABEL: func.func @fold
// CHECK-DAG: %[[W:.*]] = graph.constant dense<{{\[\[\[3.000000e\+00\]\], \[\[4.000000e\+00\]\]\]}}> : tensor<2x1x1xf32>
// CHECK-DAG: %[[B:.*]] = graph.constant dense<[-2.000000e+00, 1.000000e+01]> : tensor<2xf32>
// CHECK: graph.conv %{{.*}}, %[[W]], %[[B]]
// CHECK-NOT: graph.batch_norm
func.func @fold(%x: tensor<1x1x4xf32>) -> tensor<1x2x4xf32> {
  %w = graph.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %s = graph.constant dense<[6.0, 2.0]> : tensor<2xf32>
  %b = graph.constant dense<[1.0, 10.0]> : tensor<2xf32>
  %m = graph.constant dense<[1.0, 0.0]> : tensor<2xf32>
  %v = graph.constant dense<[3.0, 0.0]> : tensor<2xf32>
  %c = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x1x4xf32>, tensor<2x1x1xf32> -> tensor<1x2x4xf32>
  %y = graph.batch_norm %c scale %s bias %b mean %m variance %v {epsilon = 1.0 : f64} : tensor<1x2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// The convolution's own result is used too: nothing to fold.
// CHECK-LABEL: func.func @two_uses
// CHECK: graph.conv
// CHECK: graph.batch_norm
func.func @two_uses(%x: tensor<1x1x4xf32>) -> (tensor<1x1x4xf32>, tensor<1x1x4xf32>) {
  %w = graph.constant dense<1.0> : tensor<1x1x1xf32>
  %s = graph.constant dense<2.0> : tensor<1xf32>
  %c = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x1x4xf32>, tensor<1x1x1xf32> -> tensor<1x1x4xf32>
  %y = graph.batch_norm %c scale %s bias %s mean %s variance %s {epsilon = 1.0 : f64} : tensor<1x1x4xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32> -> tensor<1x1x4xf32>
  return %c, %y : tensor<1x1x4xf32>, tensor<1x1x4xf32>
}
