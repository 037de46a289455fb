# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints the models that scripts/demo walks through: `name|model|data folder|rtol|atol|span`, one per line."""
import sys

import cases

LIGHT = ["light_squeezenet"]
SHARED = ["mnist-cnn-pytorch", "unitree-g1-policy", "person-reid-0248"]


def main(cache):
    chosen = [case for case in cases.cases_of("light", cache) if case.name in LIGHT]
    try:
        chosen += [case for case in cases.cases_of("models", cache) if case.name in SHARED]
    except cases.CorpusAbsent:
        pass
    for case in chosen:
        print(case.name, case.model, case.data[0], case.rtol, case.atol, case.span, sep="|")


if __name__ == "__main__":
    main(sys.argv[1])
