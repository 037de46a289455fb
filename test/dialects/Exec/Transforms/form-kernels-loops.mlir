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
