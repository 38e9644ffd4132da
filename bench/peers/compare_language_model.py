#!/usr/bin/env python3
"""Trains one language model with obverse-train and in PyTorch: the same initial weights, examples and
learning rates, which `obverse-train export` writes. Tells how far the losses of each step and the
validation losses are apart, and how long each took.

  compare_language_model.py --program build/bin/obverse-train --python PYTHON --json OUT.json -- \
      --data texts --layers 4 --width 256 --heads 8 --sequence 256 --batch 16 --steps 2000

What is behind `--` are options of obverse-train, of a model of GPT-2's shape without dropout. PyTorch
is needed by --python alone. Prints one JSON object: per step losses of both, the largest relative
difference within the first --first steps, the validation losses and their ratio, and seconds.
"""
import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time


def train_in_torch(exported, settings_file, threads):
    import torch
    from torch import nn
    from torch.nn import functional

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    from torch_train import Transformer

    if threads:
        torch.set_num_threads(threads)
    settings = json.loads(settings_file.read_text())
    config = json.loads((exported / "model" / "config.json").read_text())
    if config["model_type"] != "gpt2":
        sys.exit(f"expected a model of GPT-2's shape, got {config['model_type']}")
    weights, examples = read_tensors(exported / "model" / "model.safetensors", torch), read_tensors(
        exported / "examples.safetensors", torch
    )
    model = Transformer(
        argparse.Namespace(
            width=config["n_embd"],
            sequence=config["n_positions"],
            heads=config["n_head"],
            layers=config["n_layer"],
            vocabulary=config["vocab_size"],
            untied=not config["tie_word_embeddings"],
            bidirectional=False,
        )
    )
    fill(model, weights, torch)
    groups = [
        {
            "params": [weight for weight in model.parameters() if weight.dim() > 1],
            "weight_decay": settings["weight_decay"],
        },
        {"params": [weight for weight in model.parameters() if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, betas=(settings["beta_1"], settings["beta_2"]), eps=settings["epsilon"]
    )
    inputs, targets = examples["inputs"].long(), examples["targets"].long()
    ignored = targets == -1
    if ignored.any():
        sys.exit("expected examples without places that are not asked for (packing windows)")
    losses, seconds = [], 0.0
    for step, rate in enumerate(examples["learning_rates"].tolist()):
        begin = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss = model(inputs[step], targets[step])
        loss.backward()
        if settings["clip_norm"] > 0:
            nn.utils.clip_grad_norm_(model.parameters(), settings["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
        seconds += time.perf_counter() - begin
    validation = None
    if "validation_inputs" in examples:
        with torch.no_grad():
            parts = [
                model(one[None], target[None]).item()
                for one, target in zip(
                    examples["validation_inputs"].long(), examples["validation_targets"].long()
                )
            ]
            validation = sum(parts) / len(parts)
    print(
        json.dumps(
            {
                "losses": losses,
                "validation": validation,
                "seconds": seconds,
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
            }
        )
    )


def read_tensors(path, torch):
    """Tensors by name; the format is eight bytes of a header's length, the header, the elements."""
    types = {"F32": torch.float32, "F64": torch.float64, "I32": torch.int32}
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        count = (end - begin) // torch.empty(0, dtype=types[entry["dtype"]]).element_size()
        tensors[name] = torch.frombuffer(
            data, dtype=types[entry["dtype"]], count=count, offset=8 + length + begin
        ).reshape(entry["shape"])
    return tensors


def fill(model, weights, torch):
    """torch_train.py's model with weights in the layout of transformers' GPT-2."""
    places = {
        "tokens.weight": "transformer.wte.weight",
        "positions.weight": "transformer.wpe.weight",
        "norm.weight": "transformer.ln_f.weight",
        "norm.bias": "transformer.ln_f.bias",
    }
    inner = {
        "attention_norm": "ln_1",
        "attention.packed": "attn.c_attn",
        "attention.projection": "attn.c_proj",
        "feed_forward_norm": "ln_2",
        "up": "mlp.c_fc",
        "down": "mlp.c_proj",
    }
    for block in range(len(model.blocks)):
        for ours, theirs in inner.items():
            for kind in ("weight", "bias"):
                places[f"blocks.{block}.{ours}.{kind}"] = f"transformer.h.{block}.{theirs}.{kind}"
    places["head.weight"] = (
        "transformer.wte.weight" if model.head.weight is model.tokens.weight else "lm_head.weight"
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            weight = weights[places[name]]
            transposed = weight.dim() == 2 and ".c_" in places[name]
            parameter.copy_(weight.T if transposed else weight)


def run(arguments):
    result = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{arguments[0]} ended with status {result.returncode}")
    return result.stdout


def compare(options):
    with contextlib.ExitStack() as stack:
        folder = options.folder or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        given = [str(options.program), "export", *options.options, "--output", str(folder / "exported")]
        run(given)
        given = [str(options.program), *options.options, "--output", str(folder / "run")]
        run(given)
        metrics = [
            json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()
        ]
        ours = [line for line in metrics if "loss" in line]
        validations = [line["validation_loss"] for line in metrics if "validation_loss" in line]
        theirs = json.loads(
            run(
                [
                    options.python,
                    __file__,
                    "--in-torch",
                    str(folder / "exported"),
                    str(folder / "run" / "settings.json"),
                    str(options.threads),
                ]
            ).splitlines()[-1]
        )
    losses = [line["loss"] for line in ours]
    apart = [abs(a - b) / abs(b) for a, b in zip(losses, theirs["losses"])]
    figures = {
        "command": " ".join(options.options),
        "steps": len(losses),
        "first": options.first,
        "largest_relative_difference_of_first": max(apart[: options.first]),
        "largest_relative_difference": max(apart),
        "validation_loss": validations[-1] if validations else None,
        "torch_validation_loss": theirs["validation"],
        "seconds": ours[-1]["seconds"],
        "torch_seconds": theirs["seconds"],
        "torch": theirs["torch"],
        "torch_threads": theirs["threads"],
    }
    if validations and theirs["validation"]:
        figures["validation_ratio"] = validations[-1] / theirs["validation"]
    print(json.dumps(figures, indent=1))
    if options.json:
        figures.update(losses=losses, torch_losses=theirs["losses"])
        options.json.write_text(json.dumps(figures) + "\n")


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--in-torch":
        train_in_torch(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", default="build/bin/obverse-train", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable, help="a python that has torch")
    parser.add_argument("--threads", type=int, default=0, help="of PyTorch; 0: as many as it takes")
    parser.add_argument("--first", type=int, default=50, help="steps whose losses are compared apart")
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures to this file")
    parser.add_argument("--folder", type=pathlib.Path, help="a new folder that keeps both runs' files")
    parser.add_argument("options", nargs="*", help="of obverse-train, behind --")
    compare(parser.parse_args())


main()
