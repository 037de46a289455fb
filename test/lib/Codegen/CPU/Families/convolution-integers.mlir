// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s

// Four channels at once: four bytes of the operand in each lane, signed ones with another highest bit, with the weights
// of two blocks. The sums start from the bias, and are quantized where they are.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_convolution<blocks = 2, rows = 1, pixels = 14, unroll = 4>
// CHECK-NOT: linalg
// CHECK: %[[FIRST:.*]] = vector.load {{.*}}, vector<16xi32>
// CHECK: %[[SECOND:.*]] = vector.load {{.*}}, vector<16xi32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[FIRST]], {{.*}} = %[[SECOND]])
// CHECK: vector.load {{.*}}, vector<64xi8>
// CHECK: vector.load {{.*}}, vector<64xi8>
// CHECK: %[[E:.*]] = vector.load {{.*}}, vector<4xi8>
// CHECK: %[[I:.*]] = vector.bitcast %[[E]] : vector<4xi8> to vector<1xi32>
// CHECK: %[[A:.*]] = vector.broadcast %[[I]] : vector<1xi32> to vector<16xi32>
// CHECK: %[[B:.*]] = vector.bitcast %[[A]] : vector<16xi32> to vector<64xi8>
// CHECK: %[[F:.*]] = arith.xori %[[B]], %{{.*}} : vector<64xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[F]], %{{.*}})
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[F]], %{{.*}})
// CHECK: scf.yield
// CHECK-NOT: arith.addi {{.*}} : vector<16xi32>
// CHECK: arith.trunci {{.*}} : vector<16xi32> to vector<16xi8>
// CHECK: vector.store {{.*}}, vector<16xi8>
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512, byte_dot = true>} {
  func.func @main(%x: tensor<1x4x28x28x16xi8>, %w: tensor<6x4x1x1x4x16x4xi8>, %b: tensor<6x16xi32>) -> tensor<1x6x28x28x16xi8> {
    %s = graph.constant dense<0.25> : tensor<f32>
    %y = graph.blocked_conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, x_offset = -128 : i64} : tensor<1x4x28x28x16xi8>, tensor<6x4x1x1x4x16x4xi8>, tensor<6x16xi32> -> tensor<1x6x28x28x16xi32>
    %f = graph.cast %y : tensor<1x6x28x28x16xi32> -> tensor<1x6x28x28x16xf32>
    %q = graph.quantize %f, %s {axis = 0 : i64, precision = f32} : tensor<1x6x28x28x16xf32>, tensor<f32> -> tensor<1x6x28x28x16xi8>
    return %q : tensor<1x6x28x28x16xi8>
  }
}

// -----

// Pairs of 16-bit values.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_convolution<
// CHECK: vector.load {{.*}}, vector<16xi16>
// CHECK: vector.load {{.*}}, vector<2xi8>
// CHECK: %[[F:.*]] = arith.extui %{{.*}} : vector<16xi8> to vector<16xi16>
// CHECK: %[[P:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[F]], %{{.*}})
// CHECK: arith.addi %{{.*}}, %[[P]] : vector<8xi32>
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256>} {
  func.func @main(%x: tensor<1x4x28x28x8xui8>, %w: tensor<6x4x3x3x4x8x2xi16>) -> tensor<1x6x26x26x8xi32> {
    %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x28x28x8xui8>, tensor<6x4x3x3x4x8x2xi16> -> tensor<1x6x26x26x8xi32>
    return %y : tensor<1x6x26x26x8xi32>
  }
}

// -----

// Blocks of another level of the same artifact, twice as long as a vector: one instruction for each half.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_convolution<
// CHECK: vector.load {{.*}}, vector<32xi16>
// CHECK: %[[LOW:.*]] = vector.extract_strided_slice %[[SUM:.*]] {offsets = [0], sizes = [8], strides = [1]} : vector<16xi32>
// CHECK: %[[P:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK: %[[A:.*]] = arith.addi %[[LOW]], %[[P]] : vector<8xi32>
// CHECK: vector.extract_strided_slice {{.*}} {offsets = [8], sizes = [8], strides = [1]} : vector<16xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256>} {
  func.func @main(%x: tensor<1x4x28x28x16xui8>, %w: tensor<6x4x3x3x8x16x2xi16>) -> tensor<1x6x26x26x16xi32> {
    %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x28x28x16xui8>, tensor<6x4x3x3x8x16x2xi16> -> tensor<1x6x26x26x16xi32>
    return %y : tensor<1x6x26x26x16xi32>
  }
}

