#!/usr/bin/env python3
"""Runs `obverse-bench kernels --device cuda` and kernels_torch.py on the same shapes in turn (A B A B
... for each operation), prints the medians and the ratios of the others' time to Obverse's: above 1,
Obverse is faster. Then the bars that the project has set itself, from these figures alone.

  compare_kernels.py --python /path/to/python             all operations, usual shapes
  compare_kernels.py --operation attention --shapes 1x8192x16x128 --repeats 5 --json attention.json
  compare_kernels.py --operation layer_norm,cross_entropy
  compare_kernels.py --own-only --markdown figures.md     without PyTorch: cuBLAS and the ceilings

Taking turns spreads what the device's clocks do over both. PyTorch is needed by --python alone.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from kernel_shapes import FIXED, name_of, parse, parser_of

FOLDER = pathlib.Path(__file__).resolve().parent
CUBES = ["4096x4096x4096", "8192x8192x8192"]
# Rounding to bf16 alone is below a hundredth of the largest value: what is beyond this is wrong.
LARGEST_ERROR = 0.05
# What must reach most of a copy's rate, as figures name it, wherever a call moves so many bytes: with
# fewer, what a launch costs decides.
IN_MEMORY = [
    "add", "cast", "column_sum", "cross_entropy", "dropout", "embedding", "fill", "gelu",
    "gradient_norm", "layer_norm", "relu2", "rms_norm", "rotary", "scale_by", "swiglu",
]
LEAST_BYTES = 64e6
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
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="turns each")
    parser.add_argument("--python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--own-only", action="store_true", help="do not run PyTorch")
    parser.add_argument("--bench", default=str(FOLDER.parents[1] / "build/bin/obverse-bench"))
    parser.add_argument("--json", help="also write all figures to this file")
    parser.add_argument("--markdown", help="also write the tables to this file")
    options = parse(parser)
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


def figures_of(command, operation, may_refuse):
    """Runs a benchmark. It may fail for some shapes and still have figures for the others; one that
    crashes has none, and others go on."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "figures.json"
        status, last = run([*command, "--json", str(file)])
        if file.exists():
            results = json.loads(file.read_text(encoding="utf-8"))
        elif may_refuse and status in (1, 2):
            stop(f"{command[0]} failed ({status}): {last}")
        else:
            reason = f"ended with status {status}: {last}"
            failure = {"kernel": operation, "shape": "all shapes", "reason": reason}
            results = {"figures": [], "failures": [failure]}
        return {"command": " ".join(command), **results}


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


def shapes_option(operation, shapes):
    """Some operations have shapes of their own on both sides."""
    return [] if operation in FIXED else ["--shapes", ",".join(map(name_of, shapes))]


def run_obverse(options, operation, shapes):
    command = [options.bench, "kernels", "--device", "cuda", "--operation", operation]
    command += shapes_option(operation, shapes)
    return without_wrong(figures_of(command, operation, may_refuse=True))


def without_wrong(results):
    """A kernel that computes something else has no time: it counts as failed."""
    right = []
    for figure in results["figures"]:
        if isinstance(figure["error"], float) and figure["error"] <= LARGEST_ERROR:
            right.append(figure)
            continue
        results["failures"].append(
            {
                "kernel": f"{figure['operation']}_{figure['direction']}",
                "provider": figure["provider"],
                "shape": figure["shape"],
                "reason": f"its result is wrong: error {error_of(figure)}",
            }
        )
    return {**results, "figures": right}


def run_torch(options, operation, shapes):
    command = [options.python, str(FOLDER / "kernels_torch.py"), "--operation", operation]
    command += shapes_option(operation, shapes)
    results = figures_of(command, operation, may_refuse=False)
    for failure in results["failures"]:
        failure.setdefault("provider", "torch")
    return results


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
    return f"{error:.1e}" if isinstance(error, float) else str(error or "unknown")


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


def bar(what, least, ratios):
    """Of measured (ratio, shape) pairs the lowest, beside what it should be at least."""
    ratio, shape = min(ratios, default=(None, None))
    return {"bar": what, "least": least, "ratio": ratio, "shape": shape, "shapes": len(ratios)}


def ratio_to(figures, operation, direction, provider):
    """(provider's time / Obverse's, shape) wherever both were measured."""
    return [
        (providers[provider]["microseconds"] / providers["own"]["microseconds"], key[2])
        for key, providers in figures.items()
        if key[:2] == (operation, direction) and {"own", provider} <= providers.keys()
    ]


def bytes_of(figure):
    """Those that one call moves."""
    return figure["gigabytes_per_second"] * 1e9 * figure["microseconds"] * 1e-6


