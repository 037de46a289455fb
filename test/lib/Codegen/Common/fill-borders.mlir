// RUN: tegula-opt %s --codegen-fill-borders --canonicalize --cse --split-input-file | FileCheck %s

// Above, below, left and right of the middle: a vector of channels at each place. Workers share images and blocks.
// CHECK-LABEL: exec.kernel @blocked
// CHECK-NOT: exec.fill_border
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK: exec.grid_id
// CHECK: exec.grid_size
// CHECK: scf.for %[[ITEM:.*]] =
// CHECK: %[[BLOCK:.*]] = arith.remui %[[ITEM]]
// CHECK: %[[IMAGE:.*]] = arith.divui %[[ITEM]]
// CHECK: scf.for %[[COLUMN:.*]] = %c0 to %c11 step %c1
// CHECK: vector.store %[[ZERO]], %{{.*}}[%[[IMAGE]], %[[BLOCK]], %c0, %[[COLUMN]], %c0]
// CHECK: scf.for %[[ROW:.*]] = %c8 to %c10 step %c1
// CHECK: scf.for %{{.*}} = %c0 to %c11 step %c1
// CHECK: vector.store
// CHECK: scf.for %{{.*}} = %c1 to %c8 step %c1
// CHECK: vector.store %[[ZERO]], %{{.*}}[%[[IMAGE]], %[[BLOCK]], %{{.*}}, %c10, %c0]
// CHECK-NOT: vector.store
// CHECK: return
exec.kernel @blocked attributes {result_count = 1 : i64} {
  func.func @blocked(%y: memref<2x3x10x11x16xf32>) {
    exec.fill_border %y low [0, 0, 1, 0, 0] high [0, 0, 2, 1, 0] with 0.0 : f32 : memref<2x3x10x11x16xf32>
    return
  }
}

// -----

// What a family put under a condition for the first worker is filled by all of them; dynamic extents; the padding of the
// innermost dimension is written element by element.
// CHECK-LABEL: exec.kernel @plain
// CHECK: %[[WIDTH:.*]] = memref.dim %[[Y:.*]], %c1
// CHECK: scf.for
// CHECK: %[[END:.*]] = arith.subi %[[WIDTH]], %c3
// CHECK: scf.for %{{.*}} = %[[END]] to %[[WIDTH]] step %c1
// CHECK: memref.store %{{.*}}, %[[Y]]
// CHECK: scf.if
// CHECK-NOT: exec.fill_border
// CHECK: return
exec.kernel @plain attributes {result_count = 1 : i64} {
  func.func @plain(%y: memref<?x?xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : i8
    %id = exec.grid_id : index
    %first = arith.cmpi eq, %id, %zero : index
    scf.if %first {
      exec.fill_border %y low [0, 0] high [0, 3] with -7 : i8 : memref<?x?xi8>
      memref.store %one, %y[%zero, %zero] : memref<?x?xi8>
    }
    return
  }
}
