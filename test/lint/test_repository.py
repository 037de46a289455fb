# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The lints on this repository."""
import layers
import names
import sources
import text


def test_license_lines(assert_none):
    assert_none(text.license_problems(sources.ROOT))


def test_file_length(assert_none):
    assert_none(text.length_problems(sources.ROOT))


def test_no_unfinished_work(assert_none):
    assert_none(text.marker_problems(sources.ROOT))


def test_links(assert_none):
    assert_none(text.link_problems(sources.ROOT))


def test_no_machine_paths(assert_none):
    assert_none(text.machine_path_problems(sources.ROOT, sources.ROOT))


def test_layers(assert_none):
    assert_none(layers.problems(sources.ROOT))


def test_pass_names(assert_none):
    assert_none(names.pass_problems(sources.ROOT))


def test_mnemonics(assert_none):
    assert_none(names.mnemonic_problems(sources.ROOT))


def test_format(assert_none):
    assert_none(text.format_problems(sources.ROOT))
