// RUN: tegula-opt %s --graph-to-linalg --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @per_axis
// CHECK-DAG: %[[ROUNDER:.*]] = arith.constant 0x4B400000 : f32
// CHECK: arith.divf
// CHECK: %[[LEAST:.*]] = arith.maxnumf
// CHECK: %[[CLAMPED:.*]] = arith.minnumf %[[LEAST]]
// CHECK: %[[SUM:.*]] = arith.addf %[[CLAMPED]], %[[ROUNDER]]
// CHECK: %[[BITS:.*]] = arith.bitcast %[[SUM]] : f32 to i32
// CHECK: %[[SHIFTED:.*]] = arith.addi %[[BITS]]
// CHECK: arith.trunci %[[SHIFTED]] : i32 to i8
func.func @per_axis(%x: tensor<2x4x8xf32>, %s: tensor<4xf32>, %z: tensor<4xui8>) -> tensor<2x4x8xui8> {
  %y = graph.quantize %x, %s, %z {axis = 1 : i64, precision = f32} : tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xui8> -> tensor<2x4x8xui8>
  return %y : tensor<2x4x8xui8>
}

// Wider integers are rounded first.
// CHECK-LABEL: func.func @wide
// CHECK: math.roundeven
// CHECK: arith.maxnumf
// CHECK: arith.minnumf
// CHECK: arith.fptosi %{{.*}} : f32 to i32
func.func @wide(%x: tensor<8xf32>, %s: tensor<f32>) -> tensor<8xi32> {
  %y = graph.quantize %x, %s {axis = 0 : i64, precision = f32} : tensor<8xf32>, tensor<f32> -> tensor<8xi32>
  return %y : tensor<8xi32>
}

// CHECK-LABEL: func.func @blocked
// CHECK: %[[I:.*]] = linalg.index 1
// CHECK: %[[BLOCK:.*]] = arith.divui %[[I]], %c4
// CHECK: tensor.extract %{{.*}}[%{{.*}}, %[[BLOCK]]]
// CHECK: arith.mulf
func.func @blocked(%x: tensor<2x10xi4>, %s: tensor<2x3xf32>) -> tensor<2x10xf32> {
  %y = graph.dequantize %x, %s {axis = 1 : i64, block_size = 4 : i64} : tensor<2x10xi4>, tensor<2x3xf32> -> tensor<2x10xf32>
  return %y : tensor<2x10xf32>
}

// Whether a parameter is one for all or one for each index is known at run time only.
// CHECK-LABEL: func.func @parameters_of_unknown_length
// CHECK-SAME: %{{.*}}: tensor<?x?xi8>, %[[SCALE:[a-z0-9]+]]: tensor<?xf32>, %[[ZERO:[a-z0-9]+]]: tensor<?xi8>
// CHECK-DAG: exec.broadcast_view %[[SCALE]]
// CHECK-DAG: exec.broadcast_view %[[ZERO]]
// CHECK: linalg.generic
func.func @parameters_of_unknown_length(%x: tensor<?x?xi8>, %s: tensor<?xf32>, %z: tensor<?xi8>) -> tensor<?x?xf32> {
  %y = graph.dequantize %x, %s, %z {axis = 1 : i64} : tensor<?x?xi8>, tensor<?xf32>, tensor<?xi8> -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// No dimension is there for its entries, so it must have one.
// CHECK-LABEL: func.func @one_parameter
// CHECK: exec.check %{{.*}}, 5
// CHECK-NOT: exec.broadcast_view
func.func @one_parameter(%x: tensor<?xi8>, %s: tensor<f32>, %z: tensor<?xi8>) -> tensor<?xf32> {
  %y = graph.dequantize %x, %s, %z {axis = 1 : i64} : tensor<?xi8>, tensor<f32>, tensor<?xi8> -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// Entries are read by computed indices, so there must be one for each block.
// CHECK-LABEL: func.func @blocks_of_unknown_count
// CHECK: arith.ceildivsi
// CHECK: exec.check %{{.*}}, 5
// CHECK-NOT: exec.check
// CHECK: linalg.generic
// CHECK: tensor.extract
func.func @blocks_of_unknown_count(%x: tensor<2x?xi8>, %s: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %y = graph.dequantize %x, %s {axis = 1 : i64, block_size = 4 : i64} : tensor<2x?xi8>, tensor<2x?xf32> -> tensor<2x?xf32>
  return %y : tensor<2x?xf32>
}

// Integers that only their dequantization reads are not made: rounded quotients are scaled.
// CHECK-LABEL: func.func @pair
// CHECK: linalg.generic
// CHECK: arith.divf
// CHECK: arith.minnumf
// CHECK: %[[SUM:.*]] = arith.addf %{{.*}}, %[[ROUNDER:.*]] : f32
// CHECK-NEXT: %[[ROUNDED:.*]] = arith.subf %[[SUM]], %[[ROUNDER]] : f32
// CHECK-NEXT: arith.mulf %[[ROUNDED]]
// CHECK-NOT: arith.trunci
// CHECK: return
func.func @pair(%x: tensor<2x8xf32>, %s: tensor<f32>, %z: tensor<ui8>) -> tensor<2x8xf32> {
  %q = graph.quantize %x, %s, %z {axis = 1 : i64, precision = f32} : tensor<2x8xf32>, tensor<f32>, tensor<ui8> -> tensor<2x8xui8>
  %y = graph.dequantize %q, %s, %z {axis = 1 : i64} : tensor<2x8xui8>, tensor<f32>, tensor<ui8> -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// Another zero point is another number.
// CHECK-LABEL: func.func @other_zero_point
// CHECK: arith.trunci
func.func @other_zero_point(%x: tensor<2x8xf32>, %s: tensor<f32>, %z: tensor<ui8>, %other: tensor<ui8>) -> tensor<2x8xf32> {
  %q = graph.quantize %x, %s, %z {axis = 1 : i64, precision = f32} : tensor<2x8xf32>, tensor<f32>, tensor<ui8> -> tensor<2x8xui8>
  %y = graph.dequantize %q, %s, %other {axis = 1 : i64} : tensor<2x8xui8>, tensor<f32>, tensor<ui8> -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// Others read the integers too.
// CHECK-LABEL: func.func @read_twice
// CHECK: arith.trunci
func.func @read_twice(%x: tensor<2x8xf32>, %s: tensor<f32>) -> (tensor<2x8xf32>, tensor<2x8xi8>) {
  %q = graph.quantize %x, %s {axis = 1 : i64, precision = f32} : tensor<2x8xf32>, tensor<f32> -> tensor<2x8xi8>
  %y = graph.dequantize %q, %s {axis = 1 : i64} : tensor<2x8xi8>, tensor<f32> -> tensor<2x8xf32>
  return %y, %q : tensor<2x8xf32>, tensor<2x8xi8>
}
