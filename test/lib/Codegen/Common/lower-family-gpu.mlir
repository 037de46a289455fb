// RUN: tegula-opt %s --pass-pipeline="builtin.module(exec.kernel(codegen-lower-family))" --split-input-file | FileCheck %s

// A reduction with its fill: one phase, one thread for each row, the sum in a register.
// CHECK-LABEL: func.func @sum(
// CHECK-SAME: exec.block = array<i32: 128, 1, 1>
// CHECK-NOT: linalg.
// CHECK: %[[ID:.*]] = exec.grid_id
// CHECK: %[[SIZE:.*]] = exec.grid_size
// CHECK: scf.for %[[I:.*]] = %[[ID]] to %{{.*}} step %[[SIZE]]
// CHECK: %[[SUM:.*]] = scf.for %[[K:.*]] = %{{.*}} iter_args
// CHECK: memref.load %{{.*}}[%[[I]], %[[K]]]
// CHECK: memref.store %[[SUM]], %{{.*}}[%[[I]]]
// CHECK-LABEL: func.func @sum_grid(
// CHECK-SAME: -> (index, index, index) attributes {exec.grid}
// CHECK: arith.constant 512
// CHECK: arith.ceildivui
module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  exec.kernel @sum attributes {result_count = 1 : i64, schedule = #sched.nvptx_map<threads = 128, elements = 4>} {
    func.func @sum(%x: memref<?x8xf32>, %y: memref<?xf32>) {
      %zero = arith.constant 0.0 : f32
      linalg.fill ins(%zero : f32) outs(%y : memref<?xf32>)
      linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>],
                      iterator_types = ["parallel", "reduction"]}
          ins(%x : memref<?x8xf32>) outs(%y : memref<?xf32>) {
      ^bb0(%a: f32, %b: f32):
        %s = arith.addf %a, %b : f32
        linalg.yield %s : f32
      }
      return
    }
  }
}

// -----

// A temporary between two ops: two launches, the temporary in the workspace of both.
// CHECK-LABEL: exec.kernel @two
// CHECK-SAME: workspace = 64
// CHECK-LABEL: func.func @two(
// CHECK: %[[T:.*]] = exec.arena_view 0 : memref<4xf32>
// CHECK: memref.store %{{.*}}, %[[T]]
// CHECK-LABEL: func.func @two_phase1(
// CHECK: %[[T:.*]] = exec.arena_view 0 : memref<4xf32>
// CHECK: memref.load %[[T]]
module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  exec.kernel @two attributes {result_count = 1 : i64, schedule = #sched.nvptx_map<threads = 128, elements = 1>} {
    func.func @two(%x: memref<4xf32>, %y: memref<4xf32>) {
      %t = memref.alloc() : memref<4xf32>
      linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%x : memref<4xf32>) outs(%t : memref<4xf32>) {
      ^bb0(%a: f32, %b: f32):
        %s = arith.addf %a, %a : f32
        linalg.yield %s : f32
      }
      linalg.generic {indexing_maps = [affine_map<(i) -> (3 - i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%t : memref<4xf32>) outs(%y : memref<4xf32>) {
      ^bb0(%a: f32, %b: f32):
        linalg.yield %a : f32
      }
      return
    }
  }
}

// -----

// A serial loop: one thread.
// CHECK-LABEL: func.func @serial(
// CHECK-SAME: exec.block = array<i32: 1, 1, 1>
// CHECK: scf.for
// CHECK-LABEL: func.func @serial_grid(
// CHECK: %[[ONE:.*]] = arith.constant 1 : index
// CHECK: return %[[ONE]]
module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  exec.kernel @serial attributes {result_count = 1 : i64, schedule = #sched.nvptx_map<threads = 128, elements = 1>} {
    func.func @serial(%x: memref<4xindex>, %y: memref<4xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %one = arith.constant 1.0 : f32
      scf.for %i = %c0 to %c4 step %c1 {
        %at = memref.load %x[%i] : memref<4xindex>
        memref.store %one, %y[%at] : memref<4xf32>
      }
      return
    }
  }
}

// -----

// A contraction: tiles in shared memory, barriers, sums in registers, edges under a condition, the step before the store.
// CHECK: memref.global "private" @product_lhs : memref<16x17xf32, 3> = uninitialized
// CHECK: memref.global "private" @product_rhs : memref<16x33xf32, 3> = uninitialized
// CHECK-LABEL: func.func @product(
// CHECK-SAME: exec.block = array<i32: 256, 1, 1>
// CHECK-NOT: linalg.
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: %[[SUMS:.*]]:2 = scf.for
// CHECK: nvvm.barrier0
// CHECK: math.fma
// CHECK: nvvm.barrier0
// CHECK: scf.if
// CHECK: %[[R:.*]] = arith.maximumf %[[SUMS]]#0
// CHECK: memref.store %[[R]]
// CHECK-NOT: memref.alloc
// CHECK-LABEL: func.func @product_grid(
// CHECK: memref.dim
// CHECK: return
module attributes {exec.target = #exec.nvptx_target<chip = "sm_80", features = "+ptx80">} {
  exec.kernel @product attributes {result_count = 1 : i64,
                                   schedule = #sched.nvptx_matmul<tile = [16, 32, 16], thread = [1, 2]>} {
    func.func @product(%x: memref<?x40xf32>, %y: memref<40x30xf32>, %z: memref<?x30xf32>) {
      %zero = arith.constant 0.0 : f32
      %c0 = arith.constant 0 : index
      %n = memref.dim %x, %c0 : memref<?x40xf32>
      %t = memref.alloc(%n) : memref<?x30xf32>
      linalg.fill ins(%zero : f32) outs(%t : memref<?x30xf32>)
      linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                       affine_map<(m, n, k) -> (m, n)>],
                      iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%x, %y : memref<?x40xf32>, memref<40x30xf32>) outs(%t : memref<?x30xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %s = arith.addf %c, %p : f32
        linalg.yield %s : f32
      }
      linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
                      iterator_types = ["parallel", "parallel"]}
          ins(%t : memref<?x30xf32>) outs(%z : memref<?x30xf32>) {
      ^bb0(%a: f32, %b: f32):
        %r = arith.maximumf %a, %zero : f32
        linalg.yield %r : f32
      }
      return
    }
  }
}
