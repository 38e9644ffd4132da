"""What becomes of the benchmarks' figures: shapes, medians, bars, results. Run by ctest. No figure
here was measured."""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import compare_kernels
import compare_training
import training_results
import write_results
from kernel_shapes import DEFAULTS, FIXED, name_of, work_of

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


def in_memory(operation, direction, shape, of_ceiling, megabytes=100.0):
    """Of a call of 100 us, so that a megabyte is 10 GB/s."""
    return {
        "operation": operation,
        "direction": direction,
        "shape": shape,
        "provider": "own",
        "microseconds": 100.0,
        "gigabytes_per_second": 10.0 * megabytes,
        "of_ceiling": of_ceiling,
        "error": 0.001,
    }


def trained(milliseconds, **others):
    """What `obverse-bench training` or torch_train.py writes, as far as it is read."""
    return {
        "milliseconds_per_step": milliseconds,
        "tokens_per_second": 1e6 / milliseconds,
        "parameters": 124475904,
        "precision": "bf16",
        "matmul": "own",
        "graphs": True,
        "recompute": "none",
        "accumulation": 1,
        "of_ceiling": 0.4,
        "compile": True,
        "sdpa": "cudnn",
        "torch": "2.9",
        **others,
    }


def compared(own, torch, *arguments):
    options = compare_training.parse_options(["--device", "cuda", *arguments])
    configuration = compare_training.configurations(options)[0]
    return compare_training.result_of(configuration, options, own, torch)


