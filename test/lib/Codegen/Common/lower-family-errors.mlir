// RUN: tegula-opt %s --codegen-lower-family --split-input-file --verify-diagnostics

// expected-error @below {{expected a schedule}}
exec.kernel @without attributes {nodes = [], result_count = 1 : i64} {
  func.func @without(%x: memref<64xf32>, %y: memref<64xf32>) {
    return
  }
}

// -----

// expected-error @below {{no family owns schedule #sched.nvptx_map<threads = 128, elements = 1>}}
exec.kernel @other_target attributes {nodes = [], result_count = 1 : i64, schedule = #sched.nvptx_map<threads = 128, elements = 1>} {
  func.func @other_target(%x: memref<64xf32>, %y: memref<64xf32>) {
    return
  }
}
