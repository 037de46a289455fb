# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""at_once.py COMMAND WORD... and COMMAND WORD...: starts all commands, prints what each printed, and succeeds when all of
them do."""
import subprocess
import sys

commands = [[]]
for word in sys.argv[1:]:
    if word == "and":
        commands.append([])
    else:
        commands[-1].append(word)
running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for command in commands]
for process in running:
    print(process.communicate()[0])
sys.exit(max(process.returncode != 0 for process in running))
