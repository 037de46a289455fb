# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""make_model.py FILE 'TEXT' INPUT=DIMS ...: writes a model given in ONNX's text syntax (onnx.parser); ' stands for \".

INPUT=2,n declares an input's shape again: the syntax has no symbols in an input with a value."""
import sys

import onnx.parser

model = onnx.parser.parse_model(sys.argv[2].replace("'", '"'))
for argument in sys.argv[3:]:
    name, _, dims = argument.partition("=")
    [shape] = [value.type.tensor_type.shape for value in model.graph.input if value.name == name]
    for dim, text in zip(shape.dim, dims.split(","), strict=True):
        dim.CopyFrom(onnx.TensorShapeProto.Dimension(dim_value=int(text)) if text.isdigit()
                     else onnx.TensorShapeProto.Dimension(dim_param=text))
with open(sys.argv[1], "wb") as stream:
    stream.write(model.SerializeToString())
