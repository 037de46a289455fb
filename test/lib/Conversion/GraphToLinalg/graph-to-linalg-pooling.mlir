// RUN: tegula-opt %s --graph-infer-shapes --graph-to-linalg --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @max_pool
// CHECK-SAME: -> tensor<1x2x4x3xf32>
// CHECK: %[[LOWEST:.*]] = arith.constant 0xFF800000 : f32
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1, 0] high[0, 0, 1, 1]
// A slice for each position of the window.
// CHECK: tensor.extract_slice %[[P]][0, 0, 0, 0] [1, 2, 7, 5] [1, 1, 1, 1]
// CHECK: tensor.extract_slice %[[P]][0, 0, 0, 1] [1, 2, 7, 5] [1, 1, 1, 1]
// CHECK: tensor.extract_slice %[[P]][0, 0, 2, 1] [1, 2, 7, 5] [1, 1, 1, 1]
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel"]
// CHECK-COUNT-5: arith.maximumf
func.func @max_pool(%x: tensor<1x2x7x5xf32>) -> tensor<1x2x4x3xf32> {
  %y = graph.max_pool %x {kernel = array<i64: 3, 2>, strides = array<i64: 2, 2>, pads = array<i64: 1, 0, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x2x7x5xf32> -> tensor<*xf32>
  %c = graph.relu %y : tensor<*xf32> -> tensor<1x2x4x3xf32>
  return %c : tensor<1x2x4x3xf32>
}

// The index of a maximum tells padding from operand by its coordinate.
// CHECK-LABEL: func.func @indices
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK: arith.cmpi sge
// CHECK: arith.cmpi slt
// CHECK: linalg.yield %{{.*}}, %{{.*}} : i8, i64
func.func @indices(%x: tensor<1x1x6xui8>) -> (tensor<1x1x3xui8>, tensor<1x1x3xi64>) {
  %y:2 = graph.max_pool %x {kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x1x6xui8> -> tensor<1x1x3xui8>, tensor<1x1x3xi64>
  return %y#0, %y#1 : tensor<1x1x3xui8>, tensor<1x1x3xi64>
}

// Extents at run time: (D + 2 - 3) / 2 + 1 with the padding counted out of the mean.
// CHECK-LABEL: func.func @average_pool_dynamic
// CHECK: tensor.dim
// CHECK: arith.floordivsi
// CHECK: arith.ceildivsi
// CHECK: arith.divf
func.func @average_pool_dynamic(%x: tensor<1x2x?xf32>) -> tensor<1x2x?xf32> {
  %y = graph.average_pool %x {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 2>} : tensor<1x2x?xf32> -> tensor<1x2x?xf32>
  return %y : tensor<1x2x?xf32>
}

// auto_pad on an unknown extent: a slice of the most padding of any extent, at a place that is computed.
// CHECK-LABEL: func.func @same_upper_dynamic
// CHECK: arith.ceildivsi
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1] high[0, 0, 1]
// CHECK: tensor.extract_slice %[[P]][0, 0, %{{.*}}] [1, 2, %{{.*}}] [1, 1, 1]
func.func @same_upper_dynamic(%x: tensor<1x2x?xf32>) -> tensor<1x2x?xf32> {
  %y = graph.lp_pool %x {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, auto_pad = "SAME_UPPER"} : tensor<1x2x?xf32> -> tensor<1x2x?xf32>
  return %y : tensor<1x2x?xf32>
}

// CHECK-LABEL: func.func @global
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction", "reduction"]
// CHECK: arith.divf
// CHECK: tensor.expand_shape {{.*}} into tensor<2x3x1x1xf32>
func.func @global(%x: tensor<2x3x4x5xf32>) -> tensor<2x3x1x1xf32> {
  %y = graph.global_pool %x "average" : tensor<2x3x4x5xf32> -> tensor<2x3x1x1xf32>
  return %y : tensor<2x3x1x1xf32>
}

// More positions than any number counts: one dimension after the other.
// CHECK-LABEL: func.func @endless_window
// CHECK-COUNT-3: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]
func.func @endless_window(%x: tensor<1x1x?x?x?xf32>) -> tensor<1x1x?x?x?xf32> {
  %y = graph.max_pool %x {kernel = array<i64: 4194304, 2097152, 2097152>, strides = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, dilations = array<i64: 1, 1, 1>} : tensor<1x1x?x?x?xf32> -> tensor<1x1x?x?x?xf32>
  return %y : tensor<1x1x?x?x?xf32>
}
