# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares Tegula with the runtimes and compilers that users would pick instead, interleaved in one run.

    benchmarks/compare-engines --output=benchmarks/results/compare           # everything; takes an hour or more
    benchmarks/compare-engines --model=bert-toy-12 --engine=tegula --engine=onnxruntime --threads=1

Writes OUTPUT.json (with raw samples), OUTPUT.md and OUTPUT.svg. Every engine's outputs are checked before its time counts.
Ends with 1 when an output of Tegula's is wrong or a model does not compile.
"""
import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the control kernel

import engines  # noqa: E402
import measure  # noqa: E402
import models  # noqa: E402
import report  # noqa: E402


def cpu_name():
    return next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")


def commit():
    done = subprocess.run(["git", "-C", str(models.ROOT), "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def chosen_models(names, work):
    def wanted(name):
        return not names or name in names

    yield from models.corpus_models(wanted)
    yield from models.light_models(wanted, work)
    yield from models.quantized_models(wanted, work)


def main():
    parser = argparse.ArgumentParser(prog="compare-engines", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--engine", action="append", choices=engines.ENGINES, help="only this engine; may be repeated")
    parser.add_argument("--threads", action="append", type=int, help="thread counts (default 1 and 2)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine (default 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each turn; at least three runs (default 0.5)")
    parser.add_argument("--retries", type=int, default=2, help="when the control kernel drifts (default 2)")
    parser.add_argument("--output", help="stem of the files to write; without it the table is printed")
    arguments = parser.parse_args()
    names = arguments.engine or list(engines.ENGINES)
    document = {"schema": 1, "command": shlex.join(["benchmarks/compare-engines", *sys.argv[1:]]), "commit": commit(),
                "cpu": cpu_name(), "cpus": os.cpu_count(), "engines": names, "results": []}
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        work = pathlib.Path(folder)
        for model in chosen_models(arguments.model, work):
            for threads in arguments.threads or [1, 2]:
                result = measure.measure(model, names, threads, work, arguments.rounds, arguments.seconds, arguments.retries)
                document["results"].append(result)
                times = ", ".join(f"{name} {report.cell(result, name)}" for name in names)
                speed = report.speed_of(result)
                print(f"{model.name}, {threads}: {times}; drift {100 * result.get('drift', 0):.1f} %"
                      + (f"; {speed:.2f}" if speed else ""), file=sys.stderr, flush=True)
    if arguments.output:
        stem = pathlib.Path(arguments.output)
        report.write_json(document, stem.with_suffix(".json"))
        stem.with_suffix(".md").write_text(report.markdown(document))
        report.plot(document, stem.with_suffix(".svg"))
    else:
        print(report.markdown(document))
    sys.exit(any("error" in result["engines"].get("tegula", {}) for result in document["results"]))


if __name__ == "__main__":
    main()
