// RUN: tegula-opt %s --split-input-file --codegen-emulate-tiles --cse | FileCheck %s

// Tiles are vectors of two dimensions, in loops too.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256, bfloat_tiles = true, byte_tiles = true, emulated_tiles = true>} {
  // CHECK-LABEL: func.func @bytes
  // CHECK: %[[LEFT:.*]] = memref.alloca() : memref<16x16xi32>
  // CHECK: %[[SUMS:.*]] = memref.alloca() : memref<16x16xi32>
  // CHECK-NOT: memref.alloca
  // CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<16x16xi32>)
  // A row of the tile is a row of memory.
  // CHECK: vector.load {{.*}} : memref<?xi8>, vector<64xi8>
  // CHECK: vector.insert {{.*}} : vector<64xi8> into vector<16x64xi8>
  // CHECK: %[[WORDS:.*]] = vector.bitcast {{.*}} : vector<64xi8> to vector<16xi32>
  // CHECK: vector.store %[[WORDS]], %[[LEFT]]
  // Each group of a row on the left, broadcast, times a row on the right: the left one is unsigned.
  // CHECK: scf.for %[[ROW:.*]] =
  // CHECK: vector.load %[[SUMS]][%[[ROW]],
  // CHECK: %[[WORD:.*]] = memref.load %[[LEFT]][%[[ROW]],
  // CHECK: vector.broadcast %[[WORD]] : i32 to vector<16xi32>
  // CHECK: arith.extui {{.*}} : vector<16xi8> to vector<16xi32>
  // CHECK: arith.extsi {{.*}} : vector<16xi8> to vector<16xi32>
  // CHECK: arith.muli
  // CHECK: vector.store {{.*}}, %[[SUMS]][%[[ROW]],
  // CHECK: scf.yield {{.*}} : vector<16x16xi32>
  // CHECK: vector.store {{.*}} : memref<16x32xi32>, vector<16xi32>
  // CHECK-NOT: amx
  func.func @bytes(%a: memref<?xi8>, %stride: index, %out: memref<16x32xi32>, %end: index) {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %zero = amx.tile_zero : !amx.tile<16x16xi32>
    %sum = scf.for %k = %c0 to %end step %c64 iter_args(%s = %zero) -> (!amx.tile<16x16xi32>) {
      %x = amx.tile_load %a[%k], %stride : memref<?xi8> into !amx.tile<16x64xi8>
      %y = amx.tile_load %a[%c0], %stride : memref<?xi8> into !amx.tile<16x64xi8>
      %t = amx.tile_muli %x zext, %y, %s : !amx.tile<16x64xi8>, !amx.tile<16x64xi8>, !amx.tile<16x16xi32>
      scf.yield %t : !amx.tile<16x16xi32>
    }
    amx.tile_store %out[%c0, %c0], %sum : memref<16x32xi32>, !amx.tile<16x16xi32>
    return
  }

  // Even and odd elements are summed apart, from zero on, before they are added to what was there; smaller tiles.
  // CHECK-LABEL: func.func @bfloats
  // CHECK: scf.for
  // CHECK: %[[OLD:.*]] = vector.load {{.*}} : memref<5x8xf32>, vector<8xf32>
  // CHECK: %[[NONE:.*]] = arith.constant dense<0.000000e+00> : vector<8xf32>
  // CHECK: vector.shuffle {{.*}} [0, 2, 4, 6, 8, 10, 12, 14] : vector<16xbf16>, vector<16xbf16>
  // CHECK: vector.fma {{.*}}, %[[NONE]] : vector<8xf32>
  // CHECK: %[[EVEN:.*]] = vector.fma
  // CHECK: vector.shuffle {{.*}} [1, 3, 5, 7, 9, 11, 13, 15] : vector<16xbf16>, vector<16xbf16>
  // CHECK: vector.fma {{.*}}, %[[NONE]] : vector<8xf32>
  // CHECK: %[[ODD:.*]] = vector.fma
  // CHECK: %[[BOTH:.*]] = arith.addf %[[EVEN]], %[[ODD]]
  // CHECK: arith.addf %[[OLD]], %[[BOTH]]
  func.func @bfloats(%a: memref<5x4xbf16>, %b: memref<2x16xbf16>, %out: memref<5x8xf32>) {
    %c0 = arith.constant 0 : index
    %x = amx.tile_load %a[%c0, %c0] : memref<5x4xbf16> into !amx.tile<5x4xbf16>
    %y = amx.tile_load %b[%c0, %c0] : memref<2x16xbf16> into !amx.tile<2x16xbf16>
    %z = amx.tile_load %out[%c0, %c0] : memref<5x8xf32> into !amx.tile<5x8xf32>
    %t = amx.tile_mulf %x, %y, %z : !amx.tile<5x4xbf16>, !amx.tile<2x16xbf16>, !amx.tile<5x8xf32>
    amx.tile_store %out[%c0, %c0], %t : memref<5x8xf32>, !amx.tile<5x8xf32>
    return
  }
}

// -----

// A processor with tile registers keeps them, and nobody else gets vectors unasked.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "", vector_bits = 512, bfloat_tiles = true, byte_tiles = true>} {
  // CHECK-LABEL: func.func @registers
  // CHECK: amx.tile_zero
  func.func @registers(%out: memref<16x32xi32>) {
    %c0 = arith.constant 0 : index
    %zero = amx.tile_zero : !amx.tile<16x16xi32>
    amx.tile_store %out[%c0, %c0], %zero : memref<16x32xi32>, !amx.tile<16x16xi32>
    return
  }
}
