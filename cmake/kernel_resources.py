#!/usr/bin/env python3
"""Registers, stack, spills and shared memory of every CUDA kernel, as the build goes along.

  kernel_resources.py compile --allowed FILE -- NVCC ARGUMENTS ...
      runs the compiler with ptxas' report, keeps it as OBJECT.resources.json, and fails where a
      kernel that FILE does not name spills registers; what shared memory launches ask for stands
      in the PTX as comments (kernels/core/launch.cuh)
  kernel_resources.py table --output NAME OBJECT.resources.json ...
      writes NAME.md and NAME.json with all of them
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ENTRY = re.compile(r"ptxas info\s*: Compiling entry function '([^']+)' for '([^']+)'")
PROPERTIES = re.compile(r"ptxas info\s*: Function properties for (\S+)")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"ptxas info\s*: Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
PTX = re.compile(r"\.entry (\w+)|// shared_memory (\d+) bytes")


def parse(report):
    """Kernels in ptxas' report, and the lines that are none of it (warnings and errors)."""
    kernels, rest, current, properties_of = [], [], None, None
    for line in report.splitlines():
        if match := ENTRY.search(line):
            current = {"name": match[1], "architecture": match[2], "registers": 0,
                       "static_shared_bytes": 0, "stack_bytes": 0, "spill_store_bytes": 0,
                       "spill_load_bytes": 0}
            kernels.append(current)
        elif match := PROPERTIES.search(line):
            properties_of = match[1]
        elif match := SPILLS.search(line):
            # Functions that were not inlined have properties of their own; they count to the
            # kernel that ptxas is at, since it pays for them.
            if current is not None:
                current["stack_bytes"] += int(match[1])
                current["spill_store_bytes"] += int(match[2])
                current["spill_load_bytes"] += int(match[3])
            elif int(match[2]) or int(match[3]):
                rest.append(f"{properties_of}: {line.strip()}")
        elif match := USED.search(line):
            if current is not None:
                current["registers"] = int(match[1])
                if shared := SHARED.search(line):
                    current["static_shared_bytes"] = int(shared[1])
        elif not line.startswith("ptxas info"):
            rest.append(line)
    return kernels, rest


def dynamic_shared_bytes(ptx):
    """By kernel, what its launches must ask for at least."""
    result, current = {}, None
    for name, size in PTX.findall(ptx):
        if name:
            current = name
        elif current:
            result[current] = max(result.get(current, 0), int(size))
    return result


def readable(names):
    """Demangled, without the namespaces and parameters that every kernel here shares."""
    if not names:
        return {}
    try:
        shown = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True,
                               check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        shown = names
    return {name: shorten(text) for name, text in zip(names, shown)}


def shorten(text):
    for common in ("obverse::kernels::cuda::", "obverse::kernels::", "(anonymous namespace)::"):
        text = text.replace(common, "")
    text = re.sub(r"^void ", "", text)
    # What follows the name's own template arguments are the parameters.
    depth = 0
    for position, character in enumerate(text):
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "(" and depth == 0:
            return text[:position]
    return text


def allowed_names(file):
    """One kernel's readable name a line; what follows a # is the reason."""
    lines = (line.split("#")[0].strip() for line in Path(file).read_text().splitlines())
    return {line for line in lines if line}


def spilling(kernels, allowed):
    return [kernel for kernel in kernels
            if (kernel["spill_store_bytes"] or kernel["spill_load_bytes"])
            and kernel["kernel"] not in allowed]


def compile_kernels(command, allowed):
    # CMake's own checks of the compiler, and links, have no object to keep a report beside.
    output = command[command.index("-o") + 1] if "-o" in command else None
    if "-c" not in command or output is None:
        return subprocess.run(command).returncode
    with tempfile.TemporaryDirectory() as kept:
        result = subprocess.run(command + ["-Xptxas", "-v", "--keep", "--keep-dir", kept],
                                stderr=subprocess.PIPE, text=True)
        dynamic = {}
        for ptx in Path(kept).glob("*.ptx"):
            dynamic.update(dynamic_shared_bytes(ptx.read_text()))
    kernels, rest = parse(result.stderr)
    for line in rest:
        print(line, file=sys.stderr)
    if result.returncode != 0:
        return result.returncode
    names = readable(sorted({kernel["name"] for kernel in kernels}))
    for kernel in kernels:
        kernel["kernel"] = names[kernel["name"]]
        kernel["dynamic_shared_bytes"] = dynamic.get(kernel["name"], 0)
    Path(output + ".resources.json").write_text(json.dumps(kernels, indent=1))
    wrong = spilling(kernels, allowed)
    for kernel in wrong:
        print(f"error: {kernel['kernel']} for {kernel['architecture']} spills registers: "
              f"{kernel['spill_store_bytes']} bytes stored, {kernel['spill_load_bytes']} loaded; "
              f"expected none of a kernel that cmake/kernels_allowed_to_spill.txt does not name",
              file=sys.stderr)
    if wrong:
        Path(output).unlink(missing_ok=True)  # so that the next build comes here again
    return 1 if wrong else 0


def write_table(files, output):
    # An object that is compiled into two libraries is listed once.
    kernels = {(kernel["kernel"], kernel["architecture"]): kernel
               for file in files if Path(file).exists()
               for kernel in json.loads(Path(file).read_text())}
    rows = [kernels[key] for key in sorted(kernels)]
    lines = ["# Resources of the CUDA kernels, as ptxas reports them", "",
             "Shared memory: bytes that a launch asks for, and bytes declared in the kernel.", "",
             "| kernel | architecture | registers | shared, asked for | declared | stack | "
             "spill stores | spill loads |", "|---|---|---:|---:|---:|---:|---:|---:|"]
    lines += [f"| `{row['kernel']}` | {row['architecture']} | {row['registers']} | "
              f"{row['dynamic_shared_bytes']} | {row['static_shared_bytes']} | "
              f"{row['stack_bytes']} | {row['spill_store_bytes']} | {row['spill_load_bytes']} |"
              for row in rows]
    Path(output + ".md").write_text("\n".join(lines) + "\n")
    Path(output + ".json").write_text(json.dumps(rows, indent=1) + "\n")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    action = actions.add_parser("compile")
    action.add_argument("--allowed", required=True)
    action.add_argument("command", nargs=argparse.REMAINDER)
    action = actions.add_parser("table")
    action.add_argument("--output", required=True)
    action.add_argument("files", nargs="*")
    chosen = parser.parse_args(arguments)
    if chosen.action == "table":
        write_table(chosen.files, chosen.output)
        return 0
    command = chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command
    return compile_kernels(command, allowed_names(chosen.allowed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
