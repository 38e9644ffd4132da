"""What becomes of the kernel benchmarks' figures: shapes, medians, bars, results. Run by ctest. No
figure here was measured."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import compare_kernels
import write_results
from kernel_shapes import DEFAULTS, name_of, work_of

CUBE = "4096x4096x4096"


def figure(operation, direction, shape, provider, microseconds, of_ceiling=0.5):
    return {
        "operation": operation,
        "direction": direction,
        "shape": shape,
        "provider": provider,
        "microseconds": microseconds,
        "teraflops_per_second": 1.0,
        "of_ceiling": of_ceiling,
        "error": 0.001,
    }


def run_of(*figures, **others):
    return {"figures": list(figures), "failures": [], **others}


def bars_of(*runs):
    found = compare_kernels.bars(compare_kernels.medians(runs))
    return {row[0]: row[1:] for row in compare_kernels.bar_rows(found)}


class Shapes(unittest.TestCase):
    def test_usual_ones_are_read_as_they_are_written(self):
        for operation, shapes in work_of("matmul,attention,adamw").items():
            self.assertEqual(",".join(map(name_of, shapes)), DEFAULTS[operation])

    def test_number_of_sizes_tells_whose_a_shape_is(self):
        work = work_of("attention,matmul,adamw", "7x8x9,1x2x4x16x2,10x3,5")
        self.assertEqual(work["matmul"], [[7, 8, 9]])
        self.assertEqual(work["attention"], [[1, 2, 4, 16, 2]])
        self.assertEqual(work["adamw"], [[10, 3], [5]])

    def test_errors_say_what_was_expected(self):
        for operations, shapes, message in [
            ("matmul,dot", None, "expected --operation of matmul, attention or adamw, got 'dot'"),
            ("matmul", "1x2", "expected shapes of matmul as MxNxK, got '1x2'"),
            ("matmul", "1x2x0", "expected shapes of matmul as MxNxK, got '1x2x0'"),
            ("matmul,adamw", "1x2x3", "expected shapes of adamw as PARAMETERS[xTENSORS], got none"),
            ("attention", "1x2x3x16x2", "expected key/value heads that divide the heads, got 2 of 3"),
            ("adamw", "5x6", "expected no more tensors than parameters, got 6 of 5"),
        ]:
            with self.assertRaises(ValueError) as caught:
                work_of(operations, shapes)
            self.assertEqual(str(caught.exception), message)


class Bars(unittest.TestCase):
    def test_what_was_not_measured_is_said_to_be_so(self):
        for row in bars_of().values():
            self.assertEqual([row[0], row[2]], ["unmeasured", "unmeasured"])

    def test_a_matmul_needs_half_of_cublas(self):
        own = figure("matmul", "forward", CUBE, "own", 100.0)
        name = f"matmul forward {CUBE}: cuBLAS's time / own"
        for microseconds, measured, verdict in [(50.0, "0.500", "met"), (49.0, "0.490", "missed")]:
            cublas = figure("matmul", "forward", CUBE, "cublas", microseconds)
            self.assertEqual(bars_of(run_of(own, cublas))[name], [measured, ">= 0.5", verdict])

    def test_the_slowest_shape_of_attention_decides(self):
        run = run_of(
            figure("attention", "backward", "a", "own", 100.0),
            figure("attention", "backward", "a", "flash", 150.0),
            figure("attention", "backward", "b", "own", 100.0),
            figure("attention", "backward", "b", "flash", 90.0),
            figure("attention", "backward", "b", "cudnn", 10.0),
            figure("attention", "backward", "c", "own", 100.0),
        )
        row = bars_of(run)["attention backward: PyTorch flash's time / own"]
        self.assertEqual(row, ["0.900 (b, lowest of 2)", ">= 1", "missed"])

    def test_medians_are_taken_over_the_turns(self):
        runs = [run_of(figure("adamw", "update", "100000000", "own", time, share))
                for time, share in [(3.0, 0.7), (1.0, 0.99), (2.0, 0.9)]]
        self.assertEqual(bars_of(*runs)["adamw 100M parameters: rate / copy's"][0], "0.900")


    def test_wrong_results_have_no_time(self):
        errors = [0.004, 0.06, "not finite", None]
        run = run_of(*(figure("matmul", "dgrad", str(error), "own", 1.0) for error in errors))
        for one, error in zip(run["figures"], errors):
            one["error"] = error
        results = compare_kernels.without_wrong(run)
        self.assertEqual([one["shape"] for one in results["figures"]], ["0.004"])
        self.assertEqual(
            [one["reason"] for one in results["failures"]],
            [f"its result is wrong: error {error}" for error in ["6.0e-02", "not finite", "unknown"]],
        )


class Results(unittest.TestCase):
    def results_of(self, kernels):
        """Text and JSON of a run with two steps."""
        with tempfile.TemporaryDirectory() as folder:
            steps, figures, name = (Path(folder) / part for part in ["steps", "figures", "name"])
            steps.write_text("build\tpassed\t9\tcmake a|b\nracecheck\tunmeasured: no tool\t0\t\n")
            if kernels is not None:
                figures.write_text(kernels)
            command = [sys.executable, write_results.__file__, str(name), "--steps", str(steps)]
            command += ["--kernels", str(figures), "--fact", "gpu=G", "--fact", "command=x --y=1"]
            subprocess.run(command, check=True)
            text = name.with_suffix(".md").read_text(encoding="utf-8")
            return text, json.loads(name.with_suffix(".json").read_text(encoding="utf-8"))

    def test_without_figures_every_bar_is_unmeasured(self):
        for kernels in [None, "", '{"repeats": 1, "obv']:
            text, whole = self.results_of(kernels)
            self.assertTrue(text.startswith("# G, unknown\n\n`x --y=1` at commit unknown;"))
            self.assertIn("| build | passed | 9 | `cmake a\\|b` |\n", text)
            self.assertIn("| racecheck | unmeasured: no tool | 0 |  |\n", text)
            self.assertEqual(text.count("| unmeasured |\n"), 9)
            self.assertEqual(len(whole["kernels"]["bars"]), 9)
            self.assertTrue(all(one["ratio"] is None for one in whole["kernels"]["bars"]))
            self.assertEqual(whole["steps"][1]["result"], "unmeasured: no tool")

    def test_figures_failures_and_versions_are_told(self):
        own = run_of(
            figure("attention", "backward_deterministic", "a", "own", 100.0),
            figure("matmul", "dgrad", CUBE, "own", 100.0),
            figure("matmul", "dgrad", CUBE, "cublas", 60.0),
            ceiling_teraflops_per_second=700.0,
        )
        own["failures"].append({"kernel": "adamw", "shape": "7", "reason": "no memory"})
        torch = run_of(figure("attention", "backward", "a", "flash", 50.0), torch="2.9", cudnn=9)
        results = {"repeats": 1, "obverse": [own], "torch": [torch]}
        text, whole = self.results_of(json.dumps(results))
        self.assertIn(f"| matmul dgrad {CUBE}: cuBLAS's time / own | 0.600 | >= 0.5 | met |", text)
        self.assertIn("Ceilings: 700.0 TFLOP/s", text)
        self.assertIn("PyTorch 2.9, cuDNN 9.", text)
        self.assertIn("| flash 50.0 | flash 0.50 |", text)
        self.assertIn("\nUnmeasured:\n\n- adamw 7 (own): no memory\n", text)
        self.assertEqual(whole["kernels"]["torch"][0]["torch"], "2.9")


if __name__ == "__main__":
    unittest.main()
