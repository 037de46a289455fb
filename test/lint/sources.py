# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the lints look at: the repository's own files."""
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_SUFFIXES = {".cpp", ".h", ".c", ".td", ".py", ".cmake", ".in"}


def repository_files(root):
    """Relative paths of all tracked and not ignored files; without git, of all files outside build folders."""
    root = Path(root)
    listed = None
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            listed = [name for name in done.stdout.decode().split("\0") if name]
    if listed is None:
        listed = []
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders if not f.startswith((".", "build")) and f != "__pycache__"]
            listed += [str((Path(folder) / name).relative_to(root)) for name in names]
    return sorted(Path(name) for name in listed if (root / name).is_file())


def is_script(root, path):
    """Whether a file without a suffix starts with `#!`."""
    if path.suffix:
        return False
    with open(Path(root) / path, "rb") as stream:
        return stream.read(2) == b"#!"


def is_code(root, path):
    return path.suffix in CODE_SUFFIXES or path.name == "CMakeLists.txt" or is_script(root, path)


def text_of(root, path):
    return (Path(root) / path).read_text(encoding="utf-8", errors="replace")
