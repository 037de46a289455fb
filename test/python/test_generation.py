# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Generators of text through their decoders against onnxruntime."""
import collections
import dataclasses

import numpy
import pytest
from generation_cases import BASE, CASES, beams, decoder, encoder_and_decoder, greedy
from oracle import Case, check, feeds, make_model, run_onnxruntime

GROUPS = collections.defaultdict(list)
for case in CASES:
    GROUPS[case.operator, case.attributes.get("model_type", 0)].append(case)


def alone(case):
    """The case with a model of its own in onnxruntime, which wants the names of each decoder's values for itself."""
    return case if case.want else dataclasses.replace(case, want=lambda *given: run_onnxruntime([case], [given])[0])


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_generation(group):
    made = [alone(case) for case in GROUPS[group]]
    for first in range(0, len(made), 6):
        check(made[first:first + 6])


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_there_are_enough_cases(group):
    assert len(GROUPS[group]) >= 10 and any(case.is_dynamic for case in GROUPS[group])


@pytest.mark.parametrize("operator, given, attributes, reason", [
    ("GreedySearch", greedy(), {"model_type": 1}, "model_type of 1"),
    ("BeamSearch", beams(), {"model_type": 2}, "model_type of 2"),
    ("BeamSearch", beams(), {"vocab_size": 5}, "vocab_size of 5 for scores of 12"),
    ("BeamSearch", [*beams(), numpy.ones((2, 1), "int32")], {}, "decoder_input_ids"),
    ("BeamSearch", beams(), {"model_type": 1, **encoder_and_decoder(1)}, "decoder_start_token_id"),
])
def test_what_is_not_served_is_named(operator, given, attributes, reason):
    import tegula

    case = Case(operator, given, {**BASE, "decoder": decoder(1), **attributes})
    with pytest.raises(tegula.TegulaError, match=reason):
        tegula.compile(make_model([case], [[numpy.zeros((2, 9), "int32")]]))


@pytest.mark.parametrize("operator, good, bad", [
    ("GreedySearch", greedy(), [greedy(longest=3)]),
    ("BeamSearch", beams(), [beams(longest=3), beams(returned=0), beams(returned=4), beams(width=0, returned=1)]),
])
def test_a_run_fails_when_lengths_or_counts_do_not_fit(operator, good, bad):
    import tegula

    case = Case(operator, good, {**BASE, "decoder": decoder(1)})
    model = tegula.compile(make_model([case], [[numpy.zeros((2, 9), "int32")]]))
    model.run(feeds([case], [good]))
    for operands in bad:
        with pytest.raises(tegula.TegulaError, match=f"{operator}.*value outside the operation's domain"):
            model.run(feeds([case], [operands]))
