"""Operations and shapes of the kernel benchmarks, as `obverse-bench kernels` has them
(bench/support/shapes.h, and bench/cuda/ where an operation takes no shapes)."""
import argparse

DEFAULTS = {
    # 8192 tokens through the layers of GPT-2 124M, GPT-2 1.5B and a Llama with 8B parameters; cubes.
    "matmul": "8192x2304x768,8192x768x768,8192x3072x768,8192x768x3072,8192x50304x768,"
    "8192x4800x1600,8192x1600x1600,8192x6400x1600,8192x1600x6400,"
    "8192x6144x4096,8192x4096x4096,8192x28672x4096,8192x4096x14336,"
    "4096x4096x4096,8192x8192x8192",
    "attention": "8x2048x32x64,4x4096x32x64,2x8192x32x64,1x16384x32x64,"
    "8x2048x16x128,4x4096x16x128,2x8192x16x128,1x16384x16x128,1x8192x32x128x8",
    "adamw": "1000000,100000000,124439808x148",
}
# Of operations that take no shapes those that are measured in PyTorch too; the others have no peer.
FIXED = {
    "activation": "8192x768,65536x768,8192x3072",
    "cross_entropy": "8192x50304,8192x50257,4096x128256,512x614",
    "dropout": "",
    "elementwise": "",
    "embedding": "8x1024x768x50304,64x1024x768x50304,64x8x64x614",
    "layer_norm": "8192x768,65536x768,8192x1600,8192x4096",
    "reduction": "",
    "rms_norm": "8192x768,65536x768,8192x4096",
    "rotary": "",
}
FORMS = {
    "matmul": ("MxNxK", 3, 3),
    "attention": ("BATCHxSEQUENCExHEADSxHEAD_SIZE[xKEY_VALUE_HEADS]", 4, 5),
    "adamw": ("PARAMETERS[xTENSORS]", 1, 2),
}


def sizes_of(text):
    """[512, 64] of "512x64"; nothing where the text is anything else."""
    parts = text.split("x")
    if not all(part.isdecimal() and part.isascii() and int(part) > 0 for part in parts):
        return []
    return [int(part) for part in parts]


def work_of(operations, shapes=None):
    """For each operation of a list with commas its shapes' sizes. `shapes` is one list for all of
    them: how many sizes a shape has tells whose it is. Raises ValueError that says what is wrong."""
    names = list(dict.fromkeys(operations.split(",")))
    usual = {**DEFAULTS, **FIXED}
    for name in names:
        if name not in usual:
            raise ValueError(f"expected --operation of {', '.join(usual)}, got '{name}'")
    if not shapes:
        return {
            name: [sizes_of(text) for text in usual[name].split(",") if text] for name in names
        }
    if any(name in FIXED for name in names):
        raise ValueError("expected --shapes with --operation of matmul, attention or adamw")
    work = {name: [] for name in names}
    expected = " or ".join(f"{name} as {FORMS[name][0]}" for name in names)
    for text in shapes.split(","):
        sizes = sizes_of(text)
        for name in names:
            if FORMS[name][1] <= len(sizes) <= FORMS[name][2]:
                work[name].append(sizes)
                break
        else:
            raise ValueError(f"expected shapes of {expected}, got '{text}'")
        if name == "attention" and len(sizes) == 5 and sizes[2] % sizes[4]:
            raise ValueError(
                f"expected key/value heads that divide the heads, got {sizes[4]} of {sizes[2]}"
            )
        if name == "adamw" and len(sizes) == 2 and sizes[1] > sizes[0]:
            raise ValueError(
                f"expected no more tensors than parameters, got {sizes[1]} of {sizes[0]}"
            )
    for name, of_operation in work.items():
        if not of_operation:
            raise ValueError(f"expected shapes of {name} as {FORMS[name][0]}, got none")
    return work


def parser_of(description):
    """Options that both programs take: which operations, of which shapes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = ",".join([*DEFAULTS, *FIXED])
    parser.add_argument("--operation", help=f"a list with commas; default {every}")
    parser.add_argument(
        "--shapes", help="one list for the operations that are named: matmul, attention, adamw"
    )
    return parser


def parse(parser):
    """The options, with `work`: each operation's shapes. Bad ones end the program."""
    options = parser.parse_args()
    every = ",".join([*DEFAULTS, *FIXED])
    try:
        if options.shapes and not options.operation:
            raise ValueError("expected --shapes with --operation of matmul, attention or adamw")
        options.work = work_of(options.operation or every, options.shapes)
    except ValueError as error:
        parser.error(str(error))
    return options


def name_of(sizes):
    return "x".join(str(size) for size in sizes)
