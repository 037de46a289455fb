// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  func.func @main(%x: tensor<1x4x30x30x16xf32>, %w: tensor<6x4x3x3x16x16xf32>, %b: tensor<6x16xf32>) -> tensor<1x6x28x28x16xf32> {
    %y = graph.blocked_conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x30x30x16xf32>, tensor<6x4x3x3x16x16xf32>, tensor<6x16xf32> -> tensor<1x6x28x28x16xf32>
    %r = graph.relu %y : tensor<1x6x28x28x16xf32> -> tensor<1x6x28x28x16xf32>
    return %r : tensor<1x6x28x28x16xf32>
  }
}

// Two blocks of output channels at fourteen places: sums that stay in registers over input blocks, kernel rows and the
// channels of three columns, four of these unrolled; each element of the operand is broadcast for both weights.
// CHECK: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_convolution<blocks = 2, rows = 1, pixels = 14, unroll = 4>
// CHECK-NOT: linalg
// CHECK: %[[BLOCKS:.*]]:28 = scf.for %{{.*}} iter_args
// CHECK: %[[ROWS:.*]]:28 = scf.for %{{.*}} iter_args
// CHECK: %[[CHANNELS:.*]]:28 = scf.for %{{.*}} to %c48 step %c4 iter_args
// CHECK: vector.load {{.*}}, vector<16xf32>
// CHECK: vector.load {{.*}}, vector<16xf32>
// CHECK: %[[E:.*]] = memref.load
// CHECK: %[[F:.*]] = vector.broadcast %[[E]] : f32 to vector<16xf32>
// CHECK: vector.fma %[[F]]
// CHECK: vector.fma %[[F]]
// CHECK-COUNT-110: vector.fma
// CHECK-NOT: vector.fma
// CHECK: arith.addf %[[BLOCKS]]#0
// CHECK: arith.maximumf {{.*}} : vector<16xf32>
// CHECK: vector.store
