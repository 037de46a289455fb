# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Signals end a run that takes forever, as they end any Python code."""
import os
import signal
import threading
import time

import numpy
import onnx.parser
import pytest
import tegula

ENDLESS = """<ir_version: 8, opset_import: ["" : 18]>
g (int64 n, float[100] x) => (float[100] y) {
  c = Constant <value = bool {1}> ()
  y = Loop (n, c, x) <body = b (int64 i, bool d, float[100] a) => (bool d, float[100] e) { e = Sin (a) }>
}"""
X = numpy.ones(100, numpy.float32)


@pytest.fixture(scope="module")
def endless():
    return tegula.compile(onnx.parser.parse_model(ENDLESS))


def test_keyboard_interrupt(endless):
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        endless.run({"n": numpy.int64(2**62), "x": X})
    assert time.monotonic() - begin < 20
    # The model is as good as before.
    (y,) = endless.run({"n": numpy.int64(2), "x": X})
    numpy.testing.assert_allclose(y, numpy.sin(numpy.sin(X)), rtol=1e-6)


def test_a_handler_of_ones_own(endless):
    """One that returns lets the run go on, one that raises ends it."""
    calls = []

    def handler(number, frame):
        calls.append(number)
        if len(calls) == 3:
            raise TimeoutError

    previous = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
    try:
        with pytest.raises(TimeoutError):
            endless.run({"n": numpy.int64(2**62), "x": X})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert len(calls) >= 3
