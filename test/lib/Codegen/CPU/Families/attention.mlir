// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s
// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels | FileCheck %s --check-prefix=STEPS

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  func.func @main(%q: tensor<12x128x64xf32>, %k: tensor<128x12x64xf32>, %v: tensor<12x128x64xf32>) -> tensor<12x128x64xf32> {
    %t = graph.transpose %k {permutation = array<i64: 1, 0, 2>} : tensor<128x12x64xf32> -> tensor<12x128x64xf32>
    %y = graph.attention %q, %t, %v {scale = 0.125 : f32} : (tensor<12x128x64xf32>, tensor<12x128x64xf32>, tensor<12x128x64xf32>) -> tensor<12x128x64xf32>
    %r = graph.relu %y : tensor<12x128x64xf32> -> tensor<12x128x64xf32>
    return %r : tensor<12x128x64xf32>
  }
}

// All steps, and what follows, in one kernel, which reads the transposed keys where they are.
// STEPS: exec.kernel
// STEPS: linalg.generic {{.*}} attrs = {exec.inner_step = "attention_products"}
// STEPS: linalg.generic {{.*}} attrs = {exec.inner_step = "attention_scores"}
// STEPS: linalg.generic {{.*}} attrs = {exec.inner_step = "attention_maximum"}
// STEPS: linalg.generic {{.*}} attrs = {exec.inner_step = "attention_sum"}
// STEPS: linalg.generic {{.*}} attrs = {exec.inner_step = "attention_weights"}
// STEPS: linalg.generic {{.*}} attrs = {exec.last_step = "attention"}
// STEPS: arith.maximumf
// STEPS-NOT: exec.kernel

// No score leaves the worker's scratch memory.
// CHECK-LABEL: exec.kernel
// CHECK-SAME: schedule = #sched.cpu_attention<
// CHECK-NOT: linalg
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<{{[0-9]+}}xi8>
// CHECK-NOT: memref.alloc
// CHECK: vector.shuffle
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.fma
// CHECK: math.exp {{.*}} : vector<16xf32>
// CHECK: vector.fma
// CHECK: arith.maximumf {{.*}} : vector<16xf32>
// CHECK: vector.store
// CHECK-NOT: memref.alloc
