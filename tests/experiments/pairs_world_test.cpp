#include "experiments/reversal_curse/worlds/pairs_world.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "experiments/reversal_curse/worlds/pairs_frames.h"
#include "experiments/reversal_curse/worlds/pairs_names.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "tests/experiments/world_texts.h"
#include "tests/support/catch.h"

namespace obverse::reversal {

namespace {

using Tokens = std::vector<std::int32_t>;

Tokens entity(const engine::Document& document, std::size_t index) {
  const engine::EntitySpan& span = document.entities.at(index);
  return {document.tokens.begin() + span.begin, document.tokens.begin() + span.begin + span.length};
}

// A statement's parts, read back from its tokens: which relation joins which names.
struct Statement {
  std::string relation;
  Tokens first, second;
  Frame frame;
  bool operator<(const Statement& other) const {
    return std::tie(relation, first, second) < std::tie(other.relation, other.first, other.second);
  }
};

// `<begin> f1 first f2 relation f3 second <end>`, names of `k` tokens each.
Statement parse(const World& world, const Tokens& tokens) {
  const std::size_t k = static_cast<std::size_t>(world.name_tokens);
  REQUIRE(tokens.size() == 6 + 2 * k);
  CHECK(tokens.front() == engine::kBeginOfText);
  CHECK(tokens.back() == engine::kEndOfText);
  Statement statement;
  statement.relation = world.vocabulary.at(static_cast<std::size_t>(tokens[3 + k]));
  CHECK((statement.relation == "mentors" || statement.relation == "follows"));
  statement.first.assign(tokens.begin() + 2, tokens.begin() + 2 + static_cast<std::ptrdiff_t>(k));
  statement.second.assign(tokens.end() - 1 - static_cast<std::ptrdiff_t>(k), tokens.end() - 1);
  statement.frame = {tokens[1], tokens[2 + k], tokens[4 + k]};
  for (const int filler : statement.frame) CHECK((filler >= 7 && filler < 15));
  return statement;
}

std::string error_of(const PairsOptions& options) {
  try {
    make_pairs_world(options);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a default world of pairs has the documents and questions that its shares say") {
  PairsOptions options;
  options.seed = 11;
  const World world = make_pairs_world(options);
  CHECK(world.name == "pairs");
  CHECK(world.directions == std::array<std::string, 2>{"forward", "backward"});
  CHECK(world.vocabulary.size() == 5 + 2 + 8 + 640);
  CHECK(world.vocabulary[0] == "<padding>");
  CHECK(world.vocabulary[4] == "<unknown>");
  CHECK(world.longest == 8);
  // 150 facts both ways, 75 + 75 one way, three templates each; two mentions of 40 names.
  CHECK(world.documents.size() == (300 + 75 + 75) * 3 + 40 * 2);
  std::map<std::pair<Asked, int>, int> counts;
  for (const Question& question : world.questions) ++counts[{question.asked, question.direction}];
  for (const int direction : {0, 1}) {
    CHECK(counts[{Asked::trained, direction}] == 75);
    CHECK(counts[{Asked::reverse, direction}] == 75);
    CHECK(counts[{Asked::infill, direction}] == 75);
    CHECK(counts[{Asked::both, direction}] == 150);
    CHECK(counts[{Asked::unseen, direction}] == 20);
  }
}

TEST_CASE("names are asked only the way the measure says") {
  const int name_tokens = GENERATE(1, 2, 3);
  const int templates = GENERATE(1, 2, 5);
  PairsOptions options;
  options.pairs = 40;
  options.unseen_pairs = 6;
  options.name_tokens = name_tokens;
  options.templates = templates;
  options.seed = 3;
  const World world = make_pairs_world(options);
  CAPTURE(name_tokens, templates);

  // What training states: how often, and under which frames.
  std::map<Statement, int> stated;
  std::map<std::string, std::set<Frame>> frames;
  std::map<Tokens, int> mentioned;
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() == 1) {
      ++mentioned[entity(document, 0)];
      CHECK(document.tokens.size() == 3 + static_cast<std::size_t>(name_tokens));
      CHECK(document.tokens.back() == engine::kEndOfText);
      continue;
    }
    const Statement statement = parse(world, document.tokens);
    CHECK(entity(document, 0) == statement.first);
    CHECK(entity(document, 1) == statement.second);
    ++stated[statement];
    frames[statement.relation].insert(statement.frame);
  }
  CHECK(frames["mentors"].size() == static_cast<std::size_t>(templates));
  CHECK(frames["follows"].size() == static_cast<std::size_t>(templates));
  CHECK(mentioned.size() == 12);
  for (const auto& [name, times] : mentioned) CHECK(times == 2);

