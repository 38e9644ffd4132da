"""Which compile commands tidy_commands.py keeps. Run by ctest."""

import os
import tempfile
import unittest

import tidy_commands


class NeededTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = os.path.realpath(self.folder.name)

    def write(self, path, content):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as file:
            file.write(content)

    def entry(self, source, options=""):
        path = os.path.join(self.root, source)
        return {"directory": self.root, "file": path, "command": f"c++ {options} -c {path}"}

    def needed(self, *entries):
        return tidy_commands.needed(list(entries), self.root)

    def test_of_commands_that_differ_in_nothing_named_the_one_with_most_definitions_stays(self):
        self.write("a.cpp", "int a;\n")
        entries = [self.entry("a.cpp"), self.entry("a.cpp", "-DONE -O3"), self.entry("a.cpp", "-O1")]
        self.assertEqual(self.needed(*entries), [entries[1]])

    def test_commands_that_differ_in_a_named_macro_stay(self):
        self.write("a.cpp", "#ifdef ONE\nint a;\n#endif\n")
        entries = [self.entry("a.cpp"), self.entry("a.cpp", "-DONE"), self.entry("a.cpp", "-DONE=2")]
        self.assertEqual(self.needed(*entries), entries)

    def test_a_header_is_read_with_every_definition_that_it_names_but_once(self):
        self.write("h.h", '#include "deep.h"\n')
        self.write("deep.h", "#ifdef ONE\n#endif\n")
        for source in ("a.cpp", "b.cpp"):
            self.write(source, '#include "h.h"\n')
        with_one = [self.entry("a.cpp", "-DONE"), self.entry("b.cpp", "-DONE")]
        without = [self.entry("a.cpp"), self.entry("b.cpp")]
        self.assertEqual(self.needed(*with_one, *without), [*with_one, without[0]])

    def test_every_source_stays(self):
        self.write("a.cpp", "")
        self.write("b.cpp", "")
        entries = [self.entry("a.cpp"), self.entry("b.cpp")]
        self.assertEqual(self.needed(*entries), entries)

    def test_precompiled_headers_go(self):
        self.write("a.cpp", "")
        precompiled = self.entry("a.cpp", "-O3 -Winvalid-pch -include /build/x.dir/cmake_pch.hxx -g")
        compiled = self.entry("cmake_pch.hxx.cxx")
        self.assertEqual(self.needed(compiled, precompiled), [self.entry("a.cpp", "-O3 -g")])


if __name__ == "__main__":
    unittest.main()
