// RUN: tegula-opt %s --graph-to-linalg --canonicalize | FileCheck %s

// f16 computes in f32 and rounds once; the exponential's argument is never positive.
// CHECK-LABEL: func.func @sigmoid
// CHECK: linalg.generic
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: math.absf
// CHECK: math.exp
// CHECK: arith.divf
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @sigmoid(%x: tensor<4x?xf16>) -> tensor<4x?xf16> {
  %y = graph.sigmoid %x : tensor<4x?xf16> -> tensor<4x?xf16>
  return %y : tensor<4x?xf16>
}

// A remainder takes the divisor's sign; a zero divisor is reported and not divided by.
// CHECK-LABEL: func.func @mod
// CHECK: %[[NONZERO:.*]] = arith.cmpi ne
// CHECK: exec.check %[[NONZERO]], 2
// CHECK: arith.select %[[NONZERO]]
// CHECK: arith.remsi
// CHECK: arith.select
func.func @mod(%x: tensor<8x4xi32>, %y: tensor<4xi32>) -> tensor<8x4xi32> {
  %z = graph.mod %x, %y : tensor<8x4xi32>, tensor<4xi32> -> tensor<8x4xi32>
  return %z : tensor<8x4xi32>
}

// CHECK-LABEL: func.func @shift_checked
// CHECK: %[[IN_RANGE:.*]] = arith.cmpi ult
// CHECK: arith.shli
// CHECK: exec.check %[[IN_RANGE]], 4
func.func @shift_checked(%x: tensor<8x4xui8>, %n: tensor<8x4xui8>) -> tensor<8x4xui8> {
  %z = graph.shift %x, %n {right = false} : tensor<8x4xui8>, tensor<8x4xui8> -> tensor<8x4xui8>
  return %z : tensor<8x4xui8>
}

// CHECK-LABEL: func.func @shift_total
// CHECK-NOT: exec.check
// CHECK: arith.shrsi
func.func @shift_total(%x: tensor<8x4xi8>, %n: tensor<8x4xi8>) -> tensor<8x4xi8> {
  %z = graph.shift %x, %n {right = true, total = true} : tensor<8x4xi8>, tensor<8x4xi8> -> tensor<8x4xi8>
  return %z : tensor<8x4xi8>
}

// Selection moves stored values: no f16 is widened.
// CHECK-LABEL: func.func @where
// CHECK-NOT: arith.extf
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f16
func.func @where(%c: tensor<4xi1>, %x: tensor<8x4xf16>, %y: tensor<f16>) -> tensor<8x4xf16> {
  %z = graph.where %c, %x, %y : tensor<4xi1>, tensor<8x4xf16>, tensor<f16> -> tensor<8x4xf16>
  return %z : tensor<8x4xf16>
}

// A float out of range must not reach the conversion.
// CHECK-LABEL: func.func @to_integer
// CHECK: %[[IN_RANGE:.*]] = arith.andi
// CHECK: %[[SAFE:.*]] = arith.select %[[IN_RANGE]]
// CHECK: arith.fptosi %[[SAFE]] : f32 to i32
func.func @to_integer(%x: tensor<8x4xf32>) -> tensor<8x4xi32> {
  %y = graph.cast %x : tensor<8x4xf32> -> tensor<8x4xi32>
  return %y : tensor<8x4xi32>
}

// 4-bit integers and float8 are bytes in memory.
// CHECK-LABEL: func.func @narrow
// CHECK-SAME: tensor<8x4xi8>
// CHECK-SAME: -> tensor<8x4xi8>
// CHECK: arith.trunci %{{.*}} : i32 to i8
func.func @narrow(%x: tensor<8x4xi4>) -> tensor<8x4xf8E4M3FN> {
  %y = graph.cast %x {saturate = false} : tensor<8x4xi4> -> tensor<8x4xf8E4M3FN>
  return %y : tensor<8x4xf8E4M3FN>
}

// CHECK-LABEL: func.func @narrow_constants
// CHECK-DAG: dense<[-8, 7]> : tensor<2xi8>
// CHECK-DAG: dense<[8, 7]> : tensor<2xi8>
// CHECK-DAG: dense<[56, -64]> : tensor<2xi8>
func.func @narrow_constants() -> (tensor<2xi4>, tensor<2xui4>, tensor<2xf8E4M3FN>) {
  %a = graph.constant dense<[-8, 7]> : tensor<2xi4>
  %b = graph.constant dense<[8, 7]> : tensor<2xui4>
  %c = graph.constant dense<[1.0, -2.0]> : tensor<2xf8E4M3FN>
  return %a, %b, %c : tensor<2xi4>, tensor<2xui4>, tensor<2xf8E4M3FN>
}
