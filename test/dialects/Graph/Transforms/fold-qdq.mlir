// RUN: tegula-opt %s --graph-fold-qdq --canonicalize --cse | FileCheck %s
// RUN: tegula-opt %s --tegula-graph --tegula-quant | FileCheck %s --check-prefix=STAGE

// The sum is of integers; a bias whose scale is the product of the scales belongs to it.
// The stages before leave dequantized constants alone.
// STAGE-LABEL: func.func @conv
// STAGE: graph.conv {{.*}} : tensor<1x2x4x4xui8>, tensor<3x2x1x1xi8>, tensor<3xi32> -> tensor<1x3x4x4xi32>
// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:.*]]: tensor<1x2x4x4xui8>
// CHECK-DAG: %[[SCALE:.*]] = graph.constant dense<2.500000e-01> : tensor<f32>
// CHECK-DAG: %[[BIAS:.*]] = graph.constant dense<[10, 20, 30]> : tensor<3xi32>
// CHECK: %[[SUM:.*]] = graph.conv %[[X]], %{{.*}}, %[[BIAS]] {{{.*}}x_zero_point = 128 : i64} : tensor<1x2x4x4xui8>, tensor<3x2x1x1xi8>, tensor<3xi32> -> tensor<1x3x4x4xi32>
// CHECK: %[[REAL:.*]] = graph.cast %[[SUM]] {{.*}} -> tensor<1x3x4x4xf32>
// CHECK: %[[Y:.*]] = graph.mul %[[REAL]], %[[SCALE]]
// CHECK: %[[R:.*]] = graph.relu %[[Y]]
// CHECK: graph.quantize %[[R]]
// CHECK-NOT: graph.dequantize
// CHECK: return
func.func @conv(%xq: tensor<1x2x4x4xui8>) -> tensor<1x3x4x4xui8> {
  %sx = graph.constant dense<0.5> : tensor<f32>
  %zx = graph.constant dense<128> : tensor<ui8>
  %sw = graph.constant dense<0.25> : tensor<f32>
  %zw = graph.constant dense<0> : tensor<i8>
  %sb = graph.constant dense<0.125> : tensor<f32>
  %wq = graph.constant dense<[[[[1]], [[2]]], [[[3]], [[4]]], [[[5]], [[6]]]]> : tensor<3x2x1x1xi8>
  %bq = graph.constant dense<[10, 20, 30]> : tensor<3xi32>
  %x = graph.dequantize %xq, %sx, %zx {axis = 0 : i64} : tensor<1x2x4x4xui8>, tensor<f32>, tensor<ui8> -> tensor<1x2x4x4xf32>
  %w = graph.dequantize %wq, %sw, %zw {axis = 0 : i64} : tensor<3x2x1x1xi8>, tensor<f32>, tensor<i8> -> tensor<3x2x1x1xf32>
  %b = graph.dequantize %bq, %sb {axis = 0 : i64} : tensor<3xi32>, tensor<f32> -> tensor<3xf32>
  %c = graph.conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x4x4xf32>, tensor<3x2x1x1xf32>, tensor<3xf32> -> tensor<1x3x4x4xf32>
  %r = graph.relu %c : tensor<1x3x4x4xf32> -> tensor<1x3x4x4xf32>
  %y = graph.quantize %r, %sx, %zx {axis = 0 : i64, precision = f32} : tensor<1x3x4x4xf32>, tensor<f32>, tensor<ui8> -> tensor<1x3x4x4xui8>
  return %y : tensor<1x3x4x4xui8>
}

