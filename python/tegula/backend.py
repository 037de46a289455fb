# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tegula as an onnx.backend.base.Backend, so that ONNX's own test runner drives it.

    import onnx.backend.test
    import tegula.backend
    tests = onnx.backend.test.BackendTest(tegula.backend, __name__)
"""
import numpy
import onnx
import onnx.backend.base
import onnx.helper

from . import compile as compile_model


class TegulaRep(onnx.backend.base.BackendRep):
    """A model ready to run."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def run(self, inputs, **kwargs):
        """Runs the model on a list of arrays, a dict by name, or one array; returns a tuple of its outputs."""
        if not isinstance(inputs, (list, tuple, dict)):
            inputs = [inputs]
        return tuple(self.model.run(inputs))


class Backend(onnx.backend.base.Backend):
    """Compiles for the CPU of this machine."""

    @classmethod
    def is_compatible(cls, model, device="CPU", **kwargs):
        return cls.supports_device(device)

    @classmethod
    def supports_device(cls, device):
        return device.split(":")[0].upper() == "CPU"

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        """`kwargs` are options of tegula.compile."""
        if not cls.supports_device(device):
            raise ValueError(f"expected the device CPU, but got {device}")
        super().prepare(model, device)
        return TegulaRep(compile_model(model, **kwargs))

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, **kwargs):
        """Runs one node; `outputs_info` are (dtype, shape) of its outputs where they cannot be inferred.

        `opset_version` (default: the newest that onnx knows) belongs to node.domain, other `kwargs` to tegula.compile.
        """
        opset = kwargs.pop("opset_version", None)
        if opset is None:
            opset = onnx.defs.onnx_opset_version() if not node.domain else 1
        names = [name for name in node.input if name]
        if isinstance(inputs, dict):
            inputs = [inputs[name] for name in names]
        arrays = [numpy.asarray(array) for array in inputs]
        values = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
        ]
        outputs = [name for name in node.output if name]
        if outputs_info:
            results = [
                onnx.helper.make_tensor_value_info(
                    name, onnx.helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype)), shape
                )
                for name, (dtype, shape) in zip(outputs, outputs_info, strict=True)
            ]
        else:
            results = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = onnx.helper.make_graph([node], node.op_type, values, results)
        opsets = [onnx.helper.make_operatorsetid(node.domain, opset)]
        model = onnx.helper.make_model_gen_version(graph, opset_imports=opsets)
        if not outputs_info:
            inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
            del model.graph.output[:]
            model.graph.output.extend(inferred.graph.output)
        return cls.run_model(model, arrays, device, **kwargs)


is_compatible = Backend.is_compatible
prepare = Backend.prepare
run_model = Backend.run_model
run_node = Backend.run_node
supports_device = Backend.supports_device
