// RUN: tegula-opt %s --graph-to-linalg --canonicalize --cse | FileCheck %s

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8) -> (d0, d5, d2 * 2 + d6, d3 + d7 * 2, d8)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8) -> (d1, d5, d6, d7, d8, d4)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8) -> (d0, d1, d2, d3, d4)>
// CHECK-DAG: #[[TILES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8) -> (d2, d5, d3 * 4 + d7, d4 * 4 + d8, d6)>
// CHECK-DAG: #[[PRODUCTS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d5, d6, d1, d0, d2 floordiv 4, d3 floordiv 4, d4)>

// CHECK-LABEL: func.func @direct
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1, 2, 0] high[0, 0, 0, 1, 0]
// CHECK: %[[C:.*]] = linalg.generic {indexing_maps = [#[[X]], #[[W]], #[[Y]]]{{.*}} ins(%[[P]], %{{.*}} : tensor<1x2x10x11x16xf32>, tensor<3x2x3x3x16x16xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[C]], %{{.*}} : tensor<1x3x4x7x16xf32>, tensor<3x1x1x16xf32>)
// CHECK: arith.addf
func.func @direct(%x: tensor<1x2x9x8x16xf32>, %w: tensor<3x2x3x3x16x16xf32>, %b: tensor<3x16xf32>) -> tensor<1x3x4x7x16xf32> {
  %y = graph.blocked_conv %x, %w, %b {strides = array<i64: 2, 1>, pads = array<i64: 1, 2, 0, 1>, dilations = array<i64: 1, 2>} : tensor<1x2x9x8x16xf32>, tensor<3x2x3x3x16x16xf32>, tensor<3x16xf32> -> tensor<1x3x4x7x16xf32>
  return %y : tensor<1x3x4x7x16xf32>
}

// The padding of this extent is a slice of the most of any.
// CHECK-LABEL: func.func @same
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1, 1, 0] high[0, 0, 1, 1, 0]
// CHECK: %[[S:.*]] = tensor.extract_slice %[[P]][0, 0, %{{.*}}, %{{.*}}, 0]
// CHECK: linalg.generic {{.*}} ins(%[[S]], %{{.*}} : tensor<1x2x?x?x16xf32>, tensor<3x2x3x3x16x16xf32>)
func.func @same(%x: tensor<1x2x?x?x16xf32>, %w: tensor<3x2x3x3x16x16xf32>) -> tensor<1x3x?x?x16xf32> {
  %y = graph.blocked_conv %x, %w {auto_pad = "SAME_UPPER", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x?x?x16xf32>, tensor<3x2x3x3x16x16xf32> -> tensor<1x3x?x?x16xf32>
  return %y : tensor<1x3x?x?x16xf32>
}

// Groups of four channels are two dimensions; bytes are widened in the sum, and padded with their own zero.
// CHECK-LABEL: func.func @bytes
// CHECK: %[[Z:.*]] = arith.constant -5 : i8
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1, 1, 0] high[0, 0, 1, 1, 0]
// CHECK: tensor.yield %[[Z]]
// CHECK: %[[E:.*]] = tensor.expand_shape %[[P]] {{.*}} : tensor<1x2x10x10x16xi8> into tensor<1x2x10x10x4x4xi8>
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%[[E]], %{{.*}} : tensor<1x2x10x10x4x4xi8>, tensor<3x2x3x3x4x16x4xi8>)
// CHECK: %[[X:.*]] = arith.extsi
// CHECK: arith.subi %[[X]], %c-128_i32
// CHECK: arith.extsi
// CHECK: linalg.generic {{.*}} ins(%[[C]], %{{.*}} : tensor<1x3x8x8x16xi32>, tensor<3x1x1x16xi32>)
// CHECK: arith.addi
func.func @bytes(%x: tensor<1x2x8x8x16xi8>, %w: tensor<3x2x3x3x4x16x4xi8>, %b: tensor<3x16xi32>) -> tensor<1x3x8x8x16xi32> {
  %y = graph.blocked_conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, x_offset = -128 : i64, x_padding = -5 : i64} : tensor<1x2x8x8x16xi8>, tensor<3x2x3x3x4x16x4xi8>, tensor<3x16xi32> -> tensor<1x3x8x8x16xi32>
  return %y : tensor<1x3x8x8x16xi32>
}

