# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loading and running compiled models; they are written by hand, so that no compiler is needed."""
import ctypes
import gc
import shutil
import sys
import threading
import timeit
import weakref

import ml_dtypes
import numpy
import pytest
import tegula


@pytest.fixture
def scale(artifacts):
    return tegula.load(artifacts / "scale.so", threads=1)


X = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)


def test_description(scale):
    assert scale.name == "scale"
    assert scale.inputs == [tegula.TensorInfo("x", numpy.dtype("float32"), ("batch", 3))]
    assert scale.outputs[0].shape == ("batch", 3)
    assert scale.kernels[0]["name"] == "map_scale_0"
    assert scale.kernels[0]["nodes"] == ["scale"]
    assert scale.provenance == {"compiler": "by hand"}
    assert scale.threads == 1
    assert repr(scale) == (
        "<tegula.Model 'scale' for x86-64-v2: (x: float32[batch, 3]) -> (y: float32[batch, 3])>"
    )


@pytest.mark.parametrize("inputs", [{"x": X}, [X], (X,)])
def test_run(scale, inputs):
    (y,) = scale.run(inputs)
    assert y.dtype == numpy.float32 and y.flags.writeable
    numpy.testing.assert_array_equal(y, 2 * X + 1)


def test_call(scale, artifacts):
    numpy.testing.assert_array_equal(scale(X), 2 * X + 1)
    numpy.testing.assert_array_equal(scale(x=X), 2 * X + 1)
    y, count = tegula.load(artifacts / "copy_7.so")(numpy.arange(5))
    numpy.testing.assert_array_equal(y, numpy.arange(5))
    assert count.shape == () and count == 5
    with pytest.raises(tegula.TegulaError, match="either in order or by name"):
        scale(X, x=X)


def test_keyword_arguments(scale):
    (y,) = scale.run(inputs=[X], out=None)
    numpy.testing.assert_array_equal(y, 2 * X + 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        scale.run([X], other=1)
    with pytest.raises(TypeError, match="multiple values for argument 'inputs'"):
        scale.run([X], inputs=[X])
    with pytest.raises(TypeError, match="takes the inputs"):
        scale.run()


def test_outputs_stay_valid_after_the_next_run_and_the_model(artifacts):
    model = tegula.load(artifacts / "scale.so")
    first = model(X)
    second = model(X + 1)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    numpy.testing.assert_array_equal(first, 2 * X + 1)
    numpy.testing.assert_array_equal(second, 2 * X + 3)


def test_empty_batch(scale):
    assert scale(numpy.zeros((0, 3), numpy.float32)).shape == (0, 3)


@pytest.mark.parametrize(
    "array",
    [X[:, ::-1], numpy.asfortranarray(X), X.astype(">f4"), X[::-1], X.tolist(), numpy.broadcast_to(X[0], (4, 3))],
    ids=["reversed", "fortran", "big-endian", "rows", "list", "broadcast"],
)
def test_arrays_that_need_a_copy(scale, array):
    numpy.testing.assert_array_equal(scale(array), 2 * numpy.asarray(array) + 1)


def test_misaligned_array(scale):
    raw = numpy.zeros(X.nbytes + 1, numpy.uint8)
    misaligned = raw[1:].view(numpy.float32).reshape(X.shape)
    misaligned[...] = X
    numpy.testing.assert_array_equal(scale(misaligned), 2 * X + 1)


def test_array_subclass_and_read_only_array(scale):
    frozen = X.copy()
    frozen.flags.writeable = False
    numpy.testing.assert_array_equal(scale(frozen), 2 * X + 1)
    numpy.testing.assert_array_equal(scale(numpy.ma.masked_array(X)), 2 * X + 1)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([X, X], "expected 1 input, but got 2"),
        ([X.astype(numpy.float64)], "input 'x': expected element type float32, but got float64"),
        ([X[:, :2]], r"input 'x': expected shape \[batch, 3\], but got \[2, 2\]"),
        ([X[0]], r"input 'x': expected shape \[batch, 3\], but got \[3\]"),
        ({"y": X}, "input 'x' is missing"),
        ({"x": X, "z": X}, r"there is no input 'z'; the model has \['x'\]"),
        ([None], "input 'x': expected an array, but got None"),
        (["text"], "input 'x': cannot make an array of it"),
        ([numpy.array([["a", "b", "c"]])], "input 'x': expected element type float32, but got <U1"),
        ([X.astype(ml_dtypes.bfloat16)], "input 'x': expected element type float32, but got bfloat16"),
        (5, "expected the inputs as a dict by name, or as a list or tuple"),
    ],
)
def test_wrong_inputs(scale, inputs, message):
    with pytest.raises(tegula.TegulaError, match=message):
        scale.run(inputs)
    numpy.testing.assert_array_equal(scale(X), 2 * X + 1)


