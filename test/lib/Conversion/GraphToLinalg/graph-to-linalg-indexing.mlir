// RUN: tegula-opt %s --graph-to-linalg --canonicalize | FileCheck %s

// Indices are checked (status 1) and clamped before they are used.
// CHECK-LABEL: func.func @gather
// CHECK: linalg.generic
// CHECK: exec.check %{{.*}}, 1
// CHECK: arith.minsi
// CHECK: tensor.extract
func.func @gather(%x: tensor<100x8xf32>, %i: tensor<?xi64>) -> tensor<?x8xf32> {
  %r = graph.gather %x, %i {axis = 0} : tensor<100x8xf32>, tensor<?xi64> -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// One constant index is a view.
// CHECK-LABEL: func.func @select
// CHECK-NOT: linalg.generic
// CHECK: tensor.extract_slice %{{.*}}[0, 3, 0] [2, 1, 8] [1, 1, 1]
func.func @select(%x: tensor<2x4x8xf32>) -> tensor<2x8xf32> {
  %i = graph.constant dense<-1> : tensor<i64>
  %r = graph.gather %x, %i {axis = 1} : tensor<2x4x8xf32>, tensor<i64> -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

// Data-dependent writes are one loop nest that carries the result.
// CHECK-LABEL: func.func @scatter
// CHECK: scf.for {{.*}} iter_args
// CHECK: exec.check %{{.*}}, 1
// CHECK: arith.addf
// CHECK: tensor.insert
func.func @scatter(%x: tensor<4x8xf32>, %i: tensor<3x1xi64>, %u: tensor<3x8xf32>) -> tensor<4x8xf32> {
  %r = graph.scatter_nd %x, %i, %u {reduction = "add"} : (tensor<4x8xf32>, tensor<3x1xi64>, tensor<3x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// The count is read by the host, then the positions are filled in.
// CHECK-LABEL: func.func @non_zero
// CHECK: linalg.generic {{.*}}reduction
// CHECK: %[[N:.*]] = tensor.extract
// CHECK: scf.for
// CHECK: tensor.insert
func.func @non_zero(%x: tensor<?x8xf32>) -> tensor<2x?xi64> {
  %r = graph.non_zero %x : tensor<?x8xf32> -> tensor<2x?xi64>
  return %r : tensor<2x?xi64>
}

// CHECK-LABEL: func.func @top_k
// CHECK: scf.for
// CHECK: arith.cmpf ogt
// CHECK: linalg.generic
func.func @top_k(%x: tensor<2x8xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>) {
  %k = graph.constant dense<3> : tensor<1xi64>
  %v, %i = graph.top_k %x, %k {axis = -1, largest = true} : (tensor<2x8xf32>, tensor<1xi64>) -> (tensor<2x3xf32>, tensor<2x3xi64>)
  return %v, %i : tensor<2x3xf32>, tensor<2x3xi64>
}

// A dynamic range knows its length before it is filled; delta 0 is status 8.
// CHECK-LABEL: func.func @range
// CHECK: exec.check %{{.*}}, 8
// CHECK: linalg.generic
func.func @range(%a: tensor<i64>, %b: tensor<i64>, %c: tensor<i64>) -> tensor<?xi64> {
  %r = graph.range %a, %b, %c : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  return %r : tensor<?xi64>
}

// CHECK-LABEL: func.func @one_hot
// CHECK: arith.cmpi eq
// CHECK: arith.select
func.func @one_hot(%i: tensor<?xi64>, %values: tensor<2xf32>) -> tensor<?x10xf32> {
  %depth = graph.constant dense<10> : tensor<i64>
  %r = graph.one_hot %i, %depth, %values {axis = -1} : (tensor<?xi64>, tensor<i64>, tensor<2xf32>) -> tensor<?x10xf32>
  return %r : tensor<?x10xf32>
}

// The ranks tell how long index tuples are.
// CHECK-LABEL: func.func @gather_nd_tuples
// CHECK: arith.cmpi eq, %{{.*}}, %c2
// CHECK: exec.check %{{.*}}, 5
// CHECK: linalg.generic
func.func @gather_nd_tuples(%x: tensor<?x?x?xf32>, %i: tensor<?x?xi64>) -> tensor<?x?xf32> {
  %y = graph.gather_nd %x, %i {batch_dims = 0 : i64} : tensor<?x?x?xf32>, tensor<?x?xi64> -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: func.func @scatter_nd_tuples
// CHECK: arith.cmpi eq, %{{.*}}, %c1
// CHECK: exec.check %{{.*}}, 5
func.func @scatter_nd_tuples(%x: tensor<?x?xf32>, %i: tensor<?x?xi64>, %u: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = graph.scatter_nd %x, %i, %u {reduction = "none"} : (tensor<?x?xf32>, tensor<?x?xi64>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// The dimension that goes is named: two have extent 1.
// CHECK-LABEL: func.func @gather_beside_unit
// CHECK: tensor.extract_slice {{.*}} to tensor<1x?x1xf32>
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]]
func.func @gather_beside_unit(%x: tensor<1x?x?xf32>) -> tensor<1x?xf32> {
  %i = graph.constant dense<1> : tensor<i64>
  %y = graph.gather %x, %i {axis = 2 : i64} : tensor<1x?x?xf32>, tensor<i64> -> tensor<1x?xf32>
  return %y : tensor<1x?xf32>
}
