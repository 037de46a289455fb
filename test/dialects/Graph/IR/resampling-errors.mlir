// RUN: tegula-opt %s --graph-infer-shapes --split-input-file --verify-diagnostics

func.func @neither(%x: tensor<4xf32>) -> tensor<*xf32> {
  // expected-error @below {{expected either scales or sizes}}
  %r = graph.resize %x {mode = "nearest", coordinates = "asymmetric", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<4xf32>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @scales(%x: tensor<4xf32>) -> tensor<*xf32> {
  %s = graph.constant dense<-2.0> : tensor<1xf32>
  // expected-error @below {{expected positive scales, but got -2.0}}
  %r = graph.resize %x scales %s {mode = "nearest", coordinates = "asymmetric", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<4xf32>, tensor<1xf32>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @grid(%x: tensor<1x1x4x4xf32>, %grid: tensor<1x2x2x3xf32>) -> tensor<*xf32> {
  // expected-error @below {{expected positions of 2 coordinates, but got 3}}
  %r = graph.grid_sample %x, %grid {mode = "linear", padding = "zeros", align_corners = false} : tensor<1x1x4x4xf32>, tensor<1x2x2x3xf32> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @block(%x: tensor<1x7x5xf32>, %image: tensor<2xi64>) -> tensor<*xf32> {
  %block = graph.constant dense<[1, 5]> : tensor<2xi64>
  // expected-error @below {{expected 7 to be divisible by the block's size 5}}
  %r = graph.col2im %x, %image, %block {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x7x5xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @regions(%x: tensor<1x2x9x9xf32>, %rois: tensor<3x5xf32>, %batch: tensor<3xi64>) -> tensor<*xf32> {
  // expected-error @below {{expected regions of shape [R, 4], but got 'tensor<3x5xf32>'}}
  %r = graph.roi_align %x, %rois, %batch {mode = "avg", height = 5 : i64, width = 5 : i64, sampling_ratio = 0 : i64, spatial_scale = 1.0 : f32, half_pixel = true} : (tensor<1x2x9x9xf32>, tensor<3x5xf32>, tensor<3xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}