def test_out(scale):
    y = numpy.empty((2, 3), numpy.float32)
    assert scale.run([X], out=[y])[0] is y
    numpy.testing.assert_array_equal(y, 2 * X + 1)
    y[...] = 0
    assert scale.run([X], out={"y": y})[0] is y
    numpy.testing.assert_array_equal(y, 2 * X + 1)
    (fresh,) = scale.run([X], out=[None])
    numpy.testing.assert_array_equal(fresh, 2 * X + 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [numpy.empty((3, 3), numpy.float32)], r"the result has shape \[2, 3\], but the buffer given has \[3, 3\]"),
        (lambda: [numpy.empty((2, 3), numpy.float64)], "output 'y': expected element type float32, but got float64"),
        (lambda: [numpy.empty((2, 6), numpy.float32)[:, ::2]], "output 'y': expected a writable, contiguous"),
        (lambda: [numpy.broadcast_to(X, X.shape)], "output 'y': expected a writable, contiguous"),
        (lambda: [X.tolist()], "output 'y': expected a writable, contiguous"),
        (lambda: [], "expected 1 output in out, but got 0"),
        (lambda: {"other": X.copy()}, "out names outputs that the model does not have"),
        (lambda: [X], "output 'y' overlaps input 'x' in memory"),
    ],
)
def test_wrong_out(scale, make, message):
    with pytest.raises(tegula.TegulaError, match=message):
        scale.run([X], out=make())


TYPES = {
    1: numpy.float32,
    2: numpy.uint8,
    7: numpy.int64,
    9: numpy.bool_,
    10: numpy.float16,
    14: numpy.complex64,
    16: ml_dtypes.bfloat16,
    17: ml_dtypes.float8_e4m3fn,
    21: ml_dtypes.uint4,
    22: ml_dtypes.int4,
    23: ml_dtypes.float4_e2m1fn,
    25: ml_dtypes.uint2,
    26: ml_dtypes.int2,
}


@pytest.mark.parametrize("number", TYPES)
@pytest.mark.parametrize("count", [0, 1, 7, 8])
def test_element_types(artifacts, number, count):
    dtype = numpy.dtype(TYPES[number])
    model = tegula.load(artifacts / f"copy_{number}.so")
    assert model.inputs[0].dtype == dtype
    x = numpy.resize(numpy.array([1, 0, 1, -2 if number in (22, 26) else 1, 0]), count).astype(dtype)
    y, n = model.run([x])
    assert y.dtype == dtype
    numpy.testing.assert_array_equal(y, x)
    assert n == count
    numpy.testing.assert_array_equal(model.run([x[::-1]])[0], x[::-1])
    out = numpy.zeros(count, dtype)
    assert model.run([x], out=[out, None])[0] is out
    numpy.testing.assert_array_equal(out, x)
    with pytest.raises(tegula.TegulaError, match=f"expected element type {dtype.name}, but got int16"):
        model.run([numpy.zeros(count, numpy.int16)])


@pytest.mark.parametrize("number", [16, 22])
def test_out_of_wrong_shape_for_extension_types(artifacts, number):
    model = tegula.load(artifacts / f"copy_{number}.so")
    x = numpy.zeros(4, TYPES[number])
    with pytest.raises(tegula.TegulaError, match="shape"):
        model.run([x], out=[numpy.zeros(5, TYPES[number]), None])


class Tensor:
    """Another library's tensor: DLPack and nothing else."""

    def __init__(self, array, device=(1, 0)):
        self.array = array
        self.device = device

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.device


def test_dlpack(scale):
    numpy.testing.assert_array_equal(scale(Tensor(X)), 2 * X + 1)
    with pytest.raises(tegula.TegulaError, match="input 'x': expected element type float32, but got int64"):
        scale(Tensor(X.astype(numpy.int64)))
    with pytest.raises(tegula.TegulaError, match="input 'x': expected a tensor in host memory"):
        scale(Tensor(X, device=(2, 0)))


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("rank", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p),
    ]  # fmt: skip


