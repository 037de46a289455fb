// RUN: tegula-opt %s --graph-to-linalg --canonicalize | FileCheck %s

// The inputs of all steps are multiplied before the loop; in the loop only the hidden state is.
// CHECK-LABEL: func.func @lstm
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK: scf.for {{.*}} iter_args(%{{.*}}, %[[H:.*]] = %{{.*}}, %[[C:.*]] = %{{.*}}) -> (tensor<5x1x2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]{{.*}} ins(%[[H]],
// CHECK: linalg.generic {{.*}} outs(%[[H]], %[[C]] :
// CHECK: math.tanh
// CHECK: tensor.insert_slice
// CHECK: scf.yield
// CHECK: } {exec.kernel}
func.func @lstm(%x: tensor<5x2x4xf32>, %w: tensor<1x12x4xf32>, %r: tensor<1x12x3xf32>) -> tensor<5x1x2x3xf32> {
  %y, %h, %c = graph.lstm %x, %w, %r {direction = "forward", activations = ["Sigmoid", "Tanh", "Tanh"], alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0>} : tensor<5x2x4xf32>, tensor<1x12x4xf32>, tensor<1x12x3xf32> -> tensor<5x1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>
  return %y : tensor<5x1x2x3xf32>
}

// Two directions, two loops; the second one goes backwards and writes into the same result.
// CHECK-LABEL: func.func @bidirectional
// CHECK: %[[FIRST:.*]]:2 = scf.for
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[FIRST]]#0,
// CHECK: arith.subi
func.func @bidirectional(%x: tensor<?x2x4xf32>, %w: tensor<2x3x4xf32>, %r: tensor<2x3x3xf32>) -> tensor<?x2x2x3xf32> {
  %y, %h = graph.rnn %x, %w, %r {direction = "bidirectional", activations = ["Tanh", "Relu"], alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>} : tensor<?x2x4xf32>, tensor<2x3x4xf32>, tensor<2x3x3xf32> -> tensor<?x2x2x3xf32>, tensor<2x2x3xf32>
  return %y : tensor<?x2x2x3xf32>
}
