// The command line of obverse-generate.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "engine/generation/sampling.h"
#include "experiments/support/command_line.h"

namespace obverse::generation {

using experiments::UsageError;

// A text, and where it stands: "--prompt 2", "prompts.txt:7".
struct SourceText {
  std::string text, source;
};

struct ProgramOptions {
  std::string model;
  std::vector<SourceText> prompts;  // of --prompt
  std::vector<SourceText> gaps;     // of --infill
  std::string input;                // a file, "-" for standard input, or empty
  bool whole = false;               // the input is one prompt
  std::int64_t tokens = 128, samples = 1, rows = 16;
  std::int64_t steps = 0;  // passes that fill gaps
  engine::SamplingOptions sampling;
  std::string device = "cpu", precision = "fp32";
  bool jsonl = false;
  std::string help_text;  // not empty: --help was given
};

// Throws UsageError with one line that names the option, what was found and what was expected.
ProgramOptions parse_program_options(int argc, char** argv);

// The prompts of the options and, where there is one, of `input`: one a line, empty lines left out,
// or all of it. `name` is what messages call it.
std::vector<SourceText> read_prompts(const ProgramOptions& options, std::istream& input,
                                     const std::string& name);

}  // namespace obverse::generation
