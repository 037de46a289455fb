// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --exec-form-kernels | FileCheck %s

// A loop of the model is the host's control flow, with dispatches inside, after canonicalization has rebuilt it too
// (the second carried value never changes).
// CHECK-LABEL: func.func @main
// CHECK: scf.while
// CHECK: exec.dispatch
// CHECK: scf.yield
// CHECK: return
func.func @main(%n: tensor<i64> {graph.name = "n", graph.dims = []}, %c: tensor<i1> {graph.name = "c", graph.dims = []}, %x: tensor<?xf32> {graph.name = "x", graph.dims = ["k"]}, %u: tensor<?xf32> {graph.name = "u", graph.dims = ["k"]}) -> (tensor<?xf32> {graph.name = "y", graph.dims = [""]}) {
  %r:2 = graph.loop count %n while %c(%x, %u) : (tensor<i64>, tensor<i1>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  ^bb0(%i: tensor<i64>, %d: tensor<i1>, %a: tensor<?xf32>, %b: tensor<?xf32>):
    %s = graph.concat %a, %b {axis = 0 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %next = graph.not %d : tensor<i1> -> tensor<i1>
    graph.yield %next, %s, %b : tensor<i1>, tensor<?xf32>, tensor<?xf32>
  }
  return %r#0 : tensor<?xf32>
}

// -----

// A loop in a kernel keeps a carried value's shape when a round makes a new tensor with that value's extents.
// CHECK-LABEL: func.func @main
// CHECK: %[[ROWS:.*]] = tensor.dim
// CHECK: exec.dispatch
// CHECK: return
func.func @main(%x: tensor<?x4xf32> {graph.name = "x", graph.dims = ["n", ""]}) -> (tensor<?x4xf32> {graph.name = "y", graph.dims = ["n", ""]}) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %count = arith.constant 3 : index
  %y = scf.for %i = %zero to %count step %one iter_args(%a = %x) -> (tensor<?x4xf32>) {
    %rows = tensor.dim %a, %zero : tensor<?x4xf32>
    %empty = tensor.empty(%rows) : tensor<?x4xf32>
    %next = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<?x4xf32>) outs(%empty : tensor<?x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %double = arith.addf %in, %in : f32
      linalg.yield %double : f32
    } -> tensor<?x4xf32>
    scf.yield %next : tensor<?x4xf32>
  } {exec.kernel}
  return %y : tensor<?x4xf32>
}
