#include "tokenizer/pretokenizer.h"

#include <string>
#include <vector>

#include "tests/tokenizer/small_tokenizer.h"

namespace obverse::tokenizer {
namespace {

using Pieces = std::vector<std::string>;

Pieces pieces_of(const Pretokenizer& pretokenizer, std::string_view text) {
  PretokenSplitter splitter(pretokenizer);
  Pieces pieces;
  splitter.split(text, [&pieces](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

Pieces pieces_of(std::string_view pattern, std::string_view text) {
  return pieces_of(Pretokenizer({{std::string(pattern)}}), text);
}

// The same rules in a form that is not known by its text, and so goes through PCRE2.
std::string through_pcre2(std::string_view pattern) { return "(?:" + std::string(pattern) + ")"; }

TEST_CASE("rules written by hand split as PCRE2 does", "[pretokenizer]") {
  for (const std::string_view pattern : {kGpt2Pattern, kGpt4Pattern}) {
    const Pretokenizer by_hand({{std::string(pattern)}}), by_pcre2({{through_pcre2(pattern)}});
    REQUIRE(by_hand.kind() != Pretokenizer::Kind::regular_expressions);
    REQUIRE(by_pcre2.kind() == Pretokenizer::Kind::regular_expressions);
    for (std::uint64_t stream = 0; stream < 300; ++stream) {
      const std::string text = random_text(stream, 1 + stream % 80);
      const Pieces pieces = pieces_of(by_hand, text);
      INFO(stream << ": " << text);
      REQUIRE(pieces == pieces_of(by_pcre2, text));
      std::string together;
      for (const std::string& piece : pieces) together += piece;
      REQUIRE(together == text);
    }
  }
}

TEST_CASE("pieces are those of the published rules", "[pretokenizer]") {
  CHECK(
      pieces_of(kGpt2Pattern, "I'll  say 'tis 12345's\n\n x\xC2\xA0y") ==
      Pieces{"I", "'ll", " ", " say", " '", "tis", " 12345", "'s", "\n\n", " x", "\xC2\xA0", "y"});
  CHECK(pieces_of(kGpt4Pattern, "I'LL  say 'tis 12345'S.\r\n\n x\xC2\xA0y") ==
        Pieces{"I", "'LL", " ", " say", " '", "tis", " ", "123", "45", "'S", ".\r\n\n", " x",
               "\xC2\xA0y"});
  CHECK(pieces_of(kGpt4Pattern, "a \n  \n  b") == Pieces{"a", " \n  \n", " ", " b"});
  // The long s is another case of s.
  CHECK(pieces_of(kGpt4Pattern, "a'\u017Fx") == Pieces{"a", "'\u017F", "x"});
  CHECK(pieces_of(kGpt2Pattern, "a'\u017Fx") == Pieces{"a", "'", "\u017Fx"});
  // U+180E has not been white space since Unicode 6.3, though PCRE2's own \s takes it.
  CHECK(pieces_of("\\s+", "a\u180E\u3000b") == Pieces{"a\u180E", "\u3000", "b"});
  CHECK(pieces_of("[^\\S ]", "a\t b") == Pieces{"a", "\t", " b"});
  // A dollar sign is the end of the text and no line end before it.
  CHECK(pieces_of("\\s+$", "a\n") == Pieces{"a", "\n"});
  CHECK(pieces_of("a$", "a\na") == Pieces{"a\n", "a"});
}

TEST_CASE("rules come one after another, and gaps are pieces or dropped", "[pretokenizer]") {
  CHECK(pieces_of(Pretokenizer({{"\\p{N}"}, {std::string(kGpt2Pattern)}}), "ab 12 cd") ==
        Pieces{"ab", " ", "1", "2", " cd"});
  CHECK(pieces_of(Pretokenizer({{"[a-z]+", true}}), "ab 12 cd") == Pieces{"ab", "cd"});
  CHECK(pieces_of(Pretokenizer({}), "ab 12 cd") == Pieces{"ab 12 cd"});
  CHECK(pieces_of("x*", "axxb") == Pieces{"a", "xx", "b"});  // matches of nothing are none
  CHECK(pieces_of("\\Q\\s\\E", "a\\s b") == Pieces{"a", "\\s", " b"});
  CHECK(pieces_of(kGpt2Pattern, "").empty());
}

TEST_CASE("text that is no UTF-8 is split where it is", "[pretokenizer]") {
  CHECK(pieces_of(kGpt2Pattern, "ab\xFF\xFE cd\xE6\x97") ==
        Pieces{"ab", "\xFF\xFE", " cd", "\xE6\x97"});
  CHECK(pieces_of(through_pcre2(kGpt4Pattern), "1\xED\xA0\x80z") ==
        Pieces{"1", "\xED\xA0\x80", "z"});
  for (const std::string_view pattern : {kGpt2Pattern, kGpt4Pattern}) {
    for (std::uint64_t stream = 0; stream < 50; ++stream) {
      const std::string bytes = random_bytes(stream, 200);
      std::string together;
      for (const std::string& piece : pieces_of(pattern, bytes)) together += piece;
      CHECK(together == bytes);
    }
  }
}

TEST_CASE("long runs neither overflow a stack nor take forever", "[pretokenizer]") {
  const std::size_t size = 1 << 20;
  for (const std::string_view pattern : {kGpt2Pattern, kGpt4Pattern}) {
    const Pretokenizer by_hand({{std::string(pattern)}}), by_pcre2({{through_pcre2(pattern)}});
    for (const char letter : {'a', ' ', '\n', '.'}) {
      INFO(letter);
      const std::string run(size, letter);
      CHECK(pieces_of(by_hand, run) == Pieces{run});
      CHECK(pieces_of(by_pcre2, run + "'s") == pieces_of(by_hand, run + "'s"));
    }
  }
  // A repeated group keeps a frame for each turn: more than the compiled matcher's stack holds.
  const std::string run(size, 'a');
  CHECK(pieces_of("(?:a|b)+(?!c)", run) == Pieces{run});
}

TEST_CASE("a pattern that PCRE2 refuses is named", "[pretokenizer]") {
  CHECK_THAT(message_of<std::invalid_argument>([] { Pretokenizer({{"(unclosed"}}); }),
             ContainsSubstring("expected a regular expression, got '(unclosed': missing"));
  CHECK_THAT(message_of<std::invalid_argument>([] { Pretokenizer({{"\\C"}}); }),
             ContainsSubstring("'\\C'"));
  // Each place of 30 letters may begin each of many groups.
  CHECK_THAT(message_of<std::runtime_error>(
                 [] { pieces_of("(?:a+)+(?:a+)+(?:a+)+b|(?:(a|aa)+)+c", std::string(60, 'a')); }),
             ContainsSubstring("pre-token pattern"));
}

TEST_CASE("a text may be cut where it is said", "[pretokenizer]") {
  for (const std::string_view pattern : {kGpt2Pattern, kGpt4Pattern}) {
    const Pretokenizer pretokenizer({{std::string(pattern)}});
    std::size_t cuts = 0;
    for (std::uint64_t stream = 0; stream < 400; ++stream) {
      std::string text = random_text(1000 + stream, 30);
      if (stream % 3 == 0) text.insert(text.size() / 2, random_bytes(stream, 5));
      for (std::size_t limit = 0; limit <= text.size(); ++limit) {
        const std::size_t cut = Pretokenizer::last_cut(text, limit);
        REQUIRE(cut <= limit);
        if (cut == 0) continue;
        ++cuts;
        Pieces parts = pieces_of(pretokenizer, text.substr(0, cut));
        const Pieces behind = pieces_of(pretokenizer, text.substr(cut));
        parts.insert(parts.end(), behind.begin(), behind.end());
        INFO(stream << " cut at " << cut << ": " << text);
        REQUIRE(parts == pieces_of(pretokenizer, text));
      }
    }
    CHECK(cuts > 1000);
  }
  CHECK(Pretokenizer::last_cut("one two three", 13) == 7);
  CHECK(Pretokenizer::last_cut("one\ntwo three", 6) == 4);
  CHECK(Pretokenizer::last_cut("one\r\n two 12345", 15) == 0);
}

}  // namespace
}  // namespace obverse::tokenizer
