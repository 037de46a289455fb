// RUN: tegula-opt %s --exec-plan-memory | FileCheck %s

// Constants of equal bytes are one, under whatever types; one that another level of the artifact has placed stays there;
// the others come behind.
// CHECK-LABEL: module
// CHECK-SAME: exec.constant_bytes = 320 : i64
// CHECK-SAME: exec.constants = [
// CHECK-SAME: {offset = 0 : i64, value = dense<[1, 2, 3, 4]> : tensor<4xi32>}
// CHECK-SAME: {offset = 128 : i64, value = dense<5> : tensor<4xi32>}
// CHECK-SAME: {offset = 192 : i64, value = dense<5> : tensor<6xi32>}
// CHECK-SAME: {offset = 256 : i64, value = dense<[1, 2, 3, 5]> : tensor<4xi32>}
// CHECK-SAME: ]
// CHECK: exec.constant {offset = 0 : i64}
// CHECK: exec.constant {offset = 128 : i64}
// CHECK: exec.constant {offset = 128 : i64}
// CHECK: exec.constant {offset = 192 : i64}
// CHECK: exec.constant {offset = 256 : i64}
module attributes {exec.constants = [{offset = 0 : i64, value = dense<[1, 2, 3, 4]> : tensor<4xi32>}], exec.constant_bytes = 128 : i64} {
func.func @main() {
  %a = exec.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32> -> memref<2x2xi32>
  %b = exec.constant dense<5> : tensor<4xi32> -> memref<4xi32>
  %c = exec.constant dense<5> : tensor<2x2xi32> -> memref<2x2xi32>
  %d = exec.constant dense<5> : tensor<6xi32> -> memref<6xi32>
  %e = exec.constant dense<[1, 2, 3, 5]> : tensor<4xi32> -> memref<4xi32>
  return
}
}
