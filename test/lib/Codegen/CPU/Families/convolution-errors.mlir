// RUN: tegula-opt %s --codegen-lower-family --split-input-file --verify-diagnostics

#x = affine_map<(n, o, h, w, l, i, p, q, c) -> (n, i, h + p, w + q, c)>
#w = affine_map<(n, o, h, w, l, i, p, q, c) -> (o, i, p, q, c, l)>
#y = affine_map<(n, o, h, w, l, i, p, q, c) -> (n, o, h, w, l)>

// How much memory the sums of a tile take is not known.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  exec.kernel @dynamic attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_convolution<blocks = 1, rows = 1, pixels = 1, unroll = 1, depth_tile = 2>} {
    // expected-error @below {{expected the sums of a tile to be of a known size of at most 67108864 bytes for a tile of the depth, but got #sched.cpu_convolution<blocks = 1, rows = 1, pixels = 1, unroll = 1, depth_tile = 2>}}
    func.func @dynamic(%x: memref<1x4x?x6x16xf32>, %w: memref<8x4x1x1x16x16xf32>, %y: memref<1x8x?x6x16xf32>) {
      %zero = arith.constant 0.0 : f32
      linalg.fill ins(%zero : f32) outs(%y : memref<1x8x?x6x16xf32>)
      linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}
          ins(%x, %w : memref<1x4x?x6x16xf32>, memref<8x4x1x1x16x16xf32>) outs(%y : memref<1x8x?x6x16xf32>) {
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

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {
  exec.kernel @negative attributes {nodes = [], result_count = 1 : i64, schedule = #sched.cpu_convolution<blocks = 1, rows = 1, pixels = 1, unroll = 1, place_tile = -1>} {
    // expected-error @below {{expected tiles and distances from 0 to 4096, but got #sched.cpu_convolution<blocks = 1, rows = 1, pixels = 1, unroll = 1, place_tile = -1>}}
    func.func @negative(%x: memref<1x4x6x6x16xf32>, %w: memref<8x4x1x1x16x16xf32>, %y: memref<1x8x6x6x16xf32>) {
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
