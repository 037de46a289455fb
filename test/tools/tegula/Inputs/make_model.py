# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""make_model.py FILE 'TEXT': writes a model given in ONNX's text syntax (onnx.parser); ' stands for \"."""
import sys

import onnx.parser

model = onnx.parser.parse_model(sys.argv[2].replace("'", '"'))
with open(sys.argv[1], "wb") as stream:
    stream.write(model.SerializeToString())
