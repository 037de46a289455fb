// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The six properties of every kernel family, for the kernels of the models below: the default is in the space; the
// space is not empty; every point is legal and compiles; it computes what the Reference schedule computes, within the
// tolerance of the tuner (Measure.h); its text can be read again; its cost on a CPU is known, and always the same.
//
// All points of a space of at most 200, else its corners and 64 more; of TEGULA_LONG_SET=K/8 the cases K, K + 8, ...
// get 250, with `all` every one gets 2,000. TEGULA_TEST_SEED chooses them. Code for a GPU is compiled to PTX, not run.
//
#include "../../tuner/Fixtures.h"

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Driver/CompilerSession.h"
#include "tegula/Pipelines/Stages.h"
#include "tegula/Tuner/Build/KernelProgram.h"
#include "tegula/Tuner/CostModel/CostModel.h"
#include "tegula/Tuner/Measure/Measure.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <cstdlib>
#include <set>

using namespace mlir;
using namespace tegula;
using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

struct Case {
  const char *name;
  /// Without its `cpu_` or `nvptx_`: the family of at least one of the kernels.
  const char *family;
  /// Arguments, results and body of @main in the graph dialect. Dynamic extents are 21.
  const char *arguments, *results, *body;
  /// The family is one of the CPU's alone.
  bool onlyCPU = false;
};

