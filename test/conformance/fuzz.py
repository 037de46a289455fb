# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feeds damaged models to `tegula check`: whatever is in a file, the answer is an exit code of 0 or 1, soon, with words.

  fuzz.py --tegula build/bin/tegula --seed 7 --count 200 --keep build/fuzz

Models are ONNX's own PyTorch operator and simple tests (in the onnx package, so that no corpus is needed), damaged in bytes or in structure.
The part of the long set ($TEGULA_LONG_SET) and the seed ($TEGULA_TEST_SEED) choose the cases; a failing model is kept.
"""
import argparse
import concurrent.futures
import os
import random
import sys
from pathlib import Path

import runner

COUNT = 1600
LIMIT = 20.0  # seconds


def damage_bytes(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        if not data:
            break
        kind = rng.randrange(5)
        at = rng.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            length = rng.randrange(1, 9)
            data[at:at] = data[at:at + length]
        else:
            del data[at:at + rng.randrange(1, 9)]
    return bytes(data)


def damage_structure(data, rng):
    """One change that leaves a well-formed message: the checker or the compiler has to notice."""
    import onnx

    model = onnx.load_from_string(data)
    graph = model.graph
    node = rng.choice(graph.node)
    extreme = rng.choice([-(2**63), -1, 0, 1, 2**31, 2**62, 2**63 - 1])
    values = list(graph.input) + list(graph.output)
    kind = rng.randrange(8)
    if kind == 0 and node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.i = extreme
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = extreme
    elif kind == 1 and node.attribute:
        del node.attribute[rng.randrange(len(node.attribute))]
    elif kind == 2 and node.input:
        del node.input[rng.randrange(len(node.input))]
    elif kind == 3 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(["", "nowhere", node.output[0] if node.output else ""])
    elif kind == 4:
        dims = rng.choice(values).type.tensor_type.shape.dim
        if dims:
            rng.choice(dims).dim_value = extreme
    elif kind == 5:
        rng.choice(values).type.tensor_type.elem_type = rng.randrange(-1, 40)
    elif kind == 6:
        graph.node.append(node)
    else:
        model.opset_import[0].version = rng.choice([-1, 0, 1, 6, 7, 13, 28, 29, 1000])
    return model.SerializeToString()


def seed_models():
    import onnx.backend.test.loader

    cases = onnx.backend.test.loader.load_model_tests(kind="pytorch-operator")
    cases += onnx.backend.test.loader.load_model_tests(kind="simple")
    return [(Path(case.model_dir) / "model.onnx").read_bytes() for case in cases]


def make_case(models, seed, index):
    rng = random.Random(f"{seed}/{index}")
    damage = damage_bytes if rng.random() < 0.4 else damage_structure
    return damage(rng.choice(models), rng)


def problem_of(tegula, data, folder):
    """What is wrong with the answer to this model, or None."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    code, _, stderr = runner.run_command([*tegula, "check", "model.onnx"], LIMIT, folder)
    if code is None:
        return f"no answer in {LIMIT:g} s"
    if code not in (0, 1):
        return f"exit code {code}: {runner.first_error(stderr)}"
    if code == 1 and not stderr.strip():
        return "exit code 1 without a message"
    return None


def run(tegula, seed, indices, keep, models):
    """[(index, problem)] of the cases that went wrong; their models stay below `keep`."""
    def one(index):
        folder = keep / f"{seed}-{index}"
        problem = problem_of(tegula, make_case(models, seed, index), folder)
        if problem is None:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        return index, problem

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [(index, problem) for index, problem in pool.map(one, indices) if problem]


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tegula", default="build/bin/tegula")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TEGULA_TEST_SEED", "0")))
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args(arguments)
    part, parts = runner.long_set_part(os.environ.get("TEGULA_LONG_SET"))
    indices = range(part, options.count, parts)
    tegula = [str(Path(options.tegula).resolve())]
    problems = run(tegula, options.seed, indices, options.keep.resolve(), seed_models())
    for index, problem in problems:
        print(f"case {index}: {problem}: {options.keep / f'{options.seed}-{index}' / 'model.onnx'}")
    print(f"{len(indices)} damaged models, seed {options.seed}, part {part} of {parts}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
