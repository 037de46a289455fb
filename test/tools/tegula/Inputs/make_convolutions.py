# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""make_convolutions.py MODEL TYPE: two convolutions with a Relu between them, in float32 or float16, of any batch."""
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

path, dtype = sys.argv[1:]
kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
random = np.random.default_rng(1)
weights = [random.uniform(-1, 1, shape).astype(dtype) for shape in ((64, 3, 3, 3), (128, 64, 5, 5))]
nodes = [
    helper.make_node("Conv", ["x", "w0"], ["a"], strides=(2, 2)),
    helper.make_node("Relu", ["a"], ["b"]),
    helper.make_node("Conv", ["b", "w1"], ["y"]),
]
graph = helper.make_graph(
    nodes,
    "convolutions",
    [helper.make_tensor_value_info("x", kind, ["n", 3, 40, 40])],
    [helper.make_tensor_value_info("y", kind, None)],
    [numpy_helper.from_array(weight, f"w{i}") for i, weight in enumerate(weights)],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
