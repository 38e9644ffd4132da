#include "tokenizer/train.h"

#include <chrono>
#include <set>
#include <stdexcept>
#include <utility>

#include "tokenizer/byte_characters.h"
#include "tokenizer/known_patterns.h"
#include "tokenizer/pair_merger.h"
#include "tokenizer/utf8.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_counts.h"

namespace obverse::tokenizer {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void fail(const std::string& expected, const std::string& got) {
  throw std::invalid_argument("[tokenizer] expected " + expected + ", got " + got);
}

std::string names(const std::vector<TextFile>& files) {
  if (files.empty()) return "corpus";
  const std::string more =
      files.size() > 1 ? " and " + std::to_string(files.size() - 1) + " more" : "";
  return files.front().name() + more;
}

Vocabulary vocabulary_of(const PairMerger& merger, const TrainingOptions& options) {
  Vocabulary vocabulary;
  vocabulary.tokens = merger.tokens();
  vocabulary.merges = merger.merges();
  const std::set<std::string> found(merger.tokens().begin(), merger.tokens().end());
  for (const std::string& special : options.specials) {
    // Both would have one name in a tokenizer file.
    const auto bytes = bytes_of_characters(special);
    if (bytes && found.count(*bytes) > 0) {
      fail("special tokens that are written as no token of the corpus", "'" + special + "'");
    }
    vocabulary.added.push_back({static_cast<std::int32_t>(vocabulary.tokens.size()), true});
    vocabulary.tokens.push_back(special);
  }
  vocabulary.rules = {{std::string(options.pattern == "gpt2" ? kGpt2Pattern : kGpt4Pattern)}};
  return vocabulary;
}

}  // namespace

void check_training_options(const TrainingOptions& options) {
  if (options.pattern != "gpt2" && options.pattern != "gpt4") {
    fail("a pattern gpt2 or gpt4", "'" + options.pattern + "'");
  }
  const auto least = static_cast<std::int64_t>(256 + options.specials.size());
  if (options.vocabulary < least || options.vocabulary > INT32_MAX) {
    fail("a vocabulary of 256 bytes and " + std::to_string(options.specials.size()) +
             " special tokens, " + std::to_string(least) + ", or more, below 2^31",
         std::to_string(options.vocabulary));
  }
  std::set<std::string> known;
  for (const std::string& special : options.specials) {
    if (special.size() < 2) fail("special tokens of two bytes or more", "'" + special + "'");
    if (valid_prefix(special) != special.size()) fail("special tokens of UTF-8", "other bytes");
    if (!known.insert(special).second) fail("distinct special tokens", "'" + special + "' twice");
  }
  if (options.least_count < 1) {
    fail("a least count of 1 or more", std::to_string(options.least_count));
  }
  if (options.threads < 1 || options.threads > 1024) {
    fail("1 to 1024 threads", std::to_string(options.threads));
  }
}

TrainedTokenizer train(const std::vector<TextFile>& files, const TrainingOptions& options,
                       const TrainingProgress& progress) {
  check_training_options(options);
  const Pretokenizer pretokenizer(vocabulary_of(PairMerger(WordCounts()), options).rules);
  std::vector<std::pair<std::string, std::int32_t>> specials;
  for (const std::string& special : options.specials) specials.emplace_back(special, 0);
  const AddedTokens whole(specials);

  const Clock::time_point start = Clock::now();
  BlockReader reader(files, FileCuts::harmless_or_any, whole);
  WordCounts counts = count_words(reader, pretokenizer, whole, options.threads, progress.counting);
  if (counts.size() == 0) {
    throw std::runtime_error(names(files) + ": expected text to train on, got none");
  }
  const double counting_seconds = seconds_since(start);
  std::uint64_t words = 0;
  counts.for_each(
      [&words](const WordCounts::Word& word) { words += static_cast<std::uint64_t>(word.count); });
  const std::uint64_t distinct_words = counts.size();

  const Clock::time_point counted = Clock::now();
  PairMerger merger(counts);
  counts = WordCounts();
  const auto wanted = static_cast<std::size_t>(options.vocabulary) - options.specials.size();
  while (merger.tokens().size() < wanted && merger.merge_next(options.least_count)) {
    if (progress.merging) progress.merging(merger.tokens().size(), wanted);
  }
  TrainedTokenizer trained{Tokenizer(vocabulary_of(merger, options))};
  trained.bytes = reader.bytes_read();
  trained.words = words;
  trained.distinct_words = distinct_words;
  trained.counting_seconds = counting_seconds;
  trained.merging_seconds = seconds_since(counted);
  return trained;
}

}  // namespace obverse::tokenizer
