// obverse-tokenize: byte-level BPE. Subcommands are in *_command.cpp.
#include <cstdio>
#include <string>

#include "experiments/tokenize/commands.h"

namespace {

constexpr const char* kUsage =
    "obverse-tokenize COMMAND [OPTIONS]\n\n"
    "Byte-level BPE: trains a tokenizer on text, encodes text to ids, and decodes ids.\n\n"
    "  train    finds the vocabulary of a corpus and writes tokenizer.json\n"
    "  encode   text to ids\n"
    "  decode   ids to text, byte for byte\n"
    "  inspect  sizes, special tokens, longest tokens, and the tokens of a text\n\n"
    "  obverse-tokenize train --input texts/ --vocabulary 8192 --output my_tokenizer\n"
    "  echo 'Hello world' | obverse-tokenize encode --tokenizer my_tokenizer\n"
    "  obverse-tokenize encode --tokenizer gpt2/ --jsonl < texts.jsonl > ids.jsonl\n"
    "  obverse-tokenize inspect --tokenizer gpt2/ --text 'Hello world'\n\n"
    "obverse-tokenize COMMAND --help tells more.\n";

int dispatch(int argc, char** argv) {
  using namespace obverse::tokenize;
  const std::string command = argc < 2 ? "" : argv[1];
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (command == "train") return train_command(argc - 1, argv + 1);
  if (command == "encode") return encode_command(argc - 1, argv + 1);
  if (command == "decode") return decode_command(argc - 1, argv + 1);
  if (command == "inspect") return inspect_command(argc - 1, argv + 1);
  throw UsageError("expected a command: train, encode, decode or inspect, got '" + command +
                   "'; see --help");
}

}  // namespace

int main(int argc, char** argv) {
  return obverse::experiments::run_program("obverse-tokenize", "fewer --threads need less",
                                           [&] { return dispatch(argc, argv); });
}
