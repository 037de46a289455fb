# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Single kernels on one thread against what the same core does at most, and against OpenBLAS behind numpy.

    benchmarks/sweep-kernels --output=benchmarks/results/sweep-kernels    # everything: a few minutes
    benchmarks/sweep-kernels --case=conv                                  # those whose name has this in it

For each case, in turns: the peak (a loop of multiply-adds in registers, and reading memory that no cache holds), the
compiled model of the one operator (`tegula bench`: the median of a turn), and numpy's product of matrices of that size,
for a convolution the one that stands behind im2col (without im2col itself). The peak's time is that of the arithmetic
in registers, or that of reading the operands, where they are bigger than caches and that takes longer.
Writes OUTPUT.json (with every sample) and OUTPUT.md, or prints the table.
"""
import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import numpy  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "compare"))
import report as reports  # noqa: E402

BUILD = pathlib.Path(os.environ.get("TEGULA_BUILD") or ROOT / "build")
#: Below this share of the peak a case is listed by name.
ENOUGH = 0.75
#: Operands of this size lie in no cache between two runs.
UNCACHED = 48 << 20


class Case:
    """An operator with constant weights, as models have them; `products` are the (batch, m, n, k) of its arithmetic."""

    def __init__(self, name, nodes, inputs, weights, result, products):
        self.name, self.nodes, self.inputs, self.weights, self.result = name, nodes, inputs, weights, result
        self.products = products
        self.flops = sum(2 * b * m * n * k for b, m, n, k in products)
        extents = [*inputs.values(), *weights.values(), result]
        self.bytes = sum(4 * int(numpy.prod(shape)) for shape in extents)

    def save(self, path):
        generator = numpy.random.default_rng(0)
        tensors = [numpy_helper.from_array(generator.uniform(-1, 1, shape).astype(numpy.float32), name)
                   for name, shape in self.weights.items()]
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in self.inputs.items()]
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, self.result)
        graph = helper.make_graph(self.nodes, "case", values, [output], tensors)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def matmul(m, n, k):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return Case(f"matmul-{m}x{n}x{k}", [node], {"x": [m, k]}, {"w": [k, n]}, [m, n], [(1, m, n, k)])


def convolution(image, channels, filters, window, stride):
    pad = window // 2
    rows = (image + 2 * pad - window) // stride + 1
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[pad] * 4, strides=[stride] * 2)
    name = f"conv-{window}x{window}-{image}x{image}-{channels}-{filters}" + (f"-stride-{stride}" if stride > 1 else "")
    return Case(name, [node], {"x": [1, channels, image, image]}, {"w": [filters, channels, window, window]},
                [1, filters, rows, rows], [(1, filters, rows * rows, channels * window * window)])


def attention(heads, tokens, past, width):
    """softmax(q k) v, with keys laid out as the first product reads them."""
    nodes = [helper.make_node("MatMul", ["q", "k"], ["s"]), helper.make_node("Softmax", ["s"], ["p"], axis=-1),
             helper.make_node("MatMul", ["p", "v"], ["y"])]
    inputs = {"q": [heads, tokens, width], "k": [heads, width, past], "v": [heads, past, width]}
    return Case(f"attention-{heads}x{tokens}x{past}x{width}", nodes, inputs, {}, [heads, tokens, width],
                [(heads, tokens, past, width), (heads, tokens, width, past)])


CASES = [
    *(matmul(size, size, size) for size in (64, 128, 256, 512, 1024)),
    matmul(128, 768, 768), matmul(128, 3072, 768), matmul(128, 768, 3072), matmul(1000, 999, 1001),
    *(matmul(1, n, k) for n, k in ((4096, 4096), (11008, 4096))),
    # The layers of ResNet-50.
    convolution(224, 3, 64, 7, 2),
    *(convolution(*layer) for layer in (
        (56, 64, 64, 1, 1), (56, 64, 64, 3, 1), (56, 64, 256, 1, 1), (56, 256, 64, 1, 1), (56, 256, 128, 1, 1),
        (56, 128, 128, 3, 2), (56, 256, 512, 1, 2), (28, 128, 128, 3, 1), (28, 128, 512, 1, 1), (28, 512, 128, 1, 1),
        (28, 512, 256, 1, 1), (28, 256, 256, 3, 2), (28, 512, 1024, 1, 2), (14, 256, 256, 3, 1), (14, 256, 1024, 1, 1),
        (14, 1024, 256, 1, 1), (14, 1024, 512, 1, 1), (14, 512, 512, 3, 2), (14, 1024, 2048, 1, 2), (7, 512, 512, 3, 1),
        (7, 512, 2048, 1, 1), (7, 2048, 512, 1, 1))),
    attention(12, 128, 128, 64), attention(12, 512, 512, 64), attention(32, 1, 1024, 128),
]


def call(*words):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"sweep-kernels: {' '.join(map(str, words))} ended with {done.returncode}")
    return done.stdout


def peak(what, seconds):
    return float(call(BUILD / "bin" / "benchmark-peak", what, 1, seconds))


def blas_seconds(arrays, seconds):
    """The median time of the products of matrices."""
    samples, until = [], time.perf_counter() + seconds
    while len(samples) < 3 or time.perf_counter() < until:
        begin = time.perf_counter()
        for left, right, result in arrays:
            numpy.matmul(left, right, out=result)
        samples.append(time.perf_counter() - begin)
    return statistics.median(samples)


def measure(case, folder, rounds, seconds):
    model, library = folder / f"{case.name}.onnx", folder / f"{case.name}.so"
    case.save(model)
    call(BUILD / "bin" / "tegula", "compile", model, "-o", library, "--threads=1")
    arrays = [tuple(numpy.ones(shape, numpy.float32) for shape in ((b, m, k), (b, k, n), (b, m, n)))
              for b, m, n, k in case.products]
    samples = {"fma_gflops": [], "read_gbs": [], "tegula_ms": [], "openblas_ms": []}
    for _ in range(rounds):
        samples["fma_gflops"].append(peak("fma", seconds / 4))
        samples["read_gbs"].append(peak("read", seconds / 4))
        report = call(BUILD / "bin" / "tegula", "bench", library, "--threads=1", f"--seconds={seconds}", "--json")
        samples["tegula_ms"].append(json.loads(report)["p50_ms"])
        samples["openblas_ms"].append(1e3 * blas_seconds(arrays, seconds))
    library.unlink()
    return {"case": case.name, "flops": case.flops, "bytes": case.bytes, "samples": samples}


def summarize(result):
    """GFLOP/s, the share of the peak's speed and OpenBLAS's time as a multiple of ours: medians over the rounds."""
    rounds = list(zip(*(result["samples"][name] for name in ("fma_gflops", "read_gbs", "tegula_ms", "openblas_ms"))))
    uncached = result["bytes"] if result["bytes"] >= UNCACHED else 0
    ideal = [max(result["flops"] / fma, uncached / read) / 1e6 for fma, read, _, _ in rounds]
    ours = statistics.median(ms for _, _, ms, _ in rounds)
    return (result["flops"] / ours / 1e6, statistics.median(best / ms for best, (_, _, ms, _) in zip(ideal, rounds)),
            statistics.median(blas / ms for _, _, ms, blas in rounds))


def markdown(document):
    lines = ["# Single kernels", "", f"`{document['command']}`", "",
             f"Commit {document['commit']}, {document['cpu']}, one thread. *Peak*: the time that the arithmetic takes at the"
             " FMA peak, or reading the operands from memory where no cache holds them, as a share of ours (Winograd's"
             " convolutions compute less: above 100 %). *OpenBLAS*: its time as a multiple of ours; of a convolution, the product without im2col.", "",
             "| case | ms | GFLOP/s | peak | OpenBLAS |", "|---|---:|---:|---:|---:|"]
    slow = []
    for result in document["results"]:
        gflops, share, ratio = summarize(result)
        lines.append(f"| {result['case']} | {statistics.median(result['samples']['tegula_ms']):.3g} | {gflops:.1f} |"
                     f" {100 * share:.0f} % | {ratio:.2f} |")
        if share < ENOUGH:
            slow.append(f"{result['case']} ({100 * share:.0f} %)")
    lines += ["", f"Below {100 * ENOUGH:.0f} % of the peak: {', '.join(slow) or 'none'}."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="sweep-kernels", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", help="only cases with this in their name; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each case (default 5)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of each turn (default 0.2)")
    parser.add_argument("--output", help="stem of the files to write; results that are there are kept, but for the chosen cases")
    arguments = parser.parse_args()
    chosen = [case for case in CASES if not arguments.case or any(part in case.name for part in arguments.case)]
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    results = {}
    stem = pathlib.Path(arguments.output) if arguments.output else None
    if stem and stem.with_suffix(".json").exists():
        results = {result["case"]: result for result in json.loads(stem.with_suffix(".json").read_text())["results"]}
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        for case in chosen:
            results[case.name] = measure(case, pathlib.Path(folder), arguments.rounds, arguments.seconds)
            gflops, share, ratio = summarize(results[case.name])
            print(f"{case.name}: {gflops:.1f} GFLOP/s, {100 * share:.0f} % of the peak, {ratio:.2f} of OpenBLAS",
                  file=sys.stderr, flush=True)
    # Of a sweep in pieces: what all of them had in common.
    words = [word for word in sys.argv[1:] if not word.startswith("--case")]
    document = {"schema": 1, "command": shlex.join(["benchmarks/sweep-kernels", *words]),
                "commit": commit.stdout.strip(), "cpu": cpu,
                "results": [results[case.name] for case in CASES if case.name in results]}
    if stem:
        reports.write_json(document, stem.with_suffix(".json"))
        stem.with_suffix(".md").write_text(markdown(document))
    else:
        print(markdown(document))


if __name__ == "__main__":
    main()
