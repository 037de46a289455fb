# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels of real models as models of one operator each, for recording and judging searches."""
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

# name: (the kernel: what `tegula tune --kernel` takes; operator; attributes; shape of x; shape of the constant operand). A
# convolution follows one of 1x1, as in a network: alone it would be a product of matrices.
CASES = {
    "matmul-resnet50-classifier": ("cpu_matmul", "MatMul", {}, [1, 2048], [2048, 1000]),
    "matmul-resnet50-classifier-16": ("cpu_matmul", "MatMul", {}, [16, 2048], [2048, 1000]),
    "matmul-vgg19-dense-16": ("cpu_matmul", "MatMul", {}, [16, 4096], [4096, 4096]),
    "matmul-tashkeel-query-128": ("cpu_matmul", "MatMul", {}, [128, 48], [48, 512]),
    "matmul-tashkeel-output-512": ("cpu_matmul", "MatMul", {}, [512, 512], [512, 48]),
    "matmul-tashkeel-expand-512": ("cpu_matmul", "MatMul", {}, [512, 48], [48, 192]),
    "matmul-llm-decoder-512": ("cpu_matmul", "MatMul", {}, [512, 256], [256, 1024]),
    "matmul-int8-mobilenetv2-classifier-16": ("cpu_matmul", "MatMulInteger", {}, [16, 1280], [1280, 1000]),
    "matmul-int8-resnet50-classifier-16": ("cpu_matmul", "MatMulInteger", {}, [16, 2048], [2048, 1000]),
    "matmul-int8-llm-decoder-512": ("cpu_matmul", "MatMulInteger", {}, [512, 256], [256, 1024]),
    "matmul-int8-tashkeel-output-512": ("cpu_matmul", "MatMulInteger", {}, [512, 512], [512, 48]),
    "convolution-resnet50-1x1-512-128": ("matmul_y_2", "Conv", {}, [1, 512, 28, 28], [128, 512, 1, 1]),
    "convolution-resnet50-1x1-1024-256": ("matmul_y_2", "Conv", {}, [1, 1024, 14, 14], [256, 1024, 1, 1]),
    "convolution-resnet50-3x3-stride2-128": (
        "cpu_convolution", "Conv", {"pads": [1, 1, 1, 1], "strides": [2, 2]}, [1, 128, 56, 56], [128, 128, 3, 3]),
    "convolution-resnet50-1x1-stride2-512-1024": (
        "matmul_y_2", "Conv", {"strides": [2, 2]}, [1, 512, 28, 28], [1024, 512, 1, 1]),
    "convolution-yolox-1x1-256-128": ("matmul_y_2", "Conv", {}, [1, 256, 13, 13], [128, 256, 1, 1]),
    "convolution-squeezenet-1x1-512-64": ("matmul_y_2", "Conv", {}, [1, 512, 13, 13], [64, 512, 1, 1]),
    "reduction-deeplabv3-mean": ("map_y_0", "GlobalAveragePool", {}, [1, 256, 33, 33], None),
    "reduction-bert-normalization-512": ("map_y_0", "LayerNormalization", {"axis": -1}, [512, 768], [768]),
    "reduction-tashkeel-softmax-512": ("map_y_0", "Softmax", {"axis": -1}, [8, 512, 512], None),
    "reduction-ppocr-softmax": ("map_y_1", "Softmax", {"axis": -1}, [40, 6625], None),
    "attention-tashkeel-128": ("cpu_attention", "Attention", {}, [1, 8, 128, 64], None),
    "attention-tashkeel-512": ("cpu_attention", "Attention", {}, [1, 8, 512, 64], None),
    "attention-llm-decoder-256": ("cpu_attention", "Attention", {"is_causal": 1}, [1, 4, 256, 64], None),
    "attention-bert-12x128": ("cpu_attention", "Attention", {}, [1, 12, 128, 64], None),
}


def make_model(name, path):
    """Writes the case as a model of dynamic inputs and constant weights."""
    _, operator, attributes, shape, constant = CASES[name]
    random = numpy.random.default_rng(1)
    integers = operator == "MatMulInteger"
    element = TensorProto.UINT8 if integers else TensorProto.FLOAT
    inputs, operands, constants = [helper.make_tensor_value_info("x", element, shape)], ["x"], []
    if operator == "Attention":
        operands = ["x", "k", "v"]
        inputs += [helper.make_tensor_value_info(operand, element, shape) for operand in operands[1:]]
    nodes = []
    if operator == "Conv":
        channels = shape[1]
        weights = random.standard_normal([channels, channels, 1, 1]).astype(numpy.float32)
        constants.append(numpy_helper.from_array(weights, "before"))
        nodes.append(helper.make_node("Conv", ["x", "before"], ["z"]))
        operands = ["z"]
    if constant:
        values = (random.integers(-128, 128, constant).astype(numpy.int8) if integers else
                  random.standard_normal(constant).astype(numpy.float32))
        constants.append(numpy_helper.from_array(values, "w"))
        operands.append("w")
    result = helper.make_tensor_value_info("y", TensorProto.INT32 if integers else TensorProto.FLOAT, None)
    nodes.append(helper.make_node(operator, operands, ["y"], **attributes))
    graph = helper.make_graph(nodes, name.replace("-", "_"), inputs,
                              [result], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10), path)
