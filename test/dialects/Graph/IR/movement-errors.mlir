// RUN: tegula-opt %s --graph-infer-shapes --split-input-file --verify-diagnostics

func.func @reshape(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  %s = graph.constant dense<[4, 2]> : tensor<2xi64>
  // expected-error @below {{expected a shape of 6 elements, but got one of 8}}
  %r = graph.reshape %x, %s : tensor<2x3xf32>, tensor<2xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @reshape_rest(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  %s = graph.constant dense<[4, -1]> : tensor<2xi64>
  // expected-error @below {{expected a shape of 6 elements, but got one that 4 divides}}
  %r = graph.reshape %x, %s : tensor<2x3xf32>, tensor<2xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @squeeze(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  %axes = graph.constant dense<1> : tensor<1xi64>
  // expected-error @below {{expected extent 1 in dimension 1, but got 3}}
  %r = graph.squeeze %x axes %axes : (tensor<2x3xf32>, tensor<1xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @unsqueeze(%x: tensor<2xf32>) -> tensor<*xf32> {
  %axes = graph.constant dense<[0, -3]> : tensor<2xi64>
  // expected-error @below {{expected distinct axes in -3..2}}
  %r = graph.unsqueeze %x axes %axes : (tensor<2xf32>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @concat(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) -> tensor<*xf32> {
  // expected-error @below {{expected extent 3 in dimension 1, but got 'tensor<2x4xf32>'}}
  %r = graph.concat %x, %y {axis = 0} : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @split(%x: tensor<6xf32>) -> (tensor<*xf32>, tensor<*xf32>) {
  %sizes = graph.constant dense<[2, 3]> : tensor<2xi64>
  // expected-error @below {{expected sizes that add up to 6, but got 5}}
  %r:2 = graph.split %x sizes %sizes {axis = 0} : (tensor<6xf32>, tensor<2xi64>) -> (tensor<*xf32>, tensor<*xf32>)
  return %r#0, %r#1 : tensor<*xf32>, tensor<*xf32>
}

// -----

func.func @slice(%x: tensor<6xf32>) -> tensor<*xf32> {
  %zero = graph.constant dense<0> : tensor<1xi64>
  // expected-error @below {{expected steps other than 0}}
  %r = graph.slice %x from %zero to %zero axes %zero steps %zero : (tensor<6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @pad(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  %pads = graph.constant dense<[0, 1]> : tensor<2xi64>
  // expected-error @below {{expected 4 pads, but got 2}}
  %r = graph.pad %x by %pads {mode = "constant"} : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @pad_mode(%x: tensor<2xf32>, %pads: tensor<2xi64>) -> tensor<*xf32> {
  // expected-error @below {{one of constant, reflect, edge, wrap}}
  %r = graph.pad %x by %pads {mode = "mirror"} : (tensor<2xf32>, tensor<2xi64>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @gather(%x: tensor<2x3xf32>, %i: tensor<4xi64>) -> tensor<*xf32> {
  // expected-error @below {{expected an axis in -2..1, but got 2}}
  %r = graph.gather %x, %i {axis = 2} : tensor<2x3xf32>, tensor<4xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @scatter(%x: tensor<4x5xf32>, %i: tensor<3x2xi64>, %u: tensor<3x5xf32>) -> tensor<*xf32> {
  // expected-error @below {{expected updates of shape 'tensor<3xf32>', but got 'tensor<3x5xf32>'}}
  %r = graph.scatter_nd %x, %i, %u {reduction = "none"} : (tensor<4x5xf32>, tensor<3x2xi64>, tensor<3x5xf32>) -> tensor<*xf32>
  return %r : tensor<*xf32>
}

// -----

func.func @top_k(%x: tensor<4xf32>) -> tensor<*xf32> {
  %k = graph.constant dense<5> : tensor<1xi64>
  // expected-error @below {{expected k from 0 to the axis' extent, but got 5}}
  %v, %i = graph.top_k %x, %k {axis = 0, largest = true} : (tensor<4xf32>, tensor<1xi64>) -> (tensor<*xf32>, tensor<*xi64>)
  return %v : tensor<*xf32>
}

// -----

func.func @range() -> tensor<*xi64> {
  %zero = graph.constant dense<0> : tensor<i64>
  // expected-error @below {{expected a delta other than 0}}
  %r = graph.range %zero, %zero, %zero : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<*xi64>
  return %r : tensor<*xi64>
}

// -----

func.func @fill() -> tensor<*xf32> {
  %shape = graph.constant dense<[2, -3]> : tensor<2xi64>
  // expected-error @below {{expected extents of 0 or more, but got -3}}
  %r = graph.constant_of_shape %shape, dense<0.0> : tensor<1xf32> : tensor<2xi64> -> tensor<*xf32>
  return %r : tensor<*xf32>
}
