#!/usr/bin/env python3
"""Runs `obverse-bench kernels --device cuda` and kernels_torch.py on the same shapes in turn (A B A B
...), prints the medians and the ratios of the others' time to Obverse's: above 1, Obverse is faster.
Then the bars that the project has set itself, from these figures alone.

  compare_kernels.py --python /path/to/python             all operations, usual shapes
  compare_kernels.py --operation attention --shapes 1x8192x16x128 --repeats 3 --json attention.json
  compare_kernels.py --own-only --markdown figures.md     without PyTorch: cuBLAS and the ceilings

PyTorch is needed by --python alone.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
CUBES = ["4096x4096x4096", "8192x8192x8192"]
# What has no own peer by name is compared with this.
PEER_DIRECTION = {"backward_deterministic": "backward"}
HAS_TORCH = (
    "import sys\n"
    "try:\n import torch\n"
    "except ImportError: sys.exit(3)\n"
    "sys.exit(0 if torch.cuda.is_available() else 4)"
)


def stop(reason):
    sys.exit(f"compare_kernels.py: {reason}")


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--operation", default="matmul,attention,adamw", help="a list with commas")
    parser.add_argument("--shapes", help="of the one operation that is named")
    parser.add_argument("--repeats", type=int, default=1, help="turns each")
    parser.add_argument("--python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--own-only", action="store_true", help="do not run PyTorch")
    parser.add_argument("--bench", default=str(FOLDER.parents[1] / "build/bin/obverse-bench"))
    parser.add_argument("--json", help="also write all figures to this file")
    parser.add_argument("--markdown", help="also write the tables to this file")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"expected --repeats of at least 1, got {options.repeats}")
    return options


def run(command):
    """Exit status and last line of what a command says of errors; its output goes to the terminal."""
    try:
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            lines = []
            for line in process.stderr:
                sys.stderr.write(line)
                lines.append(line.strip())
            return process.wait(), (lines or ["no message"])[-1]
    except OSError as error:
        stop(f"cannot run {command[0]}: {error.strerror}")


def figures_of(command):
    """Runs a benchmark. It may fail for some shapes and still have figures for the others."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "figures.json"
        status, last = run([*command, "--json", str(file)])
        if not file.exists():
            stop(f"{command[0]} failed ({status}): {last}")
        return json.loads(file.read_text(encoding="utf-8"))


def check_torch(options):
    try:
        status = subprocess.run([options.python, "-c", HAS_TORCH], check=False).returncode
    except OSError as error:
        stop(f"cannot run {options.python}: {error.strerror}")
    if status == 3:
        stop(f"{options.python} has no PyTorch; --python names one that has, --own-only does without")
    if status == 4:
        stop(f"the PyTorch of {options.python} finds no CUDA device")
    if status != 0:
        stop(f"{options.python} cannot import PyTorch ({status})")


def run_obverse(options):
    command = [options.bench, "kernels", "--device", "cuda", "--operation", options.operation]
    return figures_of(command + (["--shapes", options.shapes] if options.shapes else []))


def run_torch(options, own):
    """One run for each operation, on the shapes that Obverse ran."""
    merged = {"figures": [], "failures": []}
    for operation in dict.fromkeys(figure["operation"] for figure in own["figures"]):
        shapes = dict.fromkeys(
            figure["shape"].split()[0]
            for figure in own["figures"]
            if figure["operation"] == operation
        )
        command = [options.python, str(FOLDER / "kernels_torch.py")]
        new = figures_of([*command, "--operation", operation, "--shapes", ",".join(shapes)])
        merged = {
            **merged,
            **new,
            "figures": merged["figures"] + new["figures"],
            "failures": merged["failures"] + new["failures"],
        }
    return merged


def medians(runs):
    """For each (operation, direction, shape) its providers' figures, of several runs the median."""
    found = {}
    for one in runs:
        for figure in one["figures"]:
            key = (figure["operation"], figure["direction"], figure["shape"])
            found.setdefault(key, {}).setdefault(figure["provider"], []).append(figure)
    return {
        key: {provider: median_figure(of) for provider, of in providers.items()}
        for key, providers in found.items()
    }


def median_figure(figures):
    middle = statistics.median_low([figure["microseconds"] for figure in figures])
    return next(figure for figure in figures if figure["microseconds"] == middle)


def rate_of(figure):
    if "teraflops_per_second" in figure:
        return f"{figure['teraflops_per_second']:.1f} TFLOP/s"
    return f"{figure['gigabytes_per_second']:.0f} GB/s"


def error_of(figure):
    error = figure["error"]
    return f"{error:.1e}" if isinstance(error, float) else str(error)


