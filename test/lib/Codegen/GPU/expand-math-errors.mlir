// RUN: tegula-opt %s --pass-pipeline="builtin.module(exec.kernel(codegen-expand-math))" --verify-diagnostics

exec.kernel @k attributes {result_count = 1 : i64} {
  func.func @k(%x: memref<f64>) {
    %0 = memref.load %x[] : memref<f64>
    // expected-error @+1 {{expected a function that GPUs can compute, but got math.exp of 'f64'}}
    %1 = math.exp %0 : f64
    memref.store %1, %x[] : memref<f64>
    return
  }
}
