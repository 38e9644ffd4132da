#!/usr/bin/env python3
"""Writes a compilation database without what clang-tidy need not see twice, or at all.

clang-tidy takes a source once for each of its commands, and many sources are compiled for several
programs: a command is left out where every file of the tree that it reads, the source itself and
what it includes, was already read with the same definitions of those macros that the file names.
And precompiled headers are g++'s own: without them a source that lacks an include is an error.

    tidy_commands.py ROOT FROM TO
"""

import json
import os
import re
import sys

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
WORD = re.compile(r"\w+")
DEFINITION = re.compile(r"(?<=\s)-D(\w+)(\S*)")
PRECOMPILED = re.compile(r" -Winvalid-pch| -include \S*cmake_pch\.hxx")


class Tree:
    """The sources below a folder: what each includes and which words it has."""

    def __init__(self, root):
        self.root = root
        self.files = {}

    def file(self, path):
        """Paths that a file includes, and the words in it; None where it is not the tree's."""
        if path not in self.files:
            self.files[path] = None
            if os.path.isfile(os.path.join(self.root, path)):
                with open(os.path.join(self.root, path), encoding="utf-8") as text:
                    content = text.read()
                self.files[path] = (INCLUDE.findall(content), set(WORD.findall(content)))
        return self.files[path]

    def read_by(self, path):
        """The file and all that it includes, directly or not."""
        found, waiting = {}, [path]
        while waiting:
            path = waiting.pop()
            if path in found or self.file(path) is None:
                continue
            includes, words = self.file(path)
            found[path] = words
            waiting += includes
        return found


def without_precompiled(entry):
    return {**entry, "command": PRECOMPILED.sub("", entry["command"])}


def needed(entries, root):
    """Those of a database's entries that show clang-tidy something new; of several that show the
    same, the one with the most definitions."""
    tree, seen, kept = Tree(root), set(), []
    definitions = [DEFINITION.findall(entry["command"]) for entry in entries]
    for i in sorted(range(len(entries)), key=lambda i: -len(definitions[i])):
        file = os.path.realpath(os.path.join(entries[i]["directory"], entries[i]["file"]))
        if os.path.basename(file).startswith("cmake_pch."):
            continue
        shown = {(path, tuple(sorted(each for each in definitions[i] if each[0] in words)))
                 for path, words in tree.read_by(os.path.relpath(file, root)).items()}
        if not shown or not shown <= seen:
            seen |= shown
            kept.append(i)
    return [without_precompiled(entries[i]) for i in sorted(kept)]


def main(arguments):
    root, source, target = arguments
    with open(source, encoding="utf-8") as file:
        entries = json.load(file)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(needed(entries, os.path.realpath(root)), file, indent=1)


if __name__ == "__main__":
    main(sys.argv[1:])
