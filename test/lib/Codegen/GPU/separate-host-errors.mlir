// RUN: tegula-opt %s --codegen-separate-host --split-input-file --verify-diagnostics

module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  func.func @main(%a: memref<f32>, %b: memref<i64>) -> i64 {
    // expected-error @+1 {{expected shapes and conditions that do not depend on computed values on a GPU target, but the host needs an element of 'memref<i64>'}}
    %n = memref.load %b[] : memref<i64>
    return %n : i64
  }
}

// -----

module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  func.func @main(%a: memref<f32>) {
    %one = arith.constant 1.0 : f32
    // expected-error @+1 {{expected tensors that kernels compute on a GPU target, but the host writes an element of 'memref<f32>'}}
    memref.store %one, %a[] : memref<f32>
    return
  }
}

// -----

module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  func.func @main(%a: memref<4xf32, strided<[2]>>, %b: memref<4xf32>) {
    // expected-error @+1 {{expected a copy between dense tensors on a GPU target}}
    memref.copy %a, %b : memref<4xf32, strided<[2]>> to memref<4xf32>
    return
  }
}
