#include "experiments/train/entities.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace obverse::train {
namespace {

// The names that are found in a text, as they stand in it.
std::vector<std::string> names_in(const std::string& text) {
  static const tokenizer::Tokenizer tokenizer = tokenizer::small_tokenizer();
  static const EntityFinder finder(tokenizer);
  engine::Document document{tokenizer.encode(text), {{0, 1}}};
  finder.find(document);
  std::vector<std::string> names;
  for (const auto& entity : document.entities) {
    const auto begin = document.tokens.begin() + entity.begin;
    // A space may be of the name's first token or not.
    const std::string name = tokenizer.decode({begin, begin + entity.length});
    names.push_back(name.front() == ' ' ? name.substr(1) : name);
  }
  return names;
}

TEST_CASE("runs of capitalised words are names", "[entities]") {
  using Names = std::vector<std::string>;
  CHECK(names_in("we met Ada Lovelace in London, and nobody else") ==
        Names{"Ada Lovelace", "London"});
  CHECK(names_in("we met Émile Zola and Ólafur") == Names{"Émile Zola", "Ólafur"});
  CHECK(names_in("we saw Ωμέγα and Борис") == Names{"Ωμέγα", "Борис"});
  CHECK(names_in("nobody and nothing: 12 = 3 * 4").empty());
  CHECK(names_in("").empty());
  // To the end of the text.
  // One space stands between the words of a name.
  CHECK(names_in("for Ada,Grace  Hopper") == Names{"Ada", "Grace", "Hopper"});
  CHECK(names_in("it was Jean-Paul") == Names{"Jean", "Paul"});
}

TEST_CASE("the word that begins a sentence is a name with a second one alone", "[entities]") {
  using Names = std::vector<std::string>;
  CHECK(names_in("We met nobody. Then it rained! Was it late?\nIt was.").empty());
  CHECK(names_in("Ada Lovelace came. Grace Hopper did, too.") ==
        Names{"Ada Lovelace", "Grace Hopper"});
  // A quotation mark neither ends a beginning nor is a space needed behind it.
  CHECK(names_in("\"Then it rained\", she said").empty());
  CHECK(names_in("she said: \"Paris is far\"") == Names{"Paris"});
}

TEST_CASE("no name goes on across a special token", "[entities]") {
  const tokenizer::Tokenizer tokenizer = tokenizer::small_tokenizer();
  const EntityFinder finder(tokenizer);
  engine::Document document{tokenizer.encode("it was Ada"), {}};
  const auto size = static_cast<std::int32_t>(document.tokens.size());
  document.tokens.push_back(*tokenizer.special("<|endoftext|>"));
  for (const std::int32_t id : tokenizer.encode("Grace and Bob")) document.tokens.push_back(id);
  document.tokens.push_back(100'000);  // of the objective's own
  finder.find(document);
  REQUIRE(document.entities.size() == 2);
  CHECK(document.entities[0].begin + document.entities[0].length == size);
  CHECK(document.entities[1].begin + document.entities[1].length ==
        static_cast<std::int32_t>(document.tokens.size()) - 1);
}

}  // namespace
}  // namespace obverse::train
