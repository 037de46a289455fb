// RUN: tegula-opt %s --graph-fuse-attention --split-input-file --verify-diagnostics --remarks-filter-missed=fusion | FileCheck %s

#cpu = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>

module attributes {exec.target = #cpu} {

// CHECK-LABEL: func.func @plain(
// CHECK-NEXT: %[[Y:.*]] = graph.attention %arg0, %arg1, %arg2 {transpose_k = true} : (tensor<4x7x16xf32>, tensor<4x16x9xf32>, tensor<4x9x24xf32>) -> tensor<4x7x24xf32>
// CHECK-NEXT: return %[[Y]]
func.func @plain(%q: tensor<4x7x16xf32>, %k: tensor<4x16x9xf32>, %v: tensor<4x9x24xf32>) -> tensor<4x7x24xf32> {
  %s = graph.matmul %q, %k : tensor<4x7x16xf32>, tensor<4x16x9xf32> -> tensor<4x7x9xf32>
  %p = graph.softmax %s {axes = array<i64: 2>} : tensor<4x7x9xf32> -> tensor<4x7x9xf32>
  %y = graph.matmul %p, %v : tensor<4x7x9xf32>, tensor<4x9x24xf32> -> tensor<4x7x24xf32>
  return %y : tensor<4x7x24xf32>
}

// Scale, soft cap, summand on the left, choice.
// CHECK-LABEL: func.func @steps(
// CHECK-NOT: graph.softmax
// CHECK: %[[Y:.*]] = graph.attention %arg0, %arg1, %arg2 bias %arg3 mask %arg4 {fill = -1.000000e+09 : f32, scale = 2.500000e-01 : f32, softcap = 5.000000e+01 : f32}
// CHECK-NEXT: return %[[Y]]
func.func @steps(%q: tensor<?x7x16xf32>, %k: tensor<?x9x16xf32>, %v: tensor<?x9x24xf32>, %b: tensor<7x9xf32>, %m: tensor<?x1x9xi1>) -> tensor<?x7x24xf32> {
  %four = graph.constant dense<4.0> : tensor<f32>
  %cap = graph.constant dense<50.0> : tensor<1xf32>
  %fill = graph.constant dense<-1.0e9> : tensor<f32>
  %s = graph.matmul %q, %k {transpose_rhs = true} : tensor<?x7x16xf32>, tensor<?x9x16xf32> -> tensor<?x7x9xf32>
  %d = graph.div %s, %four : tensor<?x7x9xf32>, tensor<f32> -> tensor<?x7x9xf32>
  %c = graph.div %d, %cap : tensor<?x7x9xf32>, tensor<1xf32> -> tensor<?x7x9xf32>
  %t = graph.tanh %c : tensor<?x7x9xf32> -> tensor<?x7x9xf32>
  %u = graph.mul %cap, %t : tensor<1xf32>, tensor<?x7x9xf32> -> tensor<?x7x9xf32>
  %a = graph.add %b, %u : tensor<7x9xf32>, tensor<?x7x9xf32> -> tensor<?x7x9xf32>
  %w = graph.where %m, %a, %fill : tensor<?x1x9xi1>, tensor<?x7x9xf32>, tensor<f32> -> tensor<?x7x9xf32>
  %p = graph.softmax %w {axes = array<i64: 2>} : tensor<?x7x9xf32> -> tensor<?x7x9xf32>
  %y = graph.matmul %p, %v : tensor<?x7x9xf32>, tensor<?x9x24xf32> -> tensor<?x7x24xf32>
  return %y : tensor<?x7x24xf32>
}

// A mask of what does not count; a shape that is asked of the scores.
// CHECK-LABEL: func.func @masked_where(
// CHECK-DAG: %[[N:.*]] = graph.not %arg3
// CHECK-DAG: %[[Y:.*]] = graph.attention %arg0, %arg1, %arg2 mask %[[N]] {fill = 0xFF800000 : f32}
// CHECK-DAG: graph.shape %arg0 {end = 1 : i64, start = 0 : i64}
// CHECK-DAG: graph.shape %arg1 {end = 1 : i64, start = 0 : i64}
// CHECK-DAG: %[[C:.*]] = graph.concat
// CHECK-DAG: %[[S:.*]] = graph.slice %[[C]]
// CHECK: return %[[Y]], %[[S]]
func.func @masked_where(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x24xf32>, %m: tensor<?x?xi1>) -> (tensor<?x24xf32>, tensor<1xi64>) {
  %fill = graph.constant dense<0xFF800000> : tensor<f32>
  %s = graph.matmul %q, %k {transpose_rhs = true} : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x?xf32>
  %h = graph.shape %s {start = 1 : i64, end = 2 : i64} : tensor<?x?xf32> -> tensor<1xi64>
  %w = graph.where %m, %fill, %s : tensor<?x?xi1>, tensor<f32>, tensor<?x?xf32> -> tensor<?x?xf32>
  %p = graph.softmax %w {axes = array<i64: 1>} : tensor<?x?xf32> -> tensor<?x?xf32>
  %y = graph.matmul %p, %v : tensor<?x?xf32>, tensor<?x24xf32> -> tensor<?x24xf32>
  return %y, %h : tensor<?x24xf32>, tensor<1xi64>
}

// Zeros for whole rows, as ONNX's Attention has them where a mask leaves nothing, are chosen behind.
// CHECK-LABEL: func.func @zero_rows(
// CHECK: %[[Z:.*]] = graph.constant
// CHECK: %[[A:.*]] = graph.attention %arg0, %arg1, %arg2
// CHECK: %[[Y:.*]] = graph.where %arg3, %[[Z]], %[[A]] : tensor<7x1xi1>, tensor<f32>, tensor<4x7x24xf32> -> tensor<4x7x24xf32>
// CHECK-NEXT: return %[[Y]]
func.func @zero_rows(%q: tensor<4x7x16xf32>, %k: tensor<4x16x9xf32>, %v: tensor<4x9x24xf32>, %c: tensor<7x1xi1>) -> tensor<4x7x24xf32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %s = graph.matmul %q, %k : tensor<4x7x16xf32>, tensor<4x16x9xf32> -> tensor<4x7x9xf32>
  %p = graph.softmax %s {axes = array<i64: 2>} : tensor<4x7x9xf32> -> tensor<4x7x9xf32>
  %w = graph.where %c, %zero, %p : tensor<7x1xi1>, tensor<f32>, tensor<4x7x9xf32> -> tensor<4x7x9xf32>
  %y = graph.matmul %w, %v : tensor<4x7x9xf32>, tensor<4x9x24xf32> -> tensor<4x7x24xf32>
  return %y : tensor<4x7x24xf32>
}