  for (const Question& question : world.questions) {
    CAPTURE(world.text_of(question));
    const Statement asked = parse(world, whole(world, question));
    CHECK(asked.relation == (question.direction == 0 ? "mentors" : "follows"));
    CHECK(frames[asked.relation].count(asked.frame) == 0);
    Statement inverse = asked;
    inverse.relation = question.direction == 0 ? "follows" : "mentors";
    std::swap(inverse.first, inverse.second);
    const bool trained_so = stated.count(asked) > 0, trained_inverse = stated.count(inverse) > 0;
    switch (question.asked) {
      case Asked::trained:
      case Asked::infill:
        CHECK((trained_so && !trained_inverse));
        break;
      case Asked::reverse:
        CHECK((!trained_so && trained_inverse));
        break;
      case Asked::both:
        CHECK((trained_so && trained_inverse));
        break;
      case Asked::unseen:
        CHECK((!trained_so && !trained_inverse));
        CHECK((mentioned.count(asked.first) == 1 && mentioned.count(asked.second) == 1));
        break;
      default:
        FAIL("asked without demonstrations and expansion");
    }
    // Answer-last but for infill, whose hole is the sentence's first name.
    const bool last = question.after == Tokens{engine::kEndOfText};
    CHECK(last == (question.asked != Asked::infill));
    CHECK(answer_of(world, question) == (last ? asked.second : asked.first));
    CHECK(question.right != question.wrong);
  }
  for (const auto& [statement, times] : stated) CHECK(times == templates);
}

TEST_CASE("a held-out frame is new, and each of its words was trained in its place") {
  for (int templates = 1; templates <= kMaximumTemplates; ++templates) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(templates, seed);
      const std::array<DirectionFrames, 2> frames = draw_frames(templates, seed);
      for (std::size_t direction = 0; direction < 2; ++direction) {
        std::set<Frame> trained(frames[direction].trained.begin(), frames[direction].trained.end());
        REQUIRE(trained.size() == static_cast<std::size_t>(templates));
        REQUIRE(trained.count(frames[direction].held_out) == 0);
        if (templates == 1) trained.insert(frames[1 - direction].trained[0]);
        for (std::size_t slot = 0; slot < kFrameSlots; ++slot) {
          bool seen = false;
          for (const Frame& frame : trained)
            seen |= frame[slot] == frames[direction].held_out[slot];
          REQUIRE(seen);
        }
      }
    }
  }
}

TEST_CASE("paraphrases are neither trained nor held out") {
  for (int templates = 1; templates <= kMaximumTemplates; ++templates) {
    CAPTURE(templates);
    for (const DirectionFrames& frames : draw_frames(templates, 7)) {
      std::set<Frame> all(frames.trained.begin(), frames.trained.end());
      all.insert(frames.held_out);
      all.insert(frames.spare.begin(), frames.spare.end());
      CHECK(frames.spare.size() == static_cast<std::size_t>(std::min(templates, 63 - templates)));
      CHECK(all.size() == 1 + frames.trained.size() + frames.spare.size());
    }
  }
}

TEST_CASE("neighbours of a fact are its paraphrases and its inverse, off the held-out frames") {
  PairsOptions options;
  options.pairs = 16;
  options.name_tokens = GENERATE(1, 2);
  options.templates = 4;
  const World world = make_pairs_world(options);
  std::map<std::string, std::set<Frame>> trained, held_out;
  std::set<Statement> stated;
  std::map<int, std::array<Statement, 2>> facts;  // of those stated one way: that way, the other
  for (const engine::Document& document : world.documents) {
    if (document.entities.size() != 2) continue;
    const Statement statement = parse(world, document.tokens);
    trained[statement.relation].insert(statement.frame);
    stated.insert(statement);
  }
  for (const Question& question : world.questions) {
    const Statement asked = parse(world, whole(world, question));
    held_out[asked.relation].insert(asked.frame);
    if (question.asked == Asked::trained) facts[question.fact][0] = asked;
    if (question.asked == Asked::reverse) facts[question.fact][1] = asked;
  }
  std::map<std::pair<int, NeighbourKind>, std::set<Frame>> frames;
  for (const Neighbour& neighbour : world.neighbours) {
    CAPTURE(neighbour.fact);
    REQUIRE(facts.count(neighbour.fact) == 1);
    const bool is_inverse = neighbour.kind == NeighbourKind::inverse;
    const Statement statement = parse(world, neighbour.document.tokens);
    const Statement& expected = facts[neighbour.fact][is_inverse ? 1 : 0];
    CHECK((!(statement < expected) && !(expected < statement)));
    CHECK((stated.count(statement) == 1) == !is_inverse);
    CHECK(held_out[statement.relation].count(statement.frame) == 0);
    CHECK((trained[statement.relation].count(statement.frame) == 1) == is_inverse);
    CHECK(entity(neighbour.document, 0) == statement.first);
    CHECK(entity(neighbour.document, 1) == statement.second);
    frames[{neighbour.fact, neighbour.kind}].insert(statement.frame);
  }
  CHECK(frames.size() == 2 * facts.size());
  for (const auto& [key, those] : frames) CHECK(those.size() == 4);
  CHECK(world.neighbours.size() == 8 * facts.size());
}

