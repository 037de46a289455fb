// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s

// Unsigned bytes are packed as signed ones, whose zero point is what the sums of the other operand's columns are
// multiplied by, before they start the sums.
module attributes {exec.target = #exec.cpu_target<triple = "aarch64-unknown-linux-gnu", cpu = "neoverse-n1", features = "", vector_bits = 128, byte_dot = true>} {
  // CHECK-LABEL: exec.kernel
  // CHECK-DAG: %[[ZERO_POINT:.*]] = arith.constant dense<118> : vector<4xi32>
  // CHECK-DAG: %[[SIGN:.*]] = arith.constant dense<-128> : vector<{{[0-9]+}}xi8>
  // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"
  // CHECK: arith.muli %{{.*}}, %[[ZERO_POINT]] : vector<4xi32>
  // CHECK: arith.xori %{{.*}}, %[[SIGN]]
  // CHECK: %[[RIGHT:.*]] = vector.load {{.*}}, vector<16xi8>
  // CHECK: %[[LEFT:.*]] = vector.bitcast {{.*}} : vector<4xi32> to vector<16xi8>
  // CHECK: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"(%{{.*}}, %[[LEFT]], %[[RIGHT]])
  // CHECK-NOT: arith.xori
  func.func @main(%x: tensor<64x96xui8>, %w: tensor<96x48xi8>) -> tensor<64x48xi32> {
    %y = graph.matmul %x, %w {lhs_zero_point = 10 : i64} : tensor<64x96xui8>, tensor<96x48xi8> -> tensor<64x48xi32>
    return %y : tensor<64x48xi32>
  }
}
