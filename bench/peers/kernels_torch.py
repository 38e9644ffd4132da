#!/usr/bin/env python3
"""The kernels of `obverse-bench kernels --device cuda` in PyTorch, timed: the same shapes, columns and
JSON, from other providers.

  matmul     torch.matmul in bf16 (cuBLAS): forward, dgrad and wgrad of a dense layer
  attention  scaled_dot_product_attention in bf16, pinned to FlashAttention and to cuDNN by name, since
             the default is slower on Hopper: forward (keeping what backward needs) and backward
  adamw      torch.optim.AdamW(fused=True) on float weights and gradients: 28 bytes a parameter, like
             bf16 gradients with a bf16 copy of the weights
  activation, cross_entropy, embedding, layer_norm, rms_norm
             in float and bf16 what PyTorch calls by name, not compiled: the slope of GELU, the loss and
             what it takes to its gradient, the gradient of the tables, and the norms forward and
             backward; bytes are those that must move, however often PyTorch moves them

  kernels_torch.py
  kernels_torch.py --operation attention --shapes 1x8192x16x128,1x8192x32x128x8 --json attention.json
  kernels_torch.py --operation matmul --shapes 4096x4096x4096

Calls follow one another without a wait, but each costs the host some 10 to 50 microseconds: of shapes
that take the device less than that, the host's time is what is measured.
"""
import json
import math
import statistics
import sys
import time

from kernel_shapes import name_of, parse, parser_of

try:
    import torch
    from torch.nn import functional
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError as error:  # --help works without
    torch, MISSING = None, error

SAMPLE_SECONDS, TOTAL_SECONDS, ROUND = 200e-6, 0.2, 12
LEARNING_RATE, DECAY, BETAS, EPSILON = 1e-3, 0.1, (0.9, 0.95), 1e-8


def stop(reason):
    sys.exit(f"kernels_torch.py: {reason}")


def parse_options():
    parser = parser_of(__doc__)
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: to try it")
    return parse(parser)


