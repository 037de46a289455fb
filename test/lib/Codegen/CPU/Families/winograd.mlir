// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s
// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels | FileCheck %s --check-prefix=STEPS

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  func.func @main(%x: tensor<1x4x30x30x16xf32>, %w: tensor<6x6x6x4x16x16xf32>) -> tensor<1x6x28x28x16xf32> {
    %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, winograd = 4 : i64} : tensor<1x4x30x30x16xf32>, tensor<6x6x6x4x16x16xf32> -> tensor<1x6x28x28x16xf32>
    %r = graph.relu %y : tensor<1x6x28x28x16xf32> -> tensor<1x6x28x28x16xf32>
    return %r : tensor<1x6x28x28x16xf32>
  }
}

// Three steps in one kernel, so that it means the same whatever family lowers it.
// STEPS: exec.kernel
// STEPS: linalg.generic {{.*}} attrs = {exec.inner_step = "winograd_operand"}
// STEPS: linalg.generic {{.*}} attrs = {exec.inner_step = "winograd_products"}
// STEPS: linalg.generic {{.*}} attrs = {exec.last_step = "winograd"}
// STEPS: arith.maximumf

// Operand tiles are transformed, multiplied, transformed back.
// CHECK-LABEL: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_winograd<
// CHECK-NOT: linalg
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<{{[0-9]+}}xi8>
// CHECK: vector.store
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.fma
// CHECK: arith.maximumf {{.*}} : vector<16xf32>
// CHECK: vector.store
