// RUN: tegula-opt %s --graph-to-linalg --canonicalize --cse | FileCheck %s

// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[SHARED:.*]] = affine_map<(d0, d1, d2, d3) -> (0, d2, d3)>
// CHECK-DAG: #[[RESULT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-DAG: #[[COLUMNS:.*]] = affine_map<(d0, d1, d2, d3) -> (0, d3, d2)>
// CHECK-DAG: #[[SCORES:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[BIAS:.*]] = affine_map<(d0, d1, d2) -> (0, d2)>

// The steps of one kernel; heads share keys and values.
// CHECK-LABEL: func.func @shared
// CHECK: linalg.generic {indexing_maps = [#[[ROWS]], #[[SHARED]], #[[RESULT]]]
// CHECK-SAME: exec.inner_step = "attention_products"
// CHECK: linalg.generic {indexing_maps = [#[[SCORES]], #[[BIAS]], #[[SCORES]]]
// CHECK-SAME: exec.inner_step = "attention_scores"
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK: exec.inner_step = "attention_maximum"
// CHECK: exec.inner_step = "attention_sum"
// CHECK: exec.inner_step = "attention_weights"
// CHECK: linalg.generic {indexing_maps = [#[[ROWS]], #[[COLUMNS]], #[[RESULT]]]
// CHECK-SAME: exec.last_step = "attention"
func.func @shared(%q: tensor<4x7x16xf32>, %k: tensor<1x9x16xf32>, %v: tensor<1x9x24xf32>, %b: tensor<1x9xf32>) -> tensor<4x7x24xf32> {
  %y = graph.attention %q, %k, %v bias %b {scale = 0.25 : f32} : (tensor<4x7x16xf32>, tensor<1x9x16xf32>, tensor<1x9x24xf32>, tensor<1x9xf32>) -> tensor<4x7x24xf32>
  return %y : tensor<4x7x24xf32>
}

// Where nothing is done to the products, they are the scores.
// CHECK-LABEL: func.func @plain
// CHECK-NOT: attention_scores
// CHECK: exec.last_step = "attention"
func.func @plain(%q: tensor<?x16xf32>, %k: tensor<16x?xf32>, %v: tensor<?x24xf32>) -> tensor<?x24xf32> {
  %y = graph.attention %q, %k, %v {transpose_k = true} : (tensor<?x16xf32>, tensor<16x?xf32>, tensor<?x24xf32>) -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}

// Extents that only a run knows broadcast, too: here those of the queries and the mask.
// CHECK-LABEL: func.func @dynamic
// CHECK: exec.broadcast_view
// CHECK: arith.select {{.*}} : f32
// CHECK: exec.inner_step = "attention_maximum"
func.func @dynamic(%q: tensor<?x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x24xf32>, %m: tensor<?x9xi1>) -> tensor<?x24xf32> {
  %y = graph.attention %q, %k, %v mask %m {fill = -1.0e9 : f32} : (tensor<?x16xf32>, tensor<9x16xf32>, tensor<9x24xf32>, tensor<?x9xi1>) -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
