// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --exec-fuse-elementwise | FileCheck %s

// One loop computes both.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-NEXT: arith.maximumf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @main(%x: tensor<64xf32> {graph.name = "x", graph.dims = [""]}) -> (tensor<64xf32> {graph.name = "y", graph.dims = [""]}) {
  %e = graph.exp %x : tensor<64xf32> -> tensor<64xf32>
  %r = graph.relu %e : tensor<64xf32> -> tensor<64xf32>
  return %r : tensor<64xf32>
}

// -----

// A producer that is also returned is computed once, not once per consumer.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK-NOT: math.exp
// CHECK: arith.maximumf
// CHECK: return
func.func @main(%x: tensor<64xf32> {graph.name = "x", graph.dims = [""]}) -> (tensor<64xf32> {graph.name = "e", graph.dims = [""]}, tensor<64xf32> {graph.name = "y", graph.dims = [""]}) {
  %e = graph.exp %x : tensor<64xf32> -> tensor<64xf32>
  %r = graph.relu %e : tensor<64xf32> -> tensor<64xf32>
  return %e, %r : tensor<64xf32>, tensor<64xf32>
}

// -----

// A contraction reads a transposed operand where it lies.
// CHECK-DAG: #[[LEFT:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d1, d4)>
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {indexing_maps = [#[[LEFT]],
// CHECK: arith.mulf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @main(%x: tensor<2x8x4x16xf32> {graph.name = "x", graph.dims = ["", "", "", ""]}, %w: tensor<16x5xf32> {graph.name = "w", graph.dims = ["", ""]}) -> (tensor<2x4x8x5xf32> {graph.name = "y", graph.dims = ["", "", "", ""]}) {
  %t = graph.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : tensor<2x8x4x16xf32> -> tensor<2x4x8x16xf32>
  %y = graph.matmul %t, %w : tensor<2x4x8x16xf32>, tensor<16x5xf32> -> tensor<2x4x8x5xf32>
  return %y : tensor<2x4x8x5xf32>
}

// -----

// A transpose takes a producer of two operands; of three, which would all be read across their rows, only the last step.
// CHECK-LABEL: func.func @main
// CHECK: arith.addf
// CHECK-NEXT: linalg.yield
// CHECK: %[[B:.*]] = linalg.generic
// CHECK: arith.addf
// CHECK-NEXT: linalg.yield
// CHECK: linalg.generic {{.*}} ins(%[[B]], %{{.*}} :
// CHECK: arith.addf
// CHECK-NEXT: linalg.yield
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @main(%x: tensor<8x16xf32> {graph.name = "x", graph.dims = ["", ""]}, %y: tensor<8x16xf32> {graph.name = "y", graph.dims = ["", ""]}, %z: tensor<8x16xf32> {graph.name = "z", graph.dims = ["", ""]}) -> (tensor<16x8xf32> {graph.name = "two", graph.dims = ["", ""]}, tensor<16x8xf32> {graph.name = "three", graph.dims = ["", ""]}) {
  %a = graph.add %x, %y : tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x16xf32>
  %two = graph.transpose %a {permutation = array<i64: 1, 0>} : tensor<8x16xf32> -> tensor<16x8xf32>
  %b = graph.add %y, %z : tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x16xf32>
  %c = graph.add %b, %x : tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x16xf32>
  %three = graph.transpose %c {permutation = array<i64: 1, 0>} : tensor<8x16xf32> -> tensor<16x8xf32>
  return %two, %three : tensor<16x8xf32>, tensor<16x8xf32>
}

// -----

// What follows a convolution of groups computes before these are merged; a residual is read as groups.
// CHECK-LABEL: func.func @main
// CHECK: %[[C:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1x4x8x5x5xf32>)
// CHECK: arith.mulf
// CHECK: %[[R:.*]] = tensor.expand_shape %arg2 {{.*}} into tensor<1x4x8x5x5xf32>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[C]], %[[R]] : tensor<1x4x8x5x5xf32>, tensor<1x4x8x5x5xf32>)
// CHECK: arith.maximumf
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[S]]
// CHECK: return %[[Y]]
func.func @main(%x: tensor<1x32x5x5xf32> {graph.name = "x", graph.dims = ["", "", "", ""]}, %w: tensor<32x8x1x1xf32> {graph.name = "w", graph.dims = ["", "", "", ""]}, %r: tensor<1x32x5x5xf32> {graph.name = "r", graph.dims = ["", "", "", ""]}) -> (tensor<1x32x5x5xf32> {graph.name = "y", graph.dims = ["", "", "", ""]}) {
  %c = graph.conv %x, %w {group = 4 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x32x5x5xf32>, tensor<32x8x1x1xf32> -> tensor<1x32x5x5xf32>
  %s = graph.add %c, %r : tensor<1x32x5x5xf32>, tensor<1x32x5x5xf32> -> tensor<1x32x5x5xf32>
  %y = graph.relu %s : tensor<1x32x5x5xf32> -> tensor<1x32x5x5xf32>
  return %y : tensor<1x32x5x5xf32>
}

// -----

// A shuffle of channels is padded before they are merged, so that its kernel can write the padding.
// CHECK-LABEL: func.func @main
// CHECK: %[[T:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1x8x4x5x?xf32>)
// CHECK: %[[P:.*]] = tensor.pad %[[T]] low[0, 0, 0, 1, 1] high[0, 0, 0, 1, 1]
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[P]]
// CHECK: tensor.extract_slice %[[C]]
func.func @main(%x: tensor<1x4x8x5x?xf32> {graph.name = "x", graph.dims = ["", "", "", "", "n"]}) -> (tensor<1x32x5x?xf32> {graph.name = "y", graph.dims = ["", "", "", "n"]}) {
  %t = graph.transpose %x {permutation = array<i64: 0, 2, 1, 3, 4>} : tensor<1x4x8x5x?xf32> -> tensor<1x8x4x5x?xf32>
  %shape = graph.constant dense<[1, 32, 5, -1]> : tensor<4xi64>
  %r = graph.reshape %t, %shape : tensor<1x8x4x5x?xf32>, tensor<4xi64> -> tensor<1x32x5x?xf32>
  %y = graph.max_pool %r {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x32x5x?xf32> -> tensor<1x32x5x?xf32>
  return %y : tensor<1x32x5x?xf32>
}

// -----

// Rows stay whole.
// CHECK-LABEL: func.func @main
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<8x16x4xf32>)
// CHECK: tensor.collapse_shape
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<8x64xf32>)
func.func @main(%x: tensor<16x8x4xf32> {graph.name = "x", graph.dims = ["", "", ""]}) -> (tensor<8x64xf32> {graph.name = "y", graph.dims = ["", ""]}) {
  %t = graph.transpose %x {permutation = array<i64: 1, 0, 2>} : tensor<16x8x4xf32> -> tensor<8x16x4xf32>
  %shape = graph.constant dense<[8, 64]> : tensor<2xi64>
  %r = graph.reshape %t, %shape : tensor<8x16x4xf32>, tensor<2xi64> -> tensor<8x64xf32>
  %y = graph.exp %r : tensor<8x64xf32> -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// -----

// A constant that is folded into the body of a step leaves the step what it was.
// CHECK-LABEL: func.func @steps
// CHECK: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: linalg.generic {{.*}}attrs = {{.*}}exec.inner_step = "attention_scores"
// CHECK: arith.addf %{{.*}}, %[[HALF]] : f32
#same = affine_map<(i, j) -> (i, j)>
func.func @steps(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %bias = arith.constant dense<0.5> : tensor<4x8xf32>
  %empty = tensor.empty() : tensor<4x8xf32>
  %y = linalg.generic {indexing_maps = [#same, #same, #same], iterator_types = ["parallel", "parallel"]} ins(%x, %bias : tensor<4x8xf32>, tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) attrs = {exec.inner_step = "attention_scores"} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// A step behind a contraction stays there, where its kernel has the sums in registers: a transpose and a table do not
// take it. An index that is a byte needs no check in a table of 256.
// CHECK-LABEL: func.func @main
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK: linalg.generic
// CHECK: arith.negf
// CHECK-NEXT: linalg.yield
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0(%[[IN:[a-z_0-9]+]]: f32
// CHECK-NEXT: linalg.yield %[[IN]]
// CHECK: arith.addi
// CHECK: linalg.generic
// CHECK: arith.trunci
// CHECK-NEXT: linalg.yield
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0(%[[BYTE:[a-z_0-9]+]]: i8
// CHECK-NEXT: %[[WIDE:.*]] = arith.extui %[[BYTE]] : i8 to i32
// CHECK-NEXT: %[[INDEX:.*]] = arith.index_cast %[[WIDE]] : i32 to index
// CHECK-NEXT: %[[ELEMENT:.*]] = tensor.extract %{{.*}}[%[[INDEX]]] : tensor<256xi8>
// CHECK-NEXT: linalg.yield %[[ELEMENT]]
// CHECK: return
func.func @main(%x: tensor<7x9xf32>, %w: tensor<9x5xf32>, %xq: tensor<7x9xi8>, %wq: tensor<9x5xi8>, %table: tensor<256xi8>) -> (tensor<5x7xf32>, tensor<7x5xi8>) {
  %y = graph.matmul %x, %w : tensor<7x9xf32>, tensor<9x5xf32> -> tensor<7x5xf32>
  %n = graph.neg %y : tensor<7x5xf32> -> tensor<7x5xf32>
  %t = graph.transpose %n {permutation = array<i64: 1, 0>} : tensor<7x5xf32> -> tensor<5x7xf32>
  %p = graph.matmul %xq, %wq : tensor<7x9xi8>, tensor<9x5xi8> -> tensor<7x5xi32>
  %b = graph.cast %p : tensor<7x5xi32> -> tensor<7x5xi8>
  %i = graph.cast %b : tensor<7x5xi8> -> tensor<7x5xi32>
  %g = graph.gather %table, %i {axis = 0 : i64} : tensor<256xi8>, tensor<7x5xi32> -> tensor<7x5xi8>
  return %t, %g : tensor<5x7xf32>, tensor<7x5xi8>
}