// One scale per output channel stands at the result's dimension 1; a bias of another scale is added to the real result.
// CHECK-LABEL: func.func @per_channel
// CHECK-DAG: %[[SCALE:.*]] = graph.constant dense<{{\[\[\[1.250000e-01\]\], \[\[2.500000e-01\]\]\]}}> : tensor<2x1x1xf32>
// CHECK-DAG: %[[BIAS:.*]] = graph.constant dense<{{\[\[\[1.000000e\+00\]\], \[\[2.000000e\+00\]\]\]}}> : tensor<2x1x1xf32>
// CHECK: graph.conv
// CHECK-NOT: zero_point
// CHECK-SAME: tensor<1x1x4x4xi8>, tensor<2x1x3x3xi8> -> tensor<1x2x2x2xi32>
// CHECK: graph.mul %{{.*}}, %[[SCALE]]
// CHECK: graph.add %{{.*}}, %[[BIAS]]
func.func @per_channel(%xq: tensor<1x1x4x4xi8>, %wq: tensor<2x1x3x3xi8>) -> tensor<1x2x2x2xf32> {
  %sx = graph.constant dense<0.5> : tensor<1xf32>
  %sw = graph.constant dense<[0.25, 0.5]> : tensor<2xf32>
  %zw = graph.constant dense<0> : tensor<2xi8>
  %b = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %x = graph.dequantize %xq, %sx {axis = 0 : i64} : tensor<1x1x4x4xi8>, tensor<1xf32> -> tensor<1x1x4x4xf32>
  %w = graph.dequantize %wq, %sw, %zw {axis = 0 : i64} : tensor<2x1x3x3xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<2x1x3x3xf32>
  %c = graph.conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>, tensor<2xf32> -> tensor<1x2x2x2xf32>
  return %c : tensor<1x2x2x2xf32>
}

// Scales may be known at run time only; those of the right operand's rows are not one per column.
// CHECK-LABEL: func.func @matmul
// CHECK: graph.matmul %{{.*}}, %{{.*}} {lhs_zero_point = 3 : i64} : tensor<?x4xui8>, tensor<4x5xi8> -> tensor<?x5xi32>
// CHECK: graph.mul {{.*}} : tensor<?x5xf32>, tensor<5xf32> -> tensor<?x5xf32>
// CHECK: graph.matmul {{.*}} : tensor<?x4xf32>, tensor<4x5xf32> -> tensor<?x5xf32>
func.func @matmul(%xq: tensor<?x4xui8>, %wq: tensor<4x5xi8>, %sx: tensor<f32>, %sw: tensor<5xf32>, %rows: tensor<4xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %zx = graph.constant dense<3> : tensor<ui8>
  %x = graph.dequantize %xq, %sx, %zx {axis = 0 : i64} : tensor<?x4xui8>, tensor<f32>, tensor<ui8> -> tensor<?x4xf32>
  %w = graph.dequantize %wq, %sw {axis = 1 : i64} : tensor<4x5xi8>, tensor<5xf32> -> tensor<4x5xf32>
  %v = graph.dequantize %wq, %rows {axis = 0 : i64} : tensor<4x5xi8>, tensor<4xf32> -> tensor<4x5xf32>
  %y = graph.matmul %x, %w : tensor<?x4xf32>, tensor<4x5xf32> -> tensor<?x5xf32>
  %z = graph.matmul %x, %v : tensor<?x4xf32>, tensor<4x5xf32> -> tensor<?x5xf32>
  return %y, %z : tensor<?x5xf32>, tensor<?x5xf32>
}

