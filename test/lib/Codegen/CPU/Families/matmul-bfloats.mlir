// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s

// Pairs of depths of both operands lie together, for the instruction that multiplies and sums them.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "znver4", features = "", vector_bits = 512>} {
  // CHECK-LABEL: exec.kernel
  // CHECK: vector.interleave {{.*}} : vector<16xbf16> -> vector<32xbf16>
  // CHECK: %[[PAIR:.*]] = memref.load {{.*}} : memref<{{.*}}xi32>
  // CHECK: %[[ROW:.*]] = vector.broadcast %[[PAIR]] : i32 to vector<16xi32>
  // CHECK: %[[PAIRS:.*]] = vector.bitcast %[[ROW]] : vector<16xi32> to vector<32xbf16>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%{{.*}}, %[[PAIRS]], %{{.*}})
  // CHECK-NOT: vector.fma
  func.func @main(%a: tensor<64x100xbf16>, %b: tensor<100x96xbf16>) -> tensor<64x96xf32> {
    %y = graph.matmul %a, %b : tensor<64x100xbf16>, tensor<100x96xbf16> -> tensor<64x96xf32>
    return %y : tensor<64x96xf32>
  }
}

// -----

// Products of bf16 that the model itself has keep their denormals.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "znver4", features = "", vector_bits = 512>} {
  // CHECK-LABEL: exec.kernel
  // CHECK-NOT: dpbf16ps
  // CHECK: vector.fma
  func.func @main(%a: tensor<64x100xbf16>, %b: tensor<100x96xbf16>) -> tensor<64x96xbf16> {
    %y = graph.matmul %a, %b : tensor<64x100xbf16>, tensor<100x96xbf16> -> tensor<64x96xbf16>
    return %y : tensor<64x96xbf16>
  }
}

// -----

// Where the instruction takes longer than two multiply-adds, packing converts.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "", vector_bits = 512>} {
  // CHECK-LABEL: exec.kernel
  // CHECK-NOT: dpbf16ps
  // CHECK: arith.extf {{.*}} : vector<16xbf16> to vector<16xf32>
  // CHECK: vector.fma
  func.func @main(%a: tensor<64x100xbf16>, %b: tensor<100x96xbf16>) -> tensor<64x96xf32> {
    %y = graph.matmul %a, %b : tensor<64x100xbf16>, tensor<100x96xbf16> -> tensor<64x96xf32>
    return %y : tensor<64x96xf32>
  }
}
