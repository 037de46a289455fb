// RUN: tegula-opt %s --graph-block-columns --split-input-file | FileCheck %s

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {

// CHECK-LABEL: func.func @few_rows
// CHECK: %[[B:.*]] = graph.block_columns %{{.*}} {length = 16 : i64} : tensor<480x517xf32> -> tensor<33x480x16xf32>
// CHECK: %[[Y:.*]] = graph.blocked_matmul %{{.*}}, %[[B]] {columns = 517 : i64} : tensor<1x480xf32>, tensor<33x480x16xf32> -> tensor<1x517xf32>
// CHECK: return %[[Y]]
func.func @few_rows(%x: tensor<1x480xf32>) -> tensor<1x517xf32> {
  %w = graph.constant dense_resource<weight> : tensor<480x517xf32>
  %y = graph.matmul %x, %w : tensor<1x480xf32>, tensor<480x517xf32> -> tensor<1x517xf32>
  return %y : tensor<1x517xf32>
}

// A transposed weight, any number of rows; halves stay halves.
// CHECK-LABEL: func.func @transposed
// CHECK: %[[T:.*]] = graph.transpose %{{.*}} {permutation = array<i64: 1, 0>} : tensor<512x256xf16> -> tensor<256x512xf16>
// CHECK: %[[B:.*]] = graph.block_columns %[[T]] {length = 16 : i64} : tensor<256x512xf16> -> tensor<32x256x16xf16>
// CHECK: graph.blocked_matmul %{{.*}}, %[[B]] {columns = 512 : i64} : tensor<?x3x256xf16>, tensor<32x256x16xf16> -> tensor<?x3x512xf16>
func.func @transposed(%x: tensor<?x3x256xf16>) -> tensor<?x3x512xf16> {
  %w = graph.constant dense_resource<half> : tensor<512x256xf16>
  %y = graph.matmul %x, %w {transpose_rhs = true} : tensor<?x3x256xf16>, tensor<512x256xf16> -> tensor<?x3x512xf16>
  return %y : tensor<?x3x512xf16>
}

// What graph-lower-precision rounds is constant, too; pairs of bf16 are packed in another way where there is an instruction.
// CHECK-LABEL: func.func @rounded
// CHECK: graph.blocked_matmul
func.func @rounded(%x: tensor<64x480xbf16>) -> tensor<64x512xf32> {
  %w = graph.constant dense_resource<plain> : tensor<480x512xf32>
  %r = graph.cast %w : tensor<480x512xf32> -> tensor<480x512xbf16>
  %y = graph.matmul %x, %r : tensor<64x480xbf16>, tensor<480x512xbf16> -> tensor<64x512xf32>
  return %y : tensor<64x512xf32>
}

// Bytes are scaled behind the sums, where the scales are those of columns.
// CHECK-LABEL: func.func @bytes
// CHECK: %[[B:.*]] = graph.block_columns %{{.*}} : tensor<480x512xi8> -> tensor<32x480x16xi8>
// CHECK: %[[P:.*]] = graph.blocked_matmul %{{.*}}, %[[B]] {columns = 512 : i64} : tensor<1x480xf32>, tensor<32x480x16xi8> -> tensor<1x512xf32>
// CHECK: graph.mul %[[P]], %{{.*}} : tensor<1x512xf32>, tensor<512xf32> -> tensor<1x512xf32>
func.func @bytes(%x: tensor<1x480xf32>) -> tensor<1x512xf32> {
  %w = graph.constant dense_resource<bytes> : tensor<512x480xi8>
  %s = graph.constant dense_resource<scales> : tensor<512xf32>
  %z = graph.constant dense<0> : tensor<512xi8>
  %d = graph.dequantize %w, %s, %z {axis = 0 : i64} : tensor<512x480xi8>, tensor<512xf32>, tensor<512xi8> -> tensor<512x480xf32>
  %y = graph.matmul %x, %d {transpose_rhs = true} : tensor<1x480xf32>, tensor<512x480xf32> -> tensor<1x512xf32>
  return %y : tensor<1x512xf32>
}

// Otherwise they become f32.
// CHECK-LABEL: func.func @scaled_otherwise
// CHECK: graph.blocked_matmul %{{.*}} : tensor<1x480xf32>, tensor<32x480x16xf32> -> tensor<1x512xf32>
// CHECK: graph.blocked_matmul %{{.*}} : tensor<1x480xf32>, tensor<32x480x16xf32> -> tensor<1x512xf32>
// CHECK-NOT: graph.mul
func.func @scaled_otherwise(%x: tensor<1x480xf32>) -> (tensor<1x512xf32>, tensor<1x512xf32>) {
  %w = graph.constant dense_resource<bytes> : tensor<480x512xi8>
  %r = graph.constant dense_resource<rows> : tensor<480xf32>
  %d = graph.dequantize %w, %r {axis = 0 : i64} : tensor<480x512xi8>, tensor<480xf32> -> tensor<480x512xf32>
  %y = graph.matmul %x, %d : tensor<1x480xf32>, tensor<480x512xf32> -> tensor<1x512xf32>
  %v = graph.constant dense_resource<others> : tensor<480x512xi8>
  %s = graph.constant dense_resource<scales> : tensor<512xf32>
  %z = graph.constant dense<7> : tensor<512xi8>
  %e = graph.dequantize %v, %s, %z {axis = 1 : i64} : tensor<480x512xi8>, tensor<512xf32>, tensor<512xi8> -> tensor<480x512xf32>
  %q = graph.matmul %x, %e : tensor<1x480xf32>, tensor<480x512xf32> -> tensor<1x512xf32>
  return %y, %q : tensor<1x512xf32>, tensor<1x512xf32>
}

// Small weights, those that are not constant, that others read, that are a splat, and that would be mostly filling stay.
// CHECK-LABEL: func.func @others
// CHECK-NOT: graph.block
// CHECK: return
func.func @others(%x: tensor<1x480xf32>, %v: tensor<480x512xf32>, %z: tensor<1x12000xf32>)
    -> (tensor<1x8xf32>, tensor<1x512xf32>, tensor<1x512xf32>, tensor<480x512xf32>, tensor<1x512xf32>, tensor<1x1xf32>) {
  %small = graph.constant dense_resource<small> : tensor<480x8xf32>
  %a = graph.matmul %x, %small : tensor<1x480xf32>, tensor<480x8xf32> -> tensor<1x8xf32>
  %b = graph.matmul %x, %v : tensor<1x480xf32>, tensor<480x512xf32> -> tensor<1x512xf32>
  %shared = graph.constant dense_resource<plain> : tensor<480x512xf32>
  %c = graph.matmul %x, %shared : tensor<1x480xf32>, tensor<480x512xf32> -> tensor<1x512xf32>
  %d = graph.relu %shared : tensor<480x512xf32> -> tensor<480x512xf32>
  %splat = graph.constant dense<0.5> : tensor<480x512xf32>
  %e = graph.matmul %x, %splat : tensor<1x480xf32>, tensor<480x512xf32> -> tensor<1x512xf32>
  %one = graph.constant dense_resource<one> : tensor<12000x1xf32>
  %f = graph.matmul %z, %one : tensor<1x12000xf32>, tensor<12000x1xf32> -> tensor<1x1xf32>
  return %a, %b, %c, %d, %e, %f : tensor<1x8xf32>, tensor<1x512xf32>, tensor<1x512xf32>, tensor<480x512xf32>, tensor<1x512xf32>, tensor<1x1xf32>
}
}