// Movement and maxima work on the integers, and equal parameters cancel.
// CHECK-LABEL: func.func @movement
// CHECK-SAME: %[[X:.*]]: tensor<1x2x4x4xi8>
// CHECK: %[[P:.*]] = graph.max_pool %[[X]] {{.*}} : tensor<1x2x4x4xi8> -> tensor<1x2x2x2xi8>
// CHECK: %[[T:.*]] = graph.transpose %[[P]] {{.*}} : tensor<1x2x2x2xi8> -> tensor<1x2x2x2xi8>
// CHECK: %[[C:.*]] = graph.concat %[[T]], %[[T]] {{.*}} -> tensor<1x4x2x2xi8>
// CHECK-NEXT: return %[[C]]
func.func @movement(%xq: tensor<1x2x4x4xi8>) -> tensor<1x4x2x2xi8> {
  %s = graph.constant dense<0.1> : tensor<f32>
  %z = graph.constant dense<-3> : tensor<i8>
  %x = graph.dequantize %xq, %s, %z {axis = 0 : i64} : tensor<1x2x4x4xi8>, tensor<f32>, tensor<i8> -> tensor<1x2x4x4xf32>
  %p = graph.max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  %t = graph.transpose %p {permutation = array<i64: 0, 1, 3, 2>} : tensor<1x2x2x2xf32> -> tensor<1x2x2x2xf32>
  %c = graph.concat %t, %t {axis = 1 : i64} : (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) -> tensor<1x4x2x2xf32>
  %q = graph.quantize %c, %s, %z {axis = 0 : i64, precision = f32} : tensor<1x4x2x2xf32>, tensor<f32>, tensor<i8> -> tensor<1x4x2x2xi8>
  return %q : tensor<1x4x2x2xi8>
}

