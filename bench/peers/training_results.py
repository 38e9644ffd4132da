"""What compare_training.py and `obverse-bench training` measured on a GPU, and how long the quick study
took there: bars and tables."""
import compare_training
from compare_kernels import bar, markdown_table

STUDY_STEP = "quick study"  # as scripts/gpu_check names it
BREAKDOWN_HEADER = ["kernel", "launches a step", "ms a step", "share"]


def study_of(folder, steps):
    """Runs and seconds of the quick study; nothing where it did not pass."""
    seconds = [float(one["seconds"]) for one in steps
               if one["step"] == STUDY_STEP and one["result"] == "passed"]
    if folder is None or not seconds or seconds[0] <= 0:
        return None
    try:
        lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    runs = sum(bool(line.strip()) for line in lines)
    if not runs:
        return None
    return {"runs": runs, "seconds": seconds[0], "runs_per_hour": runs * 3600 / seconds[0]}


def is_gpt2(result):
    """Compared as the bar has it: the whole model, compiled there, by own kernels here."""
    sizes = ["layers", "width", "heads", "vocabulary", "sequence"]
    own, torch = result["runs"]["obverse"][0], result["runs"]["torch"][0]
    return (
        all(result["configuration"][name] == compare_training.GPT2[name] for name in sizes)
        and own["matmul"] == "own" and torch["compile"]
        and own["precision"] == torch["precision"] == "bf16"
    )


def bars(training, small, study):
    ratios = [
        (one["ratio"], compare_training.model_of(one)) for one in training if is_gpt2(one)
    ]
    found = [bar("GPT-2 124M training: torch.compile's time / own", 0.7, ratios)]
    # PyTorch's runs only train; the study also evaluates them.
    ratios = [
        (study["runs_per_hour"] / one["runs_per_hour"]["torch"], compare_training.model_of(one))
        for one in small if study is not None
    ]
    return [*found, bar("quick study: runs an hour / eager PyTorch's", 10, ratios)]


def comparison_rows(results):
    rows = []
    for one in results:
        own = one["runs"]["obverse"][0]
        ms, rates = one["milliseconds_per_step"], one["tokens_per_second"]
        rows.append(
            [
                compare_training.model_of(one),
                f"{ms['obverse']:.3f}",
                f"{rates['obverse']:.0f}",
                f"{100 * own['of_ceiling']:.1f}%",
                f"{ms['torch']:.3f}",
                f"{rates['torch']:.0f}",
                f"{one['ratio']:.2f}",
            ]
        )
    return rows


def breakdown(run):
    """Where the time of one `obverse-bench training` went."""
    memory = run["peak_memory_bytes"] / 2**20
    text = f"\n{run['batch']} x {run['sequence']} tokens, {compare_training.own_settings(run)}: "
    text += f"{run['milliseconds_per_step']:.2f} ms a step, {run['tokens_per_second']:.0f} tokens/s, "
    text += f"{100 * run['of_ceiling']:.1f}% of {run['ceiling_teraflops_per_second']:.0f} TFLOP/s, "
    text += f"most memory {memory:.0f} MiB. Kernel after kernel "
    text += f"{run['breakdown_milliseconds_per_step']:.2f} ms:\n\n"
    rows = [
        [
            one["kernel"],
            f"{one['launches_per_step']:.1f}",
            f"{one['milliseconds_per_step']:.3f}",
            f"{100 * one['share']:.1f}%",
        ]
        for one in run["kernels"]
    ]
    return text + markdown_table(BREAKDOWN_HEADER, rows)


def markdown(training, small, study, breakdowns):
    text = "\n## Training\n\n"
    if training or small:
        header = ["model", "own, ms a step", "tokens/s", "of ceiling", "PyTorch, ms a step",
                  "tokens/s", "ratio"]
        text += markdown_table(header, comparison_rows([*training, *small])) + "\n"
        for one in [*training, *small]:
            text += f"- {compare_training.model_of(one)}: {compare_training.settings_of(one)}\n"
    else:
        text += "Beside PyTorch: unmeasured.\n"
    text += "\n"
    if study is None:
        text += "The quick study: unmeasured.\n"
    else:
        text += f"The quick study: {study['runs']} runs in {study['seconds']:g} s, "
        text += f"{study['runs_per_hour']:.0f} an hour.\n"
    for one in small:
        rates = one["runs_per_hour"]
        text += f"Training alone, one run of {one['study_steps']} steps after the other: "
        text += f"{rates['obverse']:.0f} an hour, eager PyTorch {rates['torch']:.0f}.\n"
    return text + "".join(breakdown(run) for run in breakdowns if run.get("kernels"))
