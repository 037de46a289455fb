#loc = loc("<memory>")
#loc2 = loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")
#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, 0, 0)>
#map2 = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (0, d2, d3)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map6 = affine_map<(d0) -> (0, 0, d0)>
#map7 = affine_map<(d0) -> (0, 1, d0)>
#map8 = affine_map<(d0) -> (d0)>
#map9 = affine_map<(d0, d1, d2) -> (d2)>
#map10 = affine_map<(d0, d1) -> (0, d0, d1)>
#map11 = affine_map<(d0, d1) -> (d0, d1)>
#map12 = affine_map<(d0, d1, d2) -> (d0, d2)>
#map13 = affine_map<(d0, d1, d2) -> (0, d1, d2)>
#map14 = affine_map<(d0, d1, d2) -> (d0, d1)>
#map15 = affine_map<(d0, d1) -> (d0, 0, d1)>
#map16 = affine_map<(d0, d1) -> (d0, 1, d1)>
#map17 = affine_map<(d0, d1) -> (d0, 2, d1)>
#map18 = affine_map<(d0, d1) -> (d0, 3, d1)>
module @cases attributes {exec.inputs = [{dims = ["d0_0_0", "d0_0_1", ""], name = "x0_0", type = tensor<?x?x6xf32>}, {dims = ["", "", ""], name = "x0_1", type = tensor<1x6x16xi8>}, {dims = ["", "", ""], name = "x0_2", type = tensor<1x4x16xi8>}, {dims = ["", ""], name = "x0_3", type = tensor<1x32xf32>}, {dims = ["", "d0_5_1", ""], name = "x0_5", type = tensor<1x?x4xf32>}, {dims = [""], name = "x0_8", type = tensor<1xf32>}, {dims = [""], name = "x0_9", type = tensor<1xi8>}, {dims = [""], name = "x0_10", type = tensor<1xf32>}, {dims = [""], name = "x0_11", type = tensor<1xi8>}], exec.outputs = [{dims = [], name = "y0_0", type = tensor<?x1x?x4xf32>}, {dims = [], name = "y0_1", type = tensor<1x?x4xf32>}, {dims = [], name = "y0_2", type = tensor<1x?x4xf32>}], exec.target = #exec.cpu_target<triple = "x86_64-pc-linux-gnu", cpu = "znver4", features = "+64bit,+adx,+aes,+avx,+avx2,+avx512bf16,+avx512bitalg,+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512ifma,+avx512vbmi,+avx512vbmi2,+avx512vl,+avx512vnni,+avx512vpopcntdq,+bmi,+bmi2,+clflushopt,+clwb,+clzero,+cmov,+crc32,+cx16,+cx8,+f16c,+fma,+fsgsbase,+fxsr,+gfni,+invpcid,+lzcnt,+mmx,+movbe,+pclmul,+popcnt,+prfchw,+rdpid,+rdrnd,+rdseed,+sahf,+sha,+shstk,+sse,+sse2,+sse3,+sse4.1,+sse4.2,+sse4a,+ssse3,+vaes,+vpclmulqdq,+xsave,+xsavec,+xsaveopt,+xsaves,-amx-avx512,-amx-bf16,-amx-complex,-amx-fp16,-amx-fp8,-amx-int8,-amx-movrs,-amx-tf32,-amx-tile,-avx10.1,-avx10.2,-avx512fp16,-avx512vp2intersect,-avxifma,-avxneconvert,-avxvnni,-avxvnniint16,-avxvnniint8,-ccmp,-cf,-cldemote,-cmpccxadd,-egpr,-enqcmd,-fma4,-hreset,-kl,-lwp,-movdir64b,-movdiri,-movrs,-mwaitx,-ndd,-nf,-pconfig,-pku,-ppx,-prefetchi,-ptwrite,-push2pop2,-raoint,-rdpru,-rtm,-serialize,-sgx,-sha512,-sm3,-sm4,-tbm,-tsxldtrk,-uintr,-usermsr,-waitpkg,-wbnoinvd,-widekl,-xop,-zu", vector_bits = 512, byte_dot = true>} {
  func.func @main(%arg0: tensor<?x?x6xf32> {graph.dims = ["d0_0_0", "d0_0_1", ""], graph.name = "x0_0"} loc("<memory>"), %arg1: tensor<1x6x16xi8> {graph.dims = ["", "", ""], graph.name = "x0_1"} loc("<memory>"), %arg2: tensor<1x4x16xi8> {graph.dims = ["", "", ""], graph.name = "x0_2"} loc("<memory>"), %arg3: tensor<1x32xf32> {graph.dims = ["", ""], graph.name = "x0_3"} loc("<memory>"), %arg4: tensor<1x?x4xf32> {graph.dims = ["", "d0_5_1", ""], graph.name = "x0_5"} loc("<memory>"), %arg5: tensor<1xf32> {graph.dims = [""], graph.name = "x0_8"} loc("<memory>"), %arg6: tensor<1xi8> {graph.dims = [""], graph.name = "x0_9"} loc("<memory>"), %arg7: tensor<1xf32> {graph.dims = [""], graph.name = "x0_10"} loc("<memory>"), %arg8: tensor<1xi8> {graph.dims = [""], graph.name = "x0_11"} loc("<memory>")) -> (tensor<?x1x?x4xf32> {graph.dims = [], graph.name = "y0_0"}, tensor<1x?x4xf32> {graph.dims = [], graph.name = "y0_1"}, tensor<1x?x4xf32> {graph.dims = [], graph.name = "y0_2"}) {
    %cst = arith.constant 1.000000e+00 : f32 loc(#loc1)
    %cst_0 = arith.constant 0.000000e+00 : f32 loc(#loc1)
    %c1 = arith.constant 1 : index loc(#loc1)
    %c0 = arith.constant 0 : index loc(#loc1)
    %expanded = tensor.expand_shape %arg6 [[0, 1, 2]] output_shape [1, 1, 1] : tensor<1xi8> into tensor<1x1x1xi8> loc(#loc2)
    %0 = tensor.empty() : tensor<1x1x1xf32> loc(#loc2)
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<1x1x1xi8>) outs(%0 : tensor<1x1x1xf32>) {
    ^bb0(%in: i8 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.sitofp %in : i8 to f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x1x1xf32> loc(#loc2)
    %expanded_1 = tensor.expand_shape %arg5 [[0, 1, 2]] output_shape [1, 1, 1] : tensor<1xf32> into tensor<1x1x1xf32> loc(#loc2)
    %2 = tensor.empty() : tensor<1x6x16xf32> loc(#loc2)
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<1x6x16xi8>) outs(%2 : tensor<1x6x16xf32>) {
    ^bb0(%in: i8 loc("<memory>"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.sitofp %in : i8 to f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x6x16xf32> loc(#loc2)
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%3, %1 : tensor<1x6x16xf32>, tensor<1x1x1xf32>) outs(%2 : tensor<1x6x16xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_7: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.subf %in, %in_7 : f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x6x16xf32> loc(#loc2)
    %5 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%4, %expanded_1 : tensor<1x6x16xf32>, tensor<1x1x1xf32>) outs(%2 : tensor<1x6x16xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_7: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.mulf %in, %in_7 : f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x6x16xf32> loc(#loc2)
    %6 = tensor.empty() : tensor<1x16x6xf32> loc(#loc2)
    %7 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%5 : tensor<1x6x16xf32>) outs(%6 : tensor<1x16x6xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      linalg.yield %in : f32 loc(#loc2)
    } -> tensor<1x16x6xf32> loc(#loc2)
    %expanded_2 = tensor.expand_shape %arg8 [[0, 1, 2]] output_shape [1, 1, 1] : tensor<1xi8> into tensor<1x1x1xi8> loc(#loc2)
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_2 : tensor<1x1x1xi8>) outs(%0 : tensor<1x1x1xf32>) {
    ^bb0(%in: i8 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.sitofp %in : i8 to f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x1x1xf32> loc(#loc2)
    %expanded_3 = tensor.expand_shape %arg7 [[0, 1, 2]] output_shape [1, 1, 1] : tensor<1xf32> into tensor<1x1x1xf32> loc(#loc2)
    %9 = tensor.empty() : tensor<1x4x16xf32> loc(#loc2)
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg2 : tensor<1x4x16xi8>) outs(%9 : tensor<1x4x16xf32>) {
    ^bb0(%in: i8 loc("<memory>"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.sitofp %in : i8 to f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x4x16xf32> loc(#loc2)
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %8 : tensor<1x4x16xf32>, tensor<1x1x1xf32>) outs(%9 : tensor<1x4x16xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_7: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.subf %in, %in_7 : f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x4x16xf32> loc(#loc2)
    %12 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%11, %expanded_3 : tensor<1x4x16xf32>, tensor<1x1x1xf32>) outs(%9 : tensor<1x4x16xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_7: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.mulf %in, %in_7 : f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<1x4x16xf32> loc(#loc2)
    %13 = tensor.empty() : tensor<1x16x4xf32> loc(#loc2)
    %14 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%12 : tensor<1x4x16xf32>) outs(%13 : tensor<1x16x4xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      linalg.yield %in : f32 loc(#loc2)
    } -> tensor<1x16x4xf32> loc(#loc2)
    %dim = tensor.dim %arg0, %c0 : tensor<?x?x6xf32> loc(#loc2)
    %dim_4 = tensor.dim %arg0, %c1 : tensor<?x?x6xf32> loc(#loc2)
    %15 = tensor.empty(%dim, %dim_4) : tensor<?x1x?x4xf32> loc(#loc2)
    %16 = tensor.empty(%dim_4) : tensor<1x?x4xf32> loc(#loc2)
    %17 = tensor.empty(%dim, %dim_4) : tensor<?x?x16xf32> loc(#loc2)
    %18 = linalg.fill ins(%cst_0 : f32) outs(%17 : tensor<?x?x16xf32>) -> tensor<?x?x16xf32> loc(#loc2)
    %19 = linalg.generic {indexing_maps = [#map3, #map4, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%arg0, %7 : tensor<?x?x6xf32>, tensor<1x16x6xf32>) outs(%18 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32 loc("<memory>"), %in_7: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.mulf %in, %in_7 : f32 loc(#loc2)
      %28 = arith.addf %out, %27 : f32 loc(#loc2)
      linalg.yield %28 : f32 loc(#loc2)
    } -> tensor<?x?x16xf32> loc(#loc2)
    %expanded_5 = tensor.expand_shape %arg3 [[0], [1, 2]] output_shape [1, 2, 16] : tensor<1x32xf32> into tensor<1x2x16xf32> loc(#loc2)
    %20 = tensor.empty() : tensor<16xf32> loc(#loc2)
    %21 = linalg.generic {indexing_maps = [#map6, #map7, #map8], iterator_types = ["parallel"]} ins(%expanded_5, %expanded_5 : tensor<1x2x16xf32>, tensor<1x2x16xf32>) outs(%20 : tensor<16xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_7: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.addf %in, %in_7 : f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<16xf32> loc(#loc2)
    %22 = linalg.generic {indexing_maps = [#map, #map9, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%19, %21 : tensor<?x?x16xf32>, tensor<16xf32>) outs(%17 : tensor<?x?x16xf32>) {
    ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_7: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      %27 = arith.addf %in, %in_7 : f32 loc(#loc2)
      linalg.yield %27 : f32 loc(#loc2)
    } -> tensor<?x?x16xf32> loc(#loc2)
    %23 = tensor.empty(%dim_4) : tensor<?x4xf32> loc(#loc2)
    %24 = linalg.generic {indexing_maps = [#map10, #map11], iterator_types = ["parallel", "parallel"]} ins(%arg4 : tensor<1x?x4xf32>) outs(%23 : tensor<?x4xf32>) {
    ^bb0(%in: f32 loc("<memory>"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
      linalg.yield %in : f32 loc(#loc2)
    } -> tensor<?x4xf32> loc(#loc2)
    %25 = linalg.fill ins(%cst_0 : f32) outs(%23 : tensor<?x4xf32>) -> tensor<?x4xf32> loc(#loc2)
    %26:3 = scf.for %arg9 = %c0 to %dim step %c1 iter_args(%arg10 = %15, %arg11 = %24, %arg12 = %25) -> (tensor<?x1x?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
      %extracted_slice = tensor.extract_slice %22[%arg9, 0, 0] [1, %dim_4, 16] [1, 1, 1] : tensor<?x?x16xf32> to tensor<?x16xf32> loc(#loc2)
      %dim_7 = tensor.dim %extracted_slice, %c0 : tensor<?x16xf32> loc(#loc2)
      %expanded_8 = tensor.expand_shape %extracted_slice [[0], [1, 2]] output_shape [%dim_7, 4, 4] : tensor<?x16xf32> into tensor<?x4x4xf32> loc(#loc2)
      %27 = tensor.empty(%dim_4) : tensor<?x16xf32> loc(#loc2)
      %28 = linalg.fill ins(%cst_0 : f32) outs(%27 : tensor<?x16xf32>) -> tensor<?x16xf32> loc(#loc2)
      %29 = linalg.generic {indexing_maps = [#map12, #map13, #map14], iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg11, %14 : tensor<?x4xf32>, tensor<1x16x4xf32>) outs(%28 : tensor<?x16xf32>) {
      ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_11: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
        %31 = arith.mulf %in, %in_11 : f32 loc(#loc2)
        %32 = arith.addf %out, %31 : f32 loc(#loc2)
        linalg.yield %32 : f32 loc(#loc2)
      } -> tensor<?x16xf32> loc(#loc2)
      %expanded_9 = tensor.expand_shape %29 [[0], [1, 2]] output_shape [%dim_4, 4, 4] : tensor<?x16xf32> into tensor<?x4x4xf32> loc(#loc2)
      %30:2 = linalg.generic {indexing_maps = [#map15, #map15, #map16, #map16, #map17, #map17, #map18, #map18, #map11, #map11, #map11], iterator_types = ["parallel", "parallel"]} ins(%expanded_8, %expanded_9, %expanded_8, %expanded_9, %expanded_8, %expanded_9, %expanded_8, %expanded_9, %arg12 : tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4xf32>) outs(%arg11, %arg12 : tensor<?x4xf32>, tensor<?x4xf32>) {
      ^bb0(%in: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_11: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_12: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_13: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_14: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_15: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_16: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_17: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %in_18: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)"), %out_19: f32 loc("<memory>: node 'y0_0' (DynamicQuantizeLSTM, opset 1)")):
        %31 = arith.addf %in, %in_11 : f32 loc(#loc2)
        %32 = arith.negf %31 : f32 loc(#loc2)
        %33 = math.exp %32 : f32 loc(#loc2)
        %34 = arith.addf %33, %cst : f32 loc(#loc2)
        %35 = arith.divf %cst, %34 : f32 loc(#loc2)
        %36 = arith.addf %in_14, %in_15 : f32 loc(#loc2)
        %37 = arith.negf %36 : f32 loc(#loc2)
        %38 = math.exp %37 : f32 loc(#loc2)
        %39 = arith.addf %38, %cst : f32 loc(#loc2)
        %40 = arith.divf %cst, %39 : f32 loc(#loc2)
        %41 = arith.addf %in_16, %in_17 : f32 loc(#loc2)
        %42 = math.tanh %41 : f32 loc(#loc2)
        %43 = arith.mulf %40, %in_18 : f32 loc(#loc2)
        %44 = arith.mulf %35, %42 : f32 loc(#loc2)
        %45 = arith.addf %43, %44 : f32 loc(#loc2)
        %46 = arith.addf %in_12, %in_13 : f32 loc(#loc2)
        %47 = arith.negf %46 : f32 loc(#loc2)
        %48 = math.exp %47 : f32 loc(#loc2)
        %49 = arith.addf %48, %cst : f32 loc(#loc2)
        %50 = arith.divf %cst, %49 : f32 loc(#loc2)
        %51 = math.tanh %45 : f32 loc(#loc2)
        %52 = arith.mulf %50, %51 : f32 loc(#loc2)
        linalg.yield %52, %45 : f32, f32 loc(#loc2)
      } -> (tensor<?x4xf32>, tensor<?x4xf32>) loc(#loc2)
      %inserted_slice_10 = tensor.insert_slice %30#0 into %arg10[%arg9, 0, 0, 0] [1, 1, %dim_4, 4] [1, 1, 1, 1] : tensor<?x4xf32> into tensor<?x1x?x4xf32> loc(#loc2)
      scf.yield %inserted_slice_10, %30#0, %30#1 : tensor<?x1x?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32> loc(#loc2)
    } {exec.kernel} loc(#loc2)
    %inserted_slice = tensor.insert_slice %26#1 into %16[0, 0, 0] [1, %dim_4, 4] [1, 1, 1] : tensor<?x4xf32> into tensor<1x?x4xf32> loc(#loc2)
    %inserted_slice_6 = tensor.insert_slice %26#2 into %16[0, 0, 0] [1, %dim_4, 4] [1, 1, 1] : tensor<?x4xf32> into tensor<1x?x4xf32> loc(#loc2)
    return %26#0, %inserted_slice, %inserted_slice_6 : tensor<?x1x?x4xf32>, tensor<1x?x4xf32>, tensor<1x?x4xf32> loc(#loc)
  } loc(#loc)
} loc(#loc)
#loc1 = loc(unknown)
