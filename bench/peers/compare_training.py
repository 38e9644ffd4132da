#!/usr/bin/env python3
"""Runs `obverse-bench training` and torch_train.py on the same model in turn (A B A B ...) and prints
the medians and their ratio: above 1, Obverse is faster.

  compare_training.py                                        two standard configurations
  compare_training.py --python /path/to/python --repeats 7 --json training.json
  compare_training.py --layers 4 --width 128 --heads 4 --vocabulary 1000 --batch 32 --sequence 32

Taking turns spreads what else the machine does over both. PyTorch is needed by --python alone.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
SIZES = ["layers", "width", "heads", "vocabulary", "batch", "sequence", "threads"]
STANDARD = [
    dict(layers=2, width=64, heads=4, vocabulary=614, batch=64, sequence=8, threads=1, untied=True),
    dict(layers=4, width=256, heads=8, vocabulary=2048, batch=32, sequence=64, threads=2, untied=False),
]


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in SIZES:
        parser.add_argument(f"--{name}", type=int, help=f"default {STANDARD[0][name]}")
    parser.add_argument("--untied", action="store_true")
    parser.add_argument("--repeats", type=int, default=5, help="turns each")
    parser.add_argument("--steps", type=int, default=50, help="timed steps a turn")
    parser.add_argument("--warmup", type=int, default=10, help="steps before them")
    parser.add_argument("--python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--bench", default=str(FOLDER.parents[1] / "build/bin/obverse-bench"))
    parser.add_argument("--json", help="also write all figures to this file")
    options = parser.parse_args()
    for name in ["repeats", "steps", "warmup"]:
        if getattr(options, name) < 1:
            parser.error(f"expected --{name} of at least 1, got {getattr(options, name)}")
    return options


def configurations(options):
    given = {name: getattr(options, name) for name in SIZES if getattr(options, name) is not None}
    if not given and not options.untied:
        return STANDARD
    return [{**STANDARD[0], "untied": options.untied, **given}]


def arguments_of(configuration, options):
    arguments = ["--steps", str(options.steps), "--warmup", str(options.warmup)]
    for name in SIZES:
        arguments += [f"--{name}", str(configuration[name])]
    return arguments + (["--untied"] if configuration["untied"] else [])


def output_of(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        sys.exit(f"compare_training.py: cannot run {command[0]}: {error.strerror}")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        sys.exit(f"compare_training.py: {command[0]} failed ({done.returncode}): {last}")
    return done.stdout


def run_obverse(arguments, options):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        output_of([options.bench, "training", *arguments, "--json", file.name])
        return json.loads(pathlib.Path(file.name).read_text())


def run_torch(arguments, options):
    output = output_of([options.python, str(FOLDER / "torch_train.py"), *arguments])
    return json.loads(output.strip().splitlines()[-1])


def compare(configuration, options):
    arguments = arguments_of(configuration, options)
    obverse, torch = [], []
    for _ in range(options.repeats):
        obverse.append(run_obverse(arguments, options))
        torch.append(run_torch(arguments, options))
    if obverse[0]["parameters"] != torch[0]["parameters"]:
        sys.exit(
            "compare_training.py: expected one model, got "
            f"{obverse[0]['parameters']} and {torch[0]['parameters']} parameters"
        )
    milliseconds = {
        name: statistics.median(run["milliseconds_per_step"] for run in runs)
        for name, runs in [("obverse", obverse), ("torch", torch)]
    }
    tokens = configuration["batch"] * configuration["sequence"]
    return {
        "configuration": configuration,
        "parameters": obverse[0]["parameters"],
        "milliseconds_per_step": milliseconds,
        "tokens_per_second": {name: tokens / value * 1e3 for name, value in milliseconds.items()},
        "ratio": milliseconds["torch"] / milliseconds["obverse"],
        "ratios": [
            b["milliseconds_per_step"] / a["milliseconds_per_step"] for a, b in zip(obverse, torch)
        ],
        "runs": {"obverse": obverse, "torch": torch},
    }


def main():
    options = parse_options()
    results = []
    print(f"{'model':<52} {'Obverse':>10} {'PyTorch':>10} {'ratio':>6}  turns")
    for configuration in configurations(options):
        result = compare(configuration, options)
        results.append(result)
        c, ms = configuration, result["milliseconds_per_step"]
        name = (
            f"{c['layers']} x {c['width']}, {c['heads']} heads, V {c['vocabulary']}, "
            f"{c['batch']} x {c['sequence']}, {c['threads']} threads"
        )
        turns = f"{min(result['ratios']):.2f} to {max(result['ratios']):.2f}"
        print(
            f"{name:<52} {ms['obverse']:>7.3f} ms {ms['torch']:>7.3f} ms "
            f"{result['ratio']:>6.2f}  {turns}",
            flush=True,
        )
    print(f"medians of {options.repeats} turns of {options.steps} steps; "
          f"PyTorch {results[0]['runs']['torch'][0]['torch']}, CPU")
    if options.json:
        try:
            pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
        except OSError as error:
            sys.exit(f"compare_training.py: {options.json}: cannot be written: {error.strerror}")


if __name__ == "__main__":
    main()
