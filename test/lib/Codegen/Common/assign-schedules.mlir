// RUN: tegula-opt %s --codegen-assign-schedules | FileCheck %s

// The family's default where there is none; what the IR says stays.
// CHECK: exec.kernel @open
// CHECK-SAME: provenance = "default"
// CHECK-SAME: schedule = #sched.cpu_map<
// CHECK: exec.kernel @written
// CHECK-SAME: provenance = "ir"
// CHECK-SAME: schedule = #sched.cpu_map<vector = 8, interleave = 2, tile = 0>
exec.kernel @open attributes {nodes = [], result_count = 1 : i64} {
  func.func @open(%x: memref<64xf32>, %y: memref<64xf32>) {
    linalg.copy ins(%x : memref<64xf32>) outs(%y : memref<64xf32>)
    return
  }
}
exec.kernel @written attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_map<vector = 8, interleave = 2, tile = 0>} {
  func.func @written(%x: memref<64xf32>, %y: memref<64xf32>) {
    linalg.copy ins(%x : memref<64xf32>) outs(%y : memref<64xf32>)
    return
  }
}
