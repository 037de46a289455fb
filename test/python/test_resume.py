# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tegula tune` is killed at random moments and started again: nothing committed is lost, nothing is repeated.

Under --replay the resumed database must be that of an uninterrupted run. $TEGULA_TEST_SEED chooses the moments; there are
200 of them with TEGULA_LONG_SET=all, else an eighth of that.
"""
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time

import onnx
import onnx.parser
import pytest
from conftest import BUILD

TEGULA = BUILD / "bin" / "tegula"
SEED = int(os.environ.get("TEGULA_TEST_SEED", "0"))
KILLS = 200 if os.environ.get("TEGULA_LONG_SET") == "all" else 25
RECORDED, TRIALS = 40, 32
# Two kernels, so that the order in which they have their turns must be resumed too.
MODEL = """<ir_version: 8, opset_import: ["" : 18]>
g (float[24, 32] x, float[32, 40] w, float[40, 16] v) => (float[24, 16] y) {
  a = MatMul (x, w)
  b = Relu (a)
  y = MatMul (b, v)
}"""


def call(*words):
    return subprocess.run([TEGULA, *words], stdout=subprocess.PIPE, check=True, text=True).stdout


def start(model, database, trials, *words, folder=None):
    """A tuning session; what it leaves behind when it is killed is in `folder`."""
    command = [TEGULA, "tune", model, f"--db={database}", f"--trials={trials}", "--seed=3", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(folder or database.parent)})


def count_trials(database):
    """What is committed now, as another process sees it; 0 while the file is being made."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        try:
            return connection.execute("SELECT count(*) FROM trial").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0


def read_trials(database):
    """All trials in their order, without their times of day; the file must be intact, if there is one yet."""
    if not database.exists():
        return []
    check = subprocess.run([TEGULA, "db", "verify", database], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if "got an empty file" in check.stderr:
        return []
    assert check.returncode == 0, check.stdout + check.stderr
    rows = [json.loads(line) for line in call("db", "export", database).splitlines()]
    return [{key: value for key, value in row.items() if key != "created_ms"} for row in rows
            if row["record"] == "trial"]


def run_until(process, moment):
    """Whether the process was killed at that moment; else it had ended well before."""
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
    assert process.wait() in (0, -signal.SIGKILL)
    return process.returncode != 0


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), path)
    return path


@pytest.fixture(scope="module")
def recording(model):
    """Random points of both kernels, without finals: the session is interrupted when it has enough."""
    path = model.with_name("recording.db")
    session = start(model, path, 10 * RECORDED, "--strategy=random")
    while count_trials(path) < RECORDED:
        assert session.poll() is None
        time.sleep(0.01)
    session.send_signal(signal.SIGINT)
    assert session.wait() == 0
    return path


def test_a_replay_that_is_killed_goes_on_as_if_it_were_not(model, recording, tmp_path):
    whole, replay = tmp_path / "whole.db", f"--replay={recording}"
    begin = time.monotonic()
    assert start(model, whole, TRIALS, replay).wait() == 0
    seconds = time.monotonic() - begin
    expected = read_trials(whole)
    assert len(expected) == TRIALS and len({trial["key"] for trial in expected}) == 2
    moments, rounds, places = random.Random(SEED), 0, []
    while len(places) < KILLS:
        rounds += 1
        database, known, limit = tmp_path / f"round-{rounds}.db", [], seconds
        while run_until(start(model, database, TRIALS - len(known), replay), moments.uniform(0, limit)):
            committed = len(known)
            known = read_trials(database)
            assert known == expected[:len(known)] and len(known) >= committed
            places.append(len(known))
            # On a machine that has become slower a session needs more time to get anywhere.
            limit *= 1.2
        assert read_trials(database) == expected
        assert call("db", "export", database, "--format=lock") == call("db", "export", whole, "--format=lock")
    assert any(0 < place < TRIALS for place in places), f"no search was interrupted: {places}"


def test_measured_trials_survive_and_are_not_repeated(model, tmp_path):
    database, trials, known = tmp_path / "lab.db", 24, []
    moments = random.Random(SEED)
    for session in range(3):
        folder = tmp_path / f"session-{session}"
        folder.mkdir()
        process = start(model, database, trials - len(known), "--kernel=matmul_b_0", folder=folder)
        target = len(known) + moments.randint(1, 3)
        while count_trials(database) < target:
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.06))
        committed = count_trials(database)
        assert run_until(process, 0)
        before, known = known, read_trials(database)
        assert known[:len(before)] == before and len(known) >= committed
        # The first artifact is the reference; one more than were committed may have been on its way.
        built = [int(number) for path in folder.rglob("artifact-*.so") for number in re.findall(r"\d+", path.stem)]
        assert max(built) <= 1 + len(known) - len(before) + 1
    assert start(model, database, trials - len(known), "--kernel=matmul_b_0").wait() == 0
    ended = read_trials(database)
    assert ended[:len(known)] == known
    # The finals may add to them what failed there, and nothing else.
    assert len({trial["configuration"] for trial in ended}) == trials
    assert all(trial["status"] != "ok" for trial in ended[trials:])