class Bench:
    """Times calls on one device and keeps and prints the figures."""

    def __init__(self, device):
        self.device = device
        self.figures, self.failures = [], []
        self.rates = {}
        print(
            f"{'operation':<18} {'provider':<8} {'direction':<22} {'shape':<26} {'us':>12} "
            f"{'20% to 80%':>21} {'rate':>15} {'of ceiling':>18} {'error':>9}"
        )

    def normal(self, *shape, dtype=None):
        values = torch.randn(*shape, device=self.device, dtype=torch.float32)
        return values.to(dtype or torch.bfloat16)

    def sets(self, set_bytes):
        """How many sets of arrays to rotate, so that none is still in the second-level cache."""
        if self.device == "cpu":
            return 1
        cache = torch.cuda.get_device_properties(0).L2_cache_size
        return min(1024, max(1, math.ceil(2 * cache / set_bytes)))

    def seconds(self, body):
        """Seconds of one call: median, 20% and 80% of samples of at least 200 us."""
        body(0)
        samples = self.round(body, 1, 3)
        calls = max(1, int(SAMPLE_SECONDS / max(1e-9, min(samples))))
        samples = []
        total = 0.0
        while total < TOTAL_SECONDS:
            new = self.round(body, calls, ROUND)
            total += sum(new) * calls
            samples += new[1:]  # the first also waits for the host
        samples.sort()
        last = len(samples) - 1
        return {
            "median": statistics.median(samples),
            "low": samples[round(0.2 * last)],
            "high": samples[round(0.8 * last)],
        }

    def round(self, body, calls, count):
        if self.device == "cpu":
            marks = [time.perf_counter()]
            for sample in range(count):
                for call in range(calls):
                    body(sample * calls + call)
                marks.append(time.perf_counter())
            return [(end - begin) / calls for begin, end in zip(marks, marks[1:])]
        events = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]
        events[0].record()
        for sample in range(count):
            for call in range(calls):
                body(sample * calls + call)
            events[sample + 1].record()
        torch.cuda.synchronize()
        return [begin.elapsed_time(end) * 1e-3 / calls for begin, end in zip(events, events[1:])]

    def ceiling(self, counts_flops):
        """The rate of a large product, or of a large copy, in this run."""
        if counts_flops not in self.rates:
            cuda = self.device == "cuda"
            if counts_flops:
                size = 8192 if cuda else 512
                a, b, out = self.normal(size, size), self.normal(size, size), self.normal(size, size)
                seconds = self.seconds(lambda _: torch.matmul(a, b.t(), out=out))["median"]
                self.rates[True] = 2 * size**3 / seconds
            else:
                source = torch.full((1 << (30 if cuda else 20),), 90, dtype=torch.uint8, device=self.device)
                target = torch.empty_like(source)
                seconds = self.seconds(lambda _: target.copy_(source))["median"]
                self.rates[False] = 2 * source.numel() / seconds
        return self.rates[counts_flops]

    def add(self, operation, provider, direction, shape, body, work, counts_flops, error):
        seconds = self.seconds(body)
        rate = work / seconds["median"]
        unit = 1e-12 if counts_flops else 1e-9
        figure = {
            "operation": operation,
            "provider": provider,
            "direction": direction,
            "shape": shape,
            "device": self.device,
            "microseconds": seconds["median"] * 1e6,
            "microseconds_20": seconds["low"] * 1e6,
            "microseconds_80": seconds["high"] * 1e6,
            "teraflops_per_second" if counts_flops else "gigabytes_per_second": rate * unit,
            "ceiling": "cublas" if counts_flops else "copy",
            "of_ceiling": rate / self.ceiling(counts_flops),
            "error": error if math.isfinite(error) else "not finite",
        }
        self.figures.append(figure)
        times = f"{figure['microseconds_20']:.1f} to {figure['microseconds_80']:.1f}"
        share = f"{100 * figure['of_ceiling']:.1f}% of {figure['ceiling']}"
        print(
            f"{operation:<18} {provider:<8} {direction:<22} {shape:<26} {figure['microseconds']:>12.1f} "
            f"{times:>21} {rate * unit:>7.1f} {'TFLOP/s' if counts_flops else 'GB/s':<7} {share:>18} "
            f"{error:>9.1e}",
            flush=True,
        )

    def guarded(self, operation, provider, direction, shape, measure):
        """What a provider cannot do is noted, and the others go on."""
        try:
            measure()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            name = f"{operation}_{direction}"
            print(f"kernels_torch.py: {name} {provider} {shape}: {reason}", file=sys.stderr)
            self.failures.append(
                {"kernel": name, "provider": provider, "shape": shape, "reason": reason}
            )
        if self.device == "cuda":
            torch.cuda.empty_cache()


def relative_error(actual, expected):
    """The largest error over the largest magnitude of what is expected; NaN where a value is one."""
    difference = (actual.double() - expected).abs().max()
    return (difference / expected.abs().max()).item()


def bench_matmul(bench, sizes):
    m, n, k = sizes
    products = {  # operands' shapes, and how they are multiplied
        "forward": ((m, k), (n, k), lambda a, b: (a, b.t())),
        "dgrad": ((m, n), (n, k), lambda a, b: (a, b)),
        "wgrad": ((m, n), (m, k), lambda a, b: (a.t(), b)),
    }
    for direction, (a_shape, b_shape, oriented) in products.items():

        def measure():
            set_bytes = 2 * (m * k + n * k + m * n)
            sets = []
            for _ in range(bench.sets(set_bytes)):
                a, b = oriented(bench.normal(*a_shape), bench.normal(*b_shape))
                out = torch.empty(a.shape[0], b.shape[1], device=bench.device, dtype=a.dtype)
                sets.append((a, b, out))

            def body(turn):
                a, b, out = sets[turn % len(sets)]
                torch.matmul(a, b, out=out)

            body(0)
            a, b, out = sets[0]
            rows = torch.randint(out.shape[0], (256,), device=bench.device)
            columns = torch.randint(out.shape[1], (256,), device=bench.device)
            expected = (a[rows].double() * b.t()[columns].double()).sum(1)
            error = relative_error(out[rows, columns], expected)
            work = 2 * m * n * k
            bench.add("matmul", "torch", direction, name_of(sizes), body, work, True, error)

        bench.guarded("matmul", "torch", direction, name_of(sizes), measure)


