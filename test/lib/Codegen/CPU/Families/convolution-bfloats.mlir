// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s

// A pair of channels is broadcast and multiplied by those of the weight; the result is rounded where it is stored.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "znver4", features = "", vector_bits = 512>} {
  // CHECK-LABEL: exec.kernel
  // CHECK-SAME: schedule = #sched.cpu_convolution
  // CHECK: vector.load {{.*}}, vector<32xbf16>
  // CHECK: %[[PAIR:.*]] = vector.load {{.*}}, vector<2xbf16>
  // CHECK: %[[WORD:.*]] = vector.bitcast %[[PAIR]] : vector<2xbf16> to vector<1xi32>
  // CHECK: %[[WORDS:.*]] = vector.broadcast %[[WORD]] : vector<1xi32> to vector<16xi32>
  // CHECK: %[[PAIRS:.*]] = vector.bitcast %[[WORDS]] : vector<16xi32> to vector<32xbf16>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%{{.*}}, %[[PAIRS]], %{{.*}})
  // CHECK: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
  func.func @main(%x: tensor<1x4x28x28x16xbf16>, %w: tensor<6x4x1x1x8x16x2xbf16>, %b: tensor<6x16xf32>) -> tensor<1x6x28x28x16xbf16> {
    %y = graph.blocked_conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x28x28x16xbf16>, tensor<6x4x1x1x8x16x2xbf16>, tensor<6x16xf32> -> tensor<1x6x28x28x16xf32>
    %r = graph.relu %y : tensor<1x6x28x28x16xf32> -> tensor<1x6x28x28x16xf32>
    %c = graph.cast %r : tensor<1x6x28x28x16xf32> -> tensor<1x6x28x28x16xbf16>
    return %c : tensor<1x6x28x28x16xbf16>
  }
}

// -----

// Without the instruction, two multiply-adds.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  // CHECK-LABEL: exec.kernel
  // CHECK-NOT: dpbf16ps
  // CHECK: arith.extf {{.*}} : vector<16xbf16> to vector<16xf32>
  // CHECK: vector.fma
  func.func @main(%x: tensor<1x4x28x28x16xbf16>, %w: tensor<6x4x1x1x8x16x2xbf16>) -> tensor<1x6x28x28x16xf32> {
    %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x28x28x16xbf16>, tensor<6x4x1x1x8x16x2xbf16> -> tensor<1x6x28x28x16xf32>
    return %y : tensor<1x6x28x28x16xf32>
  }
}
