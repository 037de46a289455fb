# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs all engines on one model in turns, each in its own process on the same cores."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy

import engines

#: A round of a model counts only when the control kernel stays within this.
LARGEST_DRIFT = 0.05


class Worker:
    def __init__(self, engine, cpus):
        # A pool of the engine's own may not grow by what a BLAS behind numpy brings along.
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", PYTHONPATH=str(engines.ROOT / "python"))
        self.engine = engine
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), ",".join(map(str, cpus))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)

    def ask(self, **order):
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": f"the process ended with {self.process.wait()}"}

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def control_ns(cpus):
    """The best of some runs of a fixed piece of work in this process, on the slowest of the processors in use."""
    left, own, slowest = numpy.ones((256, 256), numpy.float32), os.sched_getaffinity(0), 0
    for cpu in cpus:
        os.sched_setaffinity(0, {cpu})
        best = None
        for _ in range(20):
            begin = time.perf_counter_ns()
            left @ left
            spent = time.perf_counter_ns() - begin
            best = spent if best is None else min(best, spent)
        slowest = max(slowest, best)
    os.sched_setaffinity(0, own)
    return slowest


def start(model, names, threads, cpus, work):
    """(workers that answer rightly, one report for each engine)"""
    for number, array in enumerate(model.inputs):
        numpy.save(work / f"input_{number}.npy", array)
    workers, reports = [], {}
    for name in names:
        worker = Worker(name, cpus)
        report = worker.ask(do="load", engine=name, model=str(model.path), threads=threads, work=str(work),
                            inputs=len(model.inputs))
        if "error" not in report:
            with numpy.load(report.pop("outputs")) as archive:
                outputs = [archive[key] for key in archive.files]
            error = model.error_of(outputs, engines.ENGINES[name].same_numerics)
            if error:
                report["error"] = f"wrong: {error}"
            else:
                report["relative_error"] = model.relative_error_of(outputs)
        reports[name] = report
        if "error" in report:
            worker.end()
        else:
            workers.append(worker)
    return workers, reports


def measure_rounds(workers, rounds, seconds, cpus):
    samples, controls = {worker.engine: [] for worker in workers}, []
    peaks = {}
    for number in range(rounds):
        controls.append(control_ns(cpus))
        # Another order each round, so that no engine always follows the same one.
        for worker in workers[number % len(workers):] + workers[:number % len(workers)]:
            answer = worker.ask(do="run", seconds=seconds)
            if "error" in answer:
                raise RuntimeError(f"{worker.engine}: {answer['error']}")
            samples[worker.engine].append(answer["samples_ns"])
            peaks[worker.engine] = answer["peak_mib"]
    controls.append(control_ns(cpus))
    return samples, controls, peaks


def measure(model, names, threads, work, rounds, seconds, retries):
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    workers, reports = start(model, names, threads, cpus, work)
    result = {"model": model.name, "threads": threads, "engines": reports, "void": True}
    if workers:
        measure_rounds(workers, 1, min(seconds, 0.1), cpus)  # caches, pools and page tables as they will be
        for _ in range(1 + retries):
            samples, controls, peaks = measure_rounds(workers, rounds, seconds, cpus)
            result["control_ns"] = controls
            result["drift"] = max(controls) / min(controls) - 1
            result["void"] = result["drift"] > LARGEST_DRIFT
            if not result["void"]:
                break
        for name, rounds_of_samples in samples.items():
            every = numpy.concatenate(rounds_of_samples) / 1e6
            reports[name].update(
                runs=len(every), min_ms=float(every.min()), p50_ms=float(numpy.percentile(every, 50)),
                p95_ms=float(numpy.percentile(every, 95)), peak_mib=peaks[name], samples_ns=rounds_of_samples)
    for worker in workers:
        worker.end()
    return result
