// RUN: tegula-opt %s --codegen-assign-schedules --split-input-file --verify-diagnostics

// expected-error @below {{expected a schedule of a family that takes this kernel, but got #sched.nvptx_map}}
exec.kernel @copy attributes {nodes = [], result_count = 1 : i64, schedule = #sched.nvptx_map<threads = 128, elements = 1>} {
  func.func @copy(%x: memref<64xf32>, %y: memref<64xf32>) {
    linalg.copy ins(%x : memref<64xf32>) outs(%y : memref<64xf32>)
    return
  }
}
