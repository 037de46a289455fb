# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an import of tegula brings along, and whom it has to live with."""
import itertools
import subprocess
import sys

import onnx
import pytest
from onnx import helper

NEIGHBOURS = ["onnx", "onnxruntime"]
USE = {
    "onnx": "import onnx.checker; onnx.checker.check_model(onnx.helper.make_model(onnx.helper.make_graph("
    "[onnx.helper.make_node('Relu', ['x'], ['y'])], 'g', [onnx.helper.make_tensor_value_info('x', 1, [1])], "
    "[onnx.helper.make_tensor_value_info('y', 1, [1])])))",
    "onnxruntime": "import onnxruntime; onnxruntime.get_available_providers()",
    # The compiler brings LLVM, ONNX and Protobuf along.
    "tegula": """
import numpy, tegula
assert tegula.load({model!r})(numpy.ones((1, 3), "f4"))[0, 0] == 3
assert tegula.compile({source!r})(numpy.array([-1, 1], "f4")).tolist() == [0, 1]
try:
    tegula.compile(b"garbage")
except tegula.TegulaError:
    pass
""",
}


@pytest.mark.parametrize("order", list(itertools.permutations([*NEIGHBOURS, "tegula"])), ids="-".join)
def test_import_orders(artifacts, order, tmp_path):
    model = str(artifacts / "scale.so")
    source = str(tmp_path / "relu.onnx")
    values = [helper.make_tensor_value_info(name, 1, ["n"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), source)
    imports = [f"import {name}" for name in order]
    uses = [USE[name].format(model=model, source=source) if name == "tegula" else USE[name] for name in order]
    done = subprocess.run([sys.executable, "-c", "\n".join(imports + uses)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_numpy_and_ml_dtypes_are_imported():
    code = "import sys; import numpy, ml_dtypes; before = set(sys.modules); import tegula; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    foreign = {name.split(".")[0] for name in done.stdout.split()} - {"tegula"} - set(sys.stdlib_module_names)
    assert not foreign
