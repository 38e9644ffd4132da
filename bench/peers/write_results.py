#!/usr/bin/env python3
"""What scripts/gpu_check found, as NAME.md and NAME.json: facts about the machine and the run, its
steps, the project's bars as ratios, and all figures. What did not run is written as unmeasured.

  write_results.py NAME --steps steps.tsv --kernels kernels.json --fact gpu="NVIDIA H200" --fact ...

A line of steps.tsv is STEP, RESULT, SECONDS and COMMAND with tabs between them. Of the other files each
may be missing: kernels.json is what compare_kernels.py --json wrote, --training and --small name what
compare_training.py wrote, --breakdown what `obverse-bench training` did, and --study is the folder of
the quick study.
"""
import argparse
import json
import pathlib
import sys

import compare_kernels
import training_results

STEP_FIELDS = ["step", "result", "seconds", "command"]
FACTS = ["gpu", "date", "command", "commit", "driver", "toolkit", "cores"]
NO_KERNELS = {"repeats": 0, "obverse": [], "torch": []}


def steps_of(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    return [dict(zip(STEP_FIELDS, line.split("\t"))) for line in lines]


def json_of(file, missing):
    """`missing` where a benchmark did not get so far as to write figures."""
    if file is None:
        return missing
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return missing


def markdown(facts, steps, results):
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
    trained = [results[name] for name in ["training", "small", "study"]]
    text += compare_kernels.markdown(results["kernels"], training_results.bars(*trained))
    return text + training_results.markdown(*trained, results["breakdowns"])


def results_of(options, steps):
    kernels = json_of(options.kernels, dict(NO_KERNELS))
    results = {
        "training": json_of(options.training, []),
        "small": json_of(options.small, []),
        "study": training_results.study_of(options.study, steps),
    }
    figures = compare_kernels.medians(kernels["obverse"] + kernels["torch"])
    kernels["bars"] = compare_kernels.bars(figures)
    every = [*kernels["bars"], *training_results.bars(**results)]
    breakdowns = [json_of(file, {}) for file in options.breakdown]
    return {"bars": every, "kernels": kernels, **results, "breakdowns": breakdowns}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the files, without .md and .json")
    parser.add_argument("--steps", type=pathlib.Path, required=True)
    parser.add_argument("--kernels", type=pathlib.Path, required=True)
    for name in ["training", "small", "study"]:
        parser.add_argument(f"--{name}", type=pathlib.Path)
    parser.add_argument("--breakdown", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--fact", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    facts = {**dict.fromkeys(FACTS, "unknown"), **dict(one.split("=", 1) for one in options.fact)}
    try:
        steps = steps_of(options.steps)
        results = results_of(options, steps)
        whole = json.dumps({**facts, "steps": steps, **results}, indent=1) + "\n"
        pathlib.Path(options.name + ".json").write_text(whole, encoding="utf-8")
        pathlib.Path(options.name + ".md").write_text(
            markdown(facts, steps, results), encoding="utf-8"
        )
    except OSError as error:
        sys.exit(f"write_results.py: {error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
