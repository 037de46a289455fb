# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rename_toolchain.py DATABASE VERSION [STATEMENT...]: says that the first trials are another version's, and runs statements."""
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE toolchain SET version = ? WHERE id = 1", (sys.argv[2],))
for statement in sys.argv[3:]:
    connection.execute(statement)
connection.commit()