// -----

// Groups of four bytes on a processor with an instruction for pairs: the even bytes, then the odd ones.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_convolution<
// CHECK: %[[W:.*]] = vector.load {{.*}}, vector<32xi8>
// CHECK: %[[X:.*]] = vector.bitcast %{{.*}} : vector<8xi32> to vector<16xi16>
// CHECK: %[[XE:.*]] = arith.andi %[[X]], %{{.*}} : vector<16xi16>
// CHECK: %[[XO:.*]] = arith.shrui %[[X]], %{{.*}} : vector<16xi16>
// CHECK: %[[V:.*]] = vector.bitcast %[[W]] : vector<32xi8> to vector<16xi16>
// CHECK: %[[H:.*]] = arith.shli %[[V]], %{{.*}} : vector<16xi16>
// CHECK: %[[WE:.*]] = arith.shrsi %[[H]], %{{.*}} : vector<16xi16>
// CHECK: %[[WO:.*]] = arith.shrsi %[[V]], %{{.*}} : vector<16xi16>
// CHECK: %[[P:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[XE]], %[[WE]])
// CHECK: %[[A:.*]] = arith.addi %{{.*}}, %[[P]] : vector<8xi32>
// CHECK: %[[Q:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[XO]], %[[WO]])
// CHECK: arith.addi %[[A]], %[[Q]] : vector<8xi32>
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256>} {
  func.func @main(%x: tensor<1x4x28x28x8xui8>, %w: tensor<6x4x3x3x2x8x4xi8>) -> tensor<1x6x26x26x8xi32> {
    %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x28x28x8xui8>, tensor<6x4x3x3x2x8x4xi8> -> tensor<1x6x26x26x8xi32>
    return %y : tensor<1x6x26x26x8xi32>
  }
}

// -----

// Without an instruction, four products one after the other.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_convolution<
// CHECK-NOT: llvm.call_intrinsic
// CHECK: arith.extui {{.*}} : vector<4xi8> to vector<4xi32>
// CHECK: arith.extsi {{.*}} : vector<4xi8> to vector<4xi32>
// CHECK: arith.muli {{.*}} : vector<4xi32>
module attributes {exec.target = #exec.cpu_target<triple = "aarch64-unknown-linux-gnu", cpu = "generic", features = "", vector_bits = 128>} {
  func.func @main(%x: tensor<1x4x28x28x4xui8>, %w: tensor<6x4x1x1x1x4x4xi8>) -> tensor<1x6x28x28x4xi32> {
    %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x28x28x4xui8>, tensor<6x4x1x1x1x4x4xi8> -> tensor<1x6x28x28x4xi32>
    return %y : tensor<1x6x28x28x4xi32>
  }
}

// -----

// An instruction for signed bytes alone: the operand's become signed, and what this takes from the sums depends on the
// weights only.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_convolution<
// CHECK-DAG: %[[C:.*]] = arith.constant dense<-128> : vector<16xi8>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<0> : vector<4xi32>
// CHECK: %[[W:.*]] = vector.load {{.*}}, vector<16xi8>
// CHECK: %[[L:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"(%[[Z]], %[[C]], %[[W]])
// CHECK: %[[S:.*]] = arith.subi %{{.*}}, %[[L]] : vector<4xi32>
// CHECK: %[[X:.*]] = arith.xori %{{.*}}, %[[C]] : vector<16xi8>
// CHECK: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"(%[[S]], %[[X]], %[[W]])
module attributes {exec.target = #exec.cpu_target<triple = "aarch64-unknown-linux-gnu", cpu = "neoverse-n1", features = "", vector_bits = 128, byte_dot = true>} {
  func.func @main(%x: tensor<1x4x28x28x4xui8>, %w: tensor<6x4x1x1x1x4x4xi8>) -> tensor<1x6x28x28x4xi32> {
    %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x28x28x4xui8>, tensor<6x4x1x1x1x4x4xi8> -> tensor<1x6x28x28x4xi32>
    return %y : tensor<1x6x28x28x4xi32>
  }
}
