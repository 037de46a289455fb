# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes FOLDER/model.onnx, which makes a sequence of x and x again and tells its strings apart, and recorded data:
FOLDER/good, FOLDER/bad (another element), FOLDER/short (the last output is not recorded)."""
import sys
from pathlib import Path

import numpy
import onnx
from onnx import numpy_helper, parser

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
onnx.save(parser.parse_model('''<ir_version: 10, opset_import: ["" : 21]>
    g (float[n] x, string[m] w) => (seq(float[k]) s, string[m] y) {
        s = SequenceConstruct(x, x)
        y = StringConcat(w, w)
    }'''), folder / "model.onnx")
x, words = numpy.float32([1, 2]), numpy.array(["a", "ä"], object)
for name, last in (("good", x), ("bad", x + 1), ("short", x)):
    data = folder / name
    data.mkdir(exist_ok=True)
    (data / "input_0.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    (data / "input_1.pb").write_bytes(numpy_helper.from_array(words, "w").SerializeToString())
    (data / "output_0.pb").write_bytes(numpy_helper.from_list([x, last], "s").SerializeToString())
    if name != "short":
        (data / "output_1.pb").write_bytes(numpy_helper.from_array(words + words, "y").SerializeToString())
