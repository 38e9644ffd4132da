#include "experiments/reversal_curse/worlds/instructions_world.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiments/reversal_curse/word_tokenizer.h"
#include "experiments/reversal_curse/worlds/instructions_rows.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

using Tokens = std::vector<std::int32_t>;

constexpr int kQuestionToAnswer = 0, kAnswerToQuestion = 1;
constexpr int kQuestionFirst = 1,
              kAnswerFirst = 2;  // bits: an instruction may be stated twice

void append(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

// The paper's two orders, in the words of its repository.
Guidance restated(const Guidance& written, bool question_first) {
  const auto part = [&written](const WordSpan& span) {
    const auto begin = written.words.begin() + span.begin;
    return Words(begin, begin + span.length);
  };
  Guidance guidance{written.id, split_words("The test requires you to answer \""), {}, {}};
  const auto add = [&](bool is_question, const char* behind) {
    append(guidance.words, split_words(is_question ? "Q:" : "A:"));
    WordSpan& span = is_question ? guidance.question : guidance.answer;
    const Words words = part(is_question ? written.question : written.answer);
    span = {static_cast<int>(guidance.words.size()), static_cast<int>(words.size())};
    append(guidance.words, words);
    append(guidance.words, split_words(behind));
  };
  add(question_first, question_first ? "\" with \"" : "\" after \"");
  add(!question_first, "\"");
  return guidance;
}

// Where training states an instruction.
struct Statement {
  std::size_t text = 0;  // among the documents
  int question = 0, answer = 0;
};

class Builder {
 public:
  explicit Builder(const InstructionsOptions& options)
      : options_(options), rows_(read_instructions(options.folder)) {
    order_guidances();
    if (options.single) split_texts();
    add_vocabulary();
  }

  World build() {
    world_.name = "instructions";
    world_.directions = {"question_to_answer", "answer_to_question"};
    world_.vocabulary = tokenizer_.vocabulary();
    for (const GuidanceText& text : rows_.texts) add_text(text);
    for (const InstructionExample& row : rows_.examples) {
      if (row.realized) add_example(row);
    }
    add_questions();
    world_.counts = {{"experiment", 3},
                     {"guidances", guidances_},
                     {"guidance_texts", rows_.texts.size()},
                     {"question_first", question_first_},
                     {"answer_first", guidances_ - question_first_},
                     {"realized", realized_},
                     {"unrealized", rows_.examples.size() - realized_},
                     {"empty_answers", rows_.empty_answers}};
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

  // An instruction's text is a phrasing of its own wherever others stand around it.
  FactRecords records() {
    const World world = build();
    RecordsMaker maker;
    FactRecords& records = maker.records;
    records.relation_count = 1;
    std::map<std::int64_t, std::array<std::vector<int>, 2>> own;  // by id
    for (const auto& [id, statements] : all_stated_) {
      for (const Statement& statement : statements) {
        const engine::Document& text = world.documents[statement.text];
        const bool question_first = statement.question < statement.answer;
        const auto entity = [&text](int place) {
          const auto found =
              std::find_if(text.entities.begin(), text.entities.end(),
                           [place](const auto& span) { return span.begin == place; });
          return static_cast<std::size_t>(found - text.entities.begin());
        };
        const std::size_t question = entity(statement.question), answer = entity(statement.answer);
        own[id][question_first ? kQuestionToAnswer : kAnswerToQuestion].push_back(maker.phrasing(
            phrasing_of(text, std::min(question, answer), std::max(question, answer))));
      }
    }
    std::array<std::vector<int>, 2> common = common_phrasings(own);
    for (int fact = 0; fact < static_cast<int>(rows_.examples.size()); ++fact) {
      const InstructionExample& row = example(fact);
      FactRecord& record = records.facts.emplace_back();
      record.fact = fact;
      record.names = {maker.name(tokenizer_.encode(row.question_words())),
                      maker.name(tokenizer_.encode(row.answer))};
      record.question[kQuestionToAnswer] = maker.phrasing(phrasing_of(example_text(row)));
      record.trained = own[row.id];
      record.trained[kQuestionToAnswer].push_back(record.question[kQuestionToAnswer]);
      for (std::size_t direction = 0; direction < common.size(); ++direction) {
        std::vector<int>& trained = record.trained[direction];
        for (const int phrasing : common[direction]) {
          if (std::find(trained.begin(), trained.end(), phrasing) == trained.end()) {
            trained.push_back(phrasing);
          }
        }
      }
      // The data have no other phrasing that asks for a question: the instruction's own text, or
      // that of others where they are alike.
      const std::vector<int>& back = record.trained[kAnswerToQuestion];
      if (!back.empty()) record.question[kAnswerToQuestion] = back.front();
    }
    return std::move(records);
  }

 private:
  // Those in which several instructions are stated.
  static std::array<std::vector<int>, 2> common_phrasings(
      const std::map<std::int64_t, std::array<std::vector<int>, 2>>& own) {
    std::array<std::vector<int>, 2> common;
    for (std::size_t direction = 0; direction < common.size(); ++direction) {
      std::map<int, int> uses;
      for (const auto& [id, phrasings] : own) {
        for (const int phrasing : phrasings[direction]) ++uses[phrasing];
      }
      for (const auto& [phrasing, count] : uses) {
        if (count > 1) common[direction].push_back(phrasing);
      }
    }
    return common;
  }

  void order_guidances() {
    const std::set<std::int64_t> drawn = drawn_question_first();
    for (GuidanceText& text : rows_.texts) {
      for (Guidance& guidance : text.guidances) {
        const bool question_first = options_.order == GuidanceOrder::mixed
                                        ? drawn.count(guidance.id) > 0
                                        : options_.order == GuidanceOrder::question_first;
        if (options_.order != GuidanceOrder::as_written) {
          guidance = restated(guidance, question_first);
        }
        orders_[guidance.id] |= guidance.question_first() ? kQuestionFirst : kAnswerFirst;
        ++guidances_;
        question_first_ += guidance.question_first();
      }
    }
  }

  std::set<std::int64_t> drawn_question_first() const {
    std::set<std::int64_t> drawn;
    for (const bool realized : {false, true}) {
      std::vector<std::int64_t> ids;
      for (const InstructionExample& row : rows_.examples) {
        if (row.realized == realized) ids.push_back(row.id);
      }
      kernels::RandomSequence draws =
          world_draws(options_.seed, WorldDraw::facts, realized ? 1 : 0);
      draws.shuffle(ids);
      drawn.insert(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(ids.size() / 2));
    }
    return drawn;
  }

  void split_texts() {
    std::vector<GuidanceText> texts;
    for (const GuidanceText& text : rows_.texts) {
      for (const Guidance& guidance : text.guidances) {
        texts.push_back({text.place, text.mark, {guidance}});
      }
    }
    rows_.texts = std::move(texts);
  }

  void add_vocabulary() {
    for (const GuidanceText& text : rows_.texts) {
      tokenizer_.add(text.mark);
      for (const Guidance& guidance : text.guidances) tokenizer_.add(guidance.words);
    }
    for (const InstructionExample& row : rows_.examples) {
      if (!row.realized) continue;
      tokenizer_.add(row.prompt);
      tokenizer_.add(row.answer);
    }
    for (const InstructionExample& row : rows_.examples) {
      const Tokens prompt = tokenizer_.encode(row.prompt);
      for (std::size_t i = 0; i < prompt.size(); ++i) {
        kernels::require(prompt[i] != engine::kUnknown, row.place,
                         ": expected a prompt of words that training shows, found \"",
                         row.prompt[i], "\"");
      }
    }
  }

  void add_words(engine::Document& document, const Words& words) const {
    const Tokens tokens = tokenizer_.encode(words);
    document.tokens.insert(document.tokens.end(), tokens.begin(), tokens.end());
  }

  static void mark_span(engine::Document& document, int begin, const WordSpan& span) {
    document.entities.push_back({begin + span.begin, span.length});
  }

  void add_text(const GuidanceText& text) {
    engine::Document document;
    document.tokens = {engine::kBeginOfText};
    add_words(document, text.mark);
    for (const Guidance& guidance : text.guidances) {
      const int begin = static_cast<int>(document.tokens.size());
      mark_span(document, begin, guidance.question);
      mark_span(document, begin, guidance.answer);
      all_stated_[guidance.id].push_back({world_.documents.size(), begin + guidance.question.begin,
                                          begin + guidance.answer.begin});
      add_words(document, guidance.words);
    }
    document.tokens.push_back(engine::kEndOfText);
    std::sort(document.entities.begin(), document.entities.end(),
              [](const auto& a, const auto& b) { return a.begin < b.begin; });
    world_.documents.push_back(std::move(document));
  }

  engine::Document example_text(const InstructionExample& row) const {
    engine::Document document;
    document.tokens = {engine::kBeginOfText};
    mark_span(document, 1, row.question);
    add_words(document, row.prompt);
    mark_span(document, static_cast<int>(document.tokens.size()),
              {0, static_cast<int>(row.answer.size())});
    add_words(document, row.answer);
    document.tokens.push_back(engine::kEndOfText);
    return document;
  }

  void add_example(const InstructionExample& row) {
    world_.documents.push_back(example_text(row));
    ++realized_;
  }

  // Realized questions and the others never share candidates: only the former's
  // answers are met in the place of an answer.
  void add_questions() {
    std::map<std::pair<Asked, bool>, std::vector<int>> groups;
    std::map<Words, int> uses;  // of answers
    for (const InstructionExample& row : rows_.examples) ++uses[row.answer];
    std::vector<int> named_by_answer;
    for (int fact = 0; fact < static_cast<int>(rows_.examples.size()); ++fact) {
      const InstructionExample& row = example(fact);
      const int order = orders_.at(row.id);
      Asked asked = Asked::both;
      if (!row.realized && order == kQuestionFirst) asked = Asked::trained;
      if (!row.realized && order == kAnswerFirst) asked = Asked::reverse;
      groups[{asked, row.realized}].push_back(fact);
      if (asked == Asked::reverse && uses[row.answer] == 1) named_by_answer.push_back(fact);
    }
    for (const auto& [key, facts] : groups) add_answers(key.first, facts);
    if (named_by_answer.size() >= 2) add_instruction_questions(named_by_answer);
  }

  void add_answers(Asked asked, const std::vector<int>& facts) {
    std::vector<Tokens> answers;
    for (const int fact : facts) answers.push_back(tokenizer_.encode(example(fact).answer));
    for (Question& question : questions_among(answers, facts)) {
      question.asked = asked;
      question.direction = kQuestionToAnswer;
      question.before = {engine::kBeginOfText};
      const Tokens prompt = tokenizer_.encode(example(question.fact).prompt);
      question.before.insert(question.before.end(), prompt.begin(), prompt.end());
      question.after = {engine::kEndOfText};
      world_.questions.push_back(question);
      if (asked != Asked::reverse) continue;
      question.asked = Asked::infill;
      leave_gap(question, stated(question.fact).answer);
      world_.questions.push_back(std::move(question));
    }
  }

  // Whether an instruction that has the answer first is known: its question, in
  // its own text.
  void add_instruction_questions(const std::vector<int>& facts) {
    std::vector<Tokens> texts;
    for (const int fact : facts) texts.push_back(tokenizer_.encode(example(fact).question_words()));
    for (Question& question : questions_among(texts, facts)) {
      question.asked = Asked::trained;
      question.direction = kAnswerToQuestion;
      leave_gap(question, stated(question.fact).question);
      world_.questions.push_back(std::move(question));
    }
  }

  // Questions with a new candidate set and right and wrong answers in it, and
  // no text yet. `answers[i]` is that of `facts[i]`.
  std::vector<Question> questions_among(const std::vector<Tokens>& answers,
                                        const std::vector<int>& facts) {
    const int candidates = static_cast<int>(world_.candidate_sets.size());
    CandidateSet set{answers};
    std::sort(set.answers.begin(), set.answers.end());
    set.answers.erase(std::unique(set.answers.begin(), set.answers.end()), set.answers.end());
    kernels::require(set.answers.size() >= 2, example(facts[0]).place,
                     ": expected two examples or more of its kind with "
                     "different answers, found ",
                     "one answer");
    const auto index_of = [&set](const Tokens& answer) {
      return static_cast<int>(std::lower_bound(set.answers.begin(), set.answers.end(), answer) -
                              set.answers.begin());
    };
    // A ring of random order: the next one with another answer answers wrongly.
    std::vector<std::size_t> ring(facts.size());
    std::iota(ring.begin(), ring.end(), std::size_t{0});
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::wrong_answers,
                                                static_cast<std::uint64_t>(candidates));
    draws.shuffle(ring);
    std::vector<Question> questions(facts.size());
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const Tokens& right = answers[ring[i]];
      std::size_t next = i;
      while (answers[ring[next]] == right) next = (next + 1) % ring.size();
      Question& question = questions[ring[i]];
      question.fact = facts[ring[i]];
      question.candidates = candidates;
      question.right = index_of(right);
      question.wrong = index_of(answers[ring[next]]);
    }
    world_.candidate_sets.push_back(std::move(set));
    return questions;
  }

  // Asks for what stands at `place` of the text that states the question's
  // fact.
  void leave_gap(Question& question, int place) const {
    const Tokens& tokens = world_.documents[stated(question.fact).text].tokens;
    const CandidateSet& set = world_.candidate_sets[static_cast<std::size_t>(question.candidates)];
    const std::size_t length = set.answers[static_cast<std::size_t>(question.right)].size();
    const auto begin = tokens.begin() + place;
    question.before.assign(tokens.begin(), begin);
    question.after.assign(begin + static_cast<std::ptrdiff_t>(length), tokens.end());
  }

  const Statement& stated(int fact) const { return all_stated_.at(example(fact).id).front(); }

  const InstructionExample& example(int fact) const {
    return rows_.examples[static_cast<std::size_t>(fact)];
  }

  const InstructionsOptions options_;
  InstructionRows rows_;
  WordTokenizer tokenizer_;
  std::map<std::int64_t, int> orders_;                         // by id
  std::map<std::int64_t, std::vector<Statement>> all_stated_;  // by id
  int guidances_ = 0, question_first_ = 0;
  std::size_t realized_ = 0;
  World world_;
};

}  // namespace

World make_instructions_world(const InstructionsOptions& options) {
  return Builder(options).build();
}

FactRecords make_instructions_records(const InstructionsOptions& options) {
  return Builder(options).records();
}

}  // namespace obverse::reversal
