# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One engine with one model in a process of its own; obeys a line of JSON on standard input, answers with one.

    {"do": "load", ...}          {"load_ms", "compile_s", "first_ms", "outputs": file, "peak_mib", "artifact_bytes"}
    {"do": "run", "seconds": s}  {"samples_ns": [...]}
"""
import json
import os
import sys
import time
from pathlib import Path

import numpy

import engines


def memory_mib(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def load(order):
    work = Path(order["work"])
    inputs = [numpy.load(work / f"input_{number}.npy") for number in range(order["inputs"])]
    begin = time.monotonic()
    engine = engines.make(order["engine"], Path(order["model"]), inputs, order["threads"], work)
    load_seconds = time.monotonic() - begin - engine.compile_seconds - engine.import_seconds
    begin = time.perf_counter_ns()
    outputs = engine.run(inputs)
    first = time.perf_counter_ns() - begin
    path = work / f"{order['engine']}.npz"
    numpy.savez(path, *[numpy.asarray(array) for array in outputs])
    artifact = engine.artifact or Path(order["model"])
    return engine, inputs, {
        "version": engine.version,
        "compile_s": engine.compile_seconds,
        "load_ms": 1e3 * load_seconds,
        "first_ms": first / 1e6,
        "artifact_bytes": artifact.stat().st_size,
        "outputs": str(path),
    }


def run(engine, inputs, seconds):
    """At least three runs; the output arrays are fresh ones each time, as a caller's would be."""
    samples, until = [], time.perf_counter_ns() + seconds * 1e9
    while len(samples) < 3 or time.perf_counter_ns() < until:
        begin = time.perf_counter_ns()
        engine.run(inputs)
        samples.append(time.perf_counter_ns() - begin)
    return samples


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what an engine prints must not mix with the answers
    os.sched_setaffinity(0, set(map(int, sys.argv[1].split(","))))
    engine = inputs = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["do"] == "load":
                engine, inputs, answer = load(order)
            else:
                answer = {"samples_ns": run(engine, inputs, order["seconds"]), "peak_mib": memory_mib("VmHWM")}
        except Exception as error:  # an engine that fails is a line of the report, whatever it raises
            answer = {"error": f"{type(error).__name__}: {error}".strip()[:400]}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
