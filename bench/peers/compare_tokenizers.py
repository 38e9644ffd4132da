#!/usr/bin/env python3
"""Runs obverse-tokenize beside tiktoken (encoding, one thread, GPT-2's vocabulary) and beside the
tokenizers library of Hugging Face (training, the same number of threads), in turn (A B A B ...), and
prints medians and ratios as one JSON object: above 1, Obverse is faster.

  pip install tiktoken tokenizers
  compare_tokenizers.py --gpt2 gpt2/ --text corpus.txt                 vocab.bpe and encoder.json in gpt2/
  compare_tokenizers.py --text corpus.txt --threads 1,2 --vocabulary 32768 --repeats 3

Encoding: seconds of the call alone, the text in memory: encode_ordinary() there, `encode --timing`
here, which begins with an empty cache each time; `processor` holds the same in seconds of the
processor, which other programs on the machine change less. Training, `file`: the library's train() of the file,
which takes each line for a text, and the whole program here, with reading, start-up and writing.
Training, `documents`: the same documents to both, in memory there and as lines of JSON here, so that
merges can be compared. Ids and merges that are not equal are reported, and told on standard error.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

FOLDER = pathlib.Path(__file__).resolve().parent
SPECIAL = "<|endoftext|>"
LARGEST_DOCUMENT = 20000


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True, help="a text file, UTF-8")
    parser.add_argument("--gpt2", help="folder of vocab.bpe and encoder.json; without it no encoding")
    parser.add_argument("--threads", default="1,2", help="numbers of threads to train with")
    parser.add_argument("--vocabulary", type=int, default=32768)
    parser.add_argument("--repeats", type=int, default=5, help="turns each")
    parser.add_argument("--only", choices=["encoding", "training"])
    parser.add_argument("--program", default=str(FOLDER.parents[1] / "build/bin/obverse-tokenize"))
    parser.add_argument("--train-peer", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"expected --repeats of at least 1, got {options.repeats}")
    return options


def run(command, environment=None):
    """Standard output and seconds of a command that must succeed."""
    start = time.perf_counter()
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if ended.returncode != 0:
        sys.exit(f"compare_tokenizers.py: {command[0]} ended with status {ended.returncode}")
    return ended.stdout, time.perf_counter() - start


def compared(own, peer):
    own, peer = statistics.median(own), statistics.median(peer)
    return {"obverse_seconds": round(own, 4), "peer_seconds": round(peer, 4), "ratio": round(peer / own, 2)}


def gpt2_of_tiktoken(folder):
    import tiktoken
    from tiktoken.load import data_gym_to_mergeable_bpe_ranks
    from tiktoken_ext.openai_public import r50k_pat_str

    files = [str(pathlib.Path(folder) / name) for name in ("vocab.bpe", "encoder.json")]
    ranks = data_gym_to_mergeable_bpe_ranks(*files)
    return tiktoken.Encoding("gpt2", pat_str=r50k_pat_str, mergeable_ranks=ranks,
                             special_tokens={SPECIAL: len(ranks)})


def compare_encoding(options):
    peer = gpt2_of_tiktoken(options.gpt2)
    with open(options.text, encoding="utf-8", newline="") as file:
        text = file.read()
    command = [options.program, "encode", "--tokenizer", options.gpt2]
    own_ids = [int(word) for word in run([*command, options.text])[0].split()]
    equal = own_ids == peer.encode_ordinary(text)
    own, others, own_processor, processor = [], [], [], []
    for _ in range(options.repeats):
        timing = json.loads(run([*command, "--timing", "1", options.text])[0])
        own += timing["seconds"]
        own_processor += timing["processor_seconds"]
        start, processor_start = time.perf_counter(), time.process_time()
        peer.encode_ordinary(text)
        others.append(time.perf_counter() - start)
        processor.append(time.process_time() - processor_start)
    megabytes = timing["bytes"] / 1e6
    figures = compared(own, others)
    figures["processor"] = compared(own_processor, processor)
    figures["obverse_megabytes_per_second"] = round(megabytes / figures["obverse_seconds"], 1)
    figures["peer_megabytes_per_second"] = round(megabytes / figures["peer_seconds"], 1)
    return {"peer": "tiktoken", "megabytes": megabytes, "tokens": len(own_ids), **figures, "equal_ids": equal}


def documents_of(text):
    """Parts of about LARGEST_DOCUMENT characters that end where a line does."""
    documents, begin = [], 0
    while begin < len(text):
        end = text.find("\n", begin + LARGEST_DOCUMENT) + 1 or len(text)
        documents.append(text[begin:end])
        begin = end
    return documents


def train_peer(kind, output, options):
    """In a process of its own, whose thread pool the environment has sized."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=options.vocabulary, special_tokens=[SPECIAL], min_frequency=2,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    if kind == "file":
        start = time.perf_counter()
        tokenizer.train([options.text], trainer)
    else:
        with open(options.text, encoding="utf-8", newline="") as file:
            documents = documents_of(file.read())
        start = time.perf_counter()
        tokenizer.train_from_iterator(documents, trainer)
    print(time.perf_counter() - start)
    tokenizer.save(output)


def merges_in(file):
    merges = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))["model"]["merges"]
    return [" ".join(merge) if isinstance(merge, list) else merge for merge in merges]


def compare_training(options, kind, threads, folder):
    corpus = folder / "documents.jsonl" if kind == "documents" else pathlib.Path(options.text)
    command = [options.program, "train", "--input", str(corpus), "--vocabulary", str(options.vocabulary),
               "--threads", str(threads), "--output", str(folder / "own")]
    peer_command = [sys.executable, __file__, "--text", options.text, "--vocabulary", str(options.vocabulary),
                    "--train-peer", kind, str(folder / "peer.json")]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true"}
    own, others = [], []
    for _ in range(options.repeats):
        own.append(run(command)[1])
        others.append(float(run(peer_command, environment)[0]))
    result = {"peer": "tokenizers", "corpus": kind, "threads": threads, "vocabulary": options.vocabulary,
              **compared(own, others)}
    if kind == "documents":
        result["equal_merges"] = merges_in(folder / "own/tokenizer.json") == merges_in(folder / "peer.json")
    return result


def main():
    options = parse_options()
    if options.train_peer:
        train_peer(*options.train_peer, options)
        return
    results = {"text": options.text, "repeats": options.repeats}
    if options.only != "training" and options.gpt2:
        results["encoding"] = compare_encoding(options)
    if options.only != "encoding":
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            with open(options.text, encoding="utf-8", newline="") as file:
                documents = documents_of(file.read())
            with open(folder / "documents.jsonl", "w", encoding="utf-8") as file:
                file.writelines(json.dumps({"text": text}) + "\n" for text in documents)
            results["training"] = [compare_training(options, kind, int(threads), folder)
                                   for kind in ("file", "documents") for threads in options.threads.split(",")]
    for result in [results.get("encoding", {}), *results.get("training", [])]:
        if not result.get("equal_ids", True) or not result.get("equal_merges", True):
            print(f"compare_tokenizers.py: not equal to {result['peer']}", file=sys.stderr)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
