// RUN: tegula-opt %s --graph-lower-precision --canonicalize --cse --split-input-file 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.err

module attributes {graph.precision = "bf16"} {

// What lies between two products is stored in bf16, behind what only moves it; the elementwise op beside them reads that,
// softmax reads f32. The result is f32.
// REMARK-DAG: remark: precision bf16: operands in bf16, sums in f32 (51 multiply-adds for each element)
// REMARK-DAG: remark: precision bf16: 2 of 3 convolutions and matrix products; 2 values and 32768 elements of weights are stored in bf16
// CHECK-LABEL: func.func @products
// CHECK-SAME: %[[X:.*]]: tensor<128x256xf32>
// CHECK-DAG: %[[A:.*]] = graph.cast %[[X]] : tensor<128x256xf32> -> tensor<128x256xbf16>
// CHECK-DAG: %[[W:.*]] = graph.cast %{{.*}} : tensor<256x128xf32> -> tensor<256x128xbf16>
// CHECK: %[[P:.*]] = graph.matmul %[[A]], %[[W]] : tensor<128x256xbf16>, tensor<256x128xbf16> -> tensor<128x128xf32>
// CHECK: %[[G:.*]] = graph.gelu %[[P]] : tensor<128x128xf32>
// CHECK: %[[N:.*]] = graph.cast %[[G]] : tensor<128x128xf32> -> tensor<128x128xbf16>
// CHECK: %[[F:.*]] = graph.cast %[[N]] : tensor<128x128xbf16> -> tensor<128x128xf32>
// CHECK: %[[T:.*]] = graph.transpose %[[N]] {{.*}} : tensor<128x128xbf16> -> tensor<128x128xbf16>
// CHECK: %[[Q:.*]] = graph.matmul %[[T]], %[[A]] : tensor<128x128xbf16>, tensor<128x256xbf16> -> tensor<128x256xf32>
// CHECK: %[[E:.*]] = graph.add %[[F]], %[[F]]
// CHECK: %[[S:.*]] = graph.softmax %[[G]]
// One row waits for its matrix, not for arithmetic.
// CHECK: graph.matmul %{{.*}}, %{{.*}} : tensor<1x128xf32>, tensor<128x256xf32> -> tensor<1x256xf32>
// CHECK: return %[[Q]], %[[E]], %[[S]]
func.func @products(%x: tensor<128x256xf32>, %row: tensor<1x128xf32>) -> (tensor<128x256xf32>, tensor<128x128xf32>, tensor<128x128xf32>, tensor<1x256xf32>) {
  %w = graph.constant dense_resource<weight> : tensor<256x128xf32>
  %p = graph.matmul %x, %w : tensor<128x256xf32>, tensor<256x128xf32> -> tensor<128x128xf32>
  %g = graph.gelu %p : tensor<128x128xf32> -> tensor<128x128xf32>
  %t = graph.transpose %g {permutation = array<i64: 1, 0>} : tensor<128x128xf32> -> tensor<128x128xf32>
  %q = graph.matmul %t, %x : tensor<128x128xf32>, tensor<128x256xf32> -> tensor<128x256xf32>
  %e = graph.add %g, %g : tensor<128x128xf32>, tensor<128x128xf32> -> tensor<128x128xf32>
  %s = graph.softmax %g {axes = array<i64: 1>} : tensor<128x128xf32> -> tensor<128x128xf32>
  %r = graph.matmul %row, %q : tensor<1x128xf32>, tensor<128x256xf32> -> tensor<1x256xf32>
  return %q, %e, %s, %r : tensor<128x256xf32>, tensor<128x128xf32>, tensor<128x128xf32>, tensor<1x256xf32>
}

// The bias stays f32, a depthwise convolution and what only the function's result holds, too.
// CHECK-LABEL: func.func @convolutions
// CHECK: graph.conv {{.*}} : tensor<1x64x28x28xbf16>, tensor<64x64x3x3xbf16>, tensor<64xf32> -> tensor<1x64x28x28xf32>
// CHECK: graph.conv {{.*}} : tensor<1x64x28x28xf32>, tensor<64x1x3x3xf32> -> tensor<1x64x28x28xf32>
// CHECK-NOT: graph.cast
// CHECK: return
func.func @convolutions(%x: tensor<1x64x28x28xf32>, %bias: tensor<64xf32>) -> tensor<1x64x28x28xf32> {
  %w = graph.constant dense_resource<kernel> : tensor<64x64x3x3xf32>
  %v = graph.constant dense_resource<depthwise> : tensor<64x1x3x3xf32>
  %y = graph.conv %x, %w, %bias {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x28x28xf32>, tensor<64x64x3x3xf32>, tensor<64xf32> -> tensor<1x64x28x28xf32>
  %z = graph.conv %y, %v {group = 64 : i64, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x64x28x28xf32>, tensor<64x1x3x3xf32> -> tensor<1x64x28x28xf32>
  return %z : tensor<1x64x28x28xf32>
}
}

// -----

// Without the mode nothing changes.
// CHECK-LABEL: func.func @plain
// CHECK-NOT: bf16
func.func @plain(%x: tensor<128x256xf32>, %w: tensor<256x128xf32>) -> tensor<128x128xf32> {
  %p = graph.matmul %x, %w : tensor<128x256xf32>, tensor<256x128xf32> -> tensor<128x128xf32>
  return %p : tensor<128x128xf32>
}
