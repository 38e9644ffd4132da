#!/usr/bin/env python3
"""Training steps of a GPT-2-shaped model in PyTorch, timed: the peer of `obverse-bench training`.

Pre-norm blocks, learned positions, tanh GELU, biases, AdamW with clipping at 1, random tokens. Prints
one JSON line: tokens_per_second, milliseconds_per_step (median), parameters, loss, torch, device and
all settings.

On a GPU at its best: compiled, under bf16 autocast, with cuDNN's attention pinned by name (the default
is slower on Hopper; where cuDNN does not take the shape, FlashAttention), AdamW in one kernel, and no
step waiting for the one before it: steps are timed by events between them.

  torch_train.py --layers 2 --width 64 --heads 4 --vocabulary 614 --batch 64 --sequence 8 --untied
  torch_train.py --device cuda --layers 12 --width 768 --heads 12 --vocabulary 50304 --batch 32 \
      --sequence 1024
  torch_train.py --device cuda --eager --precision fp32
"""
import argparse
import contextlib
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel


class Attention(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.packed = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, stream):
        batch, sequence, width = stream.shape
        packed = self.packed(stream).view(batch, sequence, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self.projection(mixed.transpose(1, 2).reshape(batch, sequence, width))


class Block(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, stream):
        stream = stream + self.attention(self.attention_norm(stream))
        hidden = functional.gelu(self.up(self.feed_forward_norm(stream)), approximate="tanh")
        return stream + self.down(hidden)


class Transformer(nn.Module):
    def __init__(self, settings):
        super().__init__()
        width = settings.width
        self.tokens = nn.Embedding(settings.vocabulary, width)
        self.positions = nn.Embedding(settings.sequence, width)
        self.blocks = nn.ModuleList(
            Block(width, settings.heads, not settings.bidirectional) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, settings.vocabulary, bias=False)
        if not settings.untied:
            self.head.weight = self.tokens.weight
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                # What writes to the residual stream starts smaller, as in GPT-2.
                writes = name.endswith(("projection.weight", "down.weight"))
                nn.init.normal_(weight, 0.0, 0.02 / (2 * settings.layers) ** (0.5 * writes))
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, ids, targets):
        stream = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            stream = block(stream)
        logits = self.head(self.norm(stream))
        return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def parse_settings():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = dict(layers=2, width=64, heads=4, vocabulary=614, batch=64, sequence=8, threads=1)
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument(
        "--accumulation", type=int, default=1, help="micro-batches that a step's batch is cut into"
    )
    parser.add_argument("--steps", type=int, default=30, help="steps that are timed")
    parser.add_argument("--warmup", type=int, default=5, help="steps before them")
    parser.add_argument("--untied", action="store_true", help="a head of its own")
    parser.add_argument("--bidirectional", action="store_true", help="no causal mask")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--precision", choices=["bf16", "fp32"], help="bf16: autocast; usually so on cuda"
    )
    parser.add_argument("--eager", action="store_true", help="on cuda: no torch.compile")
    parser.add_argument(
        "--sdpa",
        choices=["auto", "default", "flash", "cudnn"],
        default="auto",
        help="attention; auto: the first of cudnn, flash and PyTorch's default that there is",
    )
    settings = parser.parse_args()
    for name in [*sizes, "accumulation", "steps"]:
        if getattr(settings, name) < 1:
            parser.error(f"expected --{name} of at least 1, got {getattr(settings, name)}")
    if settings.batch % settings.accumulation:
        parser.error(
            "expected --accumulation that divides --batch, got "
            f"{settings.accumulation} and {settings.batch}"
        )
    settings.precision = settings.precision or ("bf16" if settings.device == "cuda" else "fp32")
    settings.compile = settings.device == "cuda" and not settings.eager
    return settings


def optimizer_for(model, device):
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=(device == "cuda") or None)


