// RUN: tegula-opt %s --graph-block-channels --canonicalize --cse --split-input-file | FileCheck %s

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>} {

// The stem reads its three channels where they are, behind its padding; what follows stays in blocks up to the result.
// CHECK-LABEL: func.func @region
// CHECK: %[[P:.*]] = graph.pad %{{.*}} -> tensor<1x3x226x226xf32>
// CHECK: %[[B:.*]] = graph.block_channels %[[P]] {length = 3 : i64} {{.*}} -> tensor<1x1x226x226x3xf32>
// CHECK: %[[S:.*]] = graph.blocked_conv %[[B]], {{.*}}pads = array<i64: 0, 0, 0, 0>{{.*}} tensor<4x1x3x3x3x16xf32>, tensor<4x16xf32> -> tensor<1x4x112x112x16xf32>
// CHECK: %[[R:.*]] = graph.relu %[[S]]
// CHECK: %[[M:.*]] = graph.max_pool %[[R]] {{.*}}kernel = array<i64: 3, 3, 1>, pads = array<i64: 0, 0, 0, 1, 1, 0>, strides = array<i64: 2, 2, 1>
// CHECK: %[[C:.*]] = graph.blocked_conv %[[M]], {{.*}} tensor<4x4x1x1x16x16xf32> -> tensor<1x4x56x56x16xf32>
// CHECK: %[[A:.*]] = graph.add %[[C]], %[[M]]
// CHECK: %[[K:.*]] = graph.concat %[[A]], %[[C]] {axis = 1 : i64}
// CHECK: %[[G:.*]] = graph.reduce_mean %[[K]] {axes = array<i64: 2, 3>} {{.*}} -> tensor<1x8x1x1x16xf32>
// CHECK: %[[U:.*]] = graph.unblock_channels %[[G]] {channels = 128 : i64}
// CHECK: return %[[U]]
func.func @region(%x: tensor<1x3x224x224xf32>) -> tensor<1x128x1x1xf32> {
  %w = graph.constant dense<0.5> : tensor<64x3x3x3xf32>
  %bias = graph.constant dense<0.25> : tensor<64xf32>
  %v = graph.constant dense<0.5> : tensor<64x64x1x1xf32>
  %s = graph.conv %x, %w, %bias {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x3x224x224xf32>, tensor<64x3x3x3xf32>, tensor<64xf32> -> tensor<1x64x112x112xf32>
  %r = graph.relu %s : tensor<1x64x112x112xf32> -> tensor<1x64x112x112xf32>
  %m = graph.max_pool %r {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x112x112xf32> -> tensor<1x64x56x56xf32>
  %c = graph.conv %m, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xf32>, tensor<64x64x1x1xf32> -> tensor<1x64x56x56xf32>
  %a = graph.add %c, %m : tensor<1x64x56x56xf32>, tensor<1x64x56x56xf32> -> tensor<1x64x56x56xf32>
  %k = graph.concat %a, %c {axis = 1 : i64} : (tensor<1x64x56x56xf32>, tensor<1x64x56x56xf32>) -> tensor<1x128x56x56xf32>
  %g = graph.global_pool %k "average" : tensor<1x128x56x56xf32> -> tensor<1x128x1x1xf32>
  return %g : tensor<1x128x1x1xf32>
}

// Weights that are no splat go to the Winograd domain: G g G^T is a product with the Kronecker square of G, in f64.
// Output channels beside whole blocks are zeros that the relayout drops.
// CHECK-LABEL: func.func @winograd
// CHECK-DAG: %[[SQUARE:.*]] = graph.constant {{.*}} : tensor<9x36xf64>
// CHECK-DAG: graph.pad %{{.*}} -> tensor<16x64x3x3xf32>
// CHECK: graph.matmul %{{.*}}, %[[SQUARE]] : tensor<1024x9xf64>, tensor<9x36xf64> -> tensor<1024x36xf64>
// CHECK: %[[W:.*]] = graph.transpose {{.*}} -> tensor<6x6x1x4x16x16xf32>
// CHECK: %[[Y:.*]] = graph.blocked_conv %{{.*}}, %[[W]] {{{.*}}winograd = 4 : i64} {{.*}} -> tensor<1x1x56x56x16xf32>
// CHECK: graph.unblock_channels %[[Y]] {channels = 9 : i64} {{.*}} -> tensor<1x9x56x56xf32>
func.func @winograd(%x: tensor<1x64x56x56xf32>) -> tensor<1x9x56x56xf32> {
  %w = graph.constant dense_resource<weight> : tensor<9x64x3x3xf32>
  %y = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xf32>, tensor<9x64x3x3xf32> -> tensor<1x9x56x56xf32>
  return %y : tensor<1x9x56x56xf32>
}

// A gate for each channel, computed from blocks, and a constant slope stay beside the image; so does a resize that keeps
// channels.
// CHECK-LABEL: func.func @channels
// CHECK: %[[X:.*]] = graph.blocked_conv {{.*}} -> tensor<?x2x28x28x16xf32>
// CHECK: %[[D:.*]] = graph.blocked_depthwise_conv %[[X]], {{.*}} tensor<2x3x3x16xf32> -> tensor<?x2x28x28x16xf32>
// CHECK: %[[P:.*]] = graph.prelu %[[D]], %{{.*}} : tensor<?x2x28x28x16xf32>, tensor<2x1x1x16xf32>
// CHECK: %[[G:.*]] = graph.reduce_max %[[P]] {axes = array<i64: 2, 3>}
// CHECK: %[[S:.*]] = graph.sigmoid %[[G]]
// CHECK: %[[M:.*]] = graph.mul %[[P]], %[[S]] : tensor<?x2x28x28x16xf32>, tensor<?x2x1x1x16xf32>
// CHECK: %[[Z:.*]] = graph.resize %[[M]] {{.*}}axes = array<i64: 0, 1, 2, 3>{{.*}} -> tensor<?x2x56x56x16xf32>
// CHECK: %[[A:.*]] = graph.reduce_mean %[[Z]]
// CHECK: graph.unblock_channels %[[A]]
func.func @channels(%image: tensor<?x3x28x28xf32>) -> tensor<?x32x1x1xf32> {
  %stem = graph.constant dense_resource<stem> : tensor<32x3x7x7xf32>
  %x = graph.conv %image, %stem {strides = array<i64: 1, 1>, pads = array<i64: 3, 3, 3, 3>, dilations = array<i64: 1, 1>} : tensor<?x3x28x28xf32>, tensor<32x3x7x7xf32> -> tensor<?x32x28x28xf32>
  %w = graph.constant dense_resource<depthwise> : tensor<32x1x3x3xf32>
  %slope = graph.constant dense_resource<slope> : tensor<32x1x1xf32>
  %d = graph.conv %x, %w {group = 32 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, auto_pad = "SAME_UPPER"} : tensor<?x32x28x28xf32>, tensor<32x1x3x3xf32> -> tensor<?x32x28x28xf32>
  %p = graph.prelu %d, %slope : tensor<?x32x28x28xf32>, tensor<32x1x1xf32> -> tensor<?x32x28x28xf32>
  %g = graph.global_pool %p "max" : tensor<?x32x28x28xf32> -> tensor<?x32x1x1xf32>
  %s = graph.sigmoid %g : tensor<?x32x1x1xf32> -> tensor<?x32x1x1xf32>
  %m = graph.mul %p, %s : tensor<?x32x28x28xf32>, tensor<?x32x1x1xf32> -> tensor<?x32x28x28xf32>
  %scales = graph.constant dense<[1.0, 1.0, 2.0, 2.0]> : tensor<4xf32>
  %z = graph.resize %m scales %scales {mode = "nearest", coordinates = "asymmetric", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<?x32x28x28xf32>, tensor<4xf32>) -> tensor<?x32x56x56xf32>
  %mean = graph.global_pool %z "average" : tensor<?x32x56x56xf32> -> tensor<?x32x1x1xf32>
  return %mean : tensor<?x32x1x1xf32>
}

// An image that had its channels last is a block as it was.
// CHECK-LABEL: func.func @channels_last
// CHECK: %[[B:.*]] = graph.unsqueeze %{{.*}} : (tensor<1x224x224x3xf16>, tensor<1xi64>) -> tensor<1x1x224x224x3xf16>
// CHECK: %[[X:.*]] = graph.cast %[[B]] : tensor<1x1x224x224x3xf16> -> tensor<1x1x224x224x3xf32>
// CHECK: graph.blocked_conv %[[X]], {{.*}}pads = array<i64: 1, 0, 1, 1>{{.*}} -> tensor<1x4x112x112x16xf32>
func.func @channels_last(%x: tensor<1x224x224x3xf16>) -> tensor<1x64x1x1xf16> {
  %w = graph.constant dense<0.5> : tensor<64x3x3x3xf16>
  %t = graph.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : tensor<1x224x224x3xf16> -> tensor<1x3x224x224xf16>
  %y = graph.conv %t, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 0, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x3x224x224xf16>, tensor<64x3x3x3xf16> -> tensor<1x64x112x112xf16>
  %p = graph.global_pool %y "max" : tensor<1x64x112x112xf16> -> tensor<1x64x1x1xf16>
  return %p : tensor<1x64x1x1xf16>
}

// Where the padding depends on an extent of the run, the ops decide; with a stride of 1 it does not.
// CHECK-LABEL: func.func @same
// CHECK: %[[B:.*]] = graph.block_channels %{{.*}} {length = 3 : i64} {{.*}} -> tensor<1x1x?x?x3xf32>
// CHECK: %[[S:.*]] = graph.blocked_conv %[[B]], %{{.*}} {auto_pad = "SAME_UPPER", {{.*}}pads = array<i64: 0, 0, 0, 0>{{.*}} -> tensor<1x2x?x?x16xf32>
// CHECK: %[[D:.*]] = graph.blocked_depthwise_conv %[[S]], %{{.*}} {auto_pad = "SAME_LOWER", {{.*}}pads = array<i64: 0, 0, 0, 0>{{.*}} -> tensor<1x2x?x?x16xf32>
// CHECK: graph.blocked_conv %[[D]], %{{.*}} {dilations = array<i64: 1, 2>, pads = array<i64: 1, 2, 0, 2>{{.*}} -> tensor<1x2x?x?x16xf32>
func.func @same(%image: tensor<1x3x?x?xf32>) -> tensor<1x32x?x?xf32> {
  %stem = graph.constant dense_resource<stem> : tensor<32x3x3x3xf32>
  %x = graph.conv %image, %stem {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, auto_pad = "SAME_UPPER"} : tensor<1x3x?x?xf32>, tensor<32x3x3x3xf32> -> tensor<1x32x?x?xf32>
  %w = graph.constant dense_resource<depthwise> : tensor<32x1x3x3xf32>
  %d = graph.conv %x, %w {group = 32 : i64, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, auto_pad = "SAME_LOWER"} : tensor<1x32x?x?xf32>, tensor<32x1x3x3xf32> -> tensor<1x32x?x?xf32>
  %v = graph.constant dense_resource<even> : tensor<32x32x2x3xf32>
  %y = graph.conv %d, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 2>, auto_pad = "SAME_LOWER"} : tensor<1x32x?x?xf32>, tensor<32x32x2x3xf32> -> tensor<1x32x?x?xf32>
  return %y : tensor<1x32x?x?xf32>
}

// Images of f16 are f32 in blocks, rounded behind a convolution, and as they were at the borders.
// CHECK-LABEL: func.func @half
// CHECK-DAG: %[[W:.*]] = graph.transpose {{.*}} -> tensor<4x4x5x5x16x16xf32>
// CHECK-DAG: %[[B:.*]] = graph.reshape {{.*}} -> tensor<4x16xf32>
// CHECK: %[[I:.*]] = graph.cast %{{.*}} : tensor<1x64x28x28xf16> -> tensor<1x64x28x28xf32>
// CHECK: %[[X:.*]] = graph.block_channels %[[I]] {length = 16 : i64}
// CHECK: %[[C:.*]] = graph.blocked_conv %[[X]], %[[W]], %[[B]] {{.*}} -> tensor<1x4x24x24x16xf32>
// CHECK: %[[H:.*]] = graph.cast %[[C]] : {{.*}} -> tensor<1x4x24x24x16xf16>
// CHECK: %[[F:.*]] = graph.cast %[[H]] : {{.*}} -> tensor<1x4x24x24x16xf32>
// CHECK: %[[R:.*]] = graph.relu %[[F]] : tensor<1x4x24x24x16xf32>
// CHECK: %[[Y:.*]] = graph.cast %[[R]] : {{.*}} -> tensor<1x4x24x24x16xf16>
// CHECK: graph.unblock_channels %[[Y]] {channels = 64 : i64} : {{.*}} -> tensor<1x64x24x24xf16>
func.func @half(%x: tensor<1x64x28x28xf16>) -> tensor<1x64x24x24xf16> {
  %w = graph.constant dense_resource<half> : tensor<64x64x5x5xf16>
  %b = graph.constant dense_resource<bias> : tensor<64xf16>
  %y = graph.conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x64x28x28xf16>, tensor<64x64x5x5xf16>, tensor<64xf16> -> tensor<1x64x24x24xf16>
  %r = graph.relu %y : tensor<1x64x24x24xf16> -> tensor<1x64x24x24xf16>
  return %r : tensor<1x64x24x24xf16>
}

// Not worth two relayouts; channels that fill no blocks; grouped; weights that are computed.
// CHECK-LABEL: func.func @plain
// CHECK-NOT: blocked
// CHECK-NOT: block_channels
func.func @plain(%x: tensor<1x16x56x56xf32>, %y: tensor<1x20x56x56xf32>, %z: tensor<1x64x56x56xf32>, %w: tensor<64x64x3x3xf32>) -> (tensor<1x16x56x56xf32>, tensor<1x32x56x56xf32>, tensor<1x64x56x56xf32>, tensor<1x64x54x54xf32>) {
  %v = graph.constant dense<0.5> : tensor<16x16x1x1xf32>
  %a = graph.conv %x, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x16x56x56xf32>, tensor<16x16x1x1xf32> -> tensor<1x16x56x56xf32>
  %u = graph.constant dense<0.5> : tensor<32x20x1x1xf32>
  %b = graph.conv %y, %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x20x56x56xf32>, tensor<32x20x1x1xf32> -> tensor<1x32x56x56xf32>
  %t = graph.constant dense<0.5> : tensor<64x32x1x1xf32>
  %c = graph.conv %z, %t {group = 2 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xf32>, tensor<64x32x1x1xf32> -> tensor<1x64x56x56xf32>
  %d = graph.conv %z, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32> -> tensor<1x64x54x54xf32>
  return %a, %b, %c, %d : tensor<1x16x56x56xf32>, tensor<1x32x56x56xf32>, tensor<1x64x56x56xf32>, tensor<1x64x54x54xf32>
}
}

// -----

// With an instruction for four bytes, signed weights lie in groups of four channels, and what the zero point of x adds is
// in the bias. Images fill blocks in part; few channels are a short block.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512, byte_dot = true>} {
// CHECK-LABEL: func.func @bytes
// CHECK-DAG: %[[C:.*]] = graph.constant dense<-3> : tensor<1xi32>
// CHECK-DAG: %[[W:.*]] = graph.cast %{{.*}} : tensor<24x3x3x3xi8> -> tensor<24x3x3x3xi32>
// CHECK: %[[S:.*]] = graph.reduce_sum %[[W]] {axes = array<i64: 1, 2, 3>, keep_dimensions = false}
// CHECK: %[[B:.*]] = graph.mul %[[S]], %[[C]] : tensor<24xi32>
// CHECK: %[[X:.*]] = graph.block_channels %{{.*}} {length = 4 : i64} : tensor<1x4x56x56xui8> -> tensor<1x1x56x56x4xui8>
// CHECK: graph.blocked_conv %[[X]], %{{.*}} {{{.*}}x_padding = 3 : i64} : tensor<1x1x56x56x4xui8>, tensor<2x1x3x3x1x16x4xi8>, tensor<2x16xi32> -> tensor<1x2x56x56x16xi32>
// CHECK: %[[Q:.*]] = graph.quantize {{.*}} -> tensor<1x2x56x56x16xi8>
// The kernel's three columns are four; signed bytes count from -128.
// CHECK: graph.blocked_depthwise_conv %[[Q]], {{.*}}pads = array<i64: 1, 1, 1, 2>{{.*}}x_offset = -128 : i64{{.*}} tensor<2x3x1x16x4xi8>, tensor<2x16xi32> -> tensor<1x2x56x56x16xi32>
// A zero point of the weight wants 16 bits.
// CHECK: graph.blocked_conv {{.*}} tensor<1x2x1x1x8x16x2xi16> -> tensor<1x1x56x56x16xi32>
// CHECK: graph.unblock_channels
func.func @bytes(%x: tensor<1x3x56x56xui8>) -> tensor<1x16x56x56xi32> {
  %w0 = graph.constant dense_resource<first> : tensor<24x3x3x3xi8>
  %w1 = graph.constant dense_resource<second> : tensor<24x1x3x3xi8>
  %w2 = graph.constant dense_resource<third> : tensor<16x24x1x1xui8>
  %s = graph.constant dense<0.25> : tensor<f32>
  %a = graph.conv %x, %w0 {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, x_zero_point = 3 : i64} : tensor<1x3x56x56xui8>, tensor<24x3x3x3xi8> -> tensor<1x24x56x56xi32>
  %f = graph.cast %a : tensor<1x24x56x56xi32> -> tensor<1x24x56x56xf32>
  %q = graph.quantize %f, %s {axis = 0 : i64, precision = f32} : tensor<1x24x56x56xf32>, tensor<f32> -> tensor<1x24x56x56xi8>
  %d = graph.conv %q, %w1 {group = 24 : i64, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x24x56x56xi8>, tensor<24x1x3x3xi8> -> tensor<1x24x56x56xi32>
  %g = graph.cast %d : tensor<1x24x56x56xi32> -> tensor<1x24x56x56xf32>
  %r = graph.quantize %g, %s {axis = 0 : i64, precision = f32} : tensor<1x24x56x56xf32>, tensor<f32> -> tensor<1x24x56x56xui8>
  %y = graph.conv %r, %w2 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, weight_zero_point = 7 : i64} : tensor<1x24x56x56xui8>, tensor<16x24x1x1xui8> -> tensor<1x16x56x56xi32>
  return %y : tensor<1x16x56x56xi32>
}
}

// -----

// On other x86 processors, pairs of 16-bit values; elsewhere nothing.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256>} {
// CHECK-LABEL: func.func @pairs
// CHECK: graph.blocked_conv {{.*}} : tensor<1x32x56x56x8xui8>, tensor<32x32x1x1x4x8x2xi16> -> tensor<1x32x56x56x8xi32>
func.func @pairs(%x: tensor<1x256x56x56xui8>) -> tensor<1x256x56x56xi32> {
  %w = graph.constant dense_resource<weight> : tensor<256x256x1x1xi8>
  %y = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x256x56x56xui8>, tensor<256x256x1x1xi8> -> tensor<1x256x56x56xi32>
  return %y : tensor<1x256x56x56xi32>
}
}

