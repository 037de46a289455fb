// RUN: tegula-opt %s --graph-infer-shapes --graph-to-linalg --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @branch
// CHECK: %[[C:.*]] = arith.cmpi ne
// CHECK: scf.if %[[C]] -> (tensor<?xf32>)
// CHECK: scf.yield
// CHECK: } else {
// CHECK: }
func.func @branch(%c: tensor<i1>, %x: tensor<4xf32>, %y: tensor<2xf32>) -> tensor<?xf32> {
  %r = graph.if %c : (tensor<i1>) -> tensor<?xf32> {
    %0 = graph.relu %x : tensor<4xf32> -> tensor<4xf32>
    graph.yield %0 : tensor<4xf32>
  } else {
    %0 = graph.exp %y : tensor<2xf32> -> tensor<2xf32>
    graph.yield %0 : tensor<2xf32>
  }
  return %r : tensor<?xf32>
}

// A known condition leaves one branch.
// CHECK-LABEL: func.func @known
// CHECK-NOT: scf.if
// CHECK: math.exp
func.func @known(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = graph.constant dense<false> : tensor<i1>
  %r = graph.if %c : (tensor<i1>) -> tensor<4xf32> {
    %0 = graph.relu %x : tensor<4xf32> -> tensor<4xf32>
    graph.yield %0 : tensor<4xf32>
  } else {
    %0 = graph.exp %x : tensor<4xf32> -> tensor<4xf32>
    graph.yield %0 : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// A loop that runs all its rounds: what it scans has its place before it.
// CHECK-LABEL: func.func @counted
// CHECK: tensor.empty(%{{.*}}) : tensor<?x4xf32>
// CHECK: scf.for {{.*}} -> (tensor<4xf32>, tensor<?x4xf32>)
// CHECK: tensor.insert_slice
// CHECK: }
func.func @counted(%n: tensor<i64>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32>) {
  %r:2 = graph.loop count %n (%x) : (tensor<i64>, tensor<4xf32>) -> (tensor<?xf32>, tensor<*xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: tensor<?xf32>):
    %0 = graph.relu %v : tensor<?xf32> -> tensor<?xf32>
    graph.yield %c, %0, %0 : tensor<i1>, tensor<?xf32>, tensor<?xf32>
  }
  %a = graph.relu %r#0 : tensor<?xf32> -> tensor<4xf32>
  %b = graph.relu %r#1 : tensor<*xf32> -> tensor<?x4xf32>
  return %a, %b : tensor<4xf32>, tensor<?x4xf32>
}
