# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""make_mlp.py FILE [BATCH]: Gemm, Relu, Gemm; BATCH is a number, or the name of a symbolic dimension (default 16)."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

batch = sys.argv[2] if len(sys.argv) > 2 else "16"
batch = int(batch) if batch.isdigit() else batch
random = np.random.default_rng(0)


def weight(name, *shape):
    return numpy_helper.from_array(random.standard_normal(shape, dtype=np.float32), name)


graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], "fc1"),
        helper.make_node("Relu", ["h"], ["r"], "act"),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["y"], "fc2"),
    ],
    "mlp",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 48])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 24])],
    [weight("w1", 48, 64), weight("b1", 64), weight("w2", 64, 24), weight("b2", 24)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
