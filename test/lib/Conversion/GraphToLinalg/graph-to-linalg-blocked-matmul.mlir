// RUN: tegula-opt %s --graph-to-linalg --canonicalize --cse | FileCheck %s

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2) -> (d1 floordiv 16, d2, d1 mod 16)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>

// The loops are those of the plain product.
// CHECK-LABEL: func.func @product
// CHECK: linalg.generic {indexing_maps = [#[[X]], #[[W]], #[[Y]]], iterator_types = ["parallel", "parallel", "reduction"]}
// CHECK-SAME: tensor<?x40xf32>, tensor<3x40x16xf16>
// CHECK: arith.extf %{{.*}} : f16 to f32
func.func @product(%x: tensor<?x40xf32>, %w: tensor<3x40x16xf16>) -> tensor<?x37xf32> {
  %y = graph.blocked_matmul %x, %w {columns = 37 : i64} : tensor<?x40xf32>, tensor<3x40x16xf16> -> tensor<?x37xf32>
  return %y : tensor<?x37xf32>
}

// Columns that are not there are zeros, whatever lies in the last one.
// CHECK-LABEL: func.func @blocks
// CHECK: %[[READ:.*]] = tensor.extract %{{.*}} : tensor<40x37xf32>
// CHECK: %[[IN:.*]] = arith.cmpi sle
// CHECK: arith.select %[[IN]], %[[READ]], %{{.*}} : f32
func.func @blocks(%x: tensor<40x37xf32>) -> tensor<3x40x16xf32> {
  %y = graph.block_columns %x {length = 16 : i64} : tensor<40x37xf32> -> tensor<3x40x16xf32>
  return %y : tensor<3x40x16xf32>
}