const Case cases[] = {
    {"Gemm", "matmul", "%a: tensor<45x50xf32>, %b: tensor<50x70xf32>, %c: tensor<70xf32>", "tensor<45x70xf32>",
     R"(%m = graph.matmul %a, %b : tensor<45x50xf32>, tensor<50x70xf32> -> tensor<45x70xf32>
        %s = graph.add %m, %c : tensor<45x70xf32>, tensor<70xf32> -> tensor<45x70xf32>
        %y = graph.relu %s : tensor<45x70xf32> -> tensor<45x70xf32>)"},
    {"DynamicRows", "matmul", "%a: tensor<?x50xf32>, %b: tensor<50x70xf32>", "tensor<?x70xf32>",
     R"(%y = graph.matmul %a, %b : tensor<?x50xf32>, tensor<50x70xf32> -> tensor<?x70xf32>)"},
    {"BatchesTransposed", "matmul", "%a: tensor<3x20x33xf32>, %b: tensor<3x40x33xf32>", "tensor<3x20x40xf32>",
     R"(%t = graph.transpose %b {permutation = array<i64: 0, 2, 1>} : tensor<3x40x33xf32> -> tensor<3x33x40xf32>
        %y = graph.matmul %a, %t : tensor<3x20x33xf32>, tensor<3x33x40xf32> -> tensor<3x20x40xf32>)"},
    {"Convolution", "matmul", "%x: tensor<1x8x11x11xf32>, %w: tensor<16x8x3x3xf32>", "tensor<1x16x5x5xf32>",
     R"(%y = graph.conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>}
          : tensor<1x8x11x11xf32>, tensor<16x8x3x3xf32> -> tensor<1x16x5x5xf32>)"},
    {"HalfPrecision", "matmul", "%a: tensor<17x40xf16>, %b: tensor<40x33xf16>", "tensor<17x33xf16>",
     R"(%y = graph.matmul %a, %b : tensor<17x40xf16>, tensor<40x33xf16> -> tensor<17x33xf16>)"},
    {"BFloats", "matmul", "%a: tensor<17x41xbf16>, %b: tensor<41x33xbf16>", "tensor<17x33xf32>",
     R"(%y = graph.matmul %a, %b : tensor<17x41xbf16>, tensor<41x33xbf16> -> tensor<17x33xf32>)"},
    {"Integers", "matmul", "%a: tensor<17x40xi8>, %b: tensor<40x33xi8>", "tensor<17x33xi32>",
     R"(%y = graph.matmul %a, %b : tensor<17x40xi8>, tensor<40x33xi8> -> tensor<17x33xi32>)"},
    {"ColumnsInBlocks", "matmul", "%a: tensor<3x50xf32>, %b: tensor<5x50x16xf32>, %c: tensor<70xf32>",
     "tensor<3x70xf32>",
     R"(%m = graph.blocked_matmul %a, %b {columns = 70 : i64} : tensor<3x50xf32>, tensor<5x50x16xf32> -> tensor<3x70xf32>
        %s = graph.add %m, %c : tensor<3x70xf32>, tensor<70xf32> -> tensor<3x70xf32>
        %y = graph.relu %s : tensor<3x70xf32> -> tensor<3x70xf32>)",
     true},
    {"HalvesInBlocks", "matmul", "%a: tensor<?x41xf16>, %b: tensor<3x41x32xf16>", "tensor<?x96xf16>",
     R"(%y = graph.blocked_matmul %a, %b {columns = 96 : i64} : tensor<?x41xf16>, tensor<3x41x32xf16> -> tensor<?x96xf16>)",
     true},
    {"BytesInBlocks", "matmul", "%a: tensor<4x40xf32>, %b: tensor<3x40x16xi8>", "tensor<4x47xf32>",
     R"(%y = graph.blocked_matmul %a, %b {columns = 47 : i64} : tensor<4x40xf32>, tensor<3x40x16xi8> -> tensor<4x47xf32>)",
     true},
    // Shorter than vectors of AVX-512, and of another type than the left operand.
    {"ShortBlocks", "matmul", "%a: tensor<2x9x40xf32>, %b: tensor<5x40x8xbf16>", "tensor<2x9x37xf32>",
     R"(%y = graph.blocked_matmul %a, %b {columns = 37 : i64} : tensor<2x9x40xf32>, tensor<5x40x8xbf16> -> tensor<2x9x37xf32>)",
     true},
    {"Softmax", "map", "%a: tensor<?x37xf32>", "tensor<?x37xf32>",
     R"(%y = graph.softmax %a {axes = array<i64: 1>} : tensor<?x37xf32> -> tensor<?x37xf32>)"},
    {"Transpose", "map", "%a: tensor<5x19x33xf32>", "tensor<33x19x5xf32>",
     R"(%t = graph.transpose %a {permutation = array<i64: 2, 1, 0>} : tensor<5x19x33xf32> -> tensor<33x19x5xf32>
        %y = graph.exp %t : tensor<33x19x5xf32> -> tensor<33x19x5xf32>)"},
    {"ReduceFirst", "map", "%a: tensor<23x41xf32>", "tensor<41xf32>",
     R"(%y = graph.reduce_mean %a {axes = array<i64: 0>, keep_dimensions = false} : tensor<23x41xf32> -> tensor<41xf32>)"},
    {"ReduceLast", "map", "%a: tensor<23x41xf32>", "tensor<23xf32>",
     R"(%y = graph.reduce_max %a {axes = array<i64: 1>, keep_dimensions = false} : tensor<23x41xf32> -> tensor<23xf32>)"},
    {"MaxPool", "map", "%x: tensor<1x5x13x13xf32>", "tensor<1x5x6x6xf32>",
     R"(%y = graph.max_pool %x {dilations = array<i64: 1, 1>, kernel = array<i64: 3, 3>, pads = array<i64: 0, 0, 0, 0>,
          strides = array<i64: 2, 2>} : tensor<1x5x13x13xf32> -> tensor<1x5x6x6xf32>)"},
    {"Depthwise", "map", "%x: tensor<1x12x9x9xf32>, %w: tensor<12x1x3x3xf32>", "tensor<1x12x7x7xf32>",
     R"(%y = graph.conv %x, %w {dilations = array<i64: 1, 1>, group = 12 : i64, pads = array<i64: 0, 0, 0, 0>,
          strides = array<i64: 1, 1>} : tensor<1x12x9x9xf32>, tensor<12x1x3x3xf32> -> tensor<1x12x7x7xf32>)"},
    {"BlockedConvolution", "convolution",
     "%x: tensor<2x2x9x11x16xf32>, %w: tensor<3x2x3x2x16x16xf32>, %b: tensor<3x16xf32>", "tensor<2x3x5x10x16xf32>",
     R"(%c = graph.blocked_conv %x, %w, %b {dilations = array<i64: 1, 1>, pads = array<i64: 1, 0, 1, 0>, strides = array<i64: 2, 1>}
          : tensor<2x2x9x11x16xf32>, tensor<3x2x3x2x16x16xf32>, tensor<3x16xf32> -> tensor<2x3x5x10x16xf32>
        %y = graph.relu %c : tensor<2x3x5x10x16xf32> -> tensor<2x3x5x10x16xf32>)",
     true},
    {"BlockedDynamic", "convolution", "%x: tensor<?x1x?x?x3xf32>, %w: tensor<2x1x1x1x3x8xf32>", "tensor<?x2x?x?x8xf32>",
     R"(%c = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>}
          : tensor<?x1x?x?x3xf32>, tensor<2x1x1x1x3x8xf32> -> tensor<?x2x?x?x8xf32>
        %y = graph.sigmoid %c : tensor<?x2x?x?x8xf32> -> tensor<?x2x?x?x8xf32>)",
     true},
    {"BlockedPointwise", "convolution", "%x: tensor<1x2x7x7x16xf32>, %w: tensor<5x2x1x1x16x16xf32>",
     "tensor<1x5x7x7x16xf32>",
     R"(%y = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>}
          : tensor<1x2x7x7x16xf32>, tensor<5x2x1x1x16x16xf32> -> tensor<1x5x7x7x16xf32>)",
     true},
    {"BlockedBytes", "convolution", "%x: tensor<2x2x9x11x16xui8>, %w: tensor<3x2x3x2x4x16x4xi8>, %b: tensor<3x16xi32>",
     "tensor<2x3x5x10x16xi8>",
     R"(%c = graph.blocked_conv %x, %w, %b {dilations = array<i64: 1, 1>, pads = array<i64: 1, 0, 1, 0>, strides = array<i64: 2, 1>,
          x_padding = 7 : i64} : tensor<2x2x9x11x16xui8>, tensor<3x2x3x2x4x16x4xi8>, tensor<3x16xi32> -> tensor<2x3x5x10x16xi32>
        %f = graph.cast %c : tensor<2x3x5x10x16xi32> -> tensor<2x3x5x10x16xf32>
        %s = graph.constant dense<1000.0> : tensor<f32>
        %y = graph.quantize %f, %s {axis = 0 : i64, precision = f32} : tensor<2x3x5x10x16xf32>, tensor<f32> -> tensor<2x3x5x10x16xi8>)",
     true},
    {"BlockedSignedBytes", "convolution", "%x: tensor<?x1x?x?x4xi8>, %w: tensor<2x1x1x1x1x8x4xi8>",
     "tensor<?x2x?x?x8xi32>",
     R"(%y = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>,
          x_offset = -128 : i64} : tensor<?x1x?x?x4xi8>, tensor<2x1x1x1x1x8x4xi8> -> tensor<?x2x?x?x8xi32>)",
     true},
    {"BlockedPairs", "convolution", "%x: tensor<1x2x7x7x16xi8>, %w: tensor<5x2x1x1x8x16x2xi16>",
     "tensor<1x5x7x7x16xi32>",
     R"(%y = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>}
          : tensor<1x2x7x7x16xi8>, tensor<5x2x1x1x8x16x2xi16> -> tensor<1x5x7x7x16xi32>)",
     true},
    {"BlockedBFloats", "convolution",
     "%x: tensor<2x2x9x11x16xbf16>, %w: tensor<3x2x3x2x8x16x2xbf16>, %b: tensor<3x16xf32>", "tensor<2x3x5x10x16xbf16>",
     R"(%c = graph.blocked_conv %x, %w, %b {dilations = array<i64: 1, 1>, pads = array<i64: 1, 0, 1, 0>, strides = array<i64: 2, 1>}
          : tensor<2x2x9x11x16xbf16>, tensor<3x2x3x2x8x16x2xbf16>, tensor<3x16xf32> -> tensor<2x3x5x10x16xf32>
        %y = graph.cast %c : tensor<2x3x5x10x16xf32> -> tensor<2x3x5x10x16xbf16>)",
     true},
    {"DepthwiseBytes", "depthwise", "%x: tensor<2x3x9x12x16xui8>, %w: tensor<3x3x1x16x4xi8>, %b: tensor<3x16xi32>",
     "tensor<2x3x5x9x16xi32>",
     R"(%y = graph.blocked_depthwise_conv %x, %w, %b {dilations = array<i64: 1, 1>, pads = array<i64: 1, 0, 1, 0>, strides = array<i64: 2, 1>,
          x_padding = 9 : i64} : tensor<2x3x9x12x16xui8>, tensor<3x3x1x16x4xi8>, tensor<3x16xi32> -> tensor<2x3x5x9x16xi32>)",
     true},
    {"DepthwiseSignedBytes", "depthwise", "%x: tensor<?x1x29x35x8xi8>, %w: tensor<1x9x2x8x4xi8>",
     "tensor<?x1x21x21x8xi32>",
     R"(%y = graph.blocked_depthwise_conv %x, %w {dilations = array<i64: 1, 2>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>,
          x_offset = -128 : i64} : tensor<?x1x29x35x8xi8>, tensor<1x9x2x8x4xi8> -> tensor<?x1x21x21x8xi32>)",
     true},
    {"DepthwisePairs", "depthwise", "%x: tensor<1x2x9x10x16xui8>, %w: tensor<2x3x2x16x2xi16>", "tensor<1x2x4x4x16xi32>",
     R"(%y = graph.blocked_depthwise_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>}
          : tensor<1x2x9x10x16xui8>, tensor<2x3x2x16x2xi16> -> tensor<1x2x4x4x16xi32>)",
     true},
    {"WinogradOfTwo", "winograd", "%x: tensor<1x2x9x8x16xf32>, %w: tensor<4x4x3x2x16x16xf32>", "tensor<1x3x7x6x16xf32>",
     R"(%y = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>,
          winograd = 2 : i64} : tensor<1x2x9x8x16xf32>, tensor<4x4x3x2x16x16xf32> -> tensor<1x3x7x6x16xf32>)",
     true},
    {"WinogradOfFour", "winograd", "%x: tensor<?x1x10x13x8xf32>, %w: tensor<6x6x2x1x8x8xf32>, %b: tensor<2x8xf32>",
     "tensor<?x2x10x13x8xf32>",
     R"(%c = graph.blocked_conv %x, %w, %b {dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>,
          winograd = 4 : i64} : tensor<?x1x10x13x8xf32>, tensor<6x6x2x1x8x8xf32>, tensor<2x8xf32> -> tensor<?x2x10x13x8xf32>
        %y = graph.relu %c : tensor<?x2x10x13x8xf32> -> tensor<?x2x10x13x8xf32>)",
     true},
    {"PaddedPointwise", "convolution", "%x: tensor<2x2x7x5x16xf32>, %w: tensor<5x2x1x1x16x16xf32>",
     "tensor<2x5x9x8x16xf32>",
     R"(%c = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>}
          : tensor<2x2x7x5x16xf32>, tensor<5x2x1x1x16x16xf32> -> tensor<2x5x7x5x16xf32>
        %p = graph.constant dense<[0, 0, 1, 1, 0, 0, 0, 1, 2, 0]> : tensor<10xi64>
        %y = graph.pad %c by %p {mode = "constant"} : (tensor<2x5x7x5x16xf32>, tensor<10xi64>) -> tensor<2x5x9x8x16xf32>)",
     true},
    {"PaddedDynamic", "convolution", "%x: tensor<?x1x?x9x3xf32>, %w: tensor<2x1x1x1x3x8xf32>", "tensor<?x2x?x12x8xf32>",
     R"(%c = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>}
          : tensor<?x1x?x9x3xf32>, tensor<2x1x1x1x3x8xf32> -> tensor<?x2x?x9x8xf32>
        %s = graph.sigmoid %c : tensor<?x2x?x9x8xf32> -> tensor<?x2x?x9x8xf32>
        %p = graph.constant dense<[0, 0, 0, 1, 0, 0, 0, 0, 2, 0]> : tensor<10xi64>
        %y = graph.pad %s by %p {mode = "constant"} : (tensor<?x2x?x9x8xf32>, tensor<10xi64>) -> tensor<?x2x?x12x8xf32>)",
     true},
    {"PaddedWinograd", "winograd", "%x: tensor<1x2x9x8x16xf32>, %w: tensor<4x4x3x2x16x16xf32>",
     "tensor<1x3x9x8x16xf32>",
     R"(%c = graph.blocked_conv %x, %w {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>,
          winograd = 2 : i64} : tensor<1x2x9x8x16xf32>, tensor<4x4x3x2x16x16xf32> -> tensor<1x3x7x6x16xf32>
        %p = graph.constant dense<[0, 0, 1, 1, 0, 0, 0, 1, 1, 0]> : tensor<10xi64>
        %y = graph.pad %c by %p {mode = "constant"} : (tensor<1x3x7x6x16xf32>, tensor<10xi64>) -> tensor<1x3x9x8x16xf32>)",
     true},
    {"Attention", "attention", "%q: tensor<2x9x24xf32>, %k: tensor<2x40x24xf32>, %v: tensor<2x40x35xf32>",
     "tensor<2x9x35xf32>",
     R"(%a = graph.attention %q, %k, %v {scale = 0.2 : f32} : (tensor<2x9x24xf32>, tensor<2x40x24xf32>, tensor<2x40x35xf32>) -> tensor<2x9x35xf32>
        %y = graph.relu %a : tensor<2x9x35xf32> -> tensor<2x9x35xf32>)",
     true},
    {"AttentionDynamic", "attention",
     "%q: tensor<?x?x16xf32>, %k: tensor<1x16x?xf32>, %v: tensor<?x?x32xf32>, %b: tensor<1x?xf32>, %m: "
     "tensor<?x?x?xi1>",
     "tensor<?x?x32xf32>",
     R"(%y = graph.attention %q, %k, %v bias %b mask %m {fill = -2.0 : f32, softcap = 1.5 : f32, transpose_k = true}
          : (tensor<?x?x16xf32>, tensor<1x16x?xf32>, tensor<?x?x32xf32>, tensor<1x?xf32>, tensor<?x?x?xi1>) -> tensor<?x?x32xf32>)",
     true},
    {"AttentionHalves", "attention", "%q: tensor<2x9x24xf16>, %k: tensor<2x24x40xf16>, %v: tensor<2x40x32xf16>",
     "tensor<2x9x32xf16>",
     R"(%y = graph.attention %q, %k, %v {transpose_k = true} : (tensor<2x9x24xf16>, tensor<2x24x40xf16>, tensor<2x40x32xf16>) -> tensor<2x9x32xf16>)",
     true},
    {"AttentionOfOne", "attention", "%q: tensor<3x1x40xf32>, %k: tensor<50x3x40xf32>, %v: tensor<3x50x16xf32>",
     "tensor<3x1x16xf32>",
     R"(%t = graph.transpose %k {permutation = array<i64: 1, 0, 2>} : tensor<50x3x40xf32> -> tensor<3x50x40xf32>
        %y = graph.attention %q, %t, %v : (tensor<3x1x40xf32>, tensor<3x50x40xf32>, tensor<3x50x16xf32>) -> tensor<3x1x16xf32>)",
     true},
    {"AttentionBytes", "attention", "%q: tensor<2x9x12xui8>, %k: tensor<?x40x12xui8>, %v: tensor<2x40x13xi8>",
     "tensor<2x9x13xi8>",
     R"(%z = graph.constant dense<131> : tensor<ui8>
        %s = graph.constant dense<0.0517> : tensor<f32>
        %w = graph.constant dense<0.00392156886> : tensor<f32>
        %o = graph.constant dense<321.0> : tensor<f32>
        %f = graph.constant dense<0.0006> : tensor<f32>
        %p = graph.matmul %q, %k {lhs_zero_point = 126 : i64, rhs_zero_point = 115 : i64, transpose_rhs = true}
          : tensor<2x9x12xui8>, tensor<?x40x12xui8> -> tensor<2x9x40xi32>
        %r = graph.cast %p : tensor<2x9x40xi32> -> tensor<2x9x40xf32>
        %a = graph.mul %r, %f : tensor<2x9x40xf32>, tensor<f32> -> tensor<2x9x40xf32>
        %b = graph.quantize %a, %s, %z {axis = 0 : i64, precision = f32}
          : tensor<2x9x40xf32>, tensor<f32>, tensor<ui8> -> tensor<2x9x40xui8>
        %c = graph.dequantize %b, %s, %z {axis = 0 : i64} : tensor<2x9x40xui8>, tensor<f32>, tensor<ui8> -> tensor<2x9x40xf32>
        %e = graph.softmax %c {axes = array<i64: 2>} : tensor<2x9x40xf32> -> tensor<2x9x40xf32>
        %g = graph.quantize %e, %w {axis = 0 : i64, precision = f32} : tensor<2x9x40xf32>, tensor<f32> -> tensor<2x9x40xui8>
        %h = graph.matmul %g, %v {rhs_zero_point = -3 : i64} : tensor<2x9x40xui8>, tensor<2x40x13xi8> -> tensor<2x9x13xi32>
        %i = graph.cast %h : tensor<2x9x13xi32> -> tensor<2x9x13xf32>
        %y = graph.quantize %i, %o {axis = 0 : i64, precision = f32} : tensor<2x9x13xf32>, tensor<f32> -> tensor<2x9x13xi8>)",
     true},
    {"PaddedSum", "map", "%a: tensor<3x5x?xf32>, %b: tensor<5x1xf32>", "tensor<3x7x?xf32>",
     R"(%s = graph.add %a, %b : tensor<3x5x?xf32>, tensor<5x1xf32> -> tensor<3x5x?xf32>
        %p = graph.constant dense<[0, 1, 3, 0, 1, 1]> : tensor<6xi64>
        %y = graph.pad %s by %p {mode = "constant"} : (tensor<3x5x?xf32>, tensor<6xi64>) -> tensor<3x7x?xf32>)"},
    {"WhereBroadcast", "map", "%c: tensor<7x29xi1>, %a: tensor<7x29xi8>, %b: tensor<29xi8>", "tensor<7x29xi8>",
     R"(%y = graph.where %c, %a, %b : tensor<7x29xi1>, tensor<7x29xi8>, tensor<29xi8> -> tensor<7x29xi8>)"},
};
constexpr int64_t dynamicExtent = 21;

