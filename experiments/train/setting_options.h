// Settings as options of a command line.
#pragma once

#include <cxxopts.hpp>
#include <string>

#include "experiments/train/settings.h"

namespace obverse::train {

// Every field as an option, --config and --help.
void add_setting_options(cxxopts::Options& options);

// What the options say, and where they say nothing the file that --config names. Throws UsageError
// for an option that cannot be, std::runtime_error for a field of the file; one line that names it.
Settings settings_of(const cxxopts::ParseResult& parsed);

}  // namespace obverse::train