def attention_reference(query, key, value, output_gradient, causal):
    """Output and gradients of one head's [sequence, head_size] arrays, in double."""
    query, key, value, output_gradient = (x.double() for x in (query, key, value, output_gradient))
    scale = query.shape[1] ** -0.5
    out, query_gradient = torch.empty_like(query), torch.empty_like(query)
    key_gradient, value_gradient = torch.zeros_like(key), torch.zeros_like(value)
    sequence, rows = query.shape[0], 1024  # never all scores at once
    columns = torch.arange(sequence, device=query.device)
    for begin in range(0, sequence, rows):
        part = slice(begin, min(begin + rows, sequence))
        scores = scale * query[part] @ key.t()
        if causal:
            scores.masked_fill_(columns > columns[part, None], -math.inf)
        weights = scores.softmax(1)
        out[part] = weights @ value
        slopes = output_gradient[part] @ value.t()
        by_score = scale * weights * (slopes - (weights * slopes).sum(1, keepdim=True))
        query_gradient[part] = by_score @ key
        key_gradient += by_score.t() @ query[part]
        value_gradient += weights.t() @ output_gradient[part]
    return out, query_gradient, key_gradient, value_gradient


def attention_error(tensors, results, group, causal, forward):
    """Of the last sequence's last query head, and of the key/value head that it shares."""
    heads = range(-group, 0)
    query, key, value, output_gradient = tensors
    references = [
        attention_reference(
            query[-1, head], key[-1, -1], value[-1, -1], output_gradient[-1, head], causal
        )
        for head in (heads if not forward else [-1])
    ]
    if forward:
        return relative_error(results[0][-1, -1], references[0][0])
    expected = [references[-1][1], sum(r[2] for r in references), sum(r[3] for r in references)]
    errors = [relative_error(of[-1, -1], right) for of, right in zip(results, expected)]
    return max(errors) if all(map(math.isfinite, errors)) else math.nan


