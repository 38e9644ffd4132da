"""What kernel_resources.py makes of ptxas' reports. Run by ctest."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import kernel_resources

# As nvcc 13.0 prints them; the second kernel is made to spill.
REPORT = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z5firstPf' for 'sm_80'
ptxas info    : Function properties for _Z5firstPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 14 registers, used 1 barriers, 384 bytes cmem[0]
ptxas info    : Compile time = 13.801 ms
kernel.cu(7): warning #177-D: variable "unused" was declared but never referenced
ptxas info    : Compiling entry function '_Z6secondPf' for 'sm_90a'
ptxas info    : Function properties for _Z6secondPf
    40 bytes stack frame, 36 bytes spill stores, 48 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 40 bytes cumulative stack size, 4096 bytes smem
"""


PTX = """.visible .entry _Z5firstPf(
	// begin inline asm
	// shared_memory 128 bytes
	// end inline asm
.visible .entry _Z5thirdPf(
.visible .entry _Z6secondPf(
	// shared_memory 512 bytes
	// shared_memory 256 bytes
"""


def compiler(folder, report, status=0):
    """A command that prints `report` as nvcc does, and writes its object."""
    script = Path(folder) / "compiler.py"
    script.write_text(f"import sys\nsys.stderr.write({report!r})\n"
                      f"folder = sys.argv[sys.argv.index('--keep-dir') + 1]\n"
                      f"open(folder + '/kernel.ptx', 'w').write({PTX!r})\n"
                      f"open(sys.argv[sys.argv.index('-o') + 1], 'w').close()\nsys.exit({status})\n")
    return [sys.executable, str(script), "-c", "kernel.cu", "-o", str(Path(folder) / "kernel.o")]


class KernelResources(unittest.TestCase):
    def test_parses_registers_shared_memory_and_spills(self):
        kernels, rest = kernel_resources.parse(REPORT)
        self.assertEqual([(k["name"], k["architecture"], k["registers"], k["static_shared_bytes"],
                           k["stack_bytes"], k["spill_store_bytes"], k["spill_load_bytes"])
                          for k in kernels],
                         [("_Z5firstPf", "sm_80", 14, 0, 0, 0, 0),
                          ("_Z6secondPf", "sm_90a", 255, 4096, 40, 36, 48)])
        self.assertEqual(len(rest), 1)
        self.assertIn("warning #177-D", rest[0])

    def test_shared_memory_is_read_from_comments(self):
        self.assertEqual(kernel_resources.dynamic_shared_bytes(PTX),
                         {"_Z5firstPf": 128, "_Z6secondPf": 512})

    def test_names_lose_namespaces_and_parameters(self):
        self.assertEqual(kernel_resources.shorten(
            "void obverse::kernels::cuda::(anonymous namespace)::multiply<64, (bool)1>(Arguments)"),
            "multiply<64, (bool)1>")

    def test_a_spill_fails_unless_it_is_allowed(self):
        with tempfile.TemporaryDirectory() as folder:
            command = compiler(folder, REPORT)
            self.assertEqual(kernel_resources.compile_kernels(command, set()), 1)
            self.assertFalse((Path(folder) / "kernel.o").exists())
            self.assertEqual(kernel_resources.compile_kernels(command, {"second"}), 0)
            self.assertTrue((Path(folder) / "kernel.o").exists())

    def test_the_compiler_s_failure_is_passed_on(self):
        with tempfile.TemporaryDirectory() as folder:
            command = compiler(folder, "kernel.cu(3): error: expected a ;\n", 2)
            self.assertEqual(kernel_resources.compile_kernels(command, set()), 2)

    def test_reasons_are_no_names(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "allowed.txt"
            file.write_text("# none\n\nsecond<2>  # its sums do not fit\n")
            self.assertEqual(kernel_resources.allowed_names(file), {"second<2>"})

    def test_the_table_holds_every_kernel_once(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(
                kernel_resources.compile_kernels(compiler(folder, REPORT), {"second"}), 0)
            resources = str(Path(folder) / "kernel.o.resources.json")
            output = str(Path(folder) / "table")
            kernel_resources.write_table([resources, resources, "missing.json"], output)
            rows = json.loads(Path(output + ".json").read_text())
            self.assertEqual([row["kernel"] for row in rows], ["first", "second"])
            self.assertIn("| `second` | sm_90a | 255 | 512 | 4096 | 40 | 36 | 48 |",
                          Path(output + ".md").read_text())


if __name__ == "__main__":
    unittest.main()