def share_in_memory(figures, operation):
    """(rate / copy's, what) wherever a call is large enough."""
    return [
        (providers["own"]["of_ceiling"], f"{key[1]} {key[2]}")
        for key, providers in figures.items()
        if key[0] == operation and "own" in providers and bytes_of(providers["own"]) >= LEAST_BYTES
    ]


def bars(figures):
    """The bars that the project has set itself on an H200, as ratios within one run."""
    found = []
    for cube in CUBES:
        for direction in ["forward", "dgrad", "wgrad"]:
            ratios = ratio_to(figures, "matmul", direction, "cublas")
            of_cube = [pair for pair in ratios if pair[1] == cube]
            found.append(bar(f"matmul {direction} {cube}: cuBLAS's time / own", 0.5, of_cube))
    for direction in ["forward", "backward"]:
        ratios = ratio_to(figures, "attention", direction, "flash")
        found.append(bar(f"attention {direction}: PyTorch flash's time / own", 1.0, ratios))
    own = figures.get(("adamw", "update", "100000000"), {}).get("own")
    share = [(own["of_ceiling"], "100000000")] if own else []
    found.append(bar("adamw 100M parameters: rate / copy's", 0.85, share))
    for operation in IN_MEMORY:
        ratios = share_in_memory(figures, operation)
        found.append(bar(f"{operation}: rate / copy's", 0.85, ratios))
    return found


def bar_rows(found):
    rows = []
    for one in found:
        wanted = f">= {one['least']:g}"
        if one["ratio"] is None:
            rows.append([one["bar"], "unmeasured", wanted, "unmeasured"])
            continue
        several = f" ({one['shape']}, lowest of {one['shapes']})" if one["shapes"] > 1 else ""
        met = "met" if one["ratio"] >= one["least"] else "missed"
        rows.append([one["bar"], f"{one['ratio']:.3f}{several}", wanted, met])
    return rows


BARS_HEADER = ["bar", "measured", "wanted", ""]


def print_table(header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def markdown_table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def ceilings_of(runs):
    """Each operation's process measures its own; the medians of them."""
    texts = []
    for key, unit in [
        ("ceiling_teraflops_per_second", "TFLOP/s (cuBLAS, 8192 cubed, bf16)"),
        ("ceiling_gigabytes_per_second", "GB/s (copy of 1 GiB, read and written)"),
    ]:
        values = [one[key] for one in runs if key in one]
        if values:
            texts.append(f"{statistics.median(values):.1f} {unit}")
    return ", ".join(texts) or "unmeasured"


def markdown(results, others=()):
    """Tables of what --json holds; `others` are bars beside those of kernels."""
    obverse, torch = results["obverse"], results["torch"]
    figures = medians(obverse + torch)
    every = [*bars(figures), *others]
    text = "## Bars\n\n" + markdown_table(BARS_HEADER, bar_rows(every))
    text += f"\nOf rates those count whose calls move {LEAST_BYTES / 1e6:.0f} MB or more.\n"
    text += "\n## Kernels\n\n"
    text += f"Medians of turns: {results['repeats']} each. Ceilings: {ceilings_of(obverse)}. "
    versions = [f"PyTorch {one['torch']}, cuDNN {one['cudnn']}." for one in torch if "torch" in one]
    text += (versions or ["PyTorch's kernels: unmeasured."])[0] + "\n\n"
    text += markdown_table(HEADER, rows_of(figures))
    failures = {
        f"- {one['kernel']} {one['shape']} ({one.get('provider', 'own')}): {one['reason']}\n": None
        for run_of in obverse + torch
        for one in run_of["failures"]
    }
    return text + ("\nUnmeasured:\n\n" + "".join(failures) if failures else "")


def write(file, text):
    """Whole or not at all, so that a run that is cut off leaves what it had."""
    try:
        part = pathlib.Path(file + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        stop(f"{file}: cannot be written: {error.strerror}")


def write_files(options, results):
    if options.json:
        whole = {**results, "bars": bars(medians(results["obverse"] + results["torch"]))}
        write(options.json, json.dumps(whole, indent=1) + "\n")
    if options.markdown:
        write(options.markdown, markdown(results))


def main():
    options = parse_options()
    if not options.own_only:
        check_torch(options)
    results = {"repeats": options.repeats, "obverse": [], "torch": []}
    for _ in range(options.repeats):
        for operation, shapes in options.work.items():
            results["obverse"].append(run_obverse(options, operation, shapes))
            if shapes and not options.own_only:
                results["torch"].append(run_torch(options, operation, shapes))
            write_files(options, results)
    figures = medians(results["obverse"] + results["torch"])
    print()
    print_table(HEADER, rows_of(figures))
    print()
    print_table(BARS_HEADER, bar_rows(bars(figures)))
    # What others cannot do is no failure of this command.
    sys.exit(1 if any(one["failures"] for one in results["obverse"]) else 0)


if __name__ == "__main__":
    main()
