// RUN: tegula-opt %s --pass-pipeline="builtin.module(exec.kernel(codegen-expand-math))" | FileCheck %s

// PTX has a square root; everything else here is arithmetic afterwards, half precision in f32.
// CHECK-LABEL: func.func @k
// CHECK-NOT: math.{{exp|tanh|powf|sin|erf|rsqrt}}
// CHECK: math.sqrt
// CHECK-NOT: math.{{exp|tanh|powf|sin|erf|rsqrt}}
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK-NOT: math.{{exp|tanh|powf|sin|erf|rsqrt}}
exec.kernel @k attributes {result_count = 1 : i64} {
  func.func @k(%x: memref<f32>, %h: memref<f16>) {
    %0 = memref.load %x[] : memref<f32>
    %1 = math.sqrt %0 : f32
    %2 = math.exp %1 : f32
    %3 = math.tanh %2 : f32
    %4 = math.powf %3, %0 : f32
    %5 = math.sin %4 : f32
    %6 = math.erf %5 : f32
    %7 = math.rsqrt %6 : f32
    memref.store %7, %x[] : memref<f32>
    %8 = memref.load %h[] : memref<f16>
    %9 = math.exp %8 : f16
    memref.store %9, %h[] : memref<f16>
    return
  }
}