void PrintTo(const Case &given, std::ostream *stream) { *stream << given.name; }

uint64_t testSeed() {
  const char *text = std::getenv("TEGULA_TEST_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 0;
}

/// How many points beside the corners.
uint64_t sampleCount(const Case &given) {
  llvm::StringRef set = std::getenv("TEGULA_LONG_SET") ? std::getenv("TEGULA_LONG_SET") : "";
  if (set == "all")
    return 2000;
  uint64_t part = 0;
  if (!set.empty() && !set.split('/').first.getAsInteger(10, part) && uint64_t(&given - cases) % 8 == part)
    return 250;
  return 64;
}

std::vector<Configuration> choosePoints(const SearchSpace &space, uint64_t count) {
  std::set<uint64_t> indices;
  if (space.count() <= 200) {
    for (uint64_t index = 0; index < space.count(); ++index)
      indices.insert(index);
  } else {
    llvm::ArrayRef<Knob> knobs = space.getKnobs();
    // Of many corners every so many-th.
    uint64_t corners = uint64_t(1) << knobs.size(), step = corners / 128 | 1;
    for (uint64_t corner = mixBits(testSeed()) % step; corner < corners; corner += step) {
      Configuration point;
      for (auto [number, knob] : llvm::enumerate(knobs))
        point.push_back((corner >> number) & 1 ? knob.values.back() : knob.values.front());
      if (std::optional<uint64_t> index = space.indexOf(point))
        indices.insert(*index);
    }
    for (uint64_t sample = 0; sample < count; ++sample)
      indices.insert(*space.indexOf(*space.sample(mixBits(testSeed()) + sample)));
  }
  std::vector<Configuration> points;
  for (uint64_t index : indices)
    points.push_back(*space.at(index));
  return points;
}

class FamilyProperties : public testing::TestWithParam<Case> {
protected:
  void start(const std::string &name) {
    module = nullptr; // before its context
    CompileOptions options;
    options.modelPath = GetParam().name;
    options.target = name;
    options.replayDirectory.clear();
    session = std::make_unique<CompilerSession>(options);
    context = &session->getContext();
    context->disableMultithreading();
    backend = &findTargetBackend(name);
    target = valueOf(backend->parse(*context, name));
  }

  /// The kernels of the case, in `module`.
  std::vector<exec::KernelOp> kernels() {
    const Case &given = GetParam();
    std::string text = std::string("func.func @main(") + given.arguments + ") -> " + given.results + " {\n" +
                       given.body + "\n  return %y : " + given.results + "\n}\n";
    module = parseSourceString<ModuleOp>(text, context);
    if (!module) {
      ADD_FAILURE() << session->getMessages() << text;
      return {};
    }
    (*module)->setAttr("exec.target", target);
    for (const Stage &stage : getStages()) {
      PassManager manager(context, ModuleOp::getOperationName());
      stage.build(manager, *backend);
      if (failed(manager.run(*module))) {
        ADD_FAILURE() << stage.name.str() << ": " << session->getMessages();
        return {};
      }
      if (stage.name == "kernels")
        break;
    }
    auto range = module->getOps<exec::KernelOp>();
    return std::vector<exec::KernelOp>(range.begin(), range.end());
  }

  /// The first two properties, the last one and legality, for a machine; returns the schedules to be compiled.
  /// What each part takes is positive and finite, on a machine where everything takes a nanosecond.
  static void checkCost(const KernelFamily &family, func::FuncOp function, Attribute schedule,
                        const MachineModel &machine) {
    MachinePeaks peaks;
    peaks.cycleNs = peaks.elementLoadNs = peaks.callNs = peaks.handOverNs = 1;
    peaks.readBytesPerNs = {1, 1, 1, 1};
    KernelFeatures features = family.features(function, schedule, machine);
    EXPECT_FALSE(features.parts.empty());
    for (const KernelPart &part : features.parts) {
      SCOPED_TRACE(part.name.str());
      EXPECT_GE(part.traffic[0], part.traffic[1]);
      EXPECT_GE(part.traffic[1], part.traffic[2]);
      EXPECT_GE(part.traffic[2], 0);
    }
    double cost = estimateCost(features, peaks, 1).totalNs;
    EXPECT_TRUE(std::isfinite(cost) && cost > 1) << cost;
    EXPECT_EQ(estimateCost(family.features(function, schedule, machine), peaks, 1).totalNs, cost);
  }

  std::vector<Attribute> checkSpace(const KernelFamily &family, func::FuncOp function, const MachineModel &machine) {
    SearchSpace space = family.space(function, machine);
    EXPECT_GT(space.count(), 0u);
    Attribute byDefault = family.defaultSchedule(function, machine);
    std::optional<Configuration> defaultPoint = family.configuration(space, byDefault);
    EXPECT_TRUE(defaultPoint && space.contains(*defaultPoint)) << space.canonicalText();
    std::vector<Attribute> schedules{byDefault};
    std::set<const void *> seen{byDefault.getAsOpaquePointer()};
    for (const Configuration &point : choosePoints(space, sampleCount(GetParam()))) {
      Attribute schedule = family.schedule(function, space, point);
      std::string text;
      llvm::raw_string_ostream(text) << schedule;
      SCOPED_TRACE(text);
      EXPECT_TRUE(family.owns(schedule));
      if (family.name().starts_with("cpu_"))
        checkCost(family, function, schedule, machine);
      EXPECT_TRUE(succeeded(family.verify(function, schedule, machine, [&] {
        return emitError(UnknownLoc::get(context));
      }))) << session->getMessages();
      EXPECT_EQ(parseAttribute(text, context), schedule);
      // Two points may mean one schedule (blocks are rounded up to panels); its point means it, too.
      std::optional<Configuration> back = family.configuration(space, schedule);
      EXPECT_TRUE(back && family.schedule(function, space, *back) == schedule);
      if (seen.insert(schedule.getAsOpaquePointer()).second)
        schedules.push_back(schedule);
    }
    return schedules;
  }

  /// The library of the kernel with this schedule; "" after a failure.
  std::string compile(exec::KernelOp kernel, Attribute schedule, std::vector<std::vector<int64_t>> &inputShapes) {
    std::vector<int64_t> dims(countDims(kernel), dynamicExtent);
    KernelProgram program = valueOf(makeKernelProgram(kernel, dims));
    inputShapes = program.inputShapes;
    for (auto copy : program.module->getOps<exec::KernelOp>())
      copy.setScheduleAttr(schedule);
    std::string path = folder.file("library-" + std::to_string(++libraries) + ".so");
    if (session->compileFrom(std::move(program.module), "kernels", path) == CompileStatus::Ok)
      return path;
    ADD_FAILURE() << session->getMessages();
    return "";
  }

  TemporaryFolder folder;
  std::unique_ptr<CompilerSession> session;
  MLIRContext *context = nullptr;
  const TargetBackend *backend = nullptr;
  Attribute target;
  OwningOpRef<ModuleOp> module;
  unsigned libraries = 0;
};

TEST_P(FamilyProperties, SpacesOfOtherMachines) {
  for (const char *name : {"x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    start(name);
    for (exec::KernelOp kernel : kernels())
      checkSpace(*backend->families().findFor(kernel.getFunction()), kernel.getFunction(), backend->machine(target));
  }
}

TEST_P(FamilyProperties, EveryPointComputesWhatTheReferenceComputes) {
  start("host");
  MeasureOptions options;
  options.runner = {runnerPath()};
  options.timingSeconds = options.sampleSeconds = 0;
  Measurer measurer(options);
  bool covered = false;
  for (exec::KernelOp kernel : kernels()) {
    const KernelFamily *family = backend->families().findFor(kernel.getFunction());
    covered |= family->name() == std::string("cpu_") + GetParam().family;
    MeasureRequest request;
    request.reference = compile(kernel, sched::ReferenceAttr::get(context), request.inputShapes);
    ASSERT_NE(request.reference, "");
    request.referenceOutputs = request.reference + ".outputs";
    request.seed = testSeed();
    for (Attribute schedule : checkSpace(*family, kernel.getFunction(), backend->machine(target))) {
      std::string text;
      llvm::raw_string_ostream(text) << kernel.getSymName() << " with " << schedule << ", seed " << testSeed();
      SCOPED_TRACE(text);
      request.artifact = compile(kernel, schedule, request.inputShapes);
      ASSERT_NE(request.artifact, "");
      std::optional<Measurement> measured = valueOf(measurer.measure(request));
      ASSERT_TRUE(measured);
      EXPECT_EQ(statusText(measured->status).str() + " " + measured->detail, "ok ");
      llvm::sys::fs::remove(request.artifact);
    }
  }
  EXPECT_TRUE(covered);
}

TEST_P(FamilyProperties, EveryPointBecomesPTX) {
  if (GetParam().onlyCPU)
    GTEST_SKIP() << "no such family on a GPU";
  start("nvptx:sm_80");
  bool covered = false;
  for (exec::KernelOp kernel : kernels()) {
    const KernelFamily *family = backend->families().findFor(kernel.getFunction());
    covered |= family->name() == std::string("nvptx_") + GetParam().family;
    std::vector<std::vector<int64_t>> shapes;
    for (Attribute schedule : checkSpace(*family, kernel.getFunction(), backend->machine(target))) {
      std::string text;
      llvm::raw_string_ostream(text) << kernel.getSymName() << " with " << schedule;
      SCOPED_TRACE(text);
      std::string path = compile(kernel, schedule, shapes);
      ASSERT_NE(path, "");
      llvm::sys::fs::remove(path);
    }
  }
  EXPECT_TRUE(covered);
}

INSTANTIATE_TEST_SUITE_P(Kernels, FamilyProperties, testing::ValuesIn(cases),
                         [](const testing::TestParamInfo<Case> &info) { return std::string(info.param.name); });

} // namespace
