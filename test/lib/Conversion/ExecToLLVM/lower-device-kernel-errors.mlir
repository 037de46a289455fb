// RUN: tegula-opt %s --pass-pipeline="builtin.module(exec.kernel(exec-lower-device-kernel))" --split-input-file --verify-diagnostics

exec.kernel @k attributes {result_count = 1 : i64} {
  // expected-error @+1 {{expected a phase with exec.block, but it has none}}
  func.func @k(%x: memref<f32>) {
    return
  }
}

// -----

exec.kernel @k attributes {result_count = 1 : i64} {
  func.func @k(%x: memref<4xf32>) attributes {exec.block = array<i32: 32, 1, 1>} {
    // expected-error @+1 {{expected temporaries in the workspace, but got an allocation}}
    %t = memref.alloc() : memref<4xf32>
    %c0 = arith.constant 0 : index
    %0 = memref.load %t[%c0] : memref<4xf32>
    memref.store %0, %x[%c0] : memref<4xf32>
    return
  }
}