def rows_of(figures):
    """Table rows: what, Obverse's figures, the others' times, and the ratios to Obverse's."""
    rows = []
    for (operation, direction, shape), providers in figures.items():
        own = providers.get("own")
        if own is None:
            continue
        others = {name: figure for name, figure in providers.items() if name != "own"}
        peers = figures.get((operation, PEER_DIRECTION.get(direction), shape), {})
        others.update({name: figure for name, figure in peers.items() if name != "own"})
        times = [f"{name} {figure['microseconds']:.1f}" for name, figure in others.items()]
        ratios = [
            f"{name} {figure['microseconds'] / own['microseconds']:.2f}"
            for name, figure in others.items()
        ]
        rows.append(
            [
                operation,
                direction,
                shape,
                f"{own['microseconds']:.1f}",
                rate_of(own),
                f"{100 * own['of_ceiling']:.1f}%",
                error_of(own),
                ", ".join(times),
                ", ".join(ratios),
            ]
        )
    return rows


HEADER = ["operation", "direction", "shape", "us", "rate", "of ceiling", "error", "others, us",
          "their time / own"]


def verdict(values, least):
    """Of measured (ratio, shape) pairs the lowest, and whether it reaches the bar."""
    if not values:
        return ["unmeasured", f">= {least:g}", "unmeasured"]
    lowest, shape = min(values)
    of = f"{lowest:.3f} ({shape}, lowest of {len(values)})" if len(values) > 1 else f"{lowest:.3f}"
    return [of, f">= {least:g}", "met" if lowest >= least else "missed"]


def bars(figures):
    """The bars of the first release, as ratios within one run."""
    rows = []
    for shape in CUBES:
        for direction in ["forward", "dgrad", "wgrad"]:
            of = figures.get(("matmul", direction, shape), {})
            values = []
            if "own" in of and "cublas" in of:
                values = [(of["cublas"]["microseconds"] / of["own"]["microseconds"], shape)]
            rows.append([f"matmul {direction} {shape}: cuBLAS's time / own", *verdict(values, 0.5)])
    for direction in ["forward", "backward"]:
        values = [
            (providers["flash"]["microseconds"] / providers["own"]["microseconds"], key[2])
            for key, providers in figures.items()
            if key[:2] == ("attention", direction) and {"own", "flash"} <= providers.keys()
        ]
        rows.append([f"attention {direction}: PyTorch flash's time / own", *verdict(values, 1.0)])
    own = figures.get(("adamw", "update", "100000000"), {}).get("own")
    values = [(own["of_ceiling"], "100000000")] if own else []
    rows.append(["adamw 100M parameters: rate / copy's", *verdict(values, 0.85)])
    return rows


BARS_HEADER = ["bar", "measured", "wanted", ""]


def print_table(header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def markdown_table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def markdown(figures, own, torch):
    ceilings = [
        f"{own[key]:.1f} {unit}"
        for key, unit in [
            ("ceiling_teraflops_per_second", "TFLOP/s (cuBLAS, 8192 cubed, bf16)"),
            ("ceiling_gigabytes_per_second", "GB/s (copy of 1 GiB, read and written)"),
        ]
        if key in own
    ]
    text = "## Bars\n\n" + markdown_table(BARS_HEADER, bars(figures))
    text += "\n## Kernels\n\n"
    text += f"Ceilings of this run: {', '.join(ceilings) or 'unmeasured'}. "
    if torch is None:
        text += "PyTorch's kernels: unmeasured.\n\n"
    else:
        text += f"PyTorch {torch['torch']}, cuDNN {torch['cudnn']}.\n\n"
    text += markdown_table(HEADER, rows_of(figures))
    failures = own.get("failures", []) + (torch or {}).get("failures", [])
    if failures:
        text += "\nUnmeasured:\n\n" + "".join(
            f"- {failure['kernel']} {failure['shape']} ({failure.get('provider', 'own')}): "
            f"{failure['reason']}\n"
            for failure in failures
        )
    return text


def write(file, text):
    try:
        pathlib.Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        stop(f"{file}: cannot be written: {error.strerror}")


def main():
    options = parse_options()
    if not options.own_only:
        check_torch(options)
    obverse, torch = [], []
    for _ in range(options.repeats):
        obverse.append(run_obverse(options))
        if not options.own_only:
            torch.append(run_torch(options, obverse[-1]))
    figures = medians(obverse + torch)
    print()
    print_table(HEADER, rows_of(figures))
    print()
    print_table(BARS_HEADER, bars(figures))
    if options.json:
        write(options.json, json.dumps({"obverse": obverse, "torch": torch}, indent=1) + "\n")
    if options.markdown:
        write(options.markdown, markdown(figures, obverse[0], torch[0] if torch else None))
    # What others cannot do is no failure of this command.
    sys.exit(1 if any(one["failures"] for one in obverse) else 0)


if __name__ == "__main__":
    main()