// -----

// CHECK-LABEL: func.func @pairs
// CHECK-NOT: graph.block
// CHECK: return
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "znver4", features = "+avx512bf16", vector_bits = 512>} {
func.func @pairs(%x: tensor<64x480xbf16>) -> tensor<64x512xf32> {
  %w = graph.constant dense_resource<weight> : tensor<480x512xbf16>
  %y = graph.matmul %x, %w : tensor<64x480xbf16>, tensor<480x512xbf16> -> tensor<64x512xf32>
  return %y : tensor<64x512xf32>
}
}

// -----

// Levels of one artifact share the blocks of the widest.
// CHECK-LABEL: func.func @level
// CHECK: graph.blocked_matmul %{{.*}} : tensor<1x480xf32>, tensor<32x480x16xf32> -> tensor<1x512xf32>
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256>, graph.channel_block = 16 : i64} {
func.func @level(%x: tensor<1x480xf32>) -> tensor<1x512xf32> {
  %w = graph.constant dense_resource<weight> : tensor<480x512xf32>
  %y = graph.matmul %x, %w : tensor<1x480xf32>, tensor<480x512xf32> -> tensor<1x512xf32>
  return %y : tensor<1x512xf32>
}
}

// -----

// CHECK-LABEL: func.func @tiles
// CHECK-NOT: graph.block
// CHECK: return
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "", vector_bits = 512, bfloat_tiles = true>} {
func.func @tiles(%x: tensor<64x480xbf16>) -> tensor<64x512xf32> {
  %w = graph.constant dense_resource<weight> : tensor<480x512xbf16>
  %y = graph.matmul %x, %w : tensor<64x480xbf16>, tensor<480x512xbf16> -> tensor<64x512xf32>
  return %y : tensor<64x512xf32>
}
}

// -----

// CHECK-LABEL: func.func @no_target
// CHECK: graph.matmul
func.func @no_target(%x: tensor<1x480xf32>) -> tensor<1x512xf32> {
  %w = graph.constant dense_resource<weight> : tensor<480x512xf32>
  %y = graph.matmul %x, %w : tensor<1x480xf32>, tensor<480x512xf32> -> tensor<1x512xf32>
  return %y : tensor<1x512xf32>
}
