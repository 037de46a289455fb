// RUN: tegula-opt %s --graph-infer-shapes | FileCheck %s

// A chain of shape arithmetic folds to a constant, so that the reshape's result is static.
// CHECK-LABEL: func.func @shape_chain
// CHECK-SAME: -> tensor<2x3xf32>
// CHECK: %[[SHAPE:.*]] = graph.constant dense<[2, 3]> : tensor<2xi64>
// CHECK: graph.reshape %{{.*}}, %[[SHAPE]] {{.*}}: tensor<6xf32>, tensor<2xi64> -> tensor<2x3xf32>
func.func @shape_chain(%x: tensor<2x3xf32>, %y: tensor<6xf32>) -> tensor<*xf32> {
  %s = graph.shape %x {start = 0, end = 2} : tensor<2x3xf32> -> tensor<2xi64>
  %r = graph.reshape %y, %s : tensor<6xf32>, tensor<2xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// Broadcasting: a one gives way, a dynamic extent stays.
// CHECK-LABEL: func.func @broadcast
// CHECK-SAME: -> tensor<?x4xf32>
func.func @broadcast(%x: tensor<?x1xf32>, %y: tensor<4xf32>) -> tensor<*xf32> {
  %r = graph.add %x, %y : tensor<?x1xf32>, tensor<4xf32> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// What the model declares is kept where inference knows less.
// CHECK-LABEL: func.func @declared
// CHECK: graph.reshape {{.*}} -> tensor<5x?xf32>
func.func @declared(%x: tensor<?xf32>, %s: tensor<2xi64>) -> tensor<5x?xf32> {
  %r = graph.reshape %x, %s : tensor<?xf32>, tensor<2xi64> -> tensor<5x?xf32>
  return %r : tensor<5x?xf32>
}