// -----

// Columns of zeros behind a kernel of bytes want known padding.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512, byte_dot = true>} {
// CHECK-LABEL: func.func @same_bytes
// CHECK: graph.blocked_conv {{.*}}auto_pad = "SAME_UPPER"
// CHECK: graph.conv
func.func @same_bytes(%x: tensor<1x64x?x?xui8>) -> tensor<1x64x?x?xi32> {
  %w = graph.constant dense_resource<same> : tensor<64x64x3x3xi8>
  %v = graph.constant dense_resource<alone> : tensor<64x1x3x3xi8>
  %s = graph.constant dense<0.25> : tensor<f32>
  %a = graph.conv %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, auto_pad = "SAME_UPPER"} : tensor<1x64x?x?xui8>, tensor<64x64x3x3xi8> -> tensor<1x64x?x?xi32>
  %f = graph.cast %a : tensor<1x64x?x?xi32> -> tensor<1x64x?x?xf32>
  %q = graph.quantize %f, %s {axis = 0 : i64, precision = f32} : tensor<1x64x?x?xf32>, tensor<f32> -> tensor<1x64x?x?xui8>
  %y = graph.conv %q, %v {group = 64 : i64, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, auto_pad = "SAME_UPPER"} : tensor<1x64x?x?xui8>, tensor<64x1x3x3xi8> -> tensor<1x64x?x?xi32>
  return %y : tensor<1x64x?x?xi32>
}
}