TEST_CASE("frames that leave a word untrained are told apart") {
  std::array<DirectionFrames, 2> frames;
  frames[0] = {{{0, 0, 0}, {1, 1, 1}}, {0, 1, 0}};
  frames[1] = {{{2, 2, 2}, {3, 3, 3}}, {2, 3, 2}};
  CHECK(frames_are_covered(frames));
  frames[0].held_out = {0, 1, 2};  // 2 stands third in the other direction alone
  CHECK_FALSE(frames_are_covered(frames));
  frames[0].held_out = {1, 1, 1};
  CHECK_FALSE(frames_are_covered(frames));
}

TEST_CASE("names are distinct and share their tokens as asked") {
  const int name_tokens = GENERATE(1, 2, 3);
  const int entities = GENERATE(2, 4, 5, 12, 660);
  const int option = GENERATE(kSharedNamePool, kUniqueNamePool);
  CAPTURE(name_tokens, entities, option);
  const int pool = pool_size(entities, name_tokens, option);
  const auto names = draw_names(entities, name_tokens, pool, 5);
  CHECK(std::set<std::vector<int>>(names.begin(), names.end()).size() ==
        static_cast<std::size_t>(entities));
  std::map<std::pair<int, int>, int> uses;
  for (const std::vector<int>& name : names) {
    REQUIRE(name.size() == static_cast<std::size_t>(name_tokens));
    for (int position = 0; position < name_tokens; ++position) {
      const int token = name[static_cast<std::size_t>(position)];
      CHECK((token >= 0 && token < pool));
      ++uses[{position, token}];
    }
  }
  if (name_tokens == 1 || option == kUniqueNamePool) {
    CHECK(pool == entities);
    for (const auto& [token, times] : uses) CHECK(times == 1);
  } else if (entities == 660) {
    CHECK(pool == 220);
    CHECK(uses.size() == static_cast<std::size_t>(220 * name_tokens));
    for (const auto& [token, times] : uses) CHECK(times == 3);
  }
}

TEST_CASE("names of a small pool that share all tokens but the last are told apart") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto names = draw_names(60, 8, pool_size(60, 8, 2), seed);
    CHECK(std::set<std::vector<int>>(names.begin(), names.end()).size() == 60);
    for (std::size_t position = 0; position < 8; ++position) {
      CHECK(std::count_if(names.begin(), names.end(),
                          [&](const auto& name) { return name[position] == 0; }) == 30);
    }
  }
}

TEST_CASE("a pool of just enough combinations is used up") {
  const auto names = draw_names(9, 2, pool_size(9, 2, 3), 1);
  CHECK(std::set<std::vector<int>>(names.begin(), names.end()).size() == 9);
}

TEST_CASE("wrong answers are a derangement of the right ones") {
  PairsOptions options;
  options.pairs = 16;
  options.unseen_pairs = 2;
  const World world = make_pairs_world(options);
  std::map<std::tuple<Asked, int, int>, std::pair<std::multiset<int>, std::multiset<int>>> groups;
  for (const Question& question : world.questions) {
    auto& [right, wrong] = groups[{question.asked, question.direction, question.candidates}];
    right.insert(question.right);
    wrong.insert(question.wrong);
    CHECK(question.right != question.wrong);
  }
  CHECK(groups.size() == 10);
  for (const auto& [group, answers] : groups) CHECK(answers.first == answers.second);
}

