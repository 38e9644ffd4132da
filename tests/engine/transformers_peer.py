#!/usr/bin/env python3
"""Hugging Face's transformers beside the engine, for tests/engine/transformers_test.cpp.

  transformers_peer.py make FOLDER     random models of both families, saved in f32, f16, bf16 and in
                                       several files, each with the ids and logits of a text
  transformers_peer.py logits FOLDER   reads ids.json, writes logits.json: those of FOLDER's model

Exits with 77 where transformers or torch is not installed.
"""
import json
import pathlib
import sys

try:
    import torch
    import transformers
except ImportError:
    sys.exit(77)

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.manual_seed(1)


def logits_of(model, ids):
    with torch.no_grad():
        return model.eval()(torch.tensor(ids)).logits.float().flatten().tolist()


def read(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def make(folder):
    ids = torch.randint(0, 40, (2, 9)).tolist()
    small = dict(vocab_size=40)
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=4, n_positions=16, **small))
    llama = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, max_position_embeddings=16, tie_word_embeddings=False, **small))
    # Models whose contexts were made longer.
    scaled = []
    for name, scaling in (
        ("llama3", dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                        original_max_position_embeddings=16)),
        ("linear", dict(rope_type="linear", factor=4.0)),
    ):
        scaled.append((name, transformers.LlamaForCausalLM(transformers.LlamaConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
            max_position_embeddings=64, rope_scaling=dict(scaling), **small))))
    for name, model in [("gpt2", gpt2), ("llama", llama), *scaled]:
        for parameter in model.parameters():  # biases and gains as they are at first hide mistakes
            torch.nn.init.normal_(parameter, std=0.3)
        for kind, type_, options in (
            ("f32", torch.float32, {}),
            ("f16", torch.float16, {}),
            ("bf16", torch.bfloat16, {}),
            ("parts", torch.float32, {"max_shard_size": "10KB"}),
        ):
            to = pathlib.Path(folder) / f"{name}-{kind}"
            model.to(type_).save_pretrained(to, **options)
            (to / "ids.json").write_text(json.dumps(ids))
            # Of the rounded weights, computed in float. Read again, since to() has rounded the
            # rotary frequencies, too.
            (to / "logits.json").write_text(json.dumps(logits_of(read(to), ids)))


def logits(folder):
    folder = pathlib.Path(folder)
    model = read(folder)
    ids = json.loads((folder / "ids.json").read_text())
    (folder / "logits.json").write_text(json.dumps(logits_of(model, ids)))


{"make": make, "logits": logits}[sys.argv[1]](sys.argv[2])
