// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s

// Eight places of three kernel rows, of three columns and one of zeros each: 24 windows of four columns, whose bytes are
// interleaved, one instruction for each; then the vectors are stored.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_depthwise<pixels = 8>
// CHECK-NOT: linalg
// CHECK-COUNT-3: vector.load {{.*}}, vector<64xi8>
// CHECK: scf.for %{{.*}} to %c56 step %c8
// CHECK: %[[X:.*]] = vector.load {{.*}}, vector<64xi8>
// CHECK: %[[I:.*]] = vector.shuffle %[[X]], %[[X]] [0, 16, 32, 48, 1, 17, 33, 49,
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[I]], %{{.*}})
// CHECK-COUNT-23: vector.shuffle
// CHECK: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK-COUNT-8: vector.store {{.*}}, vector<16xi8>
// CHECK-NOT: vector.store
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512, byte_dot = true>} {
  func.func @main(%x: tensor<1x4x58x59x16xui8>, %w: tensor<4x3x1x16x4xi8>) -> tensor<1x4x56x56x16xui8> {
    %s = graph.constant dense<0.25> : tensor<f32>
    %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x58x59x16xui8>, tensor<4x3x1x16x4xi8> -> tensor<1x4x56x56x16xi32>
    %f = graph.cast %y : tensor<1x4x56x56x16xi32> -> tensor<1x4x56x56x16xf32>
    %q = graph.quantize %f, %s {axis = 0 : i64, precision = f32} : tensor<1x4x56x56x16xf32>, tensor<f32> -> tensor<1x4x56x56x16xui8>
    return %q : tensor<1x4x56x56x16xui8>
  }
}

// -----

// Dilated columns are loaded one by one; signed bytes get another highest bit; the rows of a large kernel are a loop.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_depthwise<
// CHECK: scf.for %{{.*}} = %c0 to %c9 step %c1 iter_args
// CHECK-COUNT-4: vector.load {{.*}}, vector<16xi8>
// CHECK: vector.interleave
// CHECK: arith.xori
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512, byte_dot = true>} {
  func.func @main(%x: tensor<1x1x30x40x16xi8>, %w: tensor<1x9x2x16x4xi8>) -> tensor<1x1x22x26x16xi32> {
    %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 2>, x_offset = -128 : i64} : tensor<1x1x30x40x16xi8>, tensor<1x9x2x16x4xi8> -> tensor<1x1x22x26x16xi32>
    return %y : tensor<1x1x22x26x16xi32>
  }
}
