// RUN: tegula-opt %s --graph-infer-shapes --graph-to-linalg --canonicalize | FileCheck %s

// CHECK-DAG: #[[TURNED:.*]] = affine_map<(d0, d1, d2) -> (d1, d0, -d2 + 2)>

// Negative pads crop.
// CHECK-LABEL: func.func @negative_pads
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 1] [1, 1, 7] [1, 1, 1]
// CHECK: tensor.pad %{{.*}} low[0, 0, 0] high[0, 0, 2]
// CHECK: linalg.generic
// CHECK: -> tensor<1x1x7xf32>
func.func @negative_pads(%x: tensor<1x1x8xf32>, %w: tensor<1x1x3xf32>) -> tensor<1x1x7xf32> {
  %y = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: -1, 2>, dilations = array<i64: 1>} : tensor<1x1x8xf32>, tensor<1x1x3xf32> -> tensor<1x1x7xf32>
  return %y : tensor<1x1x7xf32>
}

// Three elements of padding at most, two of them before the first.
// CHECK-LABEL: func.func @same_lower_dynamic
// CHECK: arith.ceildivsi
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 2] high[0, 0, 1]
// CHECK: tensor.extract_slice %[[P]][0, 0, %{{.*}}]
func.func @same_lower_dynamic(%x: tensor<1x1x?xf32>, %w: tensor<4x1x4xf32>) -> tensor<1x4x?xf32> {
  %y = graph.conv %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, auto_pad = "SAME_LOWER"} : tensor<1x1x?xf32>, tensor<4x1x4xf32> -> tensor<1x4x?xf32>
  return %y : tensor<1x4x?xf32>
}

// With a stride of 1 all extents have the same padding, and kernels of one element have none.
// CHECK-LABEL: func.func @same_known
// CHECK: tensor.pad %{{.*}} low[0, 0, 1] high[0, 0, 1]
// CHECK-NOT: tensor.extract_slice
// CHECK-NOT: tensor.pad
func.func @same_known(%x: tensor<1x1x?xf32>, %w: tensor<4x1x3xf32>, %v: tensor<4x4x1xf32>) -> tensor<1x4x?xf32> {
  %z = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, auto_pad = "SAME_UPPER"} : tensor<1x1x?xf32>, tensor<4x1x3xf32> -> tensor<1x4x?xf32>
  %y = graph.conv %z, %v {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, auto_pad = "SAME_UPPER"} : tensor<1x4x?xf32>, tensor<4x4x1xf32> -> tensor<1x4x?xf32>
  return %y : tensor<1x4x?xf32>
}

// 8-bit operands widen in the body.
// CHECK-LABEL: func.func @integer
// CHECK: arith.extui %{{.*}} : i8 to i32
// CHECK: arith.extsi %{{.*}} : i8 to i32
// CHECK: arith.muli
func.func @integer(%x: tensor<1x1x8xui8>, %w: tensor<1x1x3xi8>) -> tensor<1x1x6xi32> {
  %y = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x1x8xui8>, tensor<1x1x3xi8> -> tensor<1x1x6xi32>
  return %y : tensor<1x1x6xi32>
}

// Overlapping windows: zeros between the elements, the kernel turned.
// CHECK-LABEL: func.func @transpose_overlapping
// CHECK: tensor.expand_shape %{{.*}} into tensor<1x2x4x1xf32>
// CHECK: tensor.pad %{{.*}} low[0, 0, 0, 0] high[0, 0, 0, 1]
// CHECK: tensor.collapse_shape %{{.*}} into tensor<1x2x8xf32>
// CHECK: linalg.generic {indexing_maps = [#[[TURNED]],
func.func @transpose_overlapping(%x: tensor<1x2x4xf32>, %w: tensor<2x3x3xf32>) -> tensor<1x3x9xf32> {
  %y = graph.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>} : tensor<1x2x4xf32>, tensor<2x3x3xf32> -> tensor<1x3x9xf32>
  return %y : tensor<1x3x9xf32>
}

// Each channel by itself: a map with an operand for each kernel position.
// CHECK-LABEL: func.func @depthwise
// CHECK: tensor.pad
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]
// CHECK-COUNT-3: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK: return
func.func @depthwise(%x: tensor<1x4x8xf32>, %w: tensor<4x1x3xf32>) -> tensor<1x4x4xf32> {
  %y = graph.conv %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, group = 4 : i64} : tensor<1x4x8xf32>, tensor<4x1x3xf32> -> tensor<1x4x4xf32>
  return %y : tensor<1x4x4xf32>
}

