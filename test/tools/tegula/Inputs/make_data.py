# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""make_data.py FOLDER NAME=EXPRESSION ...: each expression (of numpy `np`) becomes NAME.pb."""
import sys
from pathlib import Path

import numpy as np
from onnx import numpy_helper

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for argument in sys.argv[2:]:
    name, _, expression = argument.partition("=")
    array = np.asarray(eval(expression, {"np": np}))
    (folder / f"{name}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
