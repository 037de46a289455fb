// RUN: tegula-opt %s --graph-fold-constants --split-input-file 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks

// A chain of ops on constants is one constant; what reads the argument stays.
// CHECK-LABEL: func.func @chain
// CHECK-NOT: graph.exp
// CHECK: %[[W:.*]] = graph.constant dense<{{\[\[2.000000e\+00, 6.000000e\+00\], \[4.000000e\+00, 8.000000e\+00\]\]}}> : tensor<2x2xf32>
// CHECK-NEXT: %[[Y:.*]] = graph.matmul %{{.*}}, %[[W]]
// CHECK-NEXT: return %[[Y]]
func.func @chain(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %z = graph.constant dense<0.0> : tensor<1xf32>
  %e = graph.exp %z : tensor<1xf32> -> tensor<1xf32>
  %two = graph.add %e, %e : tensor<1xf32>, tensor<1xf32> -> tensor<1xf32>
  %t = graph.transpose %w {permutation = array<i64: 1, 0>} : tensor<2x2xf32> -> tensor<2x2xf32>
  %s = graph.mul %t, %two : tensor<2x2xf32>, tensor<1xf32> -> tensor<2x2xf32>
  %y = graph.matmul %x, %s : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// A result of dynamic shape gets its shape, and so does what follows from that.
// CHECK-LABEL: func.func @shapes_become_known
// CHECK-SAME: -> (tensor<1x3xi64>, tensor<3x2xf32>)
// CHECK: %[[N:.*]] = graph.constant dense<{{\[\[0, 2, 3\]\]}}> : tensor<1x3xi64>
// CHECK: %[[Y:.*]] = graph.expand {{.*}} -> tensor<3x2xf32>
// CHECK: return %[[N]], %[[Y]]
func.func @shapes_become_known(%x: tensor<1x2xf32>) -> (tensor<1x?xi64>, tensor<?x?xf32>) {
  %c = graph.constant dense<[1.0, 0.0, 2.0, 3.0]> : tensor<4xf32>
  %n = graph.non_zero %c : tensor<4xf32> -> tensor<1x?xi64>
  %s = graph.shape %n {start = 1 : i64, end = 2 : i64} : tensor<1x?xi64> -> tensor<1xi64>
  %two = graph.constant dense<2> : tensor<1xi64>
  %t = graph.concat %s, %two {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %y = graph.expand %x, %t : tensor<1x2xf32>, tensor<2xi64> -> tensor<?x?xf32>
  return %n, %y : tensor<1x?xi64>, tensor<?x?xf32>
}

// -----

// A computed value that is a shape gives a type, and a computed condition chooses a branch.
// CHECK-LABEL: func.func @values_become_known
// CHECK-SAME: -> (tensor<6xf32>, tensor<2x3xf32>)
// CHECK: %[[Y:.*]] = graph.reshape {{.*}} -> tensor<6xf32>
// CHECK-NOT: graph.if
// CHECK: %[[Z:.*]] = graph.neg
// CHECK: return %[[Y]], %[[Z]]
func.func @values_become_known(%x: tensor<2x3xf32>) -> (tensor<?xf32>, tensor<?x3xf32>) {
  %zero = graph.constant dense<0.0> : tensor<1xf32>
  %six = graph.constant dense<6> : tensor<1xi64>
  %e = graph.exp %zero : tensor<1xf32> -> tensor<1xf32>
  %one = graph.cast %e : tensor<1xf32> -> tensor<1xi64>
  %s = graph.mul %one, %six : tensor<1xi64>, tensor<1xi64> -> tensor<1xi64>
  %y = graph.reshape %x, %s : tensor<2x3xf32>, tensor<1xi64> -> tensor<?xf32>
  %c = graph.cast %e : tensor<1xf32> -> tensor<1xi1>
  %z = graph.if %c : (tensor<1xi1>) -> tensor<?x3xf32> {
    %n = graph.neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
    graph.yield %n : tensor<2x3xf32>
  } else {
    %n = graph.abs %x : tensor<2x3xf32> -> tensor<2x3xf32>
    graph.yield %n : tensor<2x3xf32>
  }
  return %y, %z : tensor<?xf32>, tensor<?x3xf32>
}

// -----

// Every storage type on the way in and out: bool, integers and floats of less than a byte, unsigned.
// CHECK-LABEL: func.func @types
// CHECK: graph.constant dense<[-8, 7, -1]> : tensor<3xi4>
// CHECK: graph.constant dense<[true, false, true]> : tensor<3xi1>
// CHECK: graph.constant dense<[0.000000e+00, 4.000000e+00, 1.500000e+00]> : tensor<3xf8E4M3FN>
// CHECK: graph.constant dense<[0, 200, 15]> : tensor<3xui8>
// CHECK: graph.constant dense<[0.000000e+00, 2.500000e-01, -1.000000e+00]> : tensor<3xf16>
// CHECK-NOT: graph.cast
func.func @types() -> (tensor<3xi4>, tensor<3xi1>, tensor<3xf8E4M3FN>, tensor<3xui8>, tensor<3xf16>) {
  %a = graph.constant dense<[-8.0, 7.0, -1.0]> : tensor<3xf32>
  %a4 = graph.cast %a : tensor<3xf32> -> tensor<3xi4>
  %b = graph.constant dense<[1, 0, -1]> : tensor<3xi4>
  %b4 = graph.cast %b : tensor<3xi4> -> tensor<3xi1>
  %c = graph.constant dense<[0.0, 4.0, 1.5]> : tensor<3xf32>
  %c4 = graph.cast %c : tensor<3xf32> -> tensor<3xf8E4M3FN>
  %d = graph.constant dense<[0.0, 200.0, 15.0]> : tensor<3xf64>
  %d4 = graph.cast %d : tensor<3xf64> -> tensor<3xui8>
  %e = graph.constant dense<[0.0, 0.5, -1.0]> : tensor<3xf16>
  %e2 = graph.constant dense<[1.0, 2.0, 1.0]> : tensor<3xf16>
  %e4 = graph.div %e, %e2 : tensor<3xf16>, tensor<3xf16> -> tensor<3xf16>
  return %a4, %b4, %c4, %d4, %e4 : tensor<3xi4>, tensor<3xi1>, tensor<3xf8E4M3FN>, tensor<3xui8>, tensor<3xf16>
}

// -----

// A big result is a resource, and an input of what follows from it; a sum of it proves its elements.
// CHECK-LABEL: func.func @big
// CHECK-NOT: graph.range
// CHECK: graph.constant dense_resource<folded> : tensor<2000xi64>
// CHECK: graph.constant dense<1999000> : tensor<1xi64>
func.func @big() -> (tensor<?xi64>, tensor<1xi64>) {
  %one = graph.constant dense<1> : tensor<i64>
  %zero = graph.constant dense<0> : tensor<i64>
  %limit = graph.constant dense<2000> : tensor<i64>
  %r = graph.range %zero, %limit, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %s = graph.reduce_sum %r {axes = array<i64: 0>} : tensor<?xi64> -> tensor<1xi64>
  return %r, %s : tensor<?xi64>, tensor<1xi64>
}

// -----

// What is far bigger than its operands stays an op: nothing of 4 TB is made. A result that turns out to be a splat is one.
// CHECK-LABEL: func.func @splats
// CHECK: graph.tile
// CHECK: graph.constant dense<1.000000e+00> : tensor<64xf32>
func.func @splats() -> (tensor<1000000x1000000xf32>, tensor<64xf32>) {
  %x = graph.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %n = graph.constant dense<[1000000, 500000]> : tensor<2xi64>
  %y = graph.tile %x, %n : tensor<1x2xf32>, tensor<2xi64> -> tensor<1000000x1000000xf32>
  %z = graph.constant dense<0.0> : tensor<64xf32>
  %e = graph.exp %z : tensor<64xf32> -> tensor<64xf32>
  return %y, %e : tensor<1000000x1000000xf32>, tensor<64xf32>
}

// -----

// A part that fails stays, with the reason; the others fold all the same.
// CHECK-LABEL: func.func @failure
// CHECK: graph.constant dense<[2.718
// CHECK: graph.gather
// REMARK: remark: not folded, although all its operands are constants: {{.*}}index out of range
func.func @failure() -> (tensor<2xf32>, tensor<1xf32>) {
  %x = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %i = graph.constant dense<[7]> : tensor<1xi64>
  %e = graph.exp %x : tensor<2xf32> -> tensor<2xf32>
  %g = graph.gather %x, %i {axis = 0} : tensor<2xf32>, tensor<1xi64> -> tensor<1xf32>
  return %e, %g : tensor<2xf32>, tensor<1xf32>
}

// -----

// Loops of known length fold as one op; so does an op in the body of one that does not.
// CHECK-LABEL: func.func @loops
// CHECK: graph.constant dense<1.024000e+03> : tensor<f32>
// CHECK: graph.loop
// CHECK-NOT: graph.exp
// CHECK: graph.constant dense<1.000000e+00>
// CHECK-NOT: graph.exp
// CHECK: return
func.func @loops(%n: tensor<i64>, %x: tensor<1xf32>) -> (tensor<f32>, tensor<1xf32>) {
  %one = graph.constant dense<1.0> : tensor<f32>
  %ten = graph.constant dense<10> : tensor<i64>
  %p = graph.loop count %ten (%one) : (tensor<i64>, tensor<f32>) -> tensor<f32> {
  ^bb0(%round: tensor<i64>, %go: tensor<i1>, %v: tensor<f32>):
    %d = graph.add %v, %v : tensor<f32>, tensor<f32> -> tensor<f32>
    graph.yield %go, %d : tensor<i1>, tensor<f32>
  }
  %zero = graph.constant dense<0.0> : tensor<1xf32>
  %q = graph.loop count %n (%x) : (tensor<i64>, tensor<1xf32>) -> tensor<1xf32> {
  ^bb0(%round: tensor<i64>, %go: tensor<i1>, %v: tensor<1xf32>):
    %e = graph.exp %zero : tensor<1xf32> -> tensor<1xf32>
    %d = graph.add %v, %e : tensor<1xf32>, tensor<1xf32> -> tensor<1xf32>
    graph.yield %go, %d : tensor<i1>, tensor<1xf32>
  }
  return %p, %q : tensor<f32>, tensor<1xf32>
}

// -----

// A loop without an end is left alone.
// CHECK-LABEL: func.func @endless
// CHECK: graph.loop
func.func @endless() -> tensor<f32> {
  %one = graph.constant dense<1.0> : tensor<f32>
  %yes = graph.constant dense<true> : tensor<i1>
  %p = graph.loop while %yes (%one) : (tensor<i1>, tensor<f32>) -> tensor<f32> {
  ^bb0(%round: tensor<i64>, %go: tensor<i1>, %v: tensor<f32>):
    graph.yield %go, %v : tensor<i1>, tensor<f32>
  }
  return %p : tensor<f32>
}
