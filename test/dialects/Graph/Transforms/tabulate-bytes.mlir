// RUN: tegula-opt %s --graph-tabulate-bytes --split-input-file | FileCheck %s

#cpu = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>

module attributes {exec.target = #cpu} {
// The gelu of a byte: all steps from it on, whichever way they take, are computed of 256 bytes.
// CHECK-LABEL: func.func @gelu(
// CHECK-SAME: %[[X:.*]]: tensor<?x37xui8>
// CHECK: graph.constant dense<"0x00010203
// CHECK: graph.dequantize {{.*}} : tensor<256xui8>
// CHECK: graph.erf {{.*}} : tensor<256xf32>
// CHECK: graph.mul {{.*}} : tensor<256xf32>
// CHECK: %[[T:.*]] = graph.quantize {{.*}} -> tensor<256xui8>
// CHECK-NEXT: %[[I:.*]] = graph.cast %[[X]] : tensor<?x37xui8> -> tensor<?x37xi32>
// CHECK-NEXT: %[[Y:.*]] = graph.gather %[[T]], %[[I]] {axis = 0 : i64} : tensor<256xui8>, tensor<?x37xi32> -> tensor<?x37xui8>
// CHECK-NEXT: return %[[Y]]
func.func @gelu(%xq: tensor<?x37xui8>) -> tensor<?x37xui8> {
  %s = graph.constant dense<0.017> : tensor<f32>
  %t = graph.constant dense<0.013> : tensor<f32>
  %z = graph.constant dense<131> : tensor<ui8>
  %root = graph.constant dense<1.41421354> : tensor<f32>
  %byte = graph.constant dense<255> : tensor<ui8>
  %part = graph.constant dense<0.00392156886> : tensor<f32>
  %one = graph.dequantize %byte, %part {axis = 0 : i64} : tensor<ui8>, tensor<f32> -> tensor<f32>
  %x = graph.dequantize %xq, %s, %z {axis = 0 : i64} : tensor<?x37xui8>, tensor<f32>, tensor<ui8> -> tensor<?x37xf32>
  %d = graph.div %x, %root : tensor<?x37xf32>, tensor<f32> -> tensor<?x37xf32>
  %e = graph.erf %d : tensor<?x37xf32> -> tensor<?x37xf32>
  %eq = graph.quantize %e, %s, %z {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32>, tensor<ui8> -> tensor<?x37xui8>
  %ef = graph.dequantize %eq, %s, %z {axis = 0 : i64} : tensor<?x37xui8>, tensor<f32>, tensor<ui8> -> tensor<?x37xf32>
  %a = graph.add %ef, %one : tensor<?x37xf32>, tensor<f32> -> tensor<?x37xf32>
  %aq = graph.quantize %a, %t, %z {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32>, tensor<ui8> -> tensor<?x37xui8>
  %x2 = graph.dequantize %xq, %t, %z {axis = 0 : i64} : tensor<?x37xui8>, tensor<f32>, tensor<ui8> -> tensor<?x37xf32>
  %af = graph.dequantize %aq, %t, %z {axis = 0 : i64} : tensor<?x37xui8>, tensor<f32>, tensor<ui8> -> tensor<?x37xf32>
  %m = graph.mul %x2, %af : tensor<?x37xf32>, tensor<?x37xf32> -> tensor<?x37xf32>
  %y = graph.quantize %m, %s, %z {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32>, tensor<ui8> -> tensor<?x37xui8>
  return %y : tensor<?x37xui8>
}

// Of two tensors, of parameters by channel, read by others in between, of few elements, and what takes no time.
// CHECK-LABEL: func.func @stays(
// CHECK-NOT: graph.gather
// CHECK: return
func.func @stays(%xq: tensor<?x37xi8>, %wq: tensor<?x37xi8>, %few: tensor<3x37xi8>, %c: tensor<37xf32>)
    -> (tensor<?x37xi8>, tensor<?x37xi8>, tensor<?x37xf32>, tensor<?x37xi8>, tensor<3x37xi8>, tensor<?x37xi8>) {
  %s = graph.constant dense<0.017> : tensor<f32>
  %x = graph.dequantize %xq, %s {axis = 0 : i64} : tensor<?x37xi8>, tensor<f32> -> tensor<?x37xf32>
  %w = graph.dequantize %wq, %s {axis = 0 : i64} : tensor<?x37xi8>, tensor<f32> -> tensor<?x37xf32>
  %f = graph.dequantize %few, %s {axis = 0 : i64} : tensor<3x37xi8>, tensor<f32> -> tensor<3x37xf32>
  %p = graph.mul %x, %w : tensor<?x37xf32>, tensor<?x37xf32> -> tensor<?x37xf32>
  %a = graph.tanh %p : tensor<?x37xf32> -> tensor<?x37xf32>
  %aq = graph.quantize %a, %s {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32> -> tensor<?x37xi8>
  %n = graph.mul %x, %c : tensor<?x37xf32>, tensor<37xf32> -> tensor<?x37xf32>
  %b = graph.tanh %n : tensor<?x37xf32> -> tensor<?x37xf32>
  %bq = graph.quantize %b, %s {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32> -> tensor<?x37xi8>
  %e = graph.exp %w : tensor<?x37xf32> -> tensor<?x37xf32>
  %eq = graph.quantize %e, %s {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32> -> tensor<?x37xi8>
  %g = graph.exp %f : tensor<3x37xf32> -> tensor<3x37xf32>
  %gq = graph.quantize %g, %s {axis = 0 : i64, precision = f32} : tensor<3x37xf32>, tensor<f32> -> tensor<3x37xi8>
  %r = graph.relu %w : tensor<?x37xf32> -> tensor<?x37xf32>
  %rq = graph.quantize %r, %s {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32> -> tensor<?x37xi8>
  return %aq, %bq, %e, %eq, %gq, %rq : tensor<?x37xi8>, tensor<?x37xi8>, tensor<?x37xf32>, tensor<?x37xi8>, tensor<3x37xi8>, tensor<?x37xi8>
}
}

// -----

// CHECK-LABEL: func.func @no_target(
// CHECK-NOT: graph.gather
func.func @no_target(%xq: tensor<?x37xui8>) -> tensor<?x37xui8> {
  %s = graph.constant dense<0.017> : tensor<f32>
  %x = graph.dequantize %xq, %s {axis = 0 : i64} : tensor<?x37xui8>, tensor<f32> -> tensor<?x37xf32>
  %e = graph.erf %x : tensor<?x37xf32> -> tensor<?x37xf32>
  %y = graph.quantize %e, %s {axis = 0 : i64, precision = f32} : tensor<?x37xf32>, tensor<f32> -> tensor<?x37xui8>
  return %y : tensor<?x37xui8>
}
