# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the importer's fuzz target for a while, from the models in corpus.py.

  fuzz_import.py --fuzzer build/test/bin/tegula-import-fuzzer --folder build/fuzz-import --seconds 3600

By default the run is the same every time and short: what breaks it is new. With $TEGULA_LONG_SET=all, and with --seconds, it
takes its seed from $TEGULA_TEST_SEED and goes on from the corpus that earlier runs grew in FOLDER; ten minutes for the
former. A model that it fails on stays there, too (`FUZZER MODEL` runs that one again).
"""
import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import corpus


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fuzzer", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=600 if os.environ.get("TEGULA_LONG_SET") == "all" else 0)
    options = parser.parse_args(arguments)
    seeds, grown = options.folder / "seeds", options.folder / "grown"
    for folder in (seeds, grown):
        folder.mkdir(parents=True, exist_ok=True)
    for name, data in corpus.models():
        (seeds / f"{name}.onnx").write_bytes(data)
    if options.seconds:
        # libFuzzer takes 0 for a seed of its own choice.
        seed = int(os.environ.get("TEGULA_TEST_SEED", "0")) % 2**31 + 1
        extent = [f"-max_total_time={options.seconds}", f"-seed={seed}"]
    else:
        extent = ["-runs=2000", "-max_total_time=60", "-seed=1"]
        shutil.rmtree(grown)
        grown.mkdir()
    command = [options.fuzzer, str(grown), str(seeds), *extent, "-max_len=65536", "-timeout=60", "-rss_limit_mb=6000",
               "-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={options.folder}/"]
    print(" ".join(command), flush=True)
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
