# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""interrupt_run.py COMMAND ...: runs a command that would take forever, sends SIGINT as soon as it has its own handler for
that, and prints its exit code and whether it ended within seconds."""
import signal
import subprocess
import sys
import time


def handles_interrupts(pid):
    with open(f"/proc/{pid}/status") as file:
        caught = next(line for line in file if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1


process = subprocess.Popen(sys.argv[1:])
deadline = time.monotonic() + 50
while process.poll() is None and not handles_interrupts(process.pid) and time.monotonic() < deadline:
    time.sleep(0.02)
time.sleep(0.2)
process.send_signal(signal.SIGINT)
try:
    print(f"exit code {process.wait(timeout=20)}, soon")
except subprocess.TimeoutExpired:
    process.kill()
    sys.exit("it went on")
