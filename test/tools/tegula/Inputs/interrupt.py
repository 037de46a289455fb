# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""interrupt.py DATABASE COMMAND ...: runs the command, sends SIGINT when the database holds three trials, and ends with
the command's exit code."""
import signal
import sqlite3
import subprocess
import sys
import time


def trials(path):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM trial").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


process = subprocess.Popen(sys.argv[2:])
deadline = time.monotonic() + 120
while process.poll() is None and trials(sys.argv[1]) < 3 and time.monotonic() < deadline:
    time.sleep(0.02)
process.send_signal(signal.SIGINT)
sys.exit(process.wait(timeout=60))
