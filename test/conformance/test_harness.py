# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The harness on a made-up `tegula` with known behaviour."""
import subprocess
import sys
import time
from pathlib import Path

import numpy
import onnx
import onnx.printer
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import cases
import cli
import forms
import fuzz
import report
import runner

FAKE = [sys.executable, "-B", str(Path(__file__).parent / "Inputs" / "fake_tegula.py")]


@pytest.fixture
def case(tmp_path):
    def make(text, **fields):
        model = tmp_path / f"model{len(list(tmp_path.iterdir()))}.onnx"
        model.write_text(text)
        return cases.Case(fields.pop("name", model.stem), model, [tmp_path], **fields)

    return make


@pytest.mark.parametrize("text, expect, status, message", [
    ("pass", "pass", "pass", ""),
    ("silent", "pass", "internal", "without a report"),
    ("mismatch", "pass", "mismatch", "output 'y': 3 of 8 elements differ, largest absolute error 0.5"),
    ("crash", "pass", "crash", "SIGSEGV"),
    ("exit 1 m.onnx: error: no Foo", "pass", "error", "m.onnx: error: no Foo"),
    ("exit 2 tegula: unknown option", "pass", "usage", "note: first"),
    ("exit 3 error: verifier", "pass", "internal", "error: verifier"),
    ("exit 134 aborted", "pass", "crash", "exit code 134"),
    ("exit 0", "accept", "pass", ""),
    ("exit 1 error: x", "accept", "verdict", "accept: expected exit code 0, but got 1: error: x"),
    ("exit 1 error: x", "reject", "pass", ""),
    ("exit 1", "reject", "verdict", "without a message"),
    ("exit 0", "reject", "verdict", "expected exit code 1, but got 0"),
    ("crash", "reject", "crash", "SIGSEGV"),
    ("exit 1 error: x", "either", "pass", ""),
    ("exit 0", "either", "pass", ""),
    ("exit 0", "load-only", "pass", ""),
    ("exit 0", "load-then-error", "verdict", "expected exit code 1, but got 0"),
    ("exit 1 error: x", "load-then-error", "pass", ""),
])
def test_status(case, tmp_path, text, expect, status, message):
    result = runner.run_case(case(text, expect=expect), FAKE, tmp_path / "scratch")
    assert result.status == status, result
    assert message in result.message, result


@pytest.mark.parametrize("codes, expect, verdict", [
    ("0 9 0", "pass", "equal"),  # a run that reports has compiled: no compilation of its own
    ("0 9 1", "pass", "false unsupported"),
    ("1 0 0", "pass", "equal"),
    ("1 1 0", "pass", "false ok"),
    ("1 0 1", "pass", "false unsupported"),
    ("1 1 1", "pass", "equal"),
    ("9 1 1", "reject", "equal"),
    ("9 1 0", "either", "false ok"),
])
def test_verdicts(case, tmp_path, codes, expect, verdict):
    made = case(f"verdicts {codes}", expect=expect)
    assert runner.run_case(made, FAKE, tmp_path / "scratch", verdicts=True).verdict == verdict
    assert not (tmp_path / "scratch" / made.name).exists()


def test_errors_by_type(case, tmp_path):
    result = runner.run_case(case("pass"), FAKE, tmp_path / "scratch")
    assert (result.target, result.errors) == ("fake", {"float32": 3, "int8": 0})
    report.save(tmp_path / "saved.json", [result])
    assert report.load(tmp_path / "saved.json") == [result]


def test_no_verdict_of_the_compiler(case, tmp_path):
    made = case("verdicts 1 t 0", limit=1.5)
    assert runner.run_case(made, FAKE, tmp_path / "scratch", verdicts=True).verdict == ""


def test_report_of_verdicts():
    def results(**counts):
        return [runner.Result(f"{verdict}{k}", "pass", verdict=verdict.replace("_", " "))
                for verdict, count in counts.items() for k in range(count)]

    assert report.verdict_faults(results(equal=5) + [runner.Result("x", "pass")]) == (
        ["`tegula check` and the compiler agree on 5 of 5 models"], False)
    lines, too_many = report.verdict_faults(results(equal=200, false_unsupported=2))
    assert lines[1] == "false unsupported: false_unsupported0, false_unsupported1" and not too_many
    assert report.verdict_faults(results(equal=200, false_unsupported=3))[1]
    assert report.verdict_faults(results(equal=999, false_ok=1))[1]


