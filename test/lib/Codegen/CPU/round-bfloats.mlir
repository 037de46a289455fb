// RUN: tegula-opt %s --pass-pipeline='builtin.module(exec.kernel(codegen-round-bfloats))' | FileCheck %s

// CHECK-LABEL: func.func @round
// CHECK-NOT: arith.truncf
// CHECK: arith.cmpf une
// CHECK: arith.shrui
// CHECK: arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
// CHECK: arith.bitcast %{{.*}} : vector<16xi16> to vector<16xbf16>
// Other types stay.
// CHECK: arith.truncf %{{.*}} : f32 to f16
exec.kernel @round attributes {result_count = 2 : i64} {
  func.func @round(%x: memref<16xf32>, %y: memref<16xbf16>, %z: memref<1xf16>) {
    %zero = arith.constant 0 : index
    %v = vector.load %x[%zero] : memref<16xf32>, vector<16xf32>
    %b = arith.truncf %v : vector<16xf32> to vector<16xbf16>
    vector.store %b, %y[%zero] : memref<16xbf16>, vector<16xbf16>
    %s = memref.load %x[%zero] : memref<16xf32>
    %h = arith.truncf %s : f32 to f16
    memref.store %h, %z[%zero] : memref<1xf16>
    return
  }
}
