// RUN: tegula-opt %s --codegen-separate-host | FileCheck %s

// One copy kernel for each pair of types.
// CHECK-LABEL: func.func @main
// CHECK-NOT: memref.copy
// CHECK: exec.dispatch @map_copy_0 ins(%[[A:.*]]) outs(%[[B:.*]]) scalars()
// CHECK: exec.dispatch @map_copy_0 ins(%[[B]]) outs(%[[A]]) scalars()
// CHECK: exec.dispatch @map_copy_1
// CHECK: exec.kernel @map_copy_0
// CHECK-SAME: schedule = #sched.nvptx_map
// CHECK: linalg.generic
// CHECK: exec.kernel @map_copy_1
module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  func.func @main(%a: memref<4xf32>, %b: memref<4xf32>, %c: memref<?xi8>, %d: memref<?xi8>) {
    memref.copy %a, %b : memref<4xf32> to memref<4xf32>
    memref.copy %b, %a : memref<4xf32> to memref<4xf32>
    memref.copy %c, %d : memref<?xi8> to memref<?xi8>
    return
  }
}