def test_cases_whose_verdicts_are_compared():
    assert list(cli.compared_cases(9, "3/8")) == list(range(9))  # a small suite: all
    assert list(cli.compared_cases(2000, "3/8"))[:2] == [3, 11]
    assert len(cli.compared_cases(2000, None)) == len(cli.compared_cases(2000, "all")) == 2000


def test_what_must_fold_runs_no_kernel(case, tmp_path):
    made = case("pass", folds=True)
    made.may_use_host = lambda: False
    result = runner.run_case(made, FAKE, tmp_path / "scratch")
    assert result.status == "error" and "but 3 kernels ran" in result.message, result
    made.may_use_host = lambda: True
    assert runner.run_case(made, FAKE, tmp_path / "scratch").passed


def test_time_limit_kills_the_whole_group(case, tmp_path):
    pid_file = tmp_path / "pid"
    result = runner.run_case(case(f"hang {pid_file}", limit=1.5), FAKE, tmp_path / "scratch")
    assert result.status == "timeout" and result.seconds < 10, result
    grandchild = Path("/proc") / pid_file.read_text()
    for _ in range(50):
        if not grandchild.exists() or "\nState:\tZ" in (grandchild / "status").read_text():
            return
        time.sleep(0.1)
    pytest.fail("a process of the group outlived the time limit")


def test_replay_folder_is_kept_apart(case, tmp_path):
    runner.run_case(case("replay", name="a/b"), FAKE, tmp_path / "scratch")
    runner.run_case(case("pass", name="a/c"), FAKE, tmp_path / "scratch")
    assert "--data" in (tmp_path / "scratch" / "a" / "b" / "seen-arguments").read_text()
    assert not (tmp_path / "scratch" / "a" / "c").exists()


def test_parallel_results_keep_the_order(case, tmp_path):
    results = runner.run_cases([case("pass"), case("mismatch"), case("pass")], FAKE, 2, tmp_path / "scratch")
    assert [result.status for result in results] == ["pass", "mismatch", "pass"]
    assert report.summary(results).startswith("2 of 3 pass, 1 mismatch; 0 host dispatches")


@pytest.mark.parametrize("counted, status", [("96", "pass"), ("95", "pass"), ("94", "error"), ("", "error")])
def test_share_of_operations_in_vectors(case, tmp_path, counted, status):
    result = runner.run_case(case(f"pass {counted}", vector_share=0.95), FAKE, tmp_path / "scratch")
    assert result.status == status, result
    assert status == "pass" or "expected 95% of" in result.message


@pytest.mark.parametrize("allowed, status", [(True, "pass"), (False, "internal")])
def test_numbers_are_no_work_of_the_host(case, tmp_path, allowed, status):
    made = case("host")
    made.may_use_host = lambda: allowed
    result = runner.run_case(made, FAKE, tmp_path / "scratch")
    assert result.status == status and result.host_dispatches == 2
    assert report.summary([result]).count("; 2 host dispatches;") == 1


@pytest.mark.parametrize("text, allowed", [
    ("g (float[n] x) => (float[n] y) { y = Relu(x) }", False),
    ("g (string[n] x) => (string[n] y) { y = Identity(x) }", True),
    ("g (seq(float[n]) x) => (seq(float[n]) y) { y = Identity(x) }", True),
    ("g (float[n] x) => (int64 y) { s = SequenceConstruct(x) y = SequenceLength(s) }", True),
    ("g (bool c, float[n] x) => (float[n] y) { y = If(c) <then_branch = a () => (float[n] p) { s = SequenceConstruct(x, x) "
     "i = Constant <value_int: int = 0> () p = SequenceAt(s, i) }, else_branch = b () => (float[n] q) { q = Relu(x) }> }", True),
])
def test_what_may_run_on_the_host(tmp_path, text, allowed):
    import onnx.parser

    onnx.save(onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 21]>\n' + text), tmp_path / "model.onnx")
    assert cases.Case("x", tmp_path / "model.onnx", []).may_use_host() is allowed


def test_tolerances_reach_the_command(case):
    [(arguments, _)] = case("pass", rtol=0.01, atol=0.5, span=0.25).commands(["tegula"])
    assert arguments[-4:] == ["--rtol=0.01", "--atol=0.5", "--span=0.25", "--json"]


@pytest.mark.parametrize("one, other", [
    ("/a/b.onnx:3:4: error: expected rank 3, but got 4", "c/d.onnx:7:1: error: expected rank 12, but got 1"),
    ("error: 'graph.sin' on 'tensor<2x3xf32>'", "error: 'graph.sin' on 'tensor<?xf16>'"),
    ("m.onnx: node 'conv_1' (Conv, opset 13): error: no", "m.onnx: node 'c/2' (Conv, opset 9): error: no"),
])
def test_one_cause_one_group(one, other):
    assert runner.group_key(one) == runner.group_key(other)


