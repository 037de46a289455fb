# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models from which the importer's fuzz target starts: one or more of each group of operators, and FOUND, what earlier
runs found. In ONNX's text format.
"""
import onnx.parser

# name: graph, by default of opset 18
SEEDS = {
    "mlp": "(float[N, 4] x, float[4, 3] w, float[3] b) => (float[N, 3] y) { m = Gemm <alpha = 0.5, transB = 0> (x, w, b) r = Relu (m) y = Softmax <axis = -1> (r) }",
    "convolution": "(float[1, 2, 5, 5] x, float[4, 1, 3, 3] w) => (float[N, M, H, W] y) { c = Conv <group = 2, pads = [1, 1, 1, 1], strides = [2, 1]> (x, w) p = MaxPool <kernel_shape = [2, 2], ceil_mode = 1> (c) y = AveragePool <kernel_shape = [1, 2], auto_pad = \"SAME_UPPER\"> (p) }",
    "transposed": "(float[1, 2, 3, 3] x, float[2, 2, 2, 2] w) => (float[N, M, H, W] y) { y = ConvTranspose <strides = [2, 2], output_padding = [1, 0]> (x, w) }",
    "shapes": "(float[N, C, H] x) => (float[A, B] y) { s = Shape (x) zero = Constant <value = int64[1] {0}> () n = Gather (s, zero) minus = Constant <value = int64[1] {-1}> () t = Concat <axis = 0> (n, minus) y = Reshape (x, t) }",
    "slices": "(float[5, 6] x, int64[2] starts, int64[2] ends) => (float[A, B] y, float[3, 2] z) { a = Slice (x, starts, ends) r = Unsqueeze (a, zero) y = Squeeze (r, zero) i = Constant <value = int64[3, 2] {0, 1, 2, 1, 0, 1}> () z = GatherElements <axis = 0> (x, i) zero = Constant <value = int64[1] {0}> () }",
    "pads": "(float[2, 3] x, int64[4] pads) => (float[A, B] y, float[6, 6] z) { y = Pad <mode = \"reflect\"> (x, pads) r = Constant <value = int64[2] {3, 2}> () z = Tile (x, r) }",
    "reductions": "(float[2, 3, 4] x) => (float[A, B] y, int64[2, 3, 1] i) { axes = Constant <value = int64[1] {1}> () m = ReduceMean <keepdims = 0> (x, axes) l = ReduceLogSumExp (m) y = Add (m, l) i = ArgMax <axis = -1> (x) }",
    "normalization": "(float[2, 4, 3] x, float[4] s, float[4] b, float[4] m, float[4] v) => (float[2, 4, 3] y) { n = BatchNormalization <epsilon = 0.1> (x, s, b, m, v) i = InstanceNormalization (n, s, b) l = LayerNormalization <axis = 1> (i, w) w = Constant <value = float[1] {1}> () y = LRN <size = 3> (l) }",
    "integers": "(int32[3] a, uint8[3] b) => (int32[3] y, bool[3] z) { c = Cast <to = 6> (b) d = Div (a, c) s = BitShift <direction = \"LEFT\"> (b, b) e = Cast <to = 6> (s) y = Mod (d, e) z = Less (a, y) }",
    "where": "(bool[3, 1] c, float[1, 4] x, float16[4] h) => (float[3, 4] y) { f = Cast <to = 1> (h) w = Where (c, x, f) y = Clip (w, low) low = Constant <value = float {0}> () }",
    "branch": "(bool c, float[N] x) => (float[M] y) { y = If (c) <then_branch = t () => (float[M] a) { a = Sin (x) }, else_branch = e () => (float[M] b) { b = Concat <axis = 0> (x, x) }> }",
    "loop": "(int64 n, float[2] x) => (float[2] y, float[R, 2] rows) { c = Constant <value = bool {1}> () y, rows = Loop (n, c, x) <body = b (int64 i, bool d, float[2] a) => (bool d, float[2] e, float[2] row) { e = Add (a, a) row = Neg (a) }> }",
    "scan": "(float[2] s, float[3, 2] x) => (float[2] y, float[3, 2] z) { y, z = Scan <num_scan_inputs = 1, body = b (float[2] p, float[2] q) => (float[2] r, float[2] t) { r = Add (p, q) t = Mul (r, q) }> (s, x) }",
    "recurrent": "(float[3, 2, 4] x, float[1, 20, 4] w, float[1, 20, 5] r) => (float[3, 1, 2, 5] y) { y, h = LSTM <hidden_size = 5> (x, w, r) }",
    "quantized": "(float[2, 4] x, float s, uint8 z, int8[4, 3] w, float ws) => (float[2, 3] y) { q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z) e = DequantizeLinear (w, ws) y = MatMul (d, e) }",
    "integer_matmul": "(uint8[2, 4] x, int8[4, 3] w, uint8 z) => (int32[2, 3] y) { y = MatMulInteger (x, w, z) }",
    "scatter": "(float[3, 4] x, int64[2, 1] i, float[2, 4] u) => (float[3, 4] y, int64[2, K] n) { y = ScatterND <reduction = \"add\"> (x, i, u) n = NonZero (y) }",
    "resize": "(float[1, 1, 2, 3] x, float[4] s) => (float[A, B, C, D] y) { y = Resize <mode = \"cubic\", coordinate_transformation_mode = \"align_corners\"> (x, roi, s) roi = Constant <value = float[1] {0}> () }",
    "einsum": "(float[2, 3] x, float[3, 4] w) => (float[4, 2] y) { y = Einsum <equation = \"ij,jk->ki\"> (x, w) }",
    "top": "(float[2, 5] x, int64[1] k) => (float[2, K] v, int64[2, K] i) { v, i = TopK <axis = -1, largest = 0> (x, k) }",
    "sequence": "(float[2] x) => (float[4] y, int64 n) { s = SequenceConstruct (x, x) n = SequenceLength (s) y = ConcatFromSequence <axis = 0> (s) }",
    "optional": "(float[2] x) => (float[2] y, bool h) { o = Optional (x) h = OptionalHasElement (o) y = OptionalGetElement (o) }",
    "text": "(string[N] x) => (string[N] y) { y = StringNormalizer <case_change_action = \"LOWER\"> (x) }",
    "generators": "(int64[2] s, int64 n) => (float[A, B] y, int64[K] r) { c = ConstantOfShape <value = float[1] {2}> (s) e = EyeLike (c) y = Add (c, e) r = Range (zero, n, one) zero = Constant <value = int64 {0}> () one = Constant <value = int64 {1}> () }",
    "constants": "() => (float[2, 2] y) { a = Constant <value = float[2, 3] {1, 2, 3, 4, 5, 6}> () t = Transpose <perm = [1, 0]> (a) y = MatMul (a, t) }",
}
HEADER = '<ir_version: 10, opset_import: ["" : 18]> '
OTHERS = {
    "attention": '<ir_version: 10, opset_import: ["" : 23]> g (float[1, 2, 3, 4] q, float[1, 2, 5, 4] k, float[1, 2, 5, 4] v) => (float[1, 2, 3, 4] y) { y = Attention (q, k, v) }',
    "attention_of_nothing": '<ir_version: 10, opset_import: ["" : 23]> g (float[0, 7, A, B] q, float[0, 2, C, D] k, float[1, 2, 5, 4] v) => (float[N, 7, S, 4] y) { y = Attention (q, k, v) }',
    "attention_without_heads": '<ir_version: 10, opset_import: ["" : 23]> g (float[1, q, A] q, float[1, q, y] k, float[1, q, 4] v) => (float[1, 2, 3, 3] y) { y = Attention (q, k, v) }',
    "function": '<ir_version: 10, opset_import: ["" : 18, "local" : 1]> g (float[N] x) => (float[N] y) { y = local.twice <power = 2.0> (x) } <domain: "local", opset_import: ["" : 18]> twice <power> (a) => (b) { c = Add (a, a) p = Constant <value_float: float = @power> () b = Pow (c, p) }',
    "old": '<ir_version: 3, opset_import: ["" : 7]> g (float[1, 2, 2, 2] x, float[2, 2] w, float[2, 2] b) => (float[1, 2, 4, 4] y, float[2, 2] z) { y = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 2.0]> (x) z = Gemm (w, w, b) }',
    "classical": '<ir_version: 8, opset_import: ["" : 18, "ai.onnx.ml" : 3]> g (float[N, 2] x) => (float[N, 1] y) { s = ai.onnx.ml.Scaler <offset = [0.5, 1.0], scale = [2.0, 1.0]> (x) y = ai.onnx.ml.LinearRegressor <coefficients = [1.0, 2.0], intercepts = [0.0], targets = 1> (s) }',
    "complex_product": '<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]> g (complex64[2, 4] x, complex64[4, 3] w) => (complex64[2, 3] y) { y = com.microsoft.FusedMatMul <alpha = 0.5> (x, w) }',
    "product_of_bytes": '<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]> g (float8e4m3fnuz[2, 4] x, float8e4m3fnuz[4, 3] w) => (float8e4m3fnuz[2, 3] y) { y = com.microsoft.FusedMatMul <alpha = 0.5> (x, w) }',
    "contributed": '<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]> g (float[2, 4] x, float[4, 3] w) => (float[2, 3] y) { m = com.microsoft.FusedMatMul <alpha = 0.5> (x, w) y = com.microsoft.FastGelu (m) }',
}
# What runs found, made smaller.
FOUND = {
    "window_unknown": "(float[1, 2, 5, 5] x, float[4, 1, K, 3] w) => (float[N, M, H, W] y) { y = Conv <group = 2> (x, w) }",
    "scatter_depth_unknown": "(float[3, 4] x, int64[2, K] i, float[2, 4] u) => (float[3, 4] y) { y = ScatterND (x, i, u) }",
    "slice_of_matrices": "(float[5, 6] x, int64[2] s, int64[2, 2] e) => (float[A, B] y) { y = Slice (x, s, e) }",
    "top_of_matrix": "(float[2, 5] x, int64[1, 1] k) => (float[2, K] v, int64[2, K] i) { v, i = TopK (x, k) }",
    "weight_of_other_rank": "(float[1, 2, 5, 5, 5] x, float[4, 1, 3, 3] w) => (float[N, M, H, W] y) { y = Conv <group = 2> (x, w) }",
    "range_of_matrix": "(int64 s, int64[A, B] n) => (int64[K] y) { y = Range (s, n, s) }",
    "negative_size": "(float[2, 3, 3] x) => (float[2, 3, 3] y) { y = LRN <size = -9223372036854775808> (x) }",
    "layer_of_unknown_gates": "(float[1, w, 4] x, float[1, w, 4] w, float[1, k, 4] r) => (float[A, B, C, D] y) { y = LSTM <hidden_size = -1> (x, w, r) }",
    "channels_of_nothing": "(float[n, 4, h, 0] x, float[4, 1, 1, 1] w) => (float[A, B, C, D] y) { y = Conv <group = 4> (x, w) }",
    "windows_of_nothing": "(float[1, 4, h, 0] x) => (float[A, B, C, D] y) { y = MaxPool <kernel_shape = [2, 2], ceil_mode = 1> (x) }",
    "sum_of_long_rows": "(float[1, 4294967296] x, int64[1] s) => (float[N] y) { r = Reshape (x, s) y = Add (r, r) }",
    "scan_of_long_rows": "(float[4294967296] s, float[N, 4294967296] x) => (float[4294967296] y, float[N, 4294967296] z) { y, z = Scan <num_scan_inputs = 1, body = b (float[4294967296] p, float[4294967296] q) => (float[4294967296] r, float[4294967296] t) { r = Add (p, q) t = Mul (r, q) }> (s, x) }",
    "scale_of_higher_rank": "(float[N, 5, 4] x, float[N, 2, 5, 4] w) => (float[A, B, C] y) { y = SimplifiedLayerNormalization (x, w) }",
    "slice_count_unknown": "(float[5, 6] x, int64[K] s, int64[2] e) => (float[A, B] y) { y = Slice (x, s, e) }",
}


def models():
    """(name, serialized model) of all."""
    for name, graph in {**SEEDS, **FOUND}.items():
        yield name, onnx.parser.parse_model(f"{HEADER} g {graph}").SerializeToString()
    for name, text in OTHERS.items():
        yield name, onnx.parser.parse_model(text).SerializeToString()
