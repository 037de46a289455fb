// RUN: tegula-opt %s --codegen-lower-family --canonicalize --cse --split-input-file | FileCheck %s

// The two reduction loops over memory without gaps are one; the sums of two rows stay in registers side by side, and a
// row that is left over has a loop of its own.
// CHECK-LABEL: func.func @rows
// CHECK: %[[X:.*]] = memref.collapse_shape %{{.*}} {{\[}}[0], [1, 2]] : memref<9x5x6xf32> into memref<9x30xf32>
// CHECK: scf.for {{.*}} step %c2 {
// CHECK: %{{.*}}:2 = scf.for {{.*}} = %c0 to %c30 step %c1 iter_args
// CHECK-COUNT-2: memref.load %[[X]]
// CHECK: scf.yield %{{.*}}, %{{.*}} : f32, f32
// CHECK: scf.for {{.*}} step %c1 {
// CHECK: scf.for {{.*}} = %c0 to %c30 step %c1 iter_args
// CHECK-COUNT-1: memref.load %[[X]]
// CHECK: scf.yield %{{.*}} : f32
exec.kernel @rows attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_map<vector = 8, interleave = 2, tile = 0, rows = 2>} {
  func.func @rows(%x: memref<9x5x6xf32>, %y: memref<9xf32>) {
    linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i)>], iterator_types = ["parallel", "reduction", "reduction"]}
        ins(%x : memref<9x5x6xf32>) outs(%y : memref<9xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b fastmath<reassoc> : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// Sums of columns, 32 of them at a time: these stay in the first cache while the rows are read, three in each round.
// CHECK-LABEL: func.func @columns
// CHECK: scf.for %[[FIRST:.*]] = {{.*}} step %c32 {
// CHECK: %[[SUM:.*]] = arith.addi %[[FIRST]], %c32
// CHECK: %[[END:.*]] = arith.minui %[[SUM]]
// CHECK: scf.for {{.*}} step %c3 {
// CHECK: scf.for {{.*}} = %[[FIRST]] to %[[END]] step %c1 {
// CHECK-COUNT-3: arith.addf
// CHECK: llvm.loop_annotation
exec.kernel @columns attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_map<vector = 0, interleave = 0, tile = 0, rows = 3, columns = 32, unroll = 2>} {
  func.func @columns(%x: memref<90x100xf32>, %y: memref<100xf32>) {
    linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (j)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<90x100xf32>) outs(%y : memref<100xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b fastmath<reassoc> : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// The loops of a window stay as they are: places overlap, so no operand can be walked by one loop instead of two.
// CHECK-LABEL: func.func @window
// CHECK-NOT: memref.collapse_shape
// CHECK-COUNT-4: scf.for
exec.kernel @window attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_map<vector = 8, interleave = 2, tile = 0>} {
  func.func @window(%x: memref<9x9xf32>, %size: memref<3x3xf32>, %y: memref<4x4xf32>) {
    linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (2 * i + k, 2 * j + l)>, affine_map<(i, j, k, l) -> (k, l)>, affine_map<(i, j, k, l) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
        ins(%x, %size : memref<9x9xf32>, memref<3x3xf32>) outs(%y : memref<4x4xf32>) {
    ^bb0(%a: f32, %c: f32, %b: f32):
      %s = arith.addf %a, %b fastmath<reassoc> : f32
      linalg.yield %s : f32
    }
    return
  }
}