// CHECK-LABEL: func.func @weights_used(
// CHECK-NOT: graph.attention
func.func @weights_used(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>) -> (tensor<7x24xf32>, tensor<7x9xf32>) {
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  // expected-remark@+1 {{[Missed] no attention | Category:fusion | Reason="the weights have other uses"}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y, %p : tensor<7x24xf32>, tensor<7x9xf32>
}

// CHECK-LABEL: func.func @scores_used(
// CHECK-NOT: graph.attention
func.func @scores_used(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>) -> (tensor<7x24xf32>, tensor<7x9xf32>) {
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  // expected-remark@+1 {{the scores have other uses}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y, %s : tensor<7x24xf32>, tensor<7x9xf32>
}

// CHECK-LABEL: func.func @size_of_a_run(
// CHECK-NOT: graph.attention
func.func @size_of_a_run(%q: tensor<7x?xf32>, %k: tensor<?x9xf32>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  %s = graph.matmul %q, %k : tensor<7x?xf32>, tensor<?x9xf32> -> tensor<7x9xf32>
  // expected-remark@+1 {{a head size that is unknown, or above 512}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// CHECK-LABEL: func.func @doubles(
// CHECK-NOT: graph.attention
func.func @doubles(%q: tensor<7x16xf64>, %k: tensor<16x9xf64>, %v: tensor<9x24xf64>) -> tensor<7x24xf64> {
  %s = graph.matmul %q, %k : tensor<7x16xf64>, tensor<16x9xf64> -> tensor<7x9xf64>
  // expected-remark@+1 {{elements that are not f32, f16 or bf16}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf64> -> tensor<7x9xf64>
  %y = graph.matmul %p, %v : tensor<7x9xf64>, tensor<9x24xf64> -> tensor<7x24xf64>
  return %y : tensor<7x24xf64>
}

// CHECK-LABEL: func.func @halves(
// CHECK: graph.attention %arg0, %arg1, %arg2 {transpose_k = true} : (tensor<7x16xf16>, tensor<16x9xf16>, tensor<9x24xf16>) -> tensor<7x24xf16>
func.func @halves(%q: tensor<7x16xf16>, %k: tensor<16x9xf16>, %v: tensor<9x24xf16>) -> tensor<7x24xf16> {
  %s = graph.matmul %q, %k : tensor<7x16xf16>, tensor<16x9xf16> -> tensor<7x9xf16>
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf16> -> tensor<7x9xf16>
  %y = graph.matmul %p, %v : tensor<7x9xf16>, tensor<9x24xf16> -> tensor<7x24xf16>
  return %y : tensor<7x24xf16>
}

// CHECK-LABEL: func.func @few_halves(
// CHECK-NOT: graph.attention
func.func @few_halves(%q: tensor<?x16xf16>, %k: tensor<16x9xf16>, %v: tensor<9x24xf16>) -> tensor<?x24xf16> {
  %s = graph.matmul %q, %k : tensor<?x16xf16>, tensor<16x9xf16> -> tensor<?x9xf16>
  // expected-remark@+1 {{half precision of fewer than 5 queries, or of how many a run says}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<?x9xf16> -> tensor<?x9xf16>
  %y = graph.matmul %p, %v : tensor<?x9xf16>, tensor<9x24xf16> -> tensor<?x24xf16>
  return %y : tensor<?x24xf16>
}

// 0 * tanh(s / 0) is NaN for s = 0, and no soft cap.
// CHECK-LABEL: func.func @no_softcap(
// CHECK-NOT: graph.attention
func.func @no_softcap(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  %d = graph.div %s, %zero : tensor<7x9xf32>, tensor<f32> -> tensor<7x9xf32>
  %t = graph.tanh %d : tensor<7x9xf32> -> tensor<7x9xf32>
  %u = graph.mul %t, %zero : tensor<7x9xf32>, tensor<f32> -> tensor<7x9xf32>
  // expected-remark@+1 {{the scores are no scaled product}}
  %p = graph.softmax %u {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// The reciprocal of a denormal is infinity.
// CHECK-LABEL: func.func @denormal_divisor(
// CHECK-NOT: graph.attention
func.func @denormal_divisor(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  %small = graph.constant dense<1.0e-39> : tensor<f32>
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  %d = graph.div %s, %small : tensor<7x9xf32>, tensor<f32> -> tensor<7x9xf32>
  // expected-remark@+1 {{the scores are no scaled product}}
  %p = graph.softmax %d {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// A scale of more dimensions than the product has.
// CHECK-LABEL: func.func @shape_of_higher_rank(
// CHECK-NOT: graph.attention
func.func @shape_of_higher_rank(%q: tensor<4x7x16xf32>, %k: tensor<4x16x9xf32>, %v: tensor<4x9x24xf32>, %b: tensor<2x1x1x9xf32>) -> (tensor<2x4x7x24xf32>, tensor<4xi64>) {
  %scale = graph.constant dense<0.5> : tensor<1x1x1x1xf32>
  %s = graph.matmul %q, %k : tensor<4x7x16xf32>, tensor<4x16x9xf32> -> tensor<4x7x9xf32>
  %t = graph.mul %s, %scale : tensor<4x7x9xf32>, tensor<1x1x1x1xf32> -> tensor<1x4x7x9xf32>
  %h = graph.shape %t {start = 0 : i64, end = 4 : i64} : tensor<1x4x7x9xf32> -> tensor<4xi64>
  %u = graph.add %t, %b : tensor<1x4x7x9xf32>, tensor<2x1x1x9xf32> -> tensor<2x4x7x9xf32>
  // expected-remark@+1 {{the shape of scores is used that differ in rank from the product}}
  %p = graph.softmax %u {axes = array<i64: 3>} : tensor<2x4x7x9xf32> -> tensor<2x4x7x9xf32>
  %y = graph.matmul %p, %v : tensor<2x4x7x9xf32>, tensor<4x9x24xf32> -> tensor<2x4x7x24xf32>
  return %y, %h : tensor<2x4x7x24xf32>, tensor<4xi64>
}

// What the loop computes once is not computed in each of its rounds.
// CHECK-LABEL: func.func @weights_of_a_loop(
// CHECK-NOT: graph.attention
func.func @weights_of_a_loop(%q: tensor<9x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>, %n: tensor<i64>) -> tensor<9x24xf32> {
  %s = graph.matmul %q, %k : tensor<9x16xf32>, tensor<16x9xf32> -> tensor<9x9xf32>
  // expected-remark@+1 {{control flow stands between the steps}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<9x9xf32> -> tensor<9x9xf32>
  %r = graph.loop count %n (%v) : (tensor<i64>, tensor<9x24xf32>) -> tensor<9x24xf32> {
  ^bb0(%round: tensor<i64>, %go: tensor<i1>, %acc: tensor<9x24xf32>):
    %y = graph.matmul %p, %acc : tensor<9x9xf32>, tensor<9x24xf32> -> tensor<9x24xf32>
    graph.yield %go, %y : tensor<i1>, tensor<9x24xf32>
  }
  return %r : tensor<9x24xf32>
}

// CHECK-LABEL: func.func @scores_of_a_loop(
// CHECK-NOT: graph.attention
func.func @scores_of_a_loop(%q: tensor<9x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>, %n: tensor<i64>) -> tensor<9x24xf32> {
  %s = graph.matmul %q, %k : tensor<9x16xf32>, tensor<16x9xf32> -> tensor<9x9xf32>
  %r = graph.loop count %n (%v) : (tensor<i64>, tensor<9x24xf32>) -> tensor<9x24xf32> {
  ^bb0(%round: tensor<i64>, %go: tensor<i1>, %acc: tensor<9x24xf32>):
    // expected-remark@+1 {{control flow stands between the steps}}
    %p = graph.softmax %s {axes = array<i64: 1>} : tensor<9x9xf32> -> tensor<9x9xf32>
    %y = graph.matmul %p, %acc : tensor<9x9xf32>, tensor<9x24xf32> -> tensor<9x24xf32>
    graph.yield %go, %y : tensor<i1>, tensor<9x24xf32>
  }
  return %r : tensor<9x24xf32>
}

// As with the precision bf16.
// CHECK-LABEL: func.func @cast_weights(
// CHECK-NOT: graph.attention
func.func @cast_weights(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xbf16>) -> tensor<7x24xf32> {
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  // expected-remark@+1 {{graph.cast stands between the weights and the product with the values}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %c = graph.cast %p : tensor<7x9xf32> -> tensor<7x9xbf16>
  %y = graph.matmul %c, %v : tensor<7x9xbf16>, tensor<9x24xbf16> -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// As where heads share keys as rows of one product.
// CHECK-LABEL: func.func @reshaped_weights(
// CHECK-NOT: graph.attention
func.func @reshaped_weights(%q: tensor<14x16xf32>, %k: tensor<16x9xf32>, %v: tensor<7x9x24xf32>) -> tensor<7x2x24xf32> {
  %shape = graph.constant dense<[7, 2, 9]> : tensor<3xi64>
  %s = graph.matmul %q, %k : tensor<14x16xf32>, tensor<16x9xf32> -> tensor<14x9xf32>
  // expected-remark@+1 {{graph.reshape stands between}}
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<14x9xf32> -> tensor<14x9xf32>
  %r = graph.reshape %p, %shape : tensor<14x9xf32>, tensor<3xi64> -> tensor<7x2x9xf32>
  %y = graph.matmul %r, %v : tensor<7x2x9xf32>, tensor<7x9x24xf32> -> tensor<7x2x24xf32>
  return %y : tensor<7x2x24xf32>
}

// What is no product reads the weights: nothing to remark.
// CHECK-LABEL: func.func @no_product(
// CHECK-NOT: graph.attention
func.func @no_product(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>) -> tensor<7x9xf32> {
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.abs %p : tensor<7x9xf32> -> tensor<7x9xf32>
  return %y : tensor<7x9xf32>
}

// Another axis is no attention, and nothing to remark.
// CHECK-LABEL: func.func @along_rows(
// CHECK-NOT: graph.attention
func.func @along_rows(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  %p = graph.softmax %s {axes = array<i64: 0>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

}

// -----

#cpu = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>

module attributes {exec.target = #cpu, graph.precision = "f32-strict"} {

// Zeros in front of the product do not hide NaN and infinity of the values.
// CHECK-LABEL: func.func @strict_zero_rows(
// CHECK-NOT: graph.attention
func.func @strict_zero_rows(%q: tensor<4x7x16xf32>, %k: tensor<4x16x9xf32>, %v: tensor<4x9x24xf32>, %c: tensor<7x1xi1>) -> tensor<4x7x24xf32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %s = graph.matmul %q, %k : tensor<4x7x16xf32>, tensor<4x16x9xf32> -> tensor<4x7x9xf32>
  // expected-remark@+1 {{zeros for whole rows stay in front of the product with the values in precision f32-strict}}
  %p = graph.softmax %s {axes = array<i64: 2>} : tensor<4x7x9xf32> -> tensor<4x7x9xf32>
  %w = graph.where %c, %zero, %p : tensor<7x1xi1>, tensor<f32>, tensor<4x7x9xf32> -> tensor<4x7x9xf32>
  %y = graph.matmul %w, %v : tensor<4x7x9xf32>, tensor<4x9x24xf32> -> tensor<4x7x24xf32>
  return %y : tensor<4x7x24xf32>
}

// CHECK-LABEL: func.func @strict(
// CHECK: graph.attention
func.func @strict(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

}

// -----

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {

// Softmax of opset 12 in opset 13: of the rows of a matrix, which get the shape of the scores back.
// CHECK-LABEL: func.func @flattened(
// CHECK-NOT: graph.softmax
// CHECK: graph.attention {{.*}} -> tensor<?x4x7x24xf32>
// CHECK-NEXT: return
func.func @flattened(%q: tensor<?x4x7x16xf32>, %k: tensor<?x4x16x9xf32>, %v: tensor<?x4x9x24xf32>) -> tensor<?x4x7x24xf32> {
  %s = graph.matmul %q, %k : tensor<?x4x7x16xf32>, tensor<?x4x16x9xf32> -> tensor<?x4x7x9xf32>
  %e = graph.shape %s {start = 0 : i64, end = 4 : i64} : tensor<?x4x7x9xf32> -> tensor<4xi64>
  %f = graph.flatten %s {axis = -1 : i64} : tensor<?x4x7x9xf32> -> tensor<?x9xf32>
  %p = graph.softmax %f {axes = array<i64: 1>} : tensor<?x9xf32> -> tensor<?x9xf32>
  %r = graph.reshape %p, %e {allow_zero = false} : tensor<?x9xf32>, tensor<4xi64> -> tensor<?x4x7x9xf32>
  %y = graph.matmul %r, %v : tensor<?x4x7x9xf32>, tensor<?x4x9x24xf32> -> tensor<?x4x7x24xf32>
  return %y : tensor<?x4x7x24xf32>
}

// The rows of another axis, and another shape behind.
// CHECK-LABEL: func.func @flattened_otherwise(
// CHECK: graph.softmax {{.*}} {axes = array<i64: 1>}
// CHECK: graph.softmax {{.*}} {axes = array<i64: 1>}
func.func @flattened_otherwise(%x: tensor<?x4x7x9xf32>, %n: tensor<4xi64>) -> (tensor<?x4x7x9xf32>, tensor<?x4x7x9xf32>) {
  %e = graph.shape %x {start = 0 : i64, end = 4 : i64} : tensor<?x4x7x9xf32> -> tensor<4xi64>
  %f = graph.flatten %x {axis = 2 : i64} : tensor<?x4x7x9xf32> -> tensor<?x63xf32>
  %p = graph.softmax %f {axes = array<i64: 1>} : tensor<?x63xf32> -> tensor<?x63xf32>
  %r = graph.reshape %p, %e {allow_zero = false} : tensor<?x63xf32>, tensor<4xi64> -> tensor<?x4x7x9xf32>
  %g = graph.flatten %x {axis = 3 : i64} : tensor<?x4x7x9xf32> -> tensor<?x9xf32>
  %t = graph.softmax %g {axes = array<i64: 1>} : tensor<?x9xf32> -> tensor<?x9xf32>
  %u = graph.reshape %t, %n {allow_zero = false} : tensor<?x9xf32>, tensor<4xi64> -> tensor<?x4x7x9xf32>
  return %r, %u : tensor<?x4x7x9xf32>, tensor<?x4x7x9xf32>
}

}

// -----

// CHECK-LABEL: func.func @no_target(
// CHECK-NOT: graph.attention
func.func @no_target(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  %s = graph.matmul %q, %k : tensor<7x16xf32>, tensor<16x9xf32> -> tensor<7x9xf32>
  %p = graph.softmax %s {axes = array<i64: 1>} : tensor<7x9xf32> -> tensor<7x9xf32>
  %y = graph.matmul %p, %v : tensor<7x9xf32>, tensor<9x24xf32> -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}
