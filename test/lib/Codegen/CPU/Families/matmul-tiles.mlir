// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled | FileCheck %s --check-prefix=SCHEDULE
// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family --canonicalize --cse | FileCheck %s

// Four tiles of sums stay in tile registers along the depth, with two tiles of each operand; what both zero points add
// is subtracted from them on their way from the scratch buffer to the result.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "", vector_bits = 512, byte_dot = true, byte_tiles = true>} {
  // SCHEDULE: schedule = #sched.cpu_matmul<tile = [{{.*}}], micro = [32, 32], unroll = 1, pack_lhs = true, pack_rhs = true, tile_registers = true>
  // CHECK-LABEL: exec.kernel
  // CHECK: %[[LEFT:.*]] = memref.reinterpret_cast %arg0
  // The sums of the right operand's columns, then the left operand in tiles, the last one filled with zeros, and the sums
  // of its rows.
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  // CHECK: vector.load %[[LEFT]]{{.*}}, vector<64xi8>
  // CHECK: vector.store {{.*}}, vector<64xi8>
  // CHECK: vector.store %cst{{.*}}, vector<64xi8>
  // CHECK: memref.load %[[LEFT]]
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  // CHECK-COUNT-4: amx.tile_zero : !amx.tile<16x16xi32>
  // CHECK: scf.for {{.*}} -> (!amx.tile<16x16xi32>, !amx.tile<16x16xi32>, !amx.tile<16x16xi32>, !amx.tile<16x16xi32>)
  // CHECK: %[[A0:.*]] = amx.tile_load {{.*}} into !amx.tile<16x64xi8>
  // CHECK: %[[B0:.*]] = amx.tile_load
  // CHECK: amx.tile_muli %[[A0]] zext, %[[B0]], %{{.*}} :
  // CHECK: %[[B1:.*]] = amx.tile_load
  // CHECK: amx.tile_muli %[[A0]] zext, %[[B1]],
  // CHECK: %[[A1:.*]] = amx.tile_load
  // CHECK: amx.tile_muli %[[A1]] zext, %[[B0]],
  // CHECK: amx.tile_muli %[[A1]] zext, %[[B1]],
  // CHECK-NOT: amx.tile_muli
  // CHECK-COUNT-4: amx.tile_store
  // CHECK: %[[SUM:.*]] = vector.load {{.*}} : memref<1024xi32>, vector<16xi32>
  // CHECK: %[[ROW:.*]] = vector.broadcast {{.*}} : i32 to vector<16xi32>
  // CHECK: %[[LESS:.*]] = arith.addi %[[SUM]], %[[ROW]]
  // CHECK: %[[COLUMNS:.*]] = vector.load {{.*}} vector<16xi32>
  // CHECK: arith.addi %[[LESS]], %[[COLUMNS]]
  func.func @main(%a: tensor<64x100xui8>, %b: tensor<100x96xi8>) -> tensor<64x96xi32> {
    %y = graph.matmul %a, %b {lhs_zero_point = 5 : i64, rhs_zero_point = -7 : i64} : tensor<64x100xui8>, tensor<100x96xi8> -> tensor<64x96xi32>
    return %y : tensor<64x96xi32>
  }
}

// -----

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "", vector_bits = 512, bfloat_tiles = true>} {
  // SCHEDULE: schedule = #sched.cpu_matmul<{{.*}}, tile_registers = true>
  // CHECK-LABEL: exec.kernel
  // CHECK: vector.interleave {{.*}} : vector<16xbf16> -> vector<32xbf16>
  // CHECK: amx.tile_mulf {{.*}} : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
  // CHECK-NOT: vector.fma
  func.func @main(%a: tensor<64x100xbf16>, %b: tensor<100x96xbf16>) -> tensor<64x96xf32> {
    %y = graph.matmul %a, %b : tensor<64x100xbf16>, tensor<100x96xbf16> -> tensor<64x96xf32>
    return %y : tensor<64x96xf32>
  }
}

// -----

// Products of bf16 that the model itself has keep their denormals.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "", vector_bits = 512, bfloat_tiles = true>} {
  // SCHEDULE: schedule = #sched.cpu_matmul
  // SCHEDULE-NOT: tile_registers
  // CHECK-LABEL: exec.kernel
  // CHECK-NOT: amx
  // CHECK: vector.fma
  func.func @main(%a: tensor<64x100xbf16>, %b: tensor<100x96xbf16>) -> tensor<64x96xbf16> {
    %y = graph.matmul %a, %b : tensor<64x100xbf16>, tensor<100x96xbf16> -> tensor<64x96xbf16>
    return %y : tensor<64x96xbf16>
  }
}
