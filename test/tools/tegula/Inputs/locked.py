# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""locked.py DATABASE COMMAND ...: runs the command while the database is locked against writers, and ends with its exit
code."""
import sqlite3
import subprocess
import sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
sys.exit(subprocess.run(sys.argv[2:]).returncode)
