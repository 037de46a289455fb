// RUN: tegula-opt %s --graph-to-linalg --canonicalize | FileCheck %s

// Copied extents pair the dimensions: a view, and no run-time check.
// CHECK-LABEL: func.func @split_heads
// CHECK-NOT: exec.check
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0], [1], [2, 3]]
// CHECK-NOT: exec.check
func.func @split_heads(%x: tensor<?x?x768xf32>) -> tensor<?x?x12x64xf32> {
  %shape = graph.constant dense<[0, 0, 12, 64]> : tensor<4xi64>
  %r = graph.reshape %x, %shape : tensor<?x?x768xf32>, tensor<4xi64> -> tensor<?x?x12x64xf32>
  return %r : tensor<?x?x12x64xf32>
}

// CHECK-LABEL: func.func @join_rest
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]]
func.func @join_rest(%x: tensor<?x?x768xf32>) -> tensor<?x768xf32> {
  %shape = graph.constant dense<[-1, 768]> : tensor<2xi64>
  %r = graph.reshape %x, %shape : tensor<?x?x768xf32>, tensor<2xi64> -> tensor<?x768xf32>
  return %r : tensor<?x768xf32>
}

// A shape from outside is checked against the element count.
// CHECK-LABEL: func.func @reshape_dynamic
// CHECK: exec.check %{{.*}}, 5
// CHECK: linalg.generic
func.func @reshape_dynamic(%x: tensor<?x6xf32>, %shape: tensor<2xi64>) -> tensor<?x?xf32> {
  %r = graph.reshape %x, %shape : tensor<?x6xf32>, tensor<2xi64> -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// Beside an extent of 0 the others need not fit, so this is no expansion of 10 into 7 times something.
// CHECK-LABEL: func.func @reshape_of_nothing
// CHECK-NOT: tensor.expand_shape
// CHECK: linalg.generic
func.func @reshape_of_nothing(%x: tensor<0x2x5x4xf32>, %shape: tensor<4xi64>) -> tensor<0x7x?x4xf32> {
  %r = graph.reshape %x, %shape : tensor<0x2x5x4xf32>, tensor<4xi64> -> tensor<0x7x?x4xf32>
  return %r : tensor<0x7x?x4xf32>
}

// Positive steps are views; negative ones address their source.
// CHECK-LABEL: func.func @slice
// CHECK: tensor.extract_slice %{{.*}}[1, 0] [2, 5] [2, 1]
func.func @slice(%x: tensor<4x5xf32>) -> tensor<2x5xf32> {
  %from = graph.constant dense<1> : tensor<1xi64>
  %to = graph.constant dense<100> : tensor<1xi64>
  %axes = graph.constant dense<0> : tensor<1xi64>
  %steps = graph.constant dense<2> : tensor<1xi64>
  %r = graph.slice %x from %from to %to axes %axes steps %steps : (tensor<4x5xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x5xf32>
  return %r : tensor<2x5xf32>
}

// CHECK-LABEL: func.func @reverse
// CHECK: linalg.generic
// CHECK: linalg.index
// CHECK: tensor.extract
func.func @reverse(%x: tensor<20xf32>) -> tensor<20xf32> {
  %minus = graph.constant dense<-1> : tensor<1xi64>
  %low = graph.constant dense<-100> : tensor<1xi64>
  %axes = graph.constant dense<0> : tensor<1xi64>
  %r = graph.slice %x from %minus to %low axes %axes steps %minus : (tensor<20xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<20xf32>
  return %r : tensor<20xf32>
}

// Pieces are inserted one after the other.
// CHECK-LABEL: func.func @concat
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 0] [2, %{{.*}}]
// CHECK: tensor.insert_slice
func.func @concat(%x: tensor<2x?xf32>, %y: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %r = graph.concat %x, %y {axis = 1} : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  return %r : tensor<2x?xf32>
}

// Repetition is a broadcast into a dimension of its own.
// CHECK-LABEL: func.func @tile
// CHECK: linalg.generic
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : tensor<2x3x4xf32> into tensor<2x12xf32>
func.func @tile(%x: tensor<2x4xf32>) -> tensor<2x12xf32> {
  %n = graph.constant dense<[1, 3]> : tensor<2xi64>
  %r = graph.tile %x, %n : tensor<2x4xf32>, tensor<2xi64> -> tensor<2x12xf32>
  return %r : tensor<2x12xf32>
}

// Negative pads cut off first.
// CHECK-LABEL: func.func @pad
// CHECK: tensor.extract_slice %{{.*}}[1] [9] [1]
// CHECK: tensor.pad %{{.*}} low[0] high[2]
func.func @pad(%x: tensor<10xf32>) -> tensor<11xf32> {
  %pads = graph.constant dense<[-1, 2]> : tensor<2xi64>
  %r = graph.pad %x by %pads {mode = "constant"} : (tensor<10xf32>, tensor<2xi64>) -> tensor<11xf32>
  return %r : tensor<11xf32>
}

// Shape arithmetic is scalars of the function: no kernel.
// CHECK-LABEL: func.func @host
// CHECK-NOT: linalg
// CHECK-NOT: insert_slice
// CHECK: %[[N:.*]] = tensor.dim
// CHECK: tensor.from_elements
// CHECK-NOT: linalg
func.func @host(%x: tensor<?x3xf32>) -> tensor<2xi64> {
  %zero = graph.constant dense<0> : tensor<1xi64>
  %eight = graph.constant dense<8> : tensor<1xi64>
  %shape = graph.shape %x {start = 0, end = 2} : tensor<?x3xf32> -> tensor<2xi64>
  %n = graph.gather %shape, %zero {axis = 0} : tensor<2xi64>, tensor<1xi64> -> tensor<1xi64>
  %r = graph.concat %n, %eight {axis = 0} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  return %r : tensor<2xi64>
}

// An operand without elements places nothing.
// CHECK-LABEL: func.func @concat_nothing
// CHECK-COUNT-2: tensor.insert_slice
// CHECK-NOT: insert_slice
func.func @concat_nothing(%x: tensor<2x3xf32>, %z: tensor<2x1xf32>, %nothing: tensor<2x0xf32>) -> tensor<2x4xf32> {
  %r = graph.concat %x, %z, %nothing {axis = 1}
      : (tensor<2x3xf32>, tensor<2x1xf32>, tensor<2x0xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// Axes known at run time only: extents are chosen, the elements are copied.
// CHECK-LABEL: func.func @unsqueeze_run_time_axes
// CHECK: exec.check %{{.*}}, 8
// CHECK: tensor.collapse_shape
// CHECK: linalg.generic
// CHECK: tensor.extract
func.func @unsqueeze_run_time_axes(%x: tensor<?x?xf32>, %axes: tensor<1xi64>) -> tensor<?x?x?xf32> {
  %y = graph.unsqueeze %x axes %axes : (tensor<?x?xf32>, tensor<1xi64>) -> tensor<?x?x?xf32>
  return %y : tensor<?x?x?xf32>
}

// CHECK-LABEL: func.func @squeeze_run_time_axes
// CHECK: exec.check %{{.*}}, 8
// CHECK: exec.check %{{.*}}, 5
// CHECK: tensor.extract
func.func @squeeze_run_time_axes(%x: tensor<?x?xf32>, %axes: tensor<1xi64>) -> tensor<?xf32> {
  %y = graph.squeeze %x axes %axes : (tensor<?x?xf32>, tensor<1xi64>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