// -----

module attributes {exec.target = #exec.cpu_target<triple = "aarch64-unknown-linux-gnu", cpu = "generic", features = "", vector_bits = 128>} {
// CHECK-LABEL: func.func @none
// CHECK-NOT: blocked
func.func @none(%x: tensor<1x256x56x56xui8>) -> tensor<1x256x56x56xi32> {
  %w = graph.constant dense_resource<weight> : tensor<256x256x1x1xi8>
  %y = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x256x56x56xui8>, tensor<256x256x1x1xi8> -> tensor<1x256x56x56xi32>
  return %y : tensor<1x256x56x56xi32>
}
}

// -----

// A convolution that would go to the Winograd domain is direct where that is not exact enough.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "", vector_bits = 512>, graph.precision = "f32-strict"} {
// CHECK-LABEL: func.func @strict
// CHECK-NOT: winograd
// CHECK: graph.blocked_conv {{.*}} : tensor<1x4x56x56x16xf32>, tensor<4x4x3x3x16x16xf32> -> tensor<1x4x56x56x16xf32>
func.func @strict(%x: tensor<1x64x56x56xf32>) -> tensor<1x64x56x56xf32> {
  %w = graph.constant dense_resource<strict> : tensor<64x64x3x3xf32>
  %y = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32> -> tensor<1x64x56x56xf32>
  return %y : tensor<1x64x56x56xf32>
}
}

