// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @rank(%x: tensor<1x16x8x8xf32>, %w: tensor<1x1x3x3x16x16xf32>) -> tensor<1x1x6x6x16xf32> {
  // expected-error @+1 {{expected an operand [N, C / c, H, W, c] with static c, but got 'tensor<1x16x8x8xf32>'}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x16x8x8xf32>, tensor<1x1x3x3x16x16xf32> -> tensor<1x1x6x6x16xf32>
  return %y : tensor<1x1x6x6x16xf32>
}

// -----

func.func @blocks(%x: tensor<1x2x8x8x16xf32>, %w: tensor<1x1x3x3x16x16xf32>) -> tensor<1x1x6x6x16xf32> {
  // expected-error @+1 {{expected 1 blocks of 16 channels as the weight says, but the operand is 'tensor<1x2x8x8x16xf32>'}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x8x8x16xf32>, tensor<1x1x3x3x16x16xf32> -> tensor<1x1x6x6x16xf32>
  return %y : tensor<1x1x6x6x16xf32>
}

// -----

func.func @winograd_stride(%x: tensor<1x1x9x9x16xf32>, %w: tensor<6x6x1x1x16x16xf32>) -> tensor<1x1x4x4x16xf32> {
  // expected-error @+1 {{expected tiles of 2 or 4 with stride and dilation 1 for Winograd's algorithm, but got tiles of 4}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, winograd = 4 : i64} : tensor<1x1x9x9x16xf32>, tensor<6x6x1x1x16x16xf32> -> tensor<1x1x4x4x16xf32>
  return %y : tensor<1x1x4x4x16xf32>
}

// -----

func.func @winograd_weight(%x: tensor<1x1x9x9x16xf32>, %w: tensor<6x6x1x1x16x16xf32>) -> tensor<1x1x7x7x16xf32> {
  // expected-error @+1 {{expected a transformed weight of 4 x 4, but got 'tensor<6x6x1x1x16x16xf32>'}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, winograd = 2 : i64} : tensor<1x1x9x9x16xf32>, tensor<6x6x1x1x16x16xf32> -> tensor<1x1x7x7x16xf32>
  return %y : tensor<1x1x7x7x16xf32>
}

// -----

func.func @negative_pads(%x: tensor<1x1x9x9x16xf32>, %w: tensor<1x3x3x16xf32>) -> tensor<1x1x5x5x16xf32> {
  // expected-error @+1 {{expected pads of 0 or more}}
  %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: -1, -1, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x9x9x16xf32>, tensor<1x3x3x16xf32> -> tensor<1x1x5x5x16xf32>
  return %y : tensor<1x1x5x5x16xf32>
}

// -----

func.func @bias(%x: tensor<1x1x9x9x16xf32>, %w: tensor<1x3x3x16xf32>, %b: tensor<2x8xf32>) -> tensor<1x1x7x7x16xf32> {
  // expected-error @+1 {{expected 1 blocks of 16 channels as the weight says, but the bias is 'tensor<2x8xf32>'}}
  %y = graph.blocked_depthwise_conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x9x9x16xf32>, tensor<1x3x3x16xf32>, tensor<2x8xf32> -> tensor<1x1x7x7x16xf32>
  return %y : tensor<1x1x7x7x16xf32>
}

// -----

func.func @length(%x: tensor<1x20x8x8xf32>) -> tensor<1x1x8x8x16xf32> {
  // expected-error @+1 {{expected an operand [N, C, H, W] with C a multiple of 16, but got 'tensor<1x20x8x8xf32>'}}
  %y = graph.block_channels %x {length = 16 : i64} : tensor<1x20x8x8xf32> -> tensor<1x1x8x8x16xf32>
  return %y : tensor<1x1x8x8x16xf32>
}

// -----

func.func @channels(%x: tensor<1x2x8x8x16xf32>) -> tensor<1x33x8x8xf32> {
  // expected-error @+1 {{expected at most the channels of the operand, but got 33 of 'tensor<1x2x8x8x16xf32>'}}
  %y = graph.unblock_channels %x {channels = 33 : i64} : tensor<1x2x8x8x16xf32> -> tensor<1x33x8x8xf32>
  return %y : tensor<1x33x8x8xf32>
}

// -----