def test_dlpack_bfloat16_in_place_and_deleted_once(artifacts):
    values = numpy.arange(6).astype(ml_dtypes.bfloat16)
    deleted = []
    deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda tensor: deleted.append(tensor))
    shape = (ctypes.c_int64 * 1)(4)
    tensor = DLTensor(values.ctypes.data, 1, 0, 1, 4, 16, 1, shape, None, 4, None, ctypes.cast(deleter, ctypes.c_void_p))
    new_capsule = ctypes.pythonapi.PyCapsule_New
    new_capsule.restype = ctypes.py_object
    new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

    class Producer:
        def __dlpack__(self):
            return new_capsule(ctypes.addressof(tensor), b"dltensor", None)

        def __dlpack_device__(self):
            return (1, 0)

    y, n = tegula.load(artifacts / "copy_16.so").run([Producer()])
    numpy.testing.assert_array_equal(y, values[2:])
    assert n == 4
    assert deleted == [ctypes.addressof(tensor)]


def test_inputs_are_not_leaked(scale):
    x = X.copy()
    before = sys.getrefcount(x)
    for inputs in ([x], {"x": x}, [Tensor(x)]):
        scale.run(inputs)
        with pytest.raises(tegula.TegulaError):
            scale.run([inputs, x])
    del inputs
    gc.collect()
    assert sys.getrefcount(x) == before


def test_interpreter_lock_is_released_and_runs_are_independent(artifacts):
    """Each run of this model ends only when the other is inside."""
    model = tegula.load(artifacts / "meet.so", threads=1)
    inputs = [numpy.full(4, -1, numpy.float32), numpy.zeros(4, numpy.float32)]
    results = []
    threads = [threading.Thread(target=lambda: results.append(model.run(inputs)[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    for result in results:
        numpy.testing.assert_array_equal(result, inputs[0])


def test_many_threads(artifacts):
    model = tegula.load(artifacts / "scale.so", threads=2)
    failures = []

    def work(k):
        for repeat in range(200):
            x = numpy.full((1 + repeat % 5, 3), k, numpy.float32)
            if not numpy.array_equal(model(x), 2 * x + 1):
                failures.append((k, repeat))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_overhead(artifacts):
    """Two inputs and one output of four numbers: all of it is overhead. The limit is 5 microseconds."""
    model = tegula.load(artifacts / "meet.so", threads=1)
    a = numpy.zeros(4, numpy.float32)
    best = min(timeit.repeat(lambda: model.run([a, a]), number=2000, repeat=20)) / 2000
    assert best < 5e-6, f"{best * 1e6:.2f} microseconds"


def test_save(artifacts, scale, tmp_path):
    scale.save(tmp_path / "copy.so")
    numpy.testing.assert_array_equal(tegula.load(tmp_path / "copy.so")(X), 2 * X + 1)
    with pytest.raises(tegula.TegulaError, match="cannot save .*No such file"):
        scale.save(tmp_path / "absent" / "copy.so")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.so"]


def test_save_with_weight_file(artifacts, tmp_path):
    shutil.copy(artifacts / "sidecar.so", tmp_path)
    with pytest.raises(tegula.TegulaError, match="weights.bin.*No such file"):
        tegula.load(tmp_path / "sidecar.so")
    weights = numpy.zeros(16, numpy.float32)
    weights[:2] = 2, 1
    weights.tofile(tmp_path / "weights.bin")
    (tmp_path / "other").mkdir()
    tegula.load(tmp_path / "sidecar.so").save(tmp_path / "other" / "model.so")
    numpy.testing.assert_array_equal(tegula.load(tmp_path / "other" / "model.so")(X), 2 * X + 1)


def test_load_errors(artifacts, tmp_path):
    with pytest.raises(tegula.TegulaError, match="absent.so.*No such file"):
        tegula.load(tmp_path / "absent.so")
    with pytest.raises(tegula.TegulaError, match="expected ABI version [0-9]+, but got 99"):
        tegula.load(artifacts / "other_abi.so")
    with pytest.raises(tegula.TegulaError, match="this processor lacks: .*future-feature"):
        tegula.load(artifacts / "other_processor.so")
    with pytest.raises(tegula.TegulaError, match="expected 1 or more threads, but got 0"):
        tegula.load(artifacts / "scale.so", threads=0)
    assert issubclass(tegula.TegulaError, RuntimeError)