// Kernel equals stride: one product per place and kernel position, no zeros.
// CHECK-LABEL: func.func @transpose_disjoint
// CHECK-NOT: tensor.pad
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]{{.*}} outs(%{{.*}} : tensor<1x3x2x4xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x3x4x2xf32>)
// CHECK: tensor.collapse_shape {{.*}} into tensor<1x3x8xf32>
func.func @transpose_disjoint(%x: tensor<1x2x4xf32>, %w: tensor<2x3x2xf32>) -> tensor<1x3x8xf32> {
  %y = graph.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>} : tensor<1x2x4xf32>, tensor<2x3x2xf32> -> tensor<1x3x8xf32>
  return %y : tensor<1x3x8xf32>
}

// Nothing to compute.
// CHECK-LABEL: func.func @transpose_empty
// CHECK-NOT: linalg.generic
// CHECK: %[[EMPTY:.*]] = tensor.empty() : tensor<0x3x9xf32>
// CHECK: return %[[EMPTY]]
func.func @transpose_empty(%x: tensor<0x2x4xf32>, %w: tensor<2x3x3xf32>) -> tensor<0x3x9xf32> {
  %y = graph.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>} : tensor<0x2x4xf32>, tensor<2x3x3xf32> -> tensor<0x3x9xf32>
  return %y : tensor<0x3x9xf32>
}

// A weight of unknown shape: the window follows its extents, channels are checked, the group comes out of dimension 0.
// CHECK-LABEL: func.func @dynamic_weight
// CHECK-SAME: %{{.*}}: tensor<1x?x?xf32>, %[[W:.*]]: tensor<?x?x?xf32>
// CHECK: %[[CHANNELS:.*]] = arith.muli %{{.*}}, %c2
// CHECK: arith.cmpi eq, %{{.*}}, %[[CHANNELS]]
// CHECK: exec.check %{{.*}}, 5
// CHECK: %[[KERNEL:.*]] = tensor.dim %[[W]], %c2
// CHECK: arith.subi %c2, %[[KERNEL]]
// CHECK: arith.floordivsi
// CHECK: tensor.expand_shape %[[W]] {{\[\[}}0, 1], [2], [3]] {{.*}} into tensor<2x?x?x?xf32>
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]
func.func @dynamic_weight(%x: tensor<1x?x?xf32>, %w: tensor<?x?x?xf32>) -> tensor<1x?x?xf32> {
  %y = graph.conv %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, group = 2 : i64} : tensor<1x?x?xf32>, tensor<?x?x?xf32> -> tensor<1x?x?xf32>
  return %y : tensor<1x?x?xf32>
}

// The kernel is turned by computed indices.
// CHECK-LABEL: func.func @transpose_dynamic_weight
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<2x3x?xf32>
// CHECK: linalg.generic
// CHECK: arith.subi
// CHECK: tensor.extract %[[W]]
// CHECK: linalg.generic {{.*}}"reduction", "reduction"]
func.func @transpose_dynamic_weight(%x: tensor<1x2x4xf32>, %w: tensor<2x3x?xf32>) -> tensor<1x3x?xf32> {
  %y = graph.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>} : tensor<1x2x4xf32>, tensor<2x3x?xf32> -> tensor<1x3x?xf32>
  return %y : tensor<1x3x?xf32>
}

// The batch of a result is that of the operand, whatever padding, blocks or groups its lowering makes: a sum with the
// operand broadcasts nothing.
// CHECK-LABEL: func.func @residual
// CHECK: tensor.pad
// CHECK-NOT: exec.broadcast_view
// CHECK: arith.addf
// CHECK: arith.addf
// CHECK: return
func.func @residual(%x: tensor<?x4x8x8xf32>, %w: tensor<4x2x3x3xf32>) -> tensor<?x4x8x8xf32> {
  %y = graph.conv %x, %w {group = 2 : i64, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<?x4x8x8xf32>, tensor<4x2x3x3xf32> -> tensor<?x4x8x8xf32>
  %z = graph.add %y, %x : tensor<?x4x8x8xf32>, tensor<?x4x8x8xf32> -> tensor<?x4x8x8xf32>
  return %z : tensor<?x4x8x8xf32>
}

// Padding is of the zero point.
// CHECK-LABEL: func.func @zero_point
// CHECK: %[[ZERO:.*]] = arith.constant -100 : i8
// CHECK: tensor.pad
// CHECK: tensor.yield %[[ZERO]]
func.func @zero_point(%x: tensor<1x4x8x8xi8>, %w: tensor<4x4x3x3xi8>) -> tensor<1x4x8x8xi32> {
  %y = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, x_zero_point = -100 : i64} : tensor<1x4x8x8xi8>, tensor<4x4x3x3xi8> -> tensor<1x4x8x8xi32>
  return %y : tensor<1x4x8x8xi32>
}