def pinned(name):
    """A context in which attention is computed by one backend."""
    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
    return contextlib.nullcontext() if name == "default" else sdpa_kernel(backends[name])


def attention_for(settings):
    """The backend to pin: the first that computes what the model needs, tried on one text."""
    if settings.sdpa != "auto":
        return settings.sdpa
    if settings.device != "cuda" or settings.precision != "bf16":
        return "default"
    shape = (1, settings.heads, settings.sequence, settings.width // settings.heads)
    for name in ["cudnn", "flash"]:
        query, key, value = (
            torch.randn(shape, device="cuda", dtype=torch.bfloat16, requires_grad=True)
            for _ in range(3)
        )
        try:
            with pinned(name):
                out = functional.scaled_dot_product_attention(
                    query, key, value, is_causal=not settings.bidirectional
                )
                out.sum().backward()
            torch.cuda.synchronize()
        except RuntimeError:
            continue
        return name
    return "default"


class Marks:
    """Points in time, on a GPU in its own: setting one does not wait for the work before it."""

    def __init__(self, device):
        self.on_gpu = device == "cuda"
        self.points = []

    def set(self):
        if self.on_gpu:
            self.points.append(torch.cuda.Event(enable_timing=True))
            self.points[-1].record()
        else:
            self.points.append(time.perf_counter())

    def seconds_between(self):
        if not self.on_gpu:
            return [end - begin for begin, end in zip(self.points, self.points[1:])]
        torch.cuda.synchronize()
        return [
            begin.elapsed_time(end) * 1e-3 for begin, end in zip(self.points, self.points[1:])
        ]


def timed_steps(settings):
    """Seconds of each timed step, the last step's loss, and how many parameters were trained."""
    device = settings.device
    model = Transformer(settings).to(device)
    optimizer = optimizer_for(model, device)
    forward = torch.compile(model) if settings.compile else model
    text = torch.randint(settings.vocabulary, (settings.batch, settings.sequence + 1), device=device)
    micro_batches = [
        (part[:, :-1].contiguous(), part[:, 1:].contiguous())
        for part in text.chunk(settings.accumulation)
    ]

    def step():
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for inputs, targets in micro_batches:
            with torch.autocast(device, dtype=torch.bfloat16, enabled=settings.precision == "bf16"):
                loss = forward(inputs, targets) / settings.accumulation
            loss.backward()
            total += loss.detach()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return total

    marks = Marks(device)
    for number in range(settings.warmup + settings.steps):
        if number == settings.warmup:
            marks.set()
        loss = step()
        if number >= settings.warmup:
            marks.set()
    return marks.seconds_between(), loss.item(), sum(weight.numel() for weight in model.parameters())


def stop(reason):
    sys.exit(f"torch_train.py: {reason}")


def main():
    settings = parse_settings()
    if settings.device == "cuda" and not torch.cuda.is_available():
        stop("PyTorch finds no CUDA device")
    torch.manual_seed(0)
    torch.set_num_threads(settings.threads)
    torch.backends.cuda.matmul.allow_tf32 = True
    settings.sdpa = attention_for(settings)
    try:
        with pinned(settings.sdpa):
            seconds, loss, parameters = timed_steps(settings)
    except torch.OutOfMemoryError as error:
        stop(str(error).strip().splitlines()[0])
    median = statistics.median(seconds)
    on_gpu = settings.device == "cuda"
    figures = {
        "tokens_per_second": round(settings.batch * settings.sequence / median, 1),
        "milliseconds_per_step": round(median * 1e3, 4),
        "milliseconds_per_step_mean": round(statistics.fmean(seconds) * 1e3, 4),
        "parameters": parameters,
        "loss": round(loss, 4),
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
        "torch": torch.__version__,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
        "device_name": torch.cuda.get_device_name() if on_gpu else "cpu",
    }
    print(json.dumps({**figures, **vars(settings)}))


if __name__ == "__main__":
    main()
