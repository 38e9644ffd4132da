#!/usr/bin/env python3
"""What scripts/gpu_check found, as NAME.md and NAME.json: facts about the machine and the run, its
steps, the project's bars as ratios, and all figures. What did not run is written as unmeasured.

  write_results.py NAME --steps steps.tsv --kernels kernels.json --fact gpu="NVIDIA H200" --fact ...

A line of steps.tsv is STEP, RESULT, SECONDS and COMMAND with tabs between them; kernels.json is what
compare_kernels.py --json wrote, and may be missing.
"""
import argparse
import json
import pathlib
import sys

import compare_kernels

STEP_FIELDS = ["step", "result", "seconds", "command"]
FACTS = ["gpu", "date", "command", "commit", "driver", "toolkit", "cores"]


def steps_of(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    return [dict(zip(STEP_FIELDS, line.split("\t"))) for line in lines]


def kernels_of(file):
    """Nothing where the benchmarks did not get so far as to write figures."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"repeats": 0, "obverse": [], "torch": [], "bars": compare_kernels.bars({})}


def markdown(facts, steps, kernels):
    def cell(text):
        return text.replace("|", "\\|")

    text = f"# {facts['gpu']}, {facts['date']}\n\n"
    text += f"`{facts['command']}` at commit {facts['commit']}; driver {facts['driver']}, "
    text += f"toolkit {facts['toolkit']}, {facts['cores']} cores.\n\n"
    header = ["step", "result", "seconds", "command"]
    rows = [
        [cell(step["step"]), cell(step["result"]), step["seconds"]]
        + [f"`{cell(step['command'])}`" if step.get("command") else ""]
        for step in steps
    ]
    text += compare_kernels.markdown_table(header, rows) + "\n"
    return text + compare_kernels.markdown(kernels)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the files, without .md and .json")
    parser.add_argument("--steps", type=pathlib.Path, required=True)
    parser.add_argument("--kernels", type=pathlib.Path, required=True)
    parser.add_argument("--fact", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    facts = {**dict.fromkeys(FACTS, "unknown"), **dict(one.split("=", 1) for one in options.fact)}
    try:
        steps, kernels = steps_of(options.steps), kernels_of(options.kernels)
        whole = json.dumps({**facts, "steps": steps, "kernels": kernels}, indent=1) + "\n"
        pathlib.Path(options.name + ".json").write_text(whole, encoding="utf-8")
        pathlib.Path(options.name + ".md").write_text(
            markdown(facts, steps, kernels), encoding="utf-8"
        )
    except OSError as error:
        sys.exit(f"write_results.py: {error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
