# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small models for GPU targets, one file each: make_models.py FOLDER."""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)


def weights(name, *shape):
    return numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)


def model(name, nodes, inputs, outputs, constants=(), opset=17, kind=TensorProto.FLOAT):
    kinds = {"indices": TensorProto.INT64}
    values = lambda table: [helper.make_tensor_value_info(n, kinds.get(n, kind), s) for n, s in table.items()]
    graph = helper.make_graph(nodes, name, values(inputs), values(outputs), list(constants))
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(result)
    onnx.save(result, folder / f"{name}.onnx")


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), name=outputs.split()[0], **attributes)


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
model(
    "mlp",
    [node("Gemm", "x w1 b1", "fc1"), node("Relu", "fc1", "relu"), node("MatMul", "relu w2", "y")],
    {"x": ["batch", 40]}, {"y": ["batch", 10]},
    [weights("w1", 40, 64), weights("b1", 64), weights("w2", 64, 10)],
)
model(
    "conv",
    [node("Conv", "x w b", "conv", pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", "conv", "relu"),
     node("MaxPool", "relu", "pool", kernel_shape=[3, 3], strides=[2, 2]), node("GlobalAveragePool", "pool", "y")],
    {"x": [1, 3, 17, 19]}, {"y": [1, 8, 1, 1]},
    [weights("w", 8, 3, 3, 3), weights("b", 8)],
)
model(
    "batched",
    [node("MatMul", "x y", "xy"), node("Tanh", "xy", "z")],
    {"x": ["batch", 3, 33, 20], "y": ["batch", 3, 20, 17]}, {"z": ["batch", 3, 33, 17]},
)
model(
    "half",
    [node("MatMul", "x y", "xy"), node("Exp", "xy", "z")],
    {"x": [50, 30], "y": [30, 20]}, {"z": [50, 20]}, kind=TensorProto.FLOAT16,
)
model(
    "functions",
    [node("Transpose", "x", "transposed", perm=[0, 2, 1]), node("Sigmoid", "transposed", "sigmoid"),
     node("Tanh", "sigmoid", "tanh"), node("Exp", "tanh", "exp"), node("Sqrt", "exp", "y")],
    {"x": ["batch", 5, 7]}, {"y": ["batch", 7, 5]},
)
model("empty", [node("Relu", "x", "y")], {"x": [0, 3]}, {"y": [0, 3]})
