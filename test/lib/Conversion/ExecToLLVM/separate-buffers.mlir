// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --tegula-tiled \
// RUN:   --tegula-llvm | FileCheck %s

// Buffer 0 is read, buffer 1 written; the extent comes from `dims`. Each has its scope and excludes the two others.
// CHECK-DAG: #[[DOMAIN:.*]] = #llvm.alias_scope_domain<id = distinct[0]<>, description = "map_
// CHECK-DAG: #[[D:.*]] = #llvm.alias_scope<id = distinct[1]<>, domain = #[[DOMAIN]]>
// CHECK-DAG: #[[X:.*]] = #llvm.alias_scope<id = distinct[2]<>, domain = #[[DOMAIN]]>
// CHECK-DAG: #[[Y:.*]] = #llvm.alias_scope<id = distinct[3]<>, domain = #[[DOMAIN]]>
// CHECK: llvm.func @map_
// CHECK: llvm.load %arg3 {alias_scopes = [#[[D]]], noalias_scopes = [#[[X]], #[[Y]]]} : !llvm.ptr -> i64
// CHECK: llvm.load %{{.*}} {alias_scopes = [#[[X]]], noalias_scopes = [#[[D]], #[[Y]]]} : !llvm.ptr -> f32
// CHECK: llvm.store %{{.*}} {alias_scopes = [#[[Y]]], noalias_scopes = [#[[D]], #[[X]]]} : f32, !llvm.ptr
func.func @main(%x: tensor<?xf32> {graph.name = "x", graph.dims = ["n"]}) -> (tensor<?xf32> {graph.name = "y", graph.dims = ["n"]}) {
  %r = graph.relu %x : tensor<?xf32> -> tensor<?xf32>
  return %r : tensor<?xf32>
}