// -----

// Where the processor gains by products of pairs of bf16, a direct convolution reads them as they are, with pairs of
// channels side by side in the weight. One in the Winograd domain reads f32 that is rounded.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "znver4", features = "", vector_bits = 512>} {
// CHECK-LABEL: func.func @bfloats
// CHECK: %[[A:.*]] = graph.blocked_conv {{.*}} : tensor<1x4x56x56x16xbf16>, tensor<4x4x1x1x8x16x2xbf16> -> tensor<1x4x56x56x16xf32>
// CHECK: %[[N:.*]] = graph.cast %[[A]] : tensor<1x4x56x56x16xf32> -> tensor<1x4x56x56x16xbf16>
// CHECK: %[[W:.*]] = graph.cast %[[N]] : tensor<1x4x56x56x16xbf16> -> tensor<1x4x56x56x16xf32>
// CHECK: %[[B:.*]] = graph.blocked_conv %[[N]], {{.*}} : tensor<1x4x56x56x16xbf16>, tensor<4x4x1x1x8x16x2xbf16> -> tensor<1x4x56x56x16xf32>
// CHECK: %[[C:.*]] = graph.blocked_conv %[[W]], {{.*}}winograd = 4 : i64} : tensor<1x4x56x56x16xf32>
// CHECK: graph.add %[[B]], %[[C]]
func.func @bfloats(%x: tensor<1x64x56x56xbf16>) -> tensor<1x64x56x56xf32> {
  %w = graph.constant dense_resource<pointwise> : tensor<64x64x1x1xf32>
  %v = graph.constant dense_resource<square> : tensor<64x64x3x3xf32>
  %m = graph.cast %w : tensor<64x64x1x1xf32> -> tensor<64x64x1x1xbf16>
  %n = graph.cast %v : tensor<64x64x3x3xf32> -> tensor<64x64x3x3xbf16>
  %a = graph.conv %x, %m {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xbf16>, tensor<64x64x1x1xbf16> -> tensor<1x64x56x56xf32>
  %h = graph.cast %a : tensor<1x64x56x56xf32> -> tensor<1x64x56x56xbf16>
  %b = graph.conv %h, %m {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xbf16>, tensor<64x64x1x1xbf16> -> tensor<1x64x56x56xf32>
  %c = graph.conv %h, %n {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xbf16>, tensor<64x64x3x3xbf16> -> tensor<1x64x56x56xf32>
  %y = graph.add %b, %c : tensor<1x64x56x56xf32>, tensor<1x64x56x56xf32> -> tensor<1x64x56x56xf32>
  return %y : tensor<1x64x56x56xf32>
}
}

// -----

// Levels of one artifact have the blocks of the widest vectors.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256>, graph.precision = "f32-strict", graph.channel_block = 16 : i64} {
// CHECK-LABEL: func.func @levels
// CHECK: graph.blocked_conv {{.*}} : tensor<1x4x56x56x16xf32>, tensor<4x4x3x3x16x16xf32> -> tensor<1x4x56x56x16xf32>
func.func @levels(%x: tensor<1x64x56x56xf32>) -> tensor<1x64x56x56xf32> {
  %w = graph.constant dense_resource<levels> : tensor<64x64x3x3xf32>
  %y = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32> -> tensor<1x64x56x56xf32>
  return %y : tensor<1x64x56x56xf32>
}
}

// -----

module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "znver4", features = "", vector_bits = 512>} {

// A processor that splits its widest vectors fills halves of them with 24 channels,
// CHECK-LABEL: func.func @halves
// CHECK: graph.blocked_conv {{.*}} -> tensor<1x3x74x32x8xf32>
// CHECK: graph.blocked_conv {{.*}} -> tensor<1x3x74x32x8xf32>
func.func @halves(%x: tensor<1x24x74x32xf32>) -> tensor<1x24x74x32xf32> {
  %w = graph.constant dense<0.5> : tensor<24x24x1x3xf32>
  %c = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 1, 0, 1>, dilations = array<i64: 1, 1>} : tensor<1x24x74x32xf32>, tensor<24x24x1x3xf32> -> tensor<1x24x74x32xf32>
  %d = graph.conv %c, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 1, 0, 1>, dilations = array<i64: 1, 1>} : tensor<1x24x74x32xf32>, tensor<24x24x1x3xf32> -> tensor<1x24x74x32xf32>
  return %d : tensor<1x24x74x32xf32>
}

