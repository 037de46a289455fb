// RUN: tegula-opt %s --graph-to-linalg --verify-diagnostics

// A form that no pattern takes is an error at its node that tells the types.
func.func @main(%x: tensor<?x?xf32>, %pads: tensor<?xi64>) -> tensor<?x?xf32> {
  // expected-error @below {{unsupported form: no lowering of graph.pad takes ('tensor<?x?xf32>', 'tensor<?xi64>') -> ('tensor<?x?xf32>')}}
  %y = graph.pad %x by %pads {mode = "constant"} : (tensor<?x?xf32>, tensor<?xi64>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