TEST_CASE("derangements are all equally likely") {
  kernels::RandomSequence draws({1, kernels::Purpose::test, 0});
  std::map<std::vector<int>, int> counts;
  for (int i = 0; i < 9000; ++i) ++counts[draw_derangement(4, draws)];
  CHECK(counts.size() == 9);
  // Expected 1000, standard deviation 30.
  for (const auto& [order, count] : counts) CHECK(count == Approx(1000).margin(130));
  CHECK_THROWS_AS(draw_derangement(1, draws), std::invalid_argument);
}

TEST_CASE("a world is its options and seed") {
  PairsOptions options;
  options.pairs = 20;
  options.name_tokens = 2;
  const World first = make_pairs_world(options), again = make_pairs_world(options);
  options.seed = 1;
  const World other = make_pairs_world(options);
  REQUIRE(first.documents.size() == again.documents.size());
  bool differs = false;
  for (std::size_t i = 0; i < first.documents.size(); ++i) {
    CHECK(first.documents[i].tokens == again.documents[i].tokens);
    differs |= first.documents[i].tokens != other.documents[i].tokens;
  }
  CHECK(differs);
  REQUIRE(first.questions.size() == again.questions.size());
  for (std::size_t i = 0; i < first.questions.size(); ++i) {
    CHECK(first.questions[i].wrong == again.questions[i].wrong);
    CHECK(first.text_of(first.questions[i]) == again.text_of(again.questions[i]));
  }
}

TEST_CASE("shares round by the largest remainder") {
  PairsOptions options;
  options.pairs = 10;
  options.share_both = 0.55, options.share_forward = 0.25, options.share_reverse = 0.2;
  // 5.5, 2.5, 2: one place left, the first of the equal remainders takes it.
  CHECK(facts_by_subset(options) == std::array<int, kSubsetCount>{6, 2, 2, 20});
  options.pairs = 100;
  options.share_both = 0.29, options.share_forward = 0.57, options.share_reverse = 0.14;
  CHECK(facts_by_subset(options) == std::array<int, kSubsetCount>{29, 57, 14, 20});
  options.share_both = 1.0, options.share_forward = 0.0, options.share_reverse = 0.0;
  CHECK(facts_by_subset(options) == std::array<int, kSubsetCount>{100, 0, 0, 20});
}

TEST_CASE("a question's text shows its answer in brackets") {
  PairsOptions options;
  options.pairs = 8;
  const World world = make_pairs_world(options);
  const Question& question = world.questions.front();
  const std::string expected = text_of(world, question.before) + " [" +
                               text_of(world, answer_of(world, question)) + "] <end>";
  CHECK(world.text_of(question) == expected);
  CHECK(expected.find(" mentors ") != std::string::npos);
  CHECK(std::string(name_of(Asked::infill)) == "infill");
}

TEST_CASE("options out of range are told in one line") {
  PairsOptions options;
  SECTION("pairs") {
    options.pairs = GENERATE(0, -3);
    CHECK(error_of(options).find("expected pairs of 1 to") != std::string::npos);
    CHECK(error_of(options).find("got " + std::to_string(options.pairs)) != std::string::npos);
  }
  SECTION("shares") {
    options.share_both = 0.6;
    CHECK(error_of(options) ==
          "[pairs_world] expected shares that sum to 1, got 0.6 + 0.25 + 0.25 = 1.1");
    options.share_both = 0.75, options.share_forward = -0.25, options.share_reverse = 0.5;
    CHECK(error_of(options).find("shares of 0 or more") != std::string::npos);
  }
  SECTION("templates") {
    options.templates = GENERATE(0, 61);
    CHECK(error_of(options).find("expected templates of 1 to 60, got ") != std::string::npos);
  }
  SECTION("name pool") {
    options.name_tokens = 2;
    options.name_pool = 25;  // 640 names need 26 * 26
    CHECK(error_of(options).find("expected name_pool of at least 26 for 640 names of 2 tokens") !=
          std::string::npos);
    options.name_pool = -2;
    CHECK(error_of(options).find("got -2") != std::string::npos);
  }
  SECTION("name tokens") {
    options.name_tokens = 0;
    CHECK(error_of(options).find("expected name_tokens of 1 to 8, got 0") != std::string::npos);
  }
  SECTION("unseen pairs") {
    options.unseen_pairs = -1;
    CHECK(error_of(options).find("expected unseen_pairs of 0 to") != std::string::npos);
  }
  SECTION("a fact alone in its subset") {
    options.pairs = 4;
    CHECK(error_of(options).find("facts stated forward only") != std::string::npos);
    options.pairs = 8;
    options.unseen_pairs = 1;
    CHECK(error_of(options).find("facts never stated") != std::string::npos);
  }
}

}  // namespace obverse::reversal
