// RUN: tegula-opt %s --graph-infer-shapes --graph-to-linalg --canonicalize | FileCheck %s

// Tensors go into sequences boxed, with ONNX's element type, and come out with a shape that is checked.
// CHECK-LABEL: func.func @sequence(
// CHECK-SAME: %[[X:.*]]: tensor<?xi8>, %[[P:.*]]: tensor<i64>) -> (tensor<?xi8>, tensor<i64>)
// CHECK-DAG: %[[BX:.*]] = exec.box 9 %[[X]] : tensor<?xi8>
// CHECK: %[[S:.*]] = exec.host_call "sequence_construct"(%{{.*}}, %{{.*}})
// CHECK: %[[BP:.*]] = exec.box 7 %[[P]]
// CHECK: %[[E:.*]] = exec.host_call "sequence_at"(%[[S]], %[[BP]])
// CHECK: %[[Y:.*]] = exec.unbox 9 %[[E]] : tensor<?xi8>
// CHECK: %[[N:.*]] = exec.host_call "sequence_length"(%[[S]])
// CHECK: exec.unbox 7 %[[N]] : tensor<i64>
func.func @sequence(%x: tensor<?xi1>, %p: tensor<i64>) -> (tensor<?xi1>, tensor<i64>) {
  %s = graph.sequence_construct(%x, %x) : (tensor<?xi1>, tensor<?xi1>) -> !graph.sequence<tensor<*xi1>>
  %y = graph.sequence_at %s[%p] : (!graph.sequence<tensor<*xi1>>, tensor<i64>) -> tensor<*xi1>
  %z = graph.not %y : tensor<*xi1> -> tensor<?xi1>
  %w = graph.not %z : tensor<?xi1> -> tensor<?xi1>
  %n = graph.sequence_length %s : (!graph.sequence<tensor<*xi1>>) -> tensor<i64>
  return %w, %n : tensor<?xi1>, tensor<i64>
}

// Absent operands are nothing; attributes are boxed constants.
// CHECK-LABEL: func.func @split
// CHECK: %[[NOTHING:.*]] = exec.nothing
// CHECK: exec.host_call "split_to_sequence"(%{{.*}}, %[[NOTHING]], %{{.*}}, %{{.*}})
// CHECK: exec.host_call "sequence_erase"(%{{.*}}, %{{.*}})
// CHECK: exec.host_call "concat_from_sequence"
// CHECK: exec.unbox 1 %{{.*}} : tensor<?x3xf32>
func.func @split(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %s = graph.split_to_sequence %x {axis = 0, keep_dims = true} : (tensor<?x3xf32>) -> !graph.sequence<tensor<*xf32>>
  %t = graph.sequence_erase %s : (!graph.sequence<tensor<*xf32>>) -> !graph.sequence<tensor<*xf32>>
  %y = graph.concat_from_sequence %t {axis = 0, new_axis = false} : (!graph.sequence<tensor<*xf32>>) -> tensor<*xf32>
  %z = graph.relu %y : tensor<*xf32> -> tensor<?x3xf32>
  return %z : tensor<?x3xf32>
}

// An optional is the handle of what it holds.
// CHECK-LABEL: func.func @optional(
// CHECK-SAME: %[[O:.*]]: !exec.handle) -> (tensor<i8>, tensor<2xf32>)
// CHECK: %[[H:.*]] = exec.has_value %[[O]]
// CHECK: arith.extui %[[H]]
// CHECK: exec.check %{{.*}}, 8
// CHECK: exec.unbox 1 %[[O]] : tensor<2xf32>
func.func @optional(%o: !graph.optional<tensor<2xf32>>) -> (tensor<i1>, tensor<2xf32>) {
  %h = graph.optional_has_element %o : (!graph.optional<tensor<2xf32>>) -> tensor<i1>
  %x = graph.optional_get_element %o : (!graph.optional<tensor<2xf32>>) -> tensor<2xf32>
  return %h, %x : tensor<i1>, tensor<2xf32>
}

// A loop carries handles.
// CHECK-LABEL: func.func @loop
// CHECK: scf.for {{.*}} -> (!exec.handle)
// CHECK: exec.host_call "sequence_insert"
// CHECK: scf.yield %{{.*}} : !exec.handle
func.func @loop(%n: tensor<i64>, %x: tensor<4xf32>) -> !graph.sequence<tensor<4xf32>> {
  %s = graph.sequence_construct(%x) : (tensor<4xf32>) -> !graph.sequence<tensor<4xf32>>
  %r = graph.loop count %n (%s) : (tensor<i64>, !graph.sequence<tensor<4xf32>>) -> !graph.sequence<tensor<*xf32>> {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: !graph.sequence<tensor<*xf32>>):
    %t = graph.sequence_insert %v, %x : (!graph.sequence<tensor<*xf32>>, tensor<4xf32>) -> !graph.sequence<tensor<*xf32>>
    graph.yield %c, %t : tensor<i1>, !graph.sequence<tensor<*xf32>>
  }
  %y = graph.retype %r : (!graph.sequence<tensor<*xf32>>) -> !graph.sequence<tensor<4xf32>>
  return %y : !graph.sequence<tensor<4xf32>>
}

// Strings are numbers: comparison and movement are those of i64; only what looks into them is a host operation.
// CHECK-LABEL: func.func @strings(
// CHECK-SAME: %[[X:.*]]: tensor<?xi64>) -> (tensor<2xi8>, tensor<?xi64>)
// CHECK: exec.host_call "make_strings"
// CHECK: exec.unbox 8 %{{.*}} : tensor<2xi64>
// CHECK: arith.cmpi eq, %{{.*}}, %{{.*}} : i64
// CHECK: exec.box 8 %[[X]] : tensor<?xi64>
// CHECK: exec.host_call "string_concat"
func.func @strings(%x: tensor<?x!graph.string>) -> (tensor<?xi1>, tensor<?x!graph.string>) {
  %w = graph.string_constant ["a", "\C3\A9"] : tensor<2x!graph.string>
  %e = graph.equal %x, %w : tensor<?x!graph.string>, tensor<2x!graph.string> -> tensor<?xi1>
  %y = graph.string_concat %x, %x : (tensor<?x!graph.string>, tensor<?x!graph.string>) -> tensor<?x!graph.string>
  return %e, %y : tensor<?xi1>, tensor<?x!graph.string>
}

// CHECK-LABEL: func.func @maps(
// CHECK-SAME: %{{.*}}: tensor<?x2xf32>, %[[M:.*]]: !exec.handle) -> (!exec.handle, tensor<1x2xf32>)
// CHECK: exec.host_call "zip_map"
// CHECK: exec.host_call "dict_vectorize"(%[[M]], %{{.*}})
// CHECK: exec.unbox 1 %{{.*}} : tensor<1x2xf32>
func.func @maps(%x: tensor<?x2xf32>, %m: !graph.map<i64, f32>) -> (!graph.sequence<!graph.map<i64, f32>>, tensor<1x2xf32>) {
  %l = graph.constant dense<[3, 4]> : tensor<2xi64>
  %z = graph.zip_map %x, %l : (tensor<?x2xf32>, tensor<2xi64>) -> !graph.sequence<!graph.map<i64, f32>>
  %v = graph.dict_vectorize %m, %l : (!graph.map<i64, f32>, tensor<2xi64>) -> tensor<1x2xf32>
  return %z, %v : !graph.sequence<!graph.map<i64, f32>>, tensor<1x2xf32>
}
