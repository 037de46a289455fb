# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures what the runtime adds to a model's kernels: how long an artifact takes to be ready and to run for the first
time, beside page faults, and what a second thread brings, beside what it brings to multiply-adds in registers.

    cmake --build build --target benchmark-peak
    benchmarks/measure-runtime --output=benchmarks/results/measure-runtime

ready     loading the artifact again in a process that has its pages
first     the first run of that second instance, its memory locked so that its pages are there, divided by the P50
scaling   P50 at one thread divided by that at two, in turns with the multiply-add loop at one and two threads, divided
          by what this loop gains in the same turns
"""
import argparse
import ctypes
import json
import os
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "benchmarks" / "compare")]
BUILD = pathlib.Path(os.environ.get("TEGULA_BUILD") or ROOT / "build")

import numpy  # noqa: E402


def milliseconds(work):
    begin = time.perf_counter_ns()
    result = work()
    return (time.perf_counter_ns() - begin) / 1e6, result


def p50_of(run, seconds):
    samples, until = [], time.perf_counter() + seconds
    while len(samples) < 3 or time.perf_counter() < until:
        samples.append(milliseconds(run)[0])
    return samples


def page_faults():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_minflt + usage.ru_majflt


def start(artifact, folder, count):
    """In a process of its own: {"ready_ms", "first_ms", "faults", "p50_ms"} at one thread."""
    import tegula

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    inputs = [numpy.load(folder / f"{number}.npy") for number in range(count)]
    tegula.load(artifact, threads=1).run(inputs)
    ready, model = milliseconds(lambda: tegula.load(artifact, threads=1))
    lock_what_there_is = 1  # MCL_CURRENT
    if ctypes.CDLL(None, use_errno=True).mlockall(lock_what_there_is):
        sys.exit(f"cannot lock memory: {os.strerror(ctypes.get_errno())}")
    before = page_faults()
    first, _ = milliseconds(lambda: model.run(inputs))
    faults = page_faults() - before
    print(json.dumps({"ready_ms": ready, "first_ms": first, "faults": faults,
                      "p50_ms": statistics.median(p50_of(lambda: model.run(inputs), 0.3))}))


def multiply_adds(threads):
    command = [BUILD / "bin" / "benchmark-peak", "fma", str(threads), "0.05"]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0])


def scale(artifacts, inputs, rounds, seconds):
    import tegula

    loaded = {threads: tegula.load(str(path), threads=threads) for threads, path in artifacts.items()}
    samples = {threads: [] for threads in loaded}
    peaks = {threads: [] for threads in loaded}
    for model in loaded.values():
        model.run(inputs)
    for _ in range(rounds):
        for threads, model in loaded.items():
            peaks[threads].append(multiply_adds(threads))
            samples[threads] += p50_of(lambda: model.run(inputs), seconds)
    own = statistics.median(samples[1]) / statistics.median(samples[2])
    loop = statistics.median(peaks[2]) / statistics.median(peaks[1])
    return {"p50_ms": {threads: statistics.median(each) for threads, each in samples.items()}, "samples_ms": samples,
            "peaks": peaks, "scaling": own, "loop_scaling": loop}


def measure(model, work, arguments):
    artifacts = {threads: work / f"{model.name}-{threads}.so" for threads in (1, 2)}
    for threads, path in artifacts.items():
        subprocess.run([BUILD / "bin" / "tegula", "compile", model.path, "-o", path, f"--threads={threads}",
                        "--freeze-defaults"], check=True, stderr=subprocess.DEVNULL)
    for number, array in enumerate(model.inputs):
        numpy.save(work / f"{number}.npy", array)
    command = [sys.executable, __file__, "--start", artifacts[1], "--inputs", str(len(model.inputs)), "--folder", work]
    starts = [json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
              for _ in range(3)]
    result = {"model": model.name, "starts": starts, **scale(artifacts, model.inputs, arguments.rounds,
                                                             arguments.seconds)}
    for path in artifacts.values():
        path.unlink()
    return result


def row_of(result):
    first = min(each["first_ms"] / each["p50_ms"] for each in result["starts"])
    one, two = (result["p50_ms"][threads] for threads in (1, 2))
    return (result["model"], min(each["ready_ms"] for each in result["starts"]), first, one, two, result["scaling"],
            result["scaling"] / result["loop_scaling"])


def markdown(document):
    head = "| model | ready, ms | first run / P50 | P50 at 1, ms | at 2, ms | scaling | of the loop's |\n|---|" + "---|" * 6
    rows = [row_of(result) for result in document["results"]]
    lines = [f"| {name} | " + " | ".join(f"{value:.3g}" for value in values) + " |" for name, *values in rows]
    return "\n".join([f"`{document['command']}`, commit {document['commit']}, {document['cpu']}, {document['cpus']} "
                      "processors; the columns are explained in `benchmarks/runtime/cli.py`.", "", head, *lines]) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="measure-runtime", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of each turn; at least three runs (default 0.2)")
    parser.add_argument("--output", help="stem of the files to write; without it the table is printed")
    for name, type in (("--start", str), ("--inputs", int), ("--folder", pathlib.Path)):
        parser.add_argument(name, type=type, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        return start(arguments.start, arguments.folder, arguments.inputs)
    import cli as compare

    document = {"schema": 1, "command": shlex.join(["benchmarks/measure-runtime", *sys.argv[1:]]),
                "commit": compare.commit(), "cpu": compare.cpu_name(), "cpus": os.cpu_count(), "results": []}
    with tempfile.TemporaryDirectory(prefix="runtime-") as folder:
        work = pathlib.Path(folder)
        for model in compare.chosen_models(arguments.model, work):
            document["results"].append(measure(model, work, arguments))
            print(*(value if isinstance(value, str) else f"{value:.3g}" for value in row_of(document["results"][-1])),
                  file=sys.stderr, flush=True)
    if arguments.output:
        stem = pathlib.Path(arguments.output)
        compare.report.write_json(document, stem.with_suffix(".json"))
        stem.with_suffix(".md").write_text(markdown(document))
    else:
        print(markdown(document))


if __name__ == "__main__":
    main()