class Shapes(unittest.TestCase):
    def test_usual_ones_are_read_as_they_are_written(self):
        for operation, shapes in work_of("matmul,attention,adamw").items():
            self.assertEqual(",".join(map(name_of, shapes)), DEFAULTS[operation])

    def test_some_operations_have_shapes_of_their_own(self):
        work = work_of("layer_norm,adamw,dropout")
        self.assertEqual(list(work), ["layer_norm", "adamw", "dropout"])
        self.assertEqual(",".join(map(name_of, work["layer_norm"])), FIXED["layer_norm"])
        self.assertEqual(work["dropout"], [])
        self.assertEqual(compare_kernels.shapes_option("layer_norm", work["layer_norm"]), [])
        self.assertEqual(compare_kernels.shapes_option("adamw", [[7], [8, 9]]), ["--shapes", "7,8x9"])

    def test_number_of_sizes_tells_whose_a_shape_is(self):
        work = work_of("attention,matmul,adamw", "7x8x9,1x2x4x16x2,10x3,5")
        self.assertEqual(work["matmul"], [[7, 8, 9]])
        self.assertEqual(work["attention"], [[1, 2, 4, 16, 2]])
        self.assertEqual(work["adamw"], [[10, 3], [5]])

    def test_errors_say_what_was_expected(self):
        for operations, shapes, message in [
            (
                "matmul,dot", None,
                "expected --operation of matmul, attention, adamw, activation, cross_entropy, "
                "dropout, elementwise, embedding, layer_norm, reduction, rms_norm, rotary, got 'dot'",
            ),
            (
                "adamw,rotary", "7",
                "expected --shapes with --operation of matmul, attention or adamw",
            ),
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

    def test_a_rate_counts_where_a_call_moves_much(self):
        run = run_of(
            in_memory("layer_norm", "forward bf16", "a", 0.9),
            in_memory("layer_norm", "backward bf16", "b", 0.86, megabytes=64.1),
            in_memory("layer_norm", "forward bf16", "c", 0.2, megabytes=63.9),
            in_memory("fill", "float", "a", 0.84),
            in_memory("rotary", "bf16", "a", 0.99, megabytes=1.0),
        )
        bars = bars_of(run)
        self.assertEqual(
            bars["layer_norm: rate / copy's"],
            ["0.860 (backward bf16 b, lowest of 2)", ">= 0.85", "met"],
        )
        self.assertEqual(bars["fill: rate / copy's"], ["0.840", ">= 0.85", "missed"])
        self.assertEqual(bars["rotary: rate / copy's"], ["unmeasured", ">= 0.85", "unmeasured"])
        self.assertEqual(len(bars), 9 + len(compare_kernels.IN_MEMORY))

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


class Training(unittest.TestCase):
    def test_what_is_compared_on_a_gpu_is_gpt2(self):
        options = compare_training.parse_options(["--device", "cuda", "--batch", "64", "--accumulation", "2"])
        self.assertEqual((options.repeats, options.steps, options.precision), (3, 50, "bf16"))
        (one,) = compare_training.configurations(options)
        self.assertEqual(one, {**compare_training.GPT2, "batch": 64})
        arguments = " ".join(compare_training.arguments_of(one, options))
        for part in ["--layers 12", "--vocabulary 50304", "--sequence 1024", "--accumulation 2",
                     "--device cuda", "--precision bf16"]:
            self.assertIn(part, arguments)
        self.assertNotIn("--untied", arguments)

    def test_what_is_compared_on_the_cpu_is_as_ever(self):
        options = compare_training.parse_options([])
        self.assertEqual((options.repeats, options.steps, options.precision), (5, 50, "fp32"))
        self.assertEqual(compare_training.configurations(options), compare_training.STANDARD)
        options = compare_training.parse_options(["--layers", "3"])
        (one,) = compare_training.configurations(options)
        self.assertEqual((one["layers"], one["width"], one["untied"]), (3, 64, False))

    def test_bad_options_are_told(self):
        for arguments, message in [
            (["--small"], "expected --small with --device cuda"),
            (["--steps", "0"], "expected --steps of at least 1, got 0"),
            (["--accumulation", "-1"], "expected --accumulation of at least 1, got -1"),
        ]:
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as said:
                compare_training.parse_options(arguments)
            self.assertIn(message, said.getvalue())

    def test_medians_of_the_turns_are_compared(self):
        own = [trained(100.0), trained(130.0), trained(110.0)]
        torch = [trained(88.0), trained(90.0), trained(77.0)]
        result = compared(own, torch)
        self.assertEqual(result["milliseconds_per_step"], {"obverse": 110.0, "torch": 88.0})
        self.assertAlmostEqual(result["ratio"], 0.8)
        self.assertAlmostEqual(result["ratios"][2], 0.7)
        self.assertAlmostEqual(result["tokens_per_second"]["obverse"], 32 * 1024 / 0.110)
        self.assertNotIn("runs_per_hour", result)
        self.assertIn("torch.compile, attention cudnn", compare_training.settings_of(result))
        with self.assertRaises(SystemExit):
            compared(own, [trained(1.0, parameters=7)])

    def test_a_small_model_makes_so_many_runs_an_hour(self):
        options = compare_training.parse_options(["--device", "cuda", "--small"])
        self.assertEqual((options.steps, options.precision), (300, "fp32"))
        result = compared([trained(0.5)], [trained(4.0, compile=False)], "--small")
        self.assertEqual(result["configuration"], compare_training.STANDARD[0])
        # 1625 steps of 4 ms are 6.5 s.
        self.assertAlmostEqual(result["runs_per_hour"]["torch"], 3600 / 6.5)
        self.assertAlmostEqual(result["runs_per_hour"]["obverse"], 8 * 3600 / 6.5)

    def bars_of(self, *arguments):
        rows = compare_kernels.bar_rows(training_results.bars(*arguments))
        return {row[0]: row[1:] for row in rows}

    def test_training_needs_seven_tenths_of_compiled_pytorch(self):
        name = "GPT-2 124M training: torch.compile's time / own"
        for torch_time, measured, verdict in [(70.0, "0.700", "met"), (69.0, "0.690", "missed")]:
            result = compared([trained(100.0)], [trained(torch_time)])
            self.assertEqual(self.bars_of([result], [], None)[name], [measured, ">= 0.7", verdict])
        for own, torch in [
            (trained(100.0, matmul="cublas"), trained(100.0)),
            (trained(100.0), trained(100.0, compile=False)),
            (trained(100.0, precision="fp32"), trained(100.0)),
        ]:
            row = self.bars_of([compared([own], [torch])], [], None)[name]
            self.assertEqual(row[2], "unmeasured")
        small = compared([trained(1.0)], [trained(1.0)], "--small")
        self.assertEqual(self.bars_of([small], [], None)[name][2], "unmeasured")

    def test_the_study_needs_ten_times_eager_pytorch(self):
        name = "quick study: runs an hour / eager PyTorch's"
        small = compared([trained(0.5)], [trained(4.0, compile=False)], "--small")
        # Eager PyTorch's 24 runs would take 156 s.
        for seconds, measured, verdict in [(15.6, "10.000", "met"), (20.0, "7.800", "missed")]:
            study = {"runs": 24, "seconds": seconds, "runs_per_hour": 24 * 3600 / seconds}
            self.assertEqual(self.bars_of([], [small], study)[name], [measured, ">= 10", verdict])
            self.assertEqual(self.bars_of([], [], study)[name][2], "unmeasured")
        self.assertEqual(self.bars_of([], [small], None)[name][2], "unmeasured")

    def test_a_study_counts_where_it_passed(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            step = {"step": "quick study", "result": "passed", "seconds": "12.0"}
            self.assertIsNone(training_results.study_of(folder, [step]))
            (folder / "results.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
            study = training_results.study_of(folder, [step])
            self.assertEqual((study["runs"], study["runs_per_hour"]), (2, 600.0))
            failed = {**step, "result": "FAILED with status 1"}
            self.assertIsNone(training_results.study_of(folder, [failed]))
            self.assertIsNone(training_results.study_of(folder, []))
            self.assertIsNone(training_results.study_of(None, [step]))


class Results(unittest.TestCase):
    def results_of(self, kernels, **others):
        """Text and JSON of a run with three steps; `others` are files' contents by option."""
        with tempfile.TemporaryDirectory() as folder:
            steps, figures, name = (Path(folder) / part for part in ["steps", "figures", "name"])
            steps.write_text(
                "build\tpassed\t9\tcmake a|b\nracecheck\tunmeasured: no tool\t0\t\n"
                "quick study\tpassed\t15.6\tobverse-reversal run\n"
            )
            if kernels is not None:
                figures.write_text(kernels)
            command = [sys.executable, write_results.__file__, str(name), "--steps", str(steps)]
            command += ["--kernels", str(figures), "--fact", "gpu=G", "--fact", "command=x --y=1"]
            (Path(folder) / "results.jsonl").write_text("{}\n" * 24)
            command += ["--study", folder]
            for option, content in others.items():
                (Path(folder) / option).write_text(content)
                command += [f"--{option}", str(Path(folder) / option)]
            subprocess.run(command, check=True)
            text = name.with_suffix(".md").read_text(encoding="utf-8")
            return text, json.loads(name.with_suffix(".json").read_text(encoding="utf-8"))

    def test_without_figures_every_bar_is_unmeasured(self):
        for kernels in [None, "", '{"repeats": 1, "obv']:
            text, whole = self.results_of(kernels)
            self.assertTrue(text.startswith("# G, unknown\n\n`x --y=1` at commit unknown;"))
            self.assertIn("| build | passed | 9 | `cmake a\\|b` |\n", text)
            self.assertIn("| racecheck | unmeasured: no tool | 0 |  |\n", text)
            self.assertEqual(text.count("| unmeasured |\n"), len(whole["bars"]))
            self.assertEqual(len(whole["kernels"]["bars"]), 9 + len(compare_kernels.IN_MEMORY))
            self.assertEqual(len(whole["bars"]), len(whole["kernels"]["bars"]) + 2)
            self.assertTrue(all(one["ratio"] is None for one in whole["bars"]))
            self.assertIn("\nBeside PyTorch: unmeasured.\n", text)
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

    def test_training_is_told_beside_its_peer(self):
        run = trained(
            100.0, batch=32, sequence=1024, peak_memory_bytes=2**30, matmul="cublas",
            ceiling_teraflops_per_second=700.0, breakdown_milliseconds_per_step=110.0,
            kernels=[{"kernel": "matmul", "launches_per_step": 147.0,
                      "milliseconds_per_step": 55.0, "share": 0.5}],
        )
        training = [compared([trained(100.0)], [trained(80.0)])]
        small = [compared([trained(0.5)], [trained(4.0, compile=False)], "--small")]
        text, whole = self.results_of(
            None, training=json.dumps(training), small=json.dumps(small), breakdown=json.dumps(run)
        )
        model = "12 x 768, 12 heads, V 50304, 32 x 1024"
        for part in [
            "| GPT-2 124M training: torch.compile's time / own | 0.800 | >= 0.7 | met |",
            "| quick study: runs an hour / eager PyTorch's | 10.000 | >= 10 | met |",
            f"| {model} | 100.000 | 327680 | 40.0% | 80.000 | 409600 | 0.80 |",
            f"- {model}: Obverse: bf16, own matmul, graphs on. PyTorch 2.9: bf16, torch.compile",
            "The quick study: 24 runs in 15.6 s, 5538 an hour.",
            "one run of 1625 steps after the other: 4431 an hour, eager PyTorch 554.",
            "32 x 1024 tokens, bf16, cublas matmul, graphs on: 100.00 ms a step",
            "most memory 1024 MiB. Kernel after kernel 110.00 ms:",
            "| matmul | 147.0 | 55.000 | 50.0% |",
        ]:
            self.assertIn(part, text)
        self.assertEqual(whole["study"]["runs"], 24)
        self.assertEqual(whole["training"][0]["ratio"], 0.8)
        self.assertEqual(whole["breakdowns"][0]["matmul"], "cublas")


if __name__ == "__main__":
    unittest.main()
