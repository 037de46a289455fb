// RUN: tegula-opt %s --pass-pipeline="builtin.module(exec.kernel(exec-lower-device-kernel))" | FileCheck %s

// All buffers, then all extents, workspace and status; a thread's number; the place of a temporary; a failed check.
// CHECK-LABEL: func.func @k(
// CHECK-SAME: %[[X:[a-z0-9]+]]: !llvm.ptr, %[[Y:[a-z0-9]+]]: !llvm.ptr, %[[N:[a-z0-9]+]]: i64, %[[M:[a-z0-9]+]]: i64, %[[S:[a-z0-9]+]]: i64, %[[W:[a-z0-9]+]]: !llvm.ptr, %[[STATUS:[a-z0-9]+]]: !llvm.ptr)
// CHECK: nvvm.read.ptx.sreg.ctaid.x
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: nvvm.read.ptx.sreg.nctaid.x
// CHECK: %[[AT:.*]] = llvm.mlir.constant(64 : i64)
// CHECK: llvm.getelementptr %[[W]][%[[AT]]]
// CHECK: llvm.mlir.constant(1 : i32)
// CHECK: llvm.store %{{.*}}, %[[STATUS]]
// CHECK-LABEL: func.func @k_grid(
// CHECK-SAME: %[[DIMS:[a-z0-9]+]]: !llvm.ptr, %[[BLOCKS:[a-z0-9]+]]: !llvm.ptr)
// CHECK: llvm.load
// CHECK-COUNT-3: llvm.store
exec.kernel @k attributes {result_count = 1 : i64} {
  func.func @k(%x: memref<?xf32>, %y: memref<?xf32>, %s: index) attributes {exec.block = array<i32: 32, 1, 1>} {
    %id = exec.grid_id : index
    %size = exec.grid_size : index
    %t = exec.arena_view 64 : memref<4xf32>
    %0 = memref.load %x[%id] : memref<?xf32>
    memref.store %0, %t[%s] : memref<4xf32>
    memref.store %0, %y[%size] : memref<?xf32>
    %true = arith.cmpi slt, %s, %id : index
    exec.check %true, 1
    return
  }
  func.func @k_grid(%x: memref<?xf32>, %y: memref<?xf32>, %s: index) -> (index, index, index) attributes {exec.grid} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = memref.dim %x, %c0 : memref<?xf32>
    return %n, %c1, %c1 : index, index, index
  }
}
