#!/usr/bin/env python3
"""Training steps of a GPT-2-shaped model in PyTorch, timed: the peer of `obverse-bench training`.

Pre-norm blocks, learned positions, tanh GELU, biases, AdamW with clipping, random tokens. Prints one
JSON line: tokens_per_second, milliseconds_per_step (median), parameters, loss, torch, device and all
settings.

  torch_train.py --layers 2 --width 64 --heads 4 --vocabulary 614 --batch 64 --sequence 8 --untied
  torch_train.py --layers 12 --width 768 --heads 12 --vocabulary 50304 --batch 32 --sequence 1024 \
      --device cuda --bf16 --compile
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


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
    parser.add_argument("--steps", type=int, default=30, help="steps that are timed")
    parser.add_argument("--warmup", type=int, default=5, help="steps before them")
    parser.add_argument("--untied", action="store_true", help="a head of its own")
    parser.add_argument("--bidirectional", action="store_true", help="no causal mask")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--sdpa", choices=["default", "flash", "cudnn"], default="default")
    return parser.parse_args()


def optimizer_for(model, device):
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=(device == "cuda") or None)


def attention_backend(name):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
    return sdpa_kernel(backends[name])


def timed_steps(settings):
    """Seconds of each timed step, and the last step's loss."""
    device = settings.device
    model = Transformer(settings).to(device)
    optimizer = optimizer_for(model, device)
    forward = torch.compile(model) if settings.compile else model
    text = torch.randint(settings.vocabulary, (settings.batch, settings.sequence + 1), device=device)
    inputs, targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()

    def step():
        with torch.autocast(device, dtype=torch.bfloat16, enabled=settings.bf16):
            loss = forward(inputs, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    seconds = []
    for number in range(settings.warmup + settings.steps):
        start = time.perf_counter()
        loss = step()
        if device == "cuda":
            torch.cuda.synchronize()
        if number >= settings.warmup:
            seconds.append(time.perf_counter() - start)
    return seconds, loss.item(), sum(weight.numel() for weight in model.parameters())


def main():
    settings = parse_settings()
    torch.manual_seed(0)
    torch.set_num_threads(settings.threads)
    torch.backends.cuda.matmul.allow_tf32 = True
    if settings.sdpa == "default":
        seconds, loss, parameters = timed_steps(settings)
    else:
        with attention_backend(settings.sdpa):
            seconds, loss, parameters = timed_steps(settings)
    median = statistics.median(seconds)
    figures = {
        "tokens_per_second": round(settings.batch * settings.sequence / median, 1),
        "milliseconds_per_step": round(median * 1e3, 4),
        "parameters": parameters,
        "loss": round(loss, 4),
        "torch": torch.__version__,
        "device_name": torch.cuda.get_device_name() if settings.device == "cuda" else "cpu",
    }
    print(json.dumps({**figures, **vars(settings)}))


if __name__ == "__main__":
    main()
