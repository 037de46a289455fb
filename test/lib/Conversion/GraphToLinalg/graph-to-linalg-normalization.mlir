// RUN: tegula-opt %s --graph-to-linalg --canonicalize | FileCheck %s

// Factor and shift are computed per channel, outside the elementwise op.
// CHECK-LABEL: func.func @batch_norm
// CHECK: math.sqrt
// CHECK: -> tensor<4xf32>
// CHECK: -> tensor<4xf32>
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: -> tensor<?x4x8xf32>
func.func @batch_norm(%x: tensor<?x4x8xf32>, %p: tensor<4xf32>) -> tensor<?x4x8xf32> {
  %y = graph.batch_norm %x scale %p bias %p mean %p variance %p {epsilon = 1.0e-5 : f64} : tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<?x4x8xf32>
  return %y : tensor<?x4x8xf32>
}

// CHECK-LABEL: func.func @local_response_norm
// CHECK: tensor.pad %{{.*}} low[0, 1, 0] high[0, 1, 0]
// CHECK: math.powf
func.func @local_response_norm(%x: tensor<1x5x8xf32>) -> tensor<1x5x8xf32> {
  %y = graph.local_response_norm %x {size = 3 : i64, alpha = 1.0e-4 : f64, beta = 0.75 : f64, bias = 1.0 : f64} : tensor<1x5x8xf32> -> tensor<1x5x8xf32>
  return %y : tensor<1x5x8xf32>
}
