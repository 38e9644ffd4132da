#include "experiments/support/command_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <typeinfo>

namespace obverse::experiments {

namespace {

// "--pairs: " where an argument's value is what `message` complains of, else nothing: cxxopts does
// not say which option it failed to parse.
std::string option_of(int argc, char** argv, const std::string& message) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--", 0) != 0) continue;
    const std::size_t equals = argument.find('=');
    const std::string value = equals != std::string::npos ? argument.substr(equals + 1)
                              : i + 1 < argc              ? argv[i + 1]
                                                          : "";
    for (std::size_t begin = 0; begin < value.size();) {
      const std::size_t end = std::min(value.find(',', begin), value.size());
      const std::string item = value.substr(begin, end - begin);
      if (!item.empty() && message.find("‘" + item + "’") != std::string::npos) {
        return argument.substr(0, equals) + ": ";
      }
      begin = end + 1;
    }
  }
  return "";
}

// Whether an option's value is one text, in which commas are letters like any other.
bool is_one_text(const cxxopts::ParseResult& parsed, const std::string& name) {
  try {
    parsed[name].as<std::string>();
    return true;
  } catch (const std::bad_cast&) {
    return false;
  }
}

// An option that is given has a value, and a list no empty item: a script's unset variable must not
// be taken for an option that was left out. `positional` is a list of whole texts.
void check_no_empty_values(const cxxopts::ParseResult& parsed, const std::string& positional) {
  for (const cxxopts::KeyValue& argument : parsed.arguments()) {
    const std::string& value = argument.value();
    const bool has_gap =
        !value.empty() &&
        (value.find(",,") != std::string::npos || value.front() == ',' || value.back() == ',') &&
        argument.key() != positional && !is_one_text(parsed, argument.key());
    if (value.empty() || has_gap) {
      throw UsageError("expected a value " + std::string(has_gap ? "at every place of" : "behind") +
                       " --" + argument.key() + ", got '" + value + "'; see --help");
    }
  }
}

// As a shell reads it back.
std::string quoted(const std::string& argument) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) {
    return argument;
  }
  std::string text = "'";
  for (const char letter : argument) text += letter == '\'' ? "'\\''" : std::string(1, letter);
  return text + "'";
}

// A descriptor that is closed is the next file's, in which all that is printed would end up. One
// that only writes: to read a standard input that is none stays an error.
void open_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest that is free, thus this one; it stays open for as long as the program runs.
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF) ::open("/dev/null", O_WRONLY);
  }
}

// What was printed is on its way only once it is flushed: a full disk must not look like success.
int flushed(const std::string& program, int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "%s: standard output cannot be written: %s\n", program.c_str(),
               std::strerror(errno));
  return status == 0 ? 1 : status;
}

}  // namespace

std::optional<cxxopts::ParseResult> parse_or_help(cxxopts::Options& options, int argc, char** argv,
                                                  const std::string& positional) {
  if (!positional.empty()) options.parse_positional({positional});
  try {
    cxxopts::ParseResult parsed = options.parse(argc, argv);
    if (parsed.count("help") > 0) {
      std::fputs(options.help().c_str(), stdout);
      return std::nullopt;
    }
    if (!parsed.unmatched().empty()) {
      throw UsageError("unexpected argument '" + parsed.unmatched().front() + "'; see --help");
    }
    check_no_empty_values(parsed, positional);
    return parsed;
  } catch (const UsageError&) {
    throw;
  } catch (const std::exception& error) {  // cxxopts' base class has another name in every release
    throw UsageError(option_of(argc, argv, error.what()) + error.what() + "; see --help");
  }
}

std::vector<std::string> whole_arguments(const cxxopts::ParseResult& parsed,
                                         const std::string& name) {
  std::vector<std::string> values;
  for (const cxxopts::KeyValue& argument : parsed.arguments()) {
    if (argument.key() == name) values.push_back(argument.value());
  }
  return values;
}

std::string command_line_of(const std::string& program, int argc, char** argv) {
  std::string line = program;
  for (int i = 1; i < argc; ++i) line += " " + quoted(argv[i]);
  return line;
}

int run_program(const std::string& program, const char* memory_advice,
                const std::function<int()>& body) {
  open_closed_streams();
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return flushed(program, body());
  } catch (const UsageError& error) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: not enough memory; %s\n", program.c_str(), memory_advice);
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.what());
    return 1;
  }
}

}  // namespace obverse::experiments
