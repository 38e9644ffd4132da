#!/usr/bin/env python3
"""Runs `obverse-bench training` and torch_train.py on the same model in turn (A B A B ...) and prints
the medians and their ratio: above 1, Obverse is faster.

  compare_training.py                                        two standard configurations on the CPU
  compare_training.py --python /path/to/python --repeats 7 --json training.json
  compare_training.py --layers 4 --width 128 --heads 4 --vocabulary 1000 --batch 32 --sequence 32
  compare_training.py --device cuda                          GPT-2 124M in bf16 beside torch.compile
  compare_training.py --device cuda --matmul cublas --batch 64 --accumulation 2
  compare_training.py --device cuda --small                  a study's model beside eager PyTorch

--small also tells how many runs an hour of the quick study's length that makes, one after the other
and without their evaluation. Taking turns spreads what else the machine does over both. PyTorch is
needed by --python alone.
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
# Its vocabulary rounded up to what both multiply fast.
GPT2 = dict(
    layers=12, width=768, heads=12, vocabulary=50304, batch=32, sequence=1024, threads=1, untied=False
)
# Steps of a run of the quick study, the mean of its 18 runs of 1500 and 6 of 2000.
STUDY_STEPS = 1625


def default_of(options, name):
    """Of what was not given: turns, steps and precision differ with what is compared."""
    if name == "repeats":
        return 3 if options.device == "cuda" else 5
    if name == "steps":
        return 300 if options.small else 50
    if name == "precision":
        # Eager PyTorch is limited by the host, for which autocast is more work.
        return "bf16" if options.device == "cuda" and not options.small else "fp32"
    return None


def parse_options(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in SIZES:
        usual = f"default {STANDARD[0][name]}, on cuda {GPT2[name]}"
        parser.add_argument(f"--{name}", type=int, help=usual)
    parser.add_argument("--untied", action="store_true")
    parser.add_argument("--accumulation", type=int, default=1, help="micro-batches a step")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["bf16", "fp32"])
    parser.add_argument("--small", action="store_true", help="on cuda: the first standard model")
    parser.add_argument("--matmul", choices=["own", "cublas"], default="own", help="Obverse's")
    parser.add_argument("--recompute", choices=["none", "blocks"], default="none", help="Obverse's")
    parser.add_argument("--graphs", choices=["on", "off"], default="on", help="Obverse's")
    parser.add_argument("--repeats", type=int, help="turns each")
    parser.add_argument("--steps", type=int, help="timed steps a turn")
    parser.add_argument("--warmup", type=int, default=10, help="steps before them")
    parser.add_argument("--python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--bench", default=str(FOLDER.parents[1] / "build/bin/obverse-bench"))
    parser.add_argument("--json", help="also write all figures to this file")
    options = parser.parse_args(arguments)
    for name in ["repeats", "steps", "precision"]:
        if getattr(options, name) is None:
            setattr(options, name, default_of(options, name))
    for name in ["repeats", "steps", "warmup", "accumulation"]:
        if getattr(options, name) < 1:
            parser.error(f"expected --{name} of at least 1, got {getattr(options, name)}")
    if options.small and options.device != "cuda":
        parser.error("expected --small with --device cuda")
    return options


def configurations(options):
    given = {name: getattr(options, name) for name in SIZES if getattr(options, name) is not None}
    if options.untied:
        given["untied"] = True
    if options.device == "cuda":
        return [{**(STANDARD[0] if options.small else GPT2), **given}]
    if not given:
        return STANDARD
    return [{**STANDARD[0], "untied": options.untied, **given}]


def arguments_of(configuration, options):
    arguments = ["--steps", str(options.steps), "--warmup", str(options.warmup)]
    for name in SIZES:
        arguments += [f"--{name}", str(configuration[name])]
    arguments += ["--accumulation", str(options.accumulation)]
    arguments += ["--device", options.device, "--precision", options.precision]
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
    command = [options.bench, "training", *arguments, "--breakdown", "0"]
    command += ["--matmul", options.matmul, "--recompute", options.recompute]
    command += ["--graphs", options.graphs]
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        output_of([*command, "--json", file.name])
        return json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))


def run_torch(arguments, options):
    command = [options.python, str(FOLDER / "torch_train.py"), *arguments]
    output = output_of(command + (["--eager"] if options.small else []))
    return json.loads(output.strip().splitlines()[-1])


def result_of(configuration, options, obverse, torch):
    """What the turns of both come to."""
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
    result = {
        "configuration": configuration,
        "device": options.device,
        "parameters": obverse[0]["parameters"],
        "milliseconds_per_step": milliseconds,
        "tokens_per_second": {name: tokens / value * 1e3 for name, value in milliseconds.items()},
        "ratio": milliseconds["torch"] / milliseconds["obverse"],
        "ratios": [
            b["milliseconds_per_step"] / a["milliseconds_per_step"] for a, b in zip(obverse, torch)
        ],
        "runs": {"obverse": obverse, "torch": torch},
    }
    if options.small:
        result["study_steps"] = STUDY_STEPS
        result["runs_per_hour"] = {
            name: 3600e3 / (STUDY_STEPS * value) for name, value in milliseconds.items()
        }
    return result


def compare(configuration, options):
    arguments = arguments_of(configuration, options)
    obverse, torch = [], []
    for _ in range(options.repeats):
        obverse.append(run_obverse(arguments, options))
        torch.append(run_torch(arguments, options))
    return result_of(configuration, options, obverse, torch)


def model_of(result):
    c = result["configuration"]
    return (
        f"{c['layers']} x {c['width']}, {c['heads']} heads, V {c['vocabulary']}, "
        f"{c['batch']} x {c['sequence']}"
    )


def own_settings(run):
    details = [run["precision"], f"{run['matmul']} matmul", f"graphs {'on' if run['graphs'] else 'off'}"]
    if run["accumulation"] > 1:
        details.append(f"{run['accumulation']} micro-batches")
    if run["recompute"] != "none":
        details.append(f"recompute {run['recompute']}")
    return ", ".join(details)


def settings_of(result):
    """How each computed it, of its first turn."""
    own, torch = result["runs"]["obverse"][0], result["runs"]["torch"][0]
    how = "torch.compile" if torch["compile"] else "eager"
    return (
        f"Obverse: {own_settings(own)}. PyTorch {torch['torch']}: {torch['precision']}, {how}, "
        f"attention {torch['sdpa']}."
    )


def main():
    options = parse_options()
    results = []
    print(f"{'model':<52} {'Obverse':>10} {'PyTorch':>10} {'ratio':>6}  turns")
    for configuration in configurations(options):
        result = compare(configuration, options)
        results.append(result)
        ms = result["milliseconds_per_step"]
        on_gpu = options.device == "cuda"
        name = model_of(result) + ("" if on_gpu else f", {configuration['threads']} threads")
        turns = f"{min(result['ratios']):.2f} to {max(result['ratios']):.2f}"
        print(
            f"{name:<52} {ms['obverse']:>7.3f} ms {ms['torch']:>7.3f} ms "
            f"{result['ratio']:>6.2f}  {turns}",
            flush=True,
        )
        rates = result["tokens_per_second"]
        if on_gpu:
            print(f"{'tokens/s':<52} {rates['obverse']:>10.0f} {rates['torch']:>10.0f}")
            print(settings_of(result))
        if options.small:
            runs = result["runs_per_hour"]
            name = f"runs of {STUDY_STEPS} steps an hour, one at a time"
            print(f"{name:<52} {runs['obverse']:>10.0f} {runs['torch']:>10.0f}")
    device = results[0]["runs"]["torch"][0]["device_name"]
    print(f"medians of {options.repeats} turns of {options.steps} steps; "
          f"PyTorch {results[0]['runs']['torch'][0]['torch']}, {device.replace('cpu', 'CPU')}")
    if options.json:
        try:
            pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            sys.exit(f"compare_training.py: {options.json}: cannot be written: {error.strerror}")


if __name__ == "__main__":
    main()