// CHECK-LABEL: func.func @byte_depthwise
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1, 1, 0] high[0, 0, 1, 2, 0]
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%[[P]], %{{.*}} : tensor<1x2x10x11x16xi8>, tensor<2x3x2x16x2xi16>)
// CHECK: arith.extui {{.*}} : i8 to i32
// CHECK: arith.extsi {{.*}} : i16 to i32
func.func @byte_depthwise(%x: tensor<1x2x8x8x16xui8>, %w: tensor<2x3x2x16x2xi16>) -> tensor<1x2x8x8x16xi32> {
  %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 2>, dilations = array<i64: 1, 1>, x_padding = 9 : i64} : tensor<1x2x8x8x16xui8>, tensor<2x3x2x16x2xi16> -> tensor<1x2x8x8x16xi32>
  return %y : tensor<1x2x8x8x16xi32>
}

// Nine rows are three tiles of four: three rows and two columns of zeros behind the image.
// CHECK-LABEL: func.func @winograd
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1, 1, 0] high[0, 0, 4, 1, 0]
// CHECK: %[[V:.*]] = linalg.generic {indexing_maps = [#[[TILES]], #{{.*}} ins(%[[P]], %{{.*}} : tensor<1x2x14x10x16xf32>, tensor<6x6xf32>) {{.*}} attrs = {exec.inner_step = "winograd_operand"}
// CHECK: %[[M:.*]] = linalg.generic {{.*}} ins(%[[V]], %{{.*}} : tensor<6x6x1x3x2x2x16xf32>, tensor<6x6x3x2x16x16xf32>) {{.*}} attrs = {exec.inner_step = "winograd_products"}
// CHECK: linalg.generic {indexing_maps = [#[[PRODUCTS]], #{{.*}} ins(%[[M]]{{.*}} : tensor<6x6x3x1x3x2x16xf32>{{.*}}) {{.*}} attrs = {exec.last_step = "winograd"}
func.func @winograd(%x: tensor<1x2x9x8x16xf32>, %w: tensor<6x6x3x2x16x16xf32>) -> tensor<1x3x9x8x16xf32> {
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, winograd = 4 : i64} : tensor<1x2x9x8x16xf32>, tensor<6x6x3x2x16x16xf32> -> tensor<1x3x9x8x16xf32>
  return %y : tensor<1x3x9x8x16xf32>
}

// One element of the operand and one of the weight for each position of the window.
// CHECK-LABEL: func.func @depthwise
// CHECK-COUNT-6: tensor.extract_slice
// CHECK-NOT: tensor.extract_slice
// CHECK: linalg.generic
// CHECK-COUNT-6: arith.mulf
// CHECK-NOT: arith.mulf
func.func @depthwise(%x: tensor<?x2x9x9x16xf32>, %w: tensor<2x3x2x16xf32>) -> tensor<?x2x7x4x16xf32> {
  %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<?x2x9x9x16xf32>, tensor<2x3x2x16xf32> -> tensor<?x2x7x4x16xf32>
  return %y : tensor<?x2x7x4x16xf32>
}

// CHECK-LABEL: func.func @relayouts
// CHECK: %[[E:.*]] = tensor.expand_shape %{{.*}} tensor<?x32x?x5xf32> into tensor<?x2x16x?x5xf32>
// CHECK: linalg.generic {{.*}} ins(%[[E]] {{.*}} outs(%{{.*}} : tensor<?x2x?x5x16xf32>)
// CHECK: %[[T:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x2x16x?x5xf32>)
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[T]]
// CHECK: tensor.extract_slice %[[C]]{{.*}} to tensor<?x20x?x5xf32>
func.func @relayouts(%x: tensor<?x32x?x5xf32>) -> tensor<?x20x?x5xf32> {
  %b = graph.block_channels %x {length = 16 : i64} : tensor<?x32x?x5xf32> -> tensor<?x2x?x5x16xf32>
  %y = graph.unblock_channels %b {channels = 20 : i64} : tensor<?x2x?x5x16xf32> -> tensor<?x20x?x5xf32>
  return %y : tensor<?x20x?x5xf32>
}