func.func @mixed_elements(%x: tensor<1x1x8x8x16xui8>, %w: tensor<1x1x3x3x16x16xf32>) -> tensor<1x1x6x6x16xi32> {
  // expected-error @+1 {{expected a weight of i8 or i16 and a result of i32 for an 8-bit operand, but got 'f32' and 'i32'}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x8x8x16xui8>, tensor<1x1x3x3x16x16xf32> -> tensor<1x1x6x6x16xi32>
  return %y : tensor<1x1x6x6x16xi32>
}

// -----

func.func @groups(%x: tensor<1x1x8x8x16xui8>, %w: tensor<1x1x3x3x2x16x4xi8>) -> tensor<1x1x6x6x16xi32> {
  // expected-error @+1 {{expected 1 blocks of 8 channels as the weight says, but the operand is 'tensor<1x1x8x8x16xui8>'}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x8x8x16xui8>, tensor<1x1x3x3x2x16x4xi8> -> tensor<1x1x6x6x16xi32>
  return %y : tensor<1x1x6x6x16xi32>
}

// -----

func.func @padding(%x: tensor<1x1x8x8x16xi8>, %w: tensor<1x3x1x16x4xi8>) -> tensor<1x1x6x5x16xi32> {
  // expected-error @+1 {{expected x_padding to be a value of 'i8', but got 200}}
  %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, x_padding = 200 : i64} : tensor<1x1x8x8x16xi8>, tensor<1x3x1x16x4xi8> -> tensor<1x1x6x5x16xi32>
  return %y : tensor<1x1x6x5x16xi32>
}

// -----

func.func @offset(%x: tensor<1x1x8x8x16xf32>, %w: tensor<1x3x3x16xf32>) -> tensor<1x1x6x6x16xf32> {
  // expected-error @+1 {{expected x_offset and x_padding for 8-bit operands only}}
  %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, x_offset = 1 : i64} : tensor<1x1x8x8x16xf32>, tensor<1x3x3x16xf32> -> tensor<1x1x6x6x16xf32>
  return %y : tensor<1x1x6x6x16xf32>
}

// -----

func.func @bias(%x: tensor<1x1x8x8x16xui8>, %w: tensor<1x1x1x1x4x16x4xi8>, %b: tensor<1x16xf32>) -> tensor<1x1x8x8x16xi32> {
  // expected-error @+1 {{expected a bias of the result's type 'i32', but got 'tensor<1x16xf32>'}}
  %y = graph.blocked_conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x8x8x16xui8>, tensor<1x1x1x1x4x16x4xi8>, tensor<1x16xf32> -> tensor<1x1x8x8x16xi32>
  return %y : tensor<1x1x8x8x16xi32>
}

// -----

func.func @winograd_integers(%x: tensor<1x1x8x8x16xui8>, %w: tensor<6x6x1x1x4x16x4xi8>) -> tensor<1x1x6x6x16xi32> {
  // expected-error @+1 {{expected f32 for Winograd's algorithm, but got 'tensor<1x1x8x8x16xui8>'}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, winograd = 4 : i64} : tensor<1x1x8x8x16xui8>, tensor<6x6x1x1x4x16x4xi8> -> tensor<1x1x6x6x16xi32>
  return %y : tensor<1x1x6x6x16xi32>
}

// -----

func.func @bfloats(%x: tensor<1x1x8x8x16xbf16>, %w: tensor<1x1x3x3x8x16x2xf32>) -> tensor<1x1x6x6x16xf32> {
  // expected-error @+1 {{expected a weight of the operand's type and a result of f32 for an operand of 'bf16', but got 'f32' and 'f32'}}
  %y = graph.blocked_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x8x8x16xbf16>, tensor<1x1x3x3x8x16x2xf32> -> tensor<1x1x6x6x16xf32>
  return %y : tensor<1x1x6x6x16xf32>
}

// -----

func.func @depthwise_bfloats(%x: tensor<1x1x8x8x16xbf16>, %w: tensor<1x3x3x16xbf16>) -> tensor<1x1x6x6x16xf32> {
  // expected-error @+1 {{expected an operand of f32 or of 8 bits, but got 'bf16'}}
  %y = graph.blocked_depthwise_conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x8x8x16xbf16>, tensor<1x3x3x16xbf16> -> tensor<1x1x6x6x16xf32>
  return %y : tensor<1x1x6x6x16xf32>
}