@pytest.mark.parametrize("one, other", [
    ("error: 'graph.sin' has no lowering", "error: 'graph.cos' has no lowering"),
    ("m.onnx: node 'x' (Conv, opset 13): error: no", "m.onnx: node 'x' (Gemm, opset 13): error: no"),
])
def test_two_causes_two_groups(one, other):
    assert runner.group_key(one) != runner.group_key(other)


def test_groups_are_sorted_by_size():
    results = [runner.Result("a", "error", "x.onnx: error: one 1"), runner.Result("b", "error", "error: two"),
               runner.Result("c", "error", "y.onnx: error: one 2"), runner.Result("d", "pass")]
    lines = list(report.groups(results))
    assert len(lines) == 2 and "one N" in lines[0] and "a, c" in lines[0]


@pytest.fixture
def suite(monkeypatch, tmp_path):
    """suite(recorded, {name: text of the model}) prepares a suite of one's own; returns the list's file."""

    def make(recorded, texts):
        made = []
        for name, text in texts.items():
            (tmp_path / f"{name}.onnx").write_text(text)
            made.append(cases.Case(name, tmp_path / f"{name}.onnx", [tmp_path]))
        monkeypatch.setattr(cases, "cases_of", lambda suite, cache: made)
        passing = tmp_path / "passing.txt"
        monkeypatch.setattr(report, "recorded_file", lambda suite: passing)
        report.write_recorded(passing, recorded)
        misses = tmp_path / "misses.txt"
        misses.write_text("given,constant,dynamic | .* | made up\n")
        monkeypatch.setattr(report, "MISSES", misses)
        return passing

    return make


def command(tmp_path, *options):
    return cli.main(["backend", "--tegula", " ".join(FAKE), "--build", str(tmp_path), *options])


def test_check_passes(suite, tmp_path):
    suite(["a"], {"a": "pass", "b": "exit 1 error: no Foo", "c": "mismatch"})
    assert command(tmp_path, "--check") == 0


def test_check_fails_when_a_recorded_case_is_lost(suite, tmp_path, capsys):
    suite(["a"], {"a": "exit 1 error: no Foo"})
    assert command(tmp_path, "--check") == 1
    assert "recorded as passing, but error: a: error: no Foo" in capsys.readouterr().out


def test_check_fails_when_a_recorded_case_is_gone(suite, tmp_path, capsys):
    suite(["a", "z"], {"a": "pass"})
    assert command(tmp_path, "--check") == 1
    assert "there is no such case: z" in capsys.readouterr().out


def test_check_fails_on_a_crash_that_is_not_recorded(suite, tmp_path):
    suite(["a"], {"a": "pass", "b": "crash"})
    assert command(tmp_path, "--check") == 1


def test_update_only_adds(suite, tmp_path):
    passing = suite(["a"], {"a": "mismatch", "b": "pass"})
    assert command(tmp_path, "--update") == 0
    assert report.read_recorded(passing) == ["a", "b"]


def test_last_run_is_kept(suite, tmp_path, capsys):
    suite([], {"a": "pass", "b": "mismatch"})
    command(tmp_path)
    capsys.readouterr()
    assert command(tmp_path, "--last", "--list-failures", "--tegula", "/no/such/file") == 0
    assert "mismatch  b: output 'y'" in capsys.readouterr().out


def test_skipped_without_corpus(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TEGULA_CORPUS", str(tmp_path / "absent"))
    assert command(tmp_path, "--check") == cli.SKIPPED
    assert "skipped" in capsys.readouterr().out


def test_constant_form(tmp_path):
    """Tensor inputs become initializers with the recorded values; what is no tensor stays an input."""
    helper, tensor = onnx.helper, onnx.TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", tensor, [2])
    sequence = helper.make_tensor_sequence_value_info("s", tensor, [2])
    y = helper.make_tensor_value_info("y", tensor, [2])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [sequence, x], [y])
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    data = tmp_path / "test_data_set_0"
    data.mkdir()
    (data / "input_0.pb").write_bytes(b"a sequence")
    values = onnx.numpy_helper.from_array(numpy.float32([1, 2]), "another name")
    (data / "input_1.pb").write_bytes(values.SerializeToString())
    (data / "output_0.pb").write_bytes(b"expected")
    given = cases.Case("node/test_neg", tmp_path / "model.onnx", [data], rtol=0.5)

    made = forms.constant_form(given, tmp_path / "cache")
    assert (made.name, made.rtol, made.folds) == (given.name, given.rtol, False)
    model = onnx.load(made.model)
    assert [value.name for value in model.graph.input] == ["s"]
    assert [value.name for value in model.graph.initializer] == ["x"]
    assert onnx.numpy_helper.to_array(model.graph.initializer[0]).tolist() == [1, 2]
    [folder] = made.data
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "input_0.pb": b"a sequence", "output_0.pb": b"expected"}


