# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The way from tegula.compile to the C API and back, with a compiler that only writes down what it was asked for."""
import gc
from pathlib import Path

import numpy
import onnx
import pytest
import tegula
import tegula._compile
from conftest import BUILD

X = numpy.ones((2, 3), numpy.float32)


@pytest.fixture
def log(monkeypatch, tmp_path, artifacts):
    """The options that the compiler got, as a list of lines."""
    library = BUILD / "test" / "python" / "fake_compiler.so"
    assert library.exists(), f"{library} is missing: build the target fake_compiler"
    monkeypatch.setattr(tegula._compile, "compiler_library", lambda: library)
    monkeypatch.setenv("TEGULA_FAKE_ARTIFACT", str(artifacts / "scale.so"))
    monkeypatch.setenv("TEGULA_FAKE_LOG", str(tmp_path / "log"))
    return lambda: (tmp_path / "log").read_text().splitlines()


def test_defaults(log):
    model = tegula.compile("some folder/model.onnx")
    assert log() == [
        "model_path=some folder/model.onnx",
        "model_size=0",
        "target=host",
        "emit=(null)",
        "precision=f32",
        "database=(null)",
        "lock_file=(null)",
        "external_data_root=(null)",
        "threads=1",
        "freeze_defaults=0",
    ]
    assert model.threads == 1
    numpy.testing.assert_array_equal(model(X), 2 * X + 1)


def test_options(log):
    model = tegula.compile(
        b"model", "x86-64-v3", 2, "f32", dimensions={"batch": 2, "n": 7}, database=Path("a.db"),
        lock_file="b.mlir", external_data_root="/c", freeze_defaults=True,
    )  # fmt: skip
    assert log()[1:] == [
        "model_size=5",
        "target=x86-64-v3",
        "emit=(null)",
        "precision=f32",
        "database=a.db",
        "lock_file=b.mlir",
        "external_data_root=/c",
        "threads=2",
        "freeze_defaults=1",
        "dimension=batch=2",
        "dimension=n=7",
    ]
    assert model.threads == 2
    with pytest.raises(TypeError, match="unexpected keyword argument 'databse'"):
        tegula.compile(b"model", databse="a.db")


def test_model_proto(log):
    model = onnx.ModelProto(ir_version=8, producer_name="test")
    tegula.compile(model)
    assert f"model_size={len(model.SerializeToString())}" in log()
    with pytest.raises(tegula.TegulaError, match="expected a path, bytes or a ModelProto, but got int"):
        tegula.compile(5)


@pytest.mark.parametrize("status", [1, 2, 3])
def test_messages(log, status, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(tegula.TegulaError, match="^model.onnx: node 'a' \\(Ädd\\): error\\nmore$"):
        tegula.compile(f"{status}:model.onnx: node 'a' (Ädd): error\nmore".encode())
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_warnings(log):
    with pytest.warns(UserWarning, match="line with a warning: text"):
        tegula.compile(b"0:a remark\nline with a warning: text")


def test_file_lives_as_long_as_the_model(log, tmp_path):
    model = tegula.compile("model.onnx")
    assert model.path.exists() and model.path.name == "model.so"
    model.save(tmp_path / "saved.so")
    path = model.path
    del model
    gc.collect()
    assert not path.parent.exists()
    numpy.testing.assert_array_equal(tegula.load(tmp_path / "saved.so")(X), 2 * X + 1)


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setattr(tegula._library.native, "__file__", str(tmp_path / "a" / "b" / "c" / "_native.abi3.so"))
    with pytest.raises(tegula.TegulaError, match=r"the compiler \(libtegula.so\) is not in"):
        tegula.compile(b"model")
    (tmp_path / "broken.so").write_text("text")
    monkeypatch.setattr(tegula._compile, "compiler_library", lambda: tmp_path / "broken.so")
    with pytest.raises(tegula.TegulaError, match="cannot load the compiler: .*broken.so"):
        tegula.compile(b"model")
