// RUN: tegula-opt %s --codegen-place-temporaries --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

// Temporaries of static size lie one behind the other, at multiples of 64 bytes.
// CHECK-LABEL: exec.kernel @fixed attributes {result_count = 1 : i64, workspace = 128 : i64}
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[NEXT:.*]] = arith.constant 64 : index
// CHECK: exec.temporary %[[ZERO]]() : memref<9xi8>
// CHECK: exec.temporary %[[NEXT]]() : memref<4xcomplex<f64>>
// CHECK-NOT: func.func
exec.kernel @fixed attributes {result_count = 1 : i64} {
  func.func @fixed(%x: memref<1xi8>, %y: memref<1xi8>) {
    %zero = arith.constant 0 : index
    %a = memref.alloc() : memref<9xi8>
    %b = memref.alloc() : memref<4xcomplex<f64>>
    %v = memref.load %a[%zero] : memref<9xi8>
    %w = memref.load %b[%zero] : memref<4xcomplex<f64>>
    %r = complex.re %w : complex<f64>
    %i = arith.fptosi %r : f64 to i8
    %s = arith.addi %v, %i : i8
    memref.store %s, %y[%zero] : memref<1xi8>
    return
  }
}

// -----

// The second one begins where the first one ends, whose size the extent of an operand decides. The function for the
// runtime computes both, and tells when they are too many for an index.
// CHECK-LABEL: exec.kernel @extents
// CHECK: func.func @extents(%[[X:.*]]: memref<?xf32>
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: %[[COUNT:.*]] = arith.maxsi %[[N]]
// CHECK: %[[BYTES:.*]] = arith.muli %[[COUNT]], %c4
// CHECK: %[[SUM:.*]] = arith.addi %[[BYTES]], %c63
// CHECK: %[[SECOND:.*]] = arith.andi %[[SUM]], %c-64
// CHECK: exec.temporary %c0(%[[N]]) : memref<?xf32>
// CHECK: exec.temporary %[[SECOND]](%[[N]]) : memref<?x3xi8>
// CHECK: func.func @extents_workspace(%[[X:.*]]: memref<?xf32>
// CHECK: memref.dim %[[X]]
// CHECK: %[[FITS:.*]] = arith.cmpf olt
// CHECK: %[[ALL:.*]] = arith.select %[[FITS]], %{{.*}}, %c-1
// CHECK: return %[[ALL]] : index
exec.kernel @extents attributes {result_count = 1 : i64} {
  func.func @extents(%x: memref<?xf32>, %y: memref<1xi8>) {
    %zero = arith.constant 0 : index
    %n = memref.dim %x, %zero : memref<?xf32>
    %a = memref.alloc(%n) : memref<?xf32>
    %b = memref.alloc(%n) : memref<?x3xi8>
    %v = memref.load %b[%zero, %zero] : memref<?x3xi8>
    %w = memref.load %a[%zero] : memref<?xf32>
    memref.store %w, %x[%zero] : memref<?xf32>
    memref.store %v, %y[%zero] : memref<1xi8>
    return
  }
}

// -----

// A share of a worker and a round of a loop: the most that they can come to.
// CHECK-LABEL: exec.kernel @rounds
// CHECK: func.func @rounds_workspace(%{{.*}}: memref<?xf32>, %{{.*}}: memref<1xf32>)
// CHECK-NOT: grid
// CHECK-NOT: scf.for
// CHECK: return
exec.kernel @rounds attributes {result_count = 1 : i64} {
  func.func @rounds(%x: memref<?xf32>, %y: memref<1xf32>) {
    %zero = arith.constant 0 : index
    %step = arith.constant 8 : index
    %n = memref.dim %x, %zero : memref<?xf32>
    %id = exec.grid_id : index
    scf.for %i = %id to %n step %step {
      %rest = affine.min affine_map<(d0)[s0] -> (8, s0 - d0)>(%i)[%n]
      %a = memref.alloc(%rest) : memref<?xf32>
      %w = memref.load %a[%zero] : memref<?xf32>
      memref.store %w, %y[%zero] : memref<1xf32>
    }
    return
  }
}

// -----

exec.kernel @data attributes {result_count = 1 : i64} {
  func.func @data(%x: memref<1xindex>, %y: memref<1xf32>) {
    %zero = arith.constant 0 : index
    %n = memref.load %x[%zero] : memref<1xindex>
    // expected-error @+1 {{expected a temporary whose size follows from the extents of operands, but got 'memref<?xf32>'}}
    %a = memref.alloc(%n) : memref<?xf32>
    %w = memref.load %a[%zero] : memref<?xf32>
    memref.store %w, %y[%zero] : memref<1xf32>
    return
  }
}