def test_constant_form_needs_a_tensor(tmp_path):
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Constant", [], ["y"], value_floats=[1.0])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [y])), tmp_path / "model.onnx")
    assert forms.constant_form(cases.Case("a", tmp_path / "model.onnx", [tmp_path]), tmp_path / "cache") is None


def made_dynamic(tmp_path, text, name="node/test_x", form="dynamic"):
    import onnx.parser

    folder = tmp_path / name
    folder.mkdir(parents=True)
    onnx.save(onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 21]>\n' + text), folder / "model.onnx")
    made = forms.FORMS[form](cases.Case(name, folder / "model.onnx", [folder], rtol=0.5), tmp_path / "cache")
    if made is None:
        return None
    assert (made.name, made.rtol, made.data) == (name, 0.5, [folder])
    return onnx.printer.to_text(onnx.load(made.model))


def test_dynamic_form(tmp_path):
    """Dimensions of data are symbolic, those of outputs and of graphs inside are unknown; lengths stay."""
    text = made_dynamic(tmp_path, "g (bool c, float[2, 3] x, int64[2] shape, seq(float[4]) s) => (float[3, 2] y, seq(float[4]) t) {"
                        " y = If (c) <then_branch = a () => (float[3, 2] p) { p = Reshape (x, shape) },"
                        " else_branch = b () => (float[3, 2] q) { q = Reshape (x, shape) }> t = Identity (s) }")
    assert "bool c, float[x_0,x_1] x, int64[2] shape, seq(float[s_0]) s) => (float[?,?] y, seq(float[?]) t)" in text
    assert "(float[?,?] p)" in text and "(float[?,?] q)" in text


def test_dynamic_form_keeps_initializers(tmp_path):
    text = made_dynamic(tmp_path, "g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1.0, 2.0}, float[2] v> {"
                        " v = Add (x, w) y = Neg (v) }")
    assert "(float[x_0] x, float[2] w" in text and "float[?] v" in text


def test_dynamic_form_of_an_expanded_function_has_the_lengths_of_the_node(tmp_path):
    made_dynamic(tmp_path, "g (float[2] x, int64[1] n) => (float[4] y) { y = Tile (x, n) }", "node/test_tile")
    text = made_dynamic(tmp_path, "g (float[2] x, int64[1] n) => (float[4] y) { m = Neg (n) y = Foo (x, m) }",
                        "node/test_tile_expanded_ver6")
    assert "(float[x_0] x, int64[1] n)" in text


def test_unranked_form(tmp_path):
    text = made_dynamic(tmp_path, "g (float[2] x, int64[1] n) => (float[4] y) { y = Tile (x, n) }", form="unranked")
    assert "(float[x_0] x, int64[n_0] n)" in text
    assert made_dynamic(tmp_path, "g (float[2] x) => (float[2] y) { y = Neg (x) }", "node/y", "unranked") is None


def test_dynamic_form_needs_a_dimension(tmp_path):
    assert made_dynamic(tmp_path, "g (float x, int64[1] n) => (float[1] y) { y = Expand (x, n) }") is None


def test_forms_have_lists_of_their_own(suite, monkeypatch, tmp_path, capsys):
    suite(["a"], {"a": "mismatch"})
    monkeypatch.setitem(forms.FORMS, "constant", lambda case, cache: case)
    lists = {"backend": tmp_path / "passing.txt", "backend-constant": tmp_path / "passing-constant.txt"}
    monkeypatch.setattr(report, "recorded_file", lambda title: lists[title])
    assert command(tmp_path, "--form=constant", "--check") == 0
    assert "backend-constant: 0 of 1 pass" in capsys.readouterr().out
    assert command(tmp_path, "--check") == 1