def bench_attention(bench, sizes):
    batch, sequence, heads, head_size = sizes[:4]
    key_heads = sizes[4] if len(sizes) == 5 else heads
    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}

    def tensor(count):
        # Tokens before heads in memory, as projections leave them.
        return bench.normal(batch, sequence, count, head_size).transpose(1, 2)

    def attend(query, key, value, causal):
        return functional.scaled_dot_product_attention(
            query, key, value, is_causal=causal, enable_gqa=key_heads != heads
        )

    def measure(provider, causal, direction, shape):
        set_bytes = 2 * 4 * batch * sequence * head_size * (heads + key_heads)
        forward = direction == "forward"
        product = 2 * batch * heads * sequence**2 * head_size * (0.5 if causal else 1)
        with sdpa_kernel(backends[provider]):
            sets = []
            for _ in range(bench.sets(set_bytes)):
                inputs = [tensor(count).requires_grad_() for count in (heads, key_heads, key_heads)]
                sets.append((inputs, tensor(heads), None if forward else attend(*inputs, causal)))

            def body(turn):
                inputs, output_gradient, out = sets[turn % len(sets)]
                if forward:
                    return [attend(*inputs, causal)]
                return torch.autograd.grad(out, inputs, output_gradient, retain_graph=True)

            results = [result.detach() for result in body(0)]
            inputs = [x.detach() for x in sets[0][0]] + [sets[0][1]]
            error = attention_error(inputs, results, heads // key_heads, causal, forward)
            work = (2 if forward else 5) * product
            bench.add("attention", provider, direction, shape, body, work, True, error)

    for causal in (False, True):
        shape = f"{name_of(sizes)} {'causal' if causal else 'full'}"
        for direction in ("forward", "backward"):
            for provider in backends:
                bench.guarded(
                    "attention", provider, direction, shape,
                    lambda: measure(provider, causal, direction, shape),
                )


def bench_adamw(bench, sizes):
    count, tensors = sizes[0], sizes[1] if len(sizes) == 2 else 1
    begins = [count // tensors * i // 64 * 64 for i in range(tensors)] + [count]

    def measure():
        sets = []
        for _ in range(bench.sets(16 * count)):
            weights, gradients = (bench.normal(count, dtype=torch.float32) for _ in range(2))
            parts = []
            for begin, end in zip(begins, begins[1:]):
                part = weights[begin:end]
                part.grad = gradients[begin:end]
                parts.append(part)
            optimizer = torch.optim.AdamW(
                parts, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, weight_decay=DECAY, fused=True
            )
            sets.append((weights, gradients, optimizer))
        weights, gradients, optimizer = sets[0]
        sample = torch.randint(count, (256,), device=bench.device)
        before, gradient = weights[sample].double(), gradients[sample].double()
        optimizer.step()
        # At the first step both corrections leave the gradient itself.
        expected = before - LEARNING_RATE * (DECAY * before + gradient / (gradient.abs() + EPSILON))
        error = relative_error(weights[sample], expected)
        bench.add(
            "adamw", "torch", "update", name_of(sizes),
            lambda turn: sets[turn % len(sets)][2].step(), 28 * count, False, error,
        )

    bench.guarded("adamw", "torch", "update", name_of(sizes), measure)


# ---- Bound by memory ----

TYPES = {"float": "float32", "bf16": "bfloat16"}  # names as Obverse has them


def bench_in_memory(bench, operation, direction, sizes, bytes_moved, make, call, expected):
    """`call(*tensors)` on sets of what `make()` makes, beside what `expected(*tensors)` finds in
    double."""

    def measure():
        sets = [make() for _ in range(bench.sets(bytes_moved))]
        error = relative_error(call(*sets[0]), expected(*sets[0]))
        bench.add(
            operation, "torch", direction, name_of(sizes),
            lambda turn: call(*sets[turn % len(sets)]), bytes_moved, False, error,
        )

    bench.guarded(operation, "torch", direction, name_of(sizes), measure)


def as_double(tensors):
    """Copies in double of what is not an index, with gradients where these have some."""
    return [
        x.detach().double().requires_grad_(x.requires_grad) if x.is_floating_point() else x
        for x in tensors
    ]


def bench_function(bench, operation, function, directions, sizes, bytes_moved, make):
    """Forward of function(*tensors), and its backward from a random gradient."""
    forward, backward = directions

    def graph_of(tensors):
        out = function(*tensors)
        return out, [x for x in tensors if x.requires_grad]

    def make_with_gradient():
        tensors = make()
        out, inputs = graph_of(tensors)
        return tensors, out, inputs, torch.randn_like(out)

    def gradient(_, out, inputs, output_gradient):
        return torch.autograd.grad(out, inputs, output_gradient, retain_graph=True)[0]

    def expected_gradient(tensors, _, __, output_gradient):
        out, inputs = graph_of(as_double(tensors))
        return torch.autograd.grad(out, inputs, output_gradient.double())[0]

    bench_in_memory(
        bench, operation, forward, sizes, bytes_moved[0], make,
        lambda *tensors: function(*tensors).detach(),
        lambda *tensors: function(*as_double(tensors)).detach(),
    )
    bench_in_memory(
        bench, operation, backward, sizes, bytes_moved[1], make_with_gradient, gradient,
        expected_gradient,
    )


def norm_bench(operation, centered):
    def run(bench, sizes):
        rows, width = sizes
        for name, of_torch in TYPES.items():
            dtype = getattr(torch, of_torch)

            def make():
                counts = [(rows, width), (width,), (width,)][: 3 if centered else 2]
                return [bench.normal(*shape, dtype=dtype).requires_grad_() for shape in counts]

            def norm(x, *parameters):
                if centered:
                    return functional.layer_norm(x, (width,), *parameters, eps=1e-5)
                return functional.rms_norm(x, (width,), *parameters, eps=1e-5)

            array = rows * width * dtype.itemsize
            directions = (f"forward {name}", f"backward {name}")
            bench_function(bench, operation, norm, directions, sizes, (2 * array, 3 * array), make)

    return run


def bench_cross_entropy(bench, sizes):
    tokens, vocabulary = sizes
    for name, of_torch in TYPES.items():
        dtype = getattr(torch, of_torch)
        array = tokens * vocabulary * dtype.itemsize

        def make():
            targets = torch.randint(vocabulary, (tokens,), device=bench.device)
            return [bench.normal(tokens, vocabulary, dtype=dtype).requires_grad_(), targets]

        def loss(logits, targets):
            return functional.cross_entropy(logits, targets, reduction="none")

        def gradient(logits, targets):
            return torch.autograd.grad(loss(logits, targets).sum(), logits)[0]

        bench_in_memory(
            bench, "cross_entropy", f"loss_{name}", sizes, array + 4 * tokens, make,
            lambda *tensors: loss(*tensors).detach(),
            lambda *tensors: loss(*as_double(tensors)).detach(),
        )
        bench_in_memory(
            bench, "cross_entropy", f"gradient_{name}", sizes, 2 * array, make, gradient,
            lambda *tensors: gradient(*as_double(tensors)),
        )


def bench_activation(bench, sizes):
    for name, of_torch in TYPES.items():
        dtype = getattr(torch, of_torch)

        def slope(gradient, x):
            return torch.ops.aten.gelu_backward(gradient, x, approximate="tanh")

        bench_in_memory(
            bench, "gelu", f"backward {name}", sizes, 3 * math.prod(sizes) * dtype.itemsize,
            lambda: [bench.normal(*sizes, dtype=dtype) for _ in range(2)], slope,
            lambda *tensors: slope(*as_double(tensors)),
        )


def bench_embedding(bench, sizes):
    batch, sequence, width, vocabulary = sizes
    for name, of_torch in TYPES.items():
        dtype = getattr(torch, of_torch)
        # The frequency of id i is about 1 / (i + 1), as Zipf found of words.
        places = torch.rand(batch, sequence, device=bench.device, dtype=torch.float64)
        ids = (vocabulary**places).long() - 1
        rows = ids.unique().numel() + sequence
        bytes_moved = batch * sequence * width * dtype.itemsize + 2 * rows * width * 4

        def tables(gradient):
            gradient.sum(0)  # that of the positions
            return torch.ops.aten.embedding_dense_backward(gradient, ids, vocabulary, -1, False)

        bench_in_memory(
            bench, "embedding", f"backward_{name}", sizes, bytes_moved,
            lambda: [bench.normal(batch, sequence, width, dtype=dtype)],
            tables, lambda gradient: tables(gradient.double()),
        )


def main():
    options = parse_options()
    if torch is None:
        stop(f"{sys.executable} has no PyTorch of release 2.5 or later ({MISSING})")
    if options.device == "cuda" and not torch.cuda.is_available():
        stop("PyTorch finds no CUDA device")
    torch.manual_seed(0)
    bench = Bench(options.device)
    run = {
        "matmul": bench_matmul,
        "attention": bench_attention,
        "adamw": bench_adamw,
        "activation": bench_activation,
        "cross_entropy": bench_cross_entropy,
        "embedding": bench_embedding,
        "layer_norm": norm_bench("layer_norm", centered=True),
        "rms_norm": norm_bench("rms_norm", centered=False),
    }
    for operation, shapes in options.work.items():
        for sizes in shapes:
            run[operation](bench, sizes)
    if options.json:
        on_gpu = options.device == "cuda"
        results = {
            "torch": torch.__version__,
            "cudnn": torch.backends.cudnn.version() if on_gpu else None,
            "device": {"name": torch.cuda.get_device_name() if on_gpu else "cpu"},
            "ceilings": {("product" if flops else "copy"): rate for flops, rate in bench.rates.items()},
            "figures": bench.figures,
            "failures": bench.failures,
        }
        try:
            with open(options.json, "w", encoding="utf-8") as file:
                file.write(json.dumps(results, indent=1) + "\n")
        except OSError as error:
            stop(f"{options.json}: cannot be written: {error.strerror}")
    sys.exit(1 if bench.failures else 0)


if __name__ == "__main__":
    main()
