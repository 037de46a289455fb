// RUN: tegula-opt %s --tegula-graph --tegula-quant --tegula-linalg --exec-mark-attention --exec-fuse-elementwise --canonicalize --cse | FileCheck %s

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  func.func @main(%q: tensor<?x9x8xui8>, %k: tensor<?x8x20xui8>, %v: tensor<?x20x12xi8>, %mask: tensor<?x1x20xf32>, %q2: tensor<?x9x17xui8>, %k2: tensor<?x17x20xui8>)
      -> (tensor<?x9x12xf32>, tensor<?x9x12xf32>) {
    %s = graph.constant dense<0.03> : tensor<f32>
    %z = graph.constant dense<115> : tensor<ui8>
    %zv = graph.constant dense<-3> : tensor<i8>
    %w = graph.constant dense<0.00392156886> : tensor<f32>
    %v1 = graph.dequantize %v, %s, %zv {axis = 0 : i64} : tensor<?x20x12xi8>, tensor<f32>, tensor<i8> -> tensor<?x20x12xf32>

    %p = graph.matmul %q, %k {lhs_zero_point = 126 : i64, rhs_zero_point = 115 : i64} : tensor<?x9x8xui8>, tensor<?x8x20xui8> -> tensor<?x9x20xi32>
    %r = graph.cast %p : tensor<?x9x20xi32> -> tensor<?x9x20xf32>
    %a = graph.add %r, %mask : tensor<?x9x20xf32>, tensor<?x1x20xf32> -> tensor<?x9x20xf32>
    %aq = graph.quantize %a, %s, %z {axis = 0 : i64, precision = f32} : tensor<?x9x20xf32>, tensor<f32>, tensor<ui8> -> tensor<?x9x20xui8>
    %af = graph.dequantize %aq, %s, %z {axis = 0 : i64} : tensor<?x9x20xui8>, tensor<f32>, tensor<ui8> -> tensor<?x9x20xf32>
    %e = graph.softmax %af {axes = array<i64: 2>} : tensor<?x9x20xf32> -> tensor<?x9x20xf32>
    %eq = graph.quantize %e, %w {axis = 0 : i64, precision = f32} : tensor<?x9x20xf32>, tensor<f32> -> tensor<?x9x20xui8>
    %ef = graph.dequantize %eq, %w {axis = 0 : i64} : tensor<?x9x20xui8>, tensor<f32> -> tensor<?x9x20xf32>
    %y = graph.matmul %ef, %v1 : tensor<?x9x20xf32>, tensor<?x20x12xf32> -> tensor<?x9x12xf32>

    %p2 = graph.matmul %q2, %k2 {lhs_zero_point = 126 : i64, rhs_zero_point = 115 : i64} : tensor<?x9x17xui8>, tensor<?x17x20xui8> -> tensor<?x9x20xi32>
    %r2 = graph.cast %p2 : tensor<?x9x20xi32> -> tensor<?x9x20xf32>
    %e2 = graph.softmax %r2 {axes = array<i64: 2>} : tensor<?x9x20xf32> -> tensor<?x9x20xf32>
    %eq2 = graph.quantize %e2, %w {axis = 0 : i64, precision = f32} : tensor<?x9x20xf32>, tensor<f32> -> tensor<?x9x20xui8>
    %ef2 = graph.dequantize %eq2, %w {axis = 0 : i64} : tensor<?x9x20xui8>, tensor<f32> -> tensor<?x9x20xf32>
    %y2 = graph.matmul %ef2, %v1 : tensor<?x9x20xf32>, tensor<?x20x12xf32> -> tensor<?x9x12xf32>
    return %y, %y2 : tensor<?x9x12xf32>, tensor<?x9x12xf32>
  }
}

// All steps for as many batches as the result has: operands from outside broadcast to it, steps between them do not.
// CHECK: exec.broadcast_view %{{.*}} : tensor<?x9x8xi8> -> tensor<?x9x8xi8>
// CHECK: exec.broadcast_view %{{.*}} : tensor<?x8x20xi8> -> tensor<?x8x20xi8>
// CHECK: %[[P:.*]] = linalg.generic {{.*}} attrs = {exec.inner_step = "attention_products"}
// CHECK-NOT: broadcast_view {{.*}} : tensor<?x9x20x
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[P]], %{{.*}}) {{.*}} attrs = {exec.inner_step = "attention_scores"}
// CHECK: arith.sitofp
// CHECK: arith.addf
// CHECK: arith.divf
// CHECK-NOT: broadcast_view {{.*}} : tensor<?x9x20x
// CHECK: %[[M:.*]] = linalg.generic {{.*}} ins(%[[S]] : {{.*}} attrs = {exec.inner_step = "attention_maximum"}
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[S]], %[[M]] : {{.*}} attrs = {exec.inner_step = "attention_sum"}
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%[[S]], %[[M]], %[[T]] : {{.*}} attrs = {exec.inner_step = "attention_weights"}
// CHECK: math.exp
// CHECK: arith.trunci
// CHECK-NOT: broadcast_view {{.*}} : tensor<?x9x20x
// CHECK: linalg.generic {{.*}} ins(%[[W]], %{{.*}} attrs = {exec.last_step = "attention"}

// Queries of 17 elements: products of bytes in a kernel of their own.
// CHECK-NOT: exec.inner_step
// CHECK: return
