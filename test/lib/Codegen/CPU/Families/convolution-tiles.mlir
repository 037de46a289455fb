// RUN: tegula-opt %s --codegen-lower-family --canonicalize --cse --split-input-file | FileCheck %s

#x = affine_map<(n, o, h, w, l, i, p, q, c) -> (n, i, h + p, w + q, c)>
#w = affine_map<(n, o, h, w, l, i, p, q, c) -> (o, i, p, q, c, l)>
#y = affine_map<(n, o, h, w, l, i, p, q, c) -> (n, o, h, w, l)>

// Tiles of two register blocks along the channels and three along the one long row. The four blocks of input channels are
// summed in two parts, between which the 2 * 2 * 12 vectors of a tile's sums are in memory; inputs stay in the cache, so
// that the loop over the places is outside of the one over the channels.
// CHECK-LABEL: func.func @parts
// CHECK: %[[SUMS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<768xf32>
// CHECK: scf.for
// CHECK: scf.for %[[FIRST:.*]] = %c0 to %c4 step %c2 {
// CHECK: scf.for %{{.*}} step %c4 {
// CHECK: scf.for %{{.*}} step %c1 {
// CHECK: %[[STARTS:.*]] = arith.cmpi eq, %[[FIRST]], %c0
// CHECK: scf.if %[[STARTS]] -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK: else
// CHECK-COUNT-8: vector.load %[[SUMS]]
// CHECK: %[[RESULTS:.*]]:8 = scf.for
// CHECK: vector.fma
// CHECK: scf.if
// CHECK: vector.store %[[RESULTS]]#0
// CHECK: else
// CHECK-COUNT-8: vector.store {{.*}}, %[[SUMS]]
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  exec.kernel @parts attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_convolution<blocks = 2, rows = 1, pixels = 4, unroll = 2, channel_tile = 2, place_tile = 3, keep_inputs = true, depth_tile = 2>} {
    func.func @parts(%x: memref<1x4x6x6x16xf32>, %w: memref<8x4x1x1x16x16xf32>, %y: memref<1x8x6x6x16xf32>) {
      %zero = arith.constant 0.0 : f32
      linalg.fill ins(%zero : f32) outs(%y : memref<1x8x6x6x16xf32>)
      linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}
          ins(%x, %w : memref<1x4x6x6x16xf32>, memref<8x4x1x1x16x16xf32>) outs(%y : memref<1x8x6x6x16xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %s = arith.addf %c, %p fastmath<reassoc> : f32
        linalg.yield %s : f32
      }
      return
    }
  }
}

// -----

#x = affine_map<(n, o, h, w, l, i, p, q, c) -> (n, i, h + p, w + q, c)>
#w = affine_map<(n, o, h, w, l, i, p, q, c) -> (o, i, p, q, c, l)>
#y = affine_map<(n, o, h, w, l, i, p, q, c) -> (n, o, h, w, l)>

// Of each input channel the elements of two places are held, and two weights are loaded one after the other; weights eight
// channels on are prefetched, and before the channels of a block the inputs of the register block behind the next one.
// CHECK-LABEL: func.func @prefetches
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-2: memref.prefetch {{.*}}, read, locality<3>, data
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.broadcast
// CHECK: vector.broadcast
// CHECK: memref.prefetch
// CHECK-NEXT: vector.load
// CHECK-COUNT-2: vector.fma
// CHECK: memref.prefetch
// CHECK-NEXT: vector.load
// CHECK-COUNT-2: vector.fma
// CHECK: scf.yield
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  exec.kernel @prefetches attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_convolution<blocks = 2, rows = 1, pixels = 2, unroll = 1, hold_inputs = true, prefetch_inputs = 2, prefetch_weights = 8>} {
    func.func @prefetches(%x: memref<1x4x6x6x16xf32>, %w: memref<8x4x1x1x16x16xf32>, %y: memref<1x8x6x6x16xf32>) {
      %zero = arith.constant 0.0 : f32
      linalg.fill ins(%zero : f32) outs(%y : memref<1x8x6x6x16xf32>)
      linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}
          ins(%x, %w : memref<1x4x6x6x16xf32>, memref<8x4x1x1x16x16xf32>) outs(%y : memref<1x8x6x6x16xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %s = arith.addf %c, %p fastmath<reassoc> : f32
        linalg.yield %s : f32
      }
      return
    }
  }
}
