// RUN: tegula-opt %s --graph-infer-shapes | FileCheck %s

// A dynamic dimension spoils only its own place: the rest of the shape chain folds.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: -> tensor<?x128x12x64xf32>
func.func @heads(%x: tensor<?x128x768xf32>) -> tensor<*xf32> {
  %zero = graph.constant dense<0> : tensor<i64>
  %axes = graph.constant dense<0> : tensor<1xi64>
  %rest = graph.constant dense<[-1, 12, 64]> : tensor<3xi64>
  %shape = graph.shape %x {start = 0, end = 3} : tensor<?x128x768xf32> -> tensor<3xi64>
  %batch = graph.gather %shape, %zero {axis = 0} : tensor<3xi64>, tensor<i64> -> tensor<*xi64>
  %first = graph.unsqueeze %batch axes %axes : (tensor<*xi64>, tensor<1xi64>) -> tensor<*xi64>
  %target = graph.concat %first, %rest {axis = 0} : (tensor<*xi64>, tensor<3xi64>) -> tensor<*xi64>
  %r = graph.reshape %x, %target : tensor<?x128x768xf32>, tensor<*xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// One element of a shape whose other dimension is dynamic is a constant.
// CHECK-LABEL: func.func @known_extent
// CHECK: %[[C:.*]] = graph.constant dense<3> : tensor<i64>
// CHECK: return %[[C]]
func.func @known_extent(%x: tensor<?x3xf32>) -> tensor<i64> {
  %one = graph.constant dense<-1> : tensor<i64>
  %shape = graph.shape %x {start = 0, end = 2} : tensor<?x3xf32> -> tensor<2xi64>
  %r = graph.gather %shape, %one {axis = 0} : tensor<2xi64>, tensor<i64> -> tensor<i64>
  return %r : tensor<i64>
}

// An extent is never -1, so `shape == -1 ? ones : shape` is the shape.
// CHECK-LABEL: func.func @expand_idiom
// CHECK-SAME: -> tensor<?x4xf32>
func.func @expand_idiom(%x: tensor<1x4xf32>, %y: tensor<?x4xf32>) -> tensor<*xf32> {
  %two = graph.constant dense<2> : tensor<1xi64>
  %minus = graph.constant dense<-1> : tensor<i64>
  %shape = graph.shape %y {start = 0, end = 2} : tensor<?x4xf32> -> tensor<2xi64>
  %ones = graph.constant_of_shape %two, dense<1> : tensor<1xi64> : tensor<1xi64> -> tensor<*xi64>
  %equal = graph.equal %shape, %minus : tensor<2xi64>, tensor<i64> -> tensor<2xi1>
  %target = graph.where %equal, %ones, %shape : tensor<2xi1>, tensor<*xi64>, tensor<2xi64> -> tensor<2xi64>
  %r = graph.expand %x, %target : tensor<1x4xf32>, tensor<2xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// CHECK-LABEL: func.func @slices
// CHECK-SAME: -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<2xi64>)
// CHECK: graph.constant dense<[40, 20]> : tensor<2xi64>
func.func @slices(%x: tensor<?x5xf32>) -> (tensor<*xf32>, tensor<*xf32>, tensor<*xi64>) {
  %one = graph.constant dense<1> : tensor<1xi64>
  %big = graph.constant dense<9223372036854775807> : tensor<1xi64>
  %minus = graph.constant dense<-1> : tensor<1xi64>
  %low = graph.constant dense<-9223372036854775808> : tensor<1xi64>
  %two = graph.constant dense<2> : tensor<1xi64>
  %back = graph.constant dense<-2> : tensor<1xi64>
  %zero = graph.constant dense<0> : tensor<1xi64>
  %values = graph.constant dense<[10, 20, 30, 40]> : tensor<4xi64>
  // every second of 0, 2, 4
  %a = graph.slice %x from %zero to %big axes %minus steps %two : (tensor<?x5xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<*xf32>
  %b = graph.slice %a from %one to %big : (tensor<*xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<*xf32>
  %c = graph.slice %values from %minus to %low axes %zero steps %back : (tensor<4xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<*xi64>
  return %a, %b, %c : tensor<*xf32>, tensor<*xf32>, tensor<*xi64>
}

// Two transposes are one.
// CHECK-LABEL: func.func @transposes
// CHECK: graph.transpose %{{.*}} {permutation = array<i64: 2, 0, 1>} : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
// CHECK-NOT: graph.transpose
// CHECK: return
func.func @transposes(%x: tensor<2x3x4xf32>) -> tensor<*xf32> {
  %a = graph.transpose %x {permutation = array<i64: 1, 2, 0>} : tensor<2x3x4xf32> -> tensor<*xf32>
  %b = graph.transpose %a {permutation = array<i64: 1, 2, 0>} : tensor<*xf32> -> tensor<*xf32>
  return %b : tensor<*xf32>
}

// Constants move at compile time.
// CHECK-LABEL: func.func @constants
// CHECK-DAG: dense<{{\[}}[1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]>
// CHECK-DAG: dense<[7, 7, 8, 7, 7, 8]>
// CHECK-DAG: dense<[0, 3, 6]>
// CHECK-NOT: graph.t
func.func @constants() -> (tensor<*xf32>, tensor<*xi64>, tensor<*xi64>) {
  %m = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %v = graph.constant dense<[7, 7, 8]> : tensor<3xi64>
  %two = graph.constant dense<2> : tensor<1xi64>
  %start = graph.constant dense<0> : tensor<i64>
  %limit = graph.constant dense<8> : tensor<i64>
  %delta = graph.constant dense<3> : tensor<i64>
  %a = graph.transpose %m {permutation = array<i64: 1, 0>} : tensor<2x2xf32> -> tensor<*xf32>
  %b = graph.tile %v, %two : tensor<3xi64>, tensor<1xi64> -> tensor<*xi64>
  %c = graph.range %start, %limit, %delta : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<*xi64>
  return %a, %b, %c : tensor<*xf32>, tensor<*xi64>, tensor<*xi64>
}

// Constant value of partly known shape.
// CHECK-LABEL: func.func @filled
// CHECK-SAME: -> (tensor<?x4xf32>, tensor<2x3xi1>)
// CHECK: graph.constant dense<true> : tensor<2x3xi1>
func.func @filled(%x: tensor<?x4xf32>) -> (tensor<*xf32>, tensor<*xi1>) {
  %static = graph.constant dense<[2, 3]> : tensor<2xi64>
  %shape = graph.shape %x {start = 0, end = 2} : tensor<?x4xf32> -> tensor<2xi64>
  %a = graph.constant_of_shape %shape, dense<0.5> : tensor<1xf32> : tensor<2xi64> -> tensor<*xf32>
  %b = graph.constant_of_shape %static, dense<true> : tensor<1xi1> : tensor<2xi64> -> tensor<*xi1>
  return %a, %b : tensor<*xf32>, tensor<*xi1>
}

// An extent keeps its identity through products, sums and transposes: -1 is what is left of the static ones.
// CHECK-LABEL: func.func @same_origin
// CHECK-SAME: -> tensor<?x128x12x64xf32>
func.func @same_origin(%x: tensor<?x128x32xf32>, %w: tensor<32x768xf32>, %b: tensor<768xf32>) -> tensor<*xf32> {
  %axis = graph.constant dense<0> : tensor<1xi64>
  %rest = graph.constant dense<[-1, 12, 64]> : tensor<3xi64>
  %shape = graph.shape %x {start = 0, end = 3} : tensor<?x128x32xf32> -> tensor<3xi64>
  %batch = graph.gather %shape, %axis {axis = 0} : tensor<3xi64>, tensor<1xi64> -> tensor<1xi64>
  %target = graph.concat %batch, %rest {axis = 0} : (tensor<1xi64>, tensor<3xi64>) -> tensor<4xi64>
  %y = graph.matmul %x, %w : tensor<?x128x32xf32>, tensor<32x768xf32> -> tensor<*xf32>
  %z = graph.add %b, %y : tensor<768xf32>, tensor<*xf32> -> tensor<*xf32>
  %r = graph.reshape %z, %target : tensor<*xf32>, tensor<4xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// A view of a resource is the same resource.
// CHECK-LABEL: func.func @view_of_resource
// CHECK: graph.constant dense_resource<weight> : tensor<2x1xf32>
// CHECK-NOT: graph.reshape
func.func @view_of_resource() -> tensor<2x1xf32> {
  %w = graph.constant dense_resource<weight> : tensor<2xf32>
  %s = graph.constant dense<[2, 1]> : tensor<2xi64>
  %y = graph.reshape %w, %s : tensor<2xf32>, tensor<2xi64> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

{-#
  dialect_resources: {
    builtin: {
      weight: "0x040000000000803F00000040"
    }
  }
#-}