// and whole ones with bytes, of any number of channels,
// CHECK-LABEL: func.func @bytes_in_wholes
// CHECK: graph.blocked_conv {{.*}} -> tensor<1x7x74x32x16xi32>
func.func @bytes_in_wholes(%x: tensor<1x104x74x32xui8>) -> tensor<1x104x74x32xi32> {
  %w = graph.constant dense<3> : tensor<104x104x1x3xi8>
  %c = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 1, 0, 1>, dilations = array<i64: 1, 1>} : tensor<1x104x74x32xui8>, tensor<104x104x1x3xi8> -> tensor<1x104x74x32xi32>
  return %c : tensor<1x104x74x32xi32>
}

// or with 48 channels, which halves would take longer for.
// CHECK-LABEL: func.func @wholes
// CHECK: graph.blocked_conv {{.*}} -> tensor<1x3x34x16x16xf32>
func.func @wholes(%x: tensor<1x48x36x16xf32>) -> tensor<1x48x34x16xf32> {
  %w = graph.constant dense<0.5> : tensor<48x48x3x1xf32>
  %c = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x48x36x16xf32>, tensor<48x48x3x1xf32> -> tensor<1x48x34x16xf32>
  return %c : tensor<1x48x34x16xf32>
}

// A depthwise convolution with a stride, which reads plain rows with gaps, pays for the relayouts around it.
// CHECK-LABEL: func.func @depthwise_halves
// CHECK: graph.blocked_depthwise_conv {{.*}} -> tensor<1x3x28x28x8xf32>
func.func @depthwise_halves(%x: tensor<1x24x56x56xf32>) -> tensor<1x24x28x28xf32> {
  %w = graph.constant dense<0.5> : tensor<24x1x5x5xf32>
  %c = graph.conv %x, %w {group = 24 : i64, strides = array<i64: 2, 2>, pads = array<i64: 2, 2, 2, 2>, dilations = array<i64: 1, 1>} : tensor<1x24x56x56xf32>, tensor<24x1x5x5xf32> -> tensor<1x24x28x28xf32>
  return %c : tensor<1x24x28x28xf32>
}