def test_part_of_the_cases(suite, monkeypatch, tmp_path, capsys):
    suite(["a"], {name: "pass" for name in "abcdefghij"})
    for value, count in (("all", 10), ("1/8", 2), ("7/8", 1)):
        monkeypatch.setenv("TEGULA_LONG_SET", value)
        assert command(tmp_path, "--part", "--check") == 0
        assert f"backend: {count} of {count} pass" in capsys.readouterr().out


def test_check_asks_for_a_reason(suite, tmp_path, capsys):
    suite([], {"a": "mismatch", "b": "pass"})
    report.MISSES.write_text("# no reason\ndynamic | a | another form\n")
    assert command(tmp_path, "--check") == 1
    assert "no reason in misses.txt: mismatch: a" in capsys.readouterr().out
    report.MISSES.write_text("given,dynamic | (a|c) | noise\n")
    assert command(tmp_path, "--check") == 0
    assert report.reason_of("backend-dynamic", "a", report.read_misses()) == "noise"
    assert report.reason_of("backend-constant", "a", report.read_misses()) is None


def test_no_reason_for_what_passes():
    names = {title: report.read_recorded(report.recorded_file(title))
             for title in ["backend", *(f"backend-{form}" for form in forms.FORMS)]}
    surplus = [(title, name) for title in names for name in names[title]
               if report.reason_of(title, name, report.read_misses())]
    assert not surplus, f"recorded as passing and in misses.txt: {surplus[:20]}"


def test_corpus_cases(tmp_path):
    try:
        cases.corpus_folder()
    except cases.CorpusAbsent as absent:
        pytest.skip(str(absent))
    counts = {suite: len(cases.cases_of(suite, tmp_path)) for suite in cases.SUITES}
    assert counts == {"backend": 2027, "light": 9, "models": 30, "malformed": 113}
    for suite in cases.SUITES:
        for made in cases.cases_of(suite, tmp_path):
            assert made.model.is_file(), made
            assert made.data or made.expect != "pass", made
            for folder in made.data:
                assert list(folder.glob("output_*.pb")), made


def recorded_in_history():
    """(file, name) of everything that any commit ever added to a recorded list."""
    git = ["git", "-C", str(cases.ROOT), "log", "--format=", "-p", "-U0", "--", "test/conformance/passing*.txt"]
    file = None
    for line in subprocess.run(git, capture_output=True, text=True, check=True).stdout.splitlines():
        if line.startswith("+++ b/"):
            file = Path(line[len("+++ b/"):]).name
        elif line.startswith("+") and not line.startswith(("+++", "+#")):
            yield file, line[1:]


def test_recorded_lists_only_grow():
    if not (cases.ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    lists = {path.name: set(report.read_recorded(path)) for path in report.FOLDER.glob("passing*.txt")}
    lost = sorted({(file, name) for file, name in recorded_in_history() if name not in lists.get(file, ())})
    assert not lost, f"removed from the recorded lists: {lost[:20]}"


class TestFuzz:
    """The fuzzer's own behaviour, again on the made-up `tegula`."""

    @pytest.mark.parametrize("text, part", [("all", (0, 1)), ("3/8", (3, 8)), (None, (0, 8))])
    def test_long_set_part(self, text, part):
        assert runner.long_set_part(text) == part

    def test_cases_depend_on_seed_and_index_only(self):
        models = fuzz.seed_models()
        cases_of_seed = [fuzz.make_case(models, 1, index) for index in range(40)]
        assert cases_of_seed == [fuzz.make_case(models, 1, index) for index in range(40)]
        assert cases_of_seed != [fuzz.make_case(models, 2, index) for index in range(40)]
        assert len(set(cases_of_seed)) > 30

    @pytest.mark.parametrize("text, problem", [
        ("exit 0", None), ("exit 1 error: x", None), ("exit 1", "without a message"), ("exit 3 error: bug", "exit code 3"),
        ("crash", "exit code -11"), ("exit 2 usage", "exit code 2")])
    def test_problems(self, tmp_path, text, problem):
        found = fuzz.problem_of(FAKE, text.encode(), tmp_path)
        assert found is None if problem is None else problem in found

    def test_a_failing_model_is_kept(self, monkeypatch, tmp_path):
        monkeypatch.setattr(fuzz, "make_case", lambda models, seed, index: b"crash" if index == 1 else b"exit 0")
        [(index, _)] = fuzz.run(FAKE, 5, range(3), tmp_path, [])
        assert index == 1
        assert [path.name for path in tmp_path.iterdir()] == ["5-1"]
        assert (tmp_path / "5-1" / "model.onnx").read_bytes() == b"crash"
