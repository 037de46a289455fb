// RUN: tegula-opt %s --graph-infer-shapes --graph-to-linalg --canonicalize | FileCheck %s

// Nearest: one index table per resized axis, one gather. Axes of scale 1 are left alone.
// CHECK-LABEL: func.func @nearest
// CHECK-SAME: -> tensor<1x3x8x10xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<8xi64>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<10xi64>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8xi64>, tensor<10xi64>) outs(%{{.*}} : tensor<1x3x8x10xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @nearest(%x: tensor<1x3x4x5xf32>) -> tensor<*xf32> {
  %scales = graph.constant dense<[1.0, 1.0, 2.0, 2.0]> : tensor<4xf32>
  %r = graph.resize %x scales %scales {mode = "nearest", coordinates = "asymmetric", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<1x3x4x5xf32>, tensor<4xf32>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// Cubic: four taps, summed by a map; exclude_outside normalizes the weights.
// CHECK-LABEL: func.func @cubic
// CHECK-SAME: -> tensor<1x6xf32>
// CHECK: outs(%{{.*}} : tensor<6x4xi64>)
// CHECK: outs(%{{.*}} : tensor<6x4xf32>)
// CHECK: scf.for
// CHECK: arith.divf
// CHECK: iterator_types = ["parallel", "parallel"]
// CHECK-COUNT-4: tensor.extract
// CHECK: return
func.func @cubic(%x: tensor<1x4xf32>) -> tensor<*xf32> {
  %sizes = graph.constant dense<6> : tensor<1xi64>
  %r = graph.resize %x sizes %sizes {axes = array<i64: -1>, mode = "cubic", coordinates = "half_pixel", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.5 : f32, extrapolation_value = 0.0 : f32, exclude_outside = true, antialias = false} : (tensor<1x4xf32>, tensor<1xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// The axis that shrinks goes first, then the one that grows; more than four taps are summed by a reduction.
// CHECK-LABEL: func.func @antialias
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]{{.*}} outs(%{{.*}} : tensor<4x5xf32>)
// CHECK: iterator_types = ["parallel", "parallel"]{{.*}} outs(%{{.*}} : tensor<4x10xf32>)
func.func @antialias(%x: tensor<12x5xf32>) -> tensor<*xf32> {
  %sizes = graph.constant dense<[4, 10]> : tensor<2xi64>
  %r = graph.resize %x sizes %sizes {mode = "linear", coordinates = "half_pixel", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = true} : (tensor<12x5xf32>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// Of axes that grow, rows are gathered along first.
// CHECK-LABEL: func.func @grow
// CHECK: outs(%{{.*}} : tensor<2x8xf32>)
// CHECK: outs(%{{.*}} : tensor<6x8xf32>)
func.func @grow(%x: tensor<2x4xf32>) -> tensor<*xf32> {
  %sizes = graph.constant dense<[6, 8]> : tensor<2xi64>
  %r = graph.resize %x sizes %sizes {mode = "linear", coordinates = "half_pixel", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<2x4xf32>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// Both axes share the smaller ratio.
// CHECK-LABEL: func.func @keep_aspect
// CHECK-SAME: -> tensor<4x8xf32>
func.func @keep_aspect(%x: tensor<2x4xf32>) -> tensor<*xf32> {
  %sizes = graph.constant dense<[7, 8]> : tensor<2xi64>
  %r = graph.resize %x sizes %sizes {mode = "linear", coordinates = "half_pixel", nearest_mode = "floor", aspect_policy = "not_larger", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<2x4xf32>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// CHECK-LABEL: func.func @grid_sample
// CHECK-SAME: -> tensor<?x2x3x3xf32>
// CHECK: linalg.generic
// CHECK: math.floor
// CHECK: tensor.extract
func.func @grid_sample(%x: tensor<?x2x4x4xf32>, %grid: tensor<?x3x3x2xf32>) -> tensor<*xf32> {
  %r = graph.grid_sample %x, %grid {mode = "linear", padding = "zeros", align_corners = false} : tensor<?x2x4x4xf32>, tensor<?x3x3x2xf32> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// CHECK-LABEL: func.func @roi_align
// CHECK-SAME: -> tensor<?x2x5x5xf32>
// CHECK: exec.check %{{.*}}, 1
// CHECK: scf.for
func.func @roi_align(%x: tensor<1x2x9x9xf32>, %rois: tensor<?x4xf32>, %batch: tensor<?xi64>) -> tensor<*xf32> {
  %r = graph.roi_align %x, %rois, %batch {mode = "avg", height = 5 : i64, width = 5 : i64, sampling_ratio = 0 : i64, spatial_scale = 1.0 : f32, half_pixel = true} : (tensor<1x2x9x9xf32>, tensor<?x4xf32>, tensor<?xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// CHECK-LABEL: func.func @col2im
// CHECK-SAME: -> tensor<1x1x5x5xf32>
// CHECK: iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]
func.func @col2im(%x: tensor<1x5x5xf32>) -> tensor<*xf32> {
  %image = graph.constant dense<[5, 5]> : tensor<2xi64>
  %block = graph.constant dense<[1, 5]> : tensor<2xi64>
  %r = graph.col2im %x, %image, %block {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x5x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// The host reads the number of distinct entries between the kernels.
// CHECK-LABEL: func.func @unique
// CHECK: scf.for
// CHECK: scf.for
// CHECK: tensor.extract %{{.*}}[] : tensor<i64>
// CHECK: scf.for
func.func @unique(%x: tensor<6xf32>) -> tensor<?xf32> {
  %y, %f, %i, %c = graph.unique %x {sorted = true} : (tensor<6xf32>) -> (tensor<?xf32>, tensor<?xi64>, tensor<6xi64>, tensor<?xi64>)
  return %y : tensor<?xf32>
}