// Of dynamic extents, those behind strides are estimated to be shorter, and longer again behind what enlarges: too few
// tiles for the Winograd domain lie in between.
// CHECK-LABEL: func.func @estimate
// CHECK: graph.blocked_conv {{.*}}winograd = 4 : i64}
// CHECK: graph.blocked_conv {{.*}} tensor<4x4x3x3x16x16xf32>
// CHECK: graph.blocked_conv {{.*}}winograd = 4 : i64}
func.func @estimate(%image: tensor<1x?x?x64xf32>) -> tensor<1x64x?x?xf32> {
  %w = graph.constant dense_resource<estimate> : tensor<64x64x3x3xf32>
  %x = graph.transpose %image {permutation = array<i64: 0, 3, 1, 2>} : tensor<1x?x?x64xf32> -> tensor<1x64x?x?xf32>
  %a = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x?x?xf32>, tensor<64x64x3x3xf32> -> tensor<1x64x?x?xf32>
  %p = graph.max_pool %a {kernel = array<i64: 64, 64>, strides = array<i64: 64, 64>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x64x?x?xf32> -> tensor<1x64x?x?xf32>
  %b = graph.conv %p, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x?x?xf32>, tensor<64x64x3x3xf32> -> tensor<1x64x?x?xf32>
  %scales = graph.constant dense<16.0> : tensor<2xf32>
  %z = graph.resize %b scales %scales {axes = array<i64: -2, -1>, mode = "nearest", coordinates = "asymmetric", nearest_mode = "floor", aspect_policy = "stretch", cubic_coefficient = -0.75 : f32, extrapolation_value = 0.0 : f32, exclude_outside = false, antialias = false} : (tensor<1x64x?x?xf32>, tensor<2xf32>) -> tensor<1x64x?x?xf32>
  %y = graph.conv %z, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x?x?xf32>, tensor<64x64x3x3xf32> -> tensor<1x64x?x?xf32>
  return %y : tensor<1x64x?x?xf32>
}
}
