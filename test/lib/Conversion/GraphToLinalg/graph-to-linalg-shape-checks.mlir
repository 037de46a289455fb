// RUN: tegula-opt %s --graph-infer-shapes --graph-to-linalg --canonicalize --cse | FileCheck %s

// What is read together must have equal extents, or one of 1 where it broadcasts.
// CHECK-LABEL: func.func @depth
// CHECK-SAME: %[[A:.*]]: tensor<?x?xf32>, %[[B:.*]]: tensor<?x?xf32>
// CHECK-DAG: %[[LEFT:.*]] = tensor.dim %[[A]], %c1
// CHECK-DAG: %[[RIGHT:.*]] = tensor.dim %[[B]], %c0
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[LEFT]], %[[RIGHT]]
// CHECK-NEXT: exec.check %[[SAME]], 5
// CHECK-NOT: exec.check
// CHECK: return
func.func @depth(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = graph.matmul %a, %b : tensor<?x?xf32>, tensor<?x?xf32> -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: func.func @broadcast
// CHECK: %[[EQUAL:.*]] = arith.cmpi eq
// CHECK: %[[UNIT:.*]] = arith.cmpi eq, %{{.*}}, %c1
// CHECK: %[[EITHER:.*]] = arith.ori
// CHECK: exec.check %[[EITHER]], 5
func.func @broadcast(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %y = graph.add %a, %b : tensor<?xf32>, tensor<?xf32> -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// One extent against a static one: checked once, for both readers.
// CHECK-LABEL: func.func @static
// CHECK-COUNT-1: exec.check
// CHECK-NOT: exec.check
// CHECK: return
func.func @static(%a: tensor<?x?xf32>, %b: tensor<4x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = graph.matmul %a, %b : tensor<?x?xf32>, tensor<4x8xf32> -> tensor<?x8xf32>
  %z = graph.matmul %a, %b : tensor<?x?xf32>, tensor<4x8xf32> -> tensor<?x8xf32>
  return %y, %z : tensor<?x8xf32>, tensor<?x8xf32>
}

// Nothing to check where all of it is known.
// CHECK-LABEL: func.func @known
// CHECK-NOT: exec.check
// CHECK: return
func.func @known(%a: tensor<?x4xf32>, %b: tensor<4x8xf32>, %c: tensor<8xf32>) -> tensor<?x8xf32> {
  %y = graph.matmul %a, %b : tensor<?x4xf32>, tensor<4x8xf32> -> tensor<?x8xf32>
  %z = graph.add %y, %c : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xf32>
  %w = graph.mul %z, %y : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %w : tensor<?x8xf32>
}

// An extent that may be 1 beside another one, in the sum, is not yet equal to it, in the product.
// CHECK-LABEL: func.func @broadcast_then_depth
// CHECK-SAME: %[[A:.*]]: tensor<?xf32>, %[[B:.*]]: tensor<4xf32>, %{{.*}}: tensor<4x8xf32>
// CHECK: %[[OWN:.*]] = tensor.dim %[[A]], %c0
// CHECK: %[[EQUAL:.*]] = arith.cmpi eq, %[[OWN]], %c4
// CHECK: %[[EITHER:.*]] = arith.ori
// CHECK: exec.check %[[EITHER]], 5
// CHECK: exec.check %[[EQUAL]], 5
func.func @broadcast_then_depth(%a: tensor<?xf32>, %b: tensor<4xf32>, %m: tensor<4x8xf32>) -> (tensor<4xf32>, tensor<8xf32>) {
  %y = graph.add %a, %b : tensor<?xf32>, tensor<4xf32> -> tensor<4xf32>
  %z = graph.matmul %a, %m : tensor<?xf32>, tensor<4x8xf32> -> tensor<8xf32>
  return %y, %z : tensor<4xf32>, tensor<8xf32>
}