// Other parameters do not cancel; a negative scale turns the order around.
// CHECK-LABEL: func.func @kept
// CHECK: graph.max_pool {{.*}} -> tensor<1x1x2xf32>
// CHECK: graph.quantize
// CHECK: graph.dequantize
// CHECK: graph.quantize
func.func @kept(%xq: tensor<1x1x4xi8>, %yq: tensor<4xi8>) -> (tensor<1x1x2xi8>, tensor<4xi8>) {
  %s = graph.constant dense<-0.1> : tensor<f32>
  %t = graph.constant dense<0.2> : tensor<f32>
  %u = graph.constant dense<0.3> : tensor<f32>
  %x = graph.dequantize %xq, %s {axis = 0 : i64} : tensor<1x1x4xi8>, tensor<f32> -> tensor<1x1x4xf32>
  %p = graph.max_pool %x {kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x1x4xf32> -> tensor<1x1x2xf32>
  %pq = graph.quantize %p, %t {axis = 0 : i64, precision = f32} : tensor<1x1x2xf32>, tensor<f32> -> tensor<1x1x2xi8>
  %y = graph.dequantize %yq, %t {axis = 0 : i64} : tensor<4xi8>, tensor<f32> -> tensor<4xf32>
  %q = graph.quantize %y, %u {axis = 0 : i64, precision = f32} : tensor<4xf32>, tensor<f32> -> tensor<4xi8>
  return %pq, %q : tensor<1x1x2xi8>, tensor<4xi8>
}

// What quantizes scaled sums divides the scale, a float bias and a bound; the lowest integer takes the place of a Relu.
// CHECK-LABEL: func.func @requantized
// CHECK-DAG: %[[ONE:.*]] = graph.constant dense<1.000000e+00> : tensor<f32>
// CHECK-DAG: %[[SCALE:.*]] = graph.constant dense<5.000000e-01> : tensor<1xf32>
// CHECK-DAG: %[[BIAS:.*]] = graph.constant dense<{{\[\[\[}}4.000000e+00{{\]\], \[\[}}8.000000e+00{{\]\]\]}}> : tensor<2x1x1xf32>
// CHECK-DAG: %[[BOUND:.*]] = graph.constant dense<2.400000e+01> : tensor<f32>
// CHECK: %[[S:.*]] = graph.cast %{{.*}} : tensor<1x2x2x2xi32> -> tensor<1x2x2x2xf32>
// CHECK: %[[R:.*]] = graph.mul %[[S]], %[[SCALE]]
// CHECK: %[[A:.*]] = graph.add %[[R]], %[[BIAS]]
// CHECK: %[[M:.*]] = graph.min %[[A]], %[[BOUND]]
// CHECK: %[[Q:.*]] = graph.quantize %[[M]], %[[ONE]] {{.*}} : tensor<1x2x2x2xf32>, tensor<f32> -> tensor<1x2x2x2xui8>
// CHECK: return %[[Q]]
func.func @requantized(%xq: tensor<1x1x4x4xi8>, %wq: tensor<2x1x3x3xi8>) -> tensor<1x2x2x2xui8> {
  %sx = graph.constant dense<0.5> : tensor<1xf32>
  %sw = graph.constant dense<0.25> : tensor<1xf32>
  %b = graph.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %six = graph.constant dense<6.0> : tensor<f32>
  %sy = graph.constant dense<0.25> : tensor<f32>
  %zy = graph.constant dense<0> : tensor<ui8>
  %x = graph.dequantize %xq, %sx {axis = 0 : i64} : tensor<1x1x4x4xi8>, tensor<1xf32> -> tensor<1x1x4x4xf32>
  %w = graph.dequantize %wq, %sw {axis = 0 : i64} : tensor<2x1x3x3xi8>, tensor<1xf32> -> tensor<2x1x3x3xf32>
  %c = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32> -> tensor<1x2x2x2xf32>
  %a = graph.add %c, %b : tensor<1x2x2x2xf32>, tensor<2x1x1xf32> -> tensor<1x2x2x2xf32>
  %m = graph.min %a, %six : tensor<1x2x2x2xf32>, tensor<f32> -> tensor<1x2x2x2xf32>
  %r = graph.relu %m : tensor<1x2x2x2xf32> -> tensor<1x2x2x2xf32>
  %q = graph.quantize %r, %sy, %zy {axis = 0 : i64, precision = f32} : tensor<1x2x2x2xf32>, tensor<f32>, tensor<ui8> -> tensor<1x2x2x2xui8>
  return %q : tensor<1x2x2x2xui8>
}

// Who else reads the scaled sums wants them as they are; a Relu stays where the zero point is not the lowest integer;
// what is no sum is divided.
// CHECK-LABEL: func.func @not_requantized
// CHECK-DAG: %[[SCALE:.*]] = graph.constant dense<1.250000e-01> : tensor<1xf32>
// CHECK-DAG: %[[SY:.*]] = graph.constant dense<2.500000e-01> : tensor<f32>
// CHECK: %[[C:.*]] = graph.mul %{{.*}}, %[[SCALE]]
// CHECK: %[[R:.*]] = graph.relu %[[C]]
// CHECK: graph.quantize %[[R]], %[[SY]], %{{.*}}
// CHECK: graph.quantize %{{.*}}, %[[SY]], %{{.*}}
func.func @not_requantized(%xq: tensor<1x1x4x4xi8>, %wq: tensor<2x1x3x3xi8>, %f: tensor<4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xui8>, tensor<4xui8>) {
  %sx = graph.constant dense<0.5> : tensor<1xf32>
  %sw = graph.constant dense<0.25> : tensor<1xf32>
  %sy = graph.constant dense<0.25> : tensor<f32>
  %zy = graph.constant dense<7> : tensor<ui8>
  %x = graph.dequantize %xq, %sx {axis = 0 : i64} : tensor<1x1x4x4xi8>, tensor<1xf32> -> tensor<1x1x4x4xf32>
  %w = graph.dequantize %wq, %sw {axis = 0 : i64} : tensor<2x1x3x3xi8>, tensor<1xf32> -> tensor<2x1x3x3xf32>
  %c = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32> -> tensor<1x2x2x2xf32>
  %r = graph.relu %c : tensor<1x2x2x2xf32> -> tensor<1x2x2x2xf32>
  %q = graph.quantize %r, %sy, %zy {axis = 0 : i64, precision = f32} : tensor<1x2x2x2xf32>, tensor<f32>, tensor<ui8> -> tensor<1x2x2x2xui8>
  %g = graph.quantize %f, %sy, %zy {axis = 0 : i64, precision = f32} : tensor<4xf32>, tensor<f32>, tensor<ui8> -> tensor<4xui8>
  return %c, %q, %g : tensor<1x2x2x2xf32>, tensor<1x2x2x2xui8>, tensor<4xui8>
}

// What adds 0 to a dequantized value or multiplies it by 1 is left out, and with it a quantization behind it, even where
// the number is quantized itself.
// CHECK-LABEL: func.func @neutral
// CHECK-SAME: %[[X:.*]]: tensor<?x4xui8>
// CHECK-NEXT: return %[[X]]
func.func @neutral(%xq: tensor<?x4xui8>) -> tensor<?x4xui8> {
  %s = graph.constant dense<0.017> : tensor<f32>
  %z = graph.constant dense<13> : tensor<ui8>
  %c = graph.constant dense<255> : tensor<4xui8>
  %sc = graph.constant dense<0.00392156886> : tensor<f32>
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  %one = graph.dequantize %c, %sc {axis = 0 : i64} : tensor<4xui8>, tensor<f32> -> tensor<4xf32>
  %x = graph.dequantize %xq, %s, %z {axis = 0 : i64} : tensor<?x4xui8>, tensor<f32>, tensor<ui8> -> tensor<?x4xf32>
  %a = graph.add %x, %zero : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %m = graph.mul %one, %a : tensor<4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %y = graph.quantize %m, %s, %z {axis = 0 : i64, precision = f32} : tensor<?x4xf32>, tensor<f32>, tensor<ui8> -> tensor<?x4xui8>
  return %y : tensor<?x4xui8>
}

// Another number, or one that broadcasts, stays; so does a 0 that is added to what may be a negative zero.
// CHECK-LABEL: func.func @not_neutral
// CHECK: graph.mul
// CHECK: graph.add
// CHECK: graph.add
func.func @not_neutral(%xq: tensor<1x4xui8>, %r: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<3x4xf32>, tensor<1x4xf32>) {
  %s = graph.constant dense<0.017> : tensor<f32>
  %two = graph.constant dense<2.0> : tensor<f32>
  %zeros = graph.constant dense<0.0> : tensor<3x4xf32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %x = graph.dequantize %xq, %s {axis = 0 : i64} : tensor<1x4xui8>, tensor<f32> -> tensor<1x4xf32>
  %a = graph.mul %x, %two : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %b = graph.add %x, %zeros : tensor<1x4xf32>, tensor<3x4xf32> -> tensor<3x4xf32>
  %c = graph.add %r, %zero : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  return %a, %b, %c : tensor<1x4xf32>, tensor<3x4xf32>, tensor<1x4xf32>
}

// A factor that the scales take back: each integer comes out as it was. With another scale some do not.
// CHECK-LABEL: func.func @factor
// CHECK-SAME: %[[X:.*]]: tensor<?x4xui8>
// CHECK: %[[Y:.*]] = graph.quantize
// CHECK: return %[[X]], %[[Y]]
func.func @factor(%xq: tensor<?x4xui8>) -> (tensor<?x4xui8>, tensor<?x4xui8>) {
  %s = graph.constant dense<0.00104058185> : tensor<f32>
  %t = graph.constant dense<3.67901259E-4> : tensor<f32>
  %u = graph.constant dense<3.71E-4> : tensor<f32>
  %z = graph.constant dense<95> : tensor<ui8>
  %d = graph.constant dense<2.82842708> : tensor<f32>
  %x = graph.dequantize %xq, %s, %z {axis = 0 : i64} : tensor<?x4xui8>, tensor<f32>, tensor<ui8> -> tensor<?x4xf32>
  %q = graph.div %x, %d : tensor<?x4xf32>, tensor<f32> -> tensor<?x4xf32>
  %y = graph.quantize %q, %t, %z {axis = 0 : i64, precision = f32} : tensor<?x4xf32>, tensor<f32>, tensor<ui8> -> tensor<?x4xui8>
  %w = graph.quantize %q, %u, %z {axis = 0 : i64, precision = f32} : tensor<?x4xf32>, tensor<f32>, tensor<ui8> -> tensor<?x4xui8>
  return %y, %w : tensor<?x4xui8>, tensor<?x4xui8>
}
