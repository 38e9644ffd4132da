#include "experiments/reversal_curse/worlds/biographies_world.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "experiments/reversal_curse/worlds/biographies_people.h"
#include "experiments/reversal_curse/worlds/biographies_text.h"
#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

constexpr int kInverse = kBackward;
// Candidates a question at most: the choice among them costs more than all other evaluation.
constexpr int kCandidates = 30;
// Further biographies that expansion may take, a person.
constexpr int kFurtherBiographies = 5;

// Nearly equal parts of at most kCandidates, so that none has one member where the whole has more.
std::vector<PeopleRange> groups_of(PeopleRange whole) {
  std::vector<PeopleRange> groups;
  const int count = (whole.size() + kCandidates - 1) / kCandidates;
  for (int i = 0; i < count; ++i) {
    groups.push_back(
        {whole.begin + whole.size() * i / count, whole.begin + whole.size() * (i + 1) / count});
  }
  return groups;
}

class Builder {
 public:
  explicit Builder(const BiographiesOptions& options)
      : options_(options),
        words_(years_for(options.people + options.unseen_people), options.values),
        frames_(draw_frames(options.templates, options.seed)) {}

  // An attribute is a relation. Training states it in biographies, whose other sentences belong to
  // the phrasing, and of the questioned in questions. `world` tells which biographies there are.
  FactRecords records(const World& world) {
    build();
    RecordsMaker maker;
    FactRecords& records = maker.records;
    records.relation_count = kAttributeCount;
    records.left_out = {
        "a name asked for by city, university, major or company alone, which people share",
        "a name asked for by all attributes together, which are no single name"};
    for (const Person& person : people_.people) maker.name(person.name);
    std::map<Name, std::vector<const engine::Document*>> texts;
    for (const engine::Document& document : world.documents) {
      if (document.entities.size() != 1 + kAttributeCount) continue;
      const auto begin = document.tokens.begin() + document.entities[0].begin;
      texts[Name(begin, begin + document.entities[0].length)].push_back(&document);
    }
    for (int person = 0; person < static_cast<int>(people_.people.size()); ++person) {
      for (int attribute = 0; attribute < kAttributeCount; ++attribute) {
        records.facts.push_back(record_of(person, attribute, texts[person_of(person).name], maker));
      }
    }
    return std::move(records);
  }

  World build() {
    const int questioned =
        static_cast<int>(std::lround(options_.questioned_share * options_.people));
    const std::array<PeopleRange, kPeoplePartCount> parts = {
        {{0, questioned},
         {questioned, options_.people},
         {options_.people, options_.people + options_.unseen_people}}};
    for (const PeopleRange& part : parts) {
      kernels::require(part.size() != 1,
                       "[biographies] expected people of each part (questioned, others, unseen) "
                       "to be none or 2 at least, got 1");
    }
    world_.name = "biographies";
    world_.name_tokens = options_.name_tokens;
    world_.directions = {"name_to_attribute", "attributes_to_name"};
    // The words of questions are trained by those about questioned people alone.
    kernels::require(questioned > 0, "[biographies] expected a questioned_share of two people or ",
                     "more, got ", options_.questioned_share);
    world_.counts["questioned_people"] = questioned;
    people_ = draw_people(options_, parts, words_);
    world_.vocabulary = people_.vocabulary;
    draw_phrasings();
    for (int person = 0; person < options_.people; ++person) add_biographies(person);
    for (int person = 0; person < questioned; ++person) add_trained_questions(person);
    add_mentions(parts[kUnseenPeople]);
    add_value_sets();
    ask(Asked::both, Asked::both, parts[kQuestioned]);
    ask(Asked::trained, Asked::reverse, parts[kNotQuestioned]);
    ask(Asked::unseen, Asked::unseen, parts[kUnseenPeople]);
    for (int person = questioned; person < options_.people; ++person) add_neighbours(person);
    world_.longest = longest_text(world_);
    return std::move(world_);
  }

 private:
  using Phrasings = std::vector<Phrasing>;

  const Person& person_of(int person) const {
    return people_.people[static_cast<std::size_t>(person)];
  }

  FactRecord record_of(int person, int attribute,
                       const std::vector<const engine::Document*>& biographies,
                       RecordsMaker& maker) const {
    const Name& value = person_of(person).values[static_cast<std::size_t>(attribute)];
    FactRecord fact;
    fact.fact = person;
    fact.relation = attribute;
    fact.names = {person, maker.name(value)};
    const auto asked = [&](const Frame& frame) {
      return maker.phrasing(phrasing_of(words_.question(person_of(person), attribute, frame)));
    };
    const auto asked_back = [&](const Frame& frame) {
      return maker.phrasing(
          phrasing_of(words_.inverse_question(person_of(person), Description::date, frame)));
    };
    for (const Frame& frame : frames_[kForward].trained) {
      fact.trained[kForward].push_back(asked(frame));
    }
    fact.question[kForward] = asked(frames_[kForward].held_out);
    std::set<int> own;
    for (const engine::Document* text : biographies) {
      for (std::size_t place = 1; place < text->entities.size(); ++place) {
        const engine::EntitySpan& span = text->entities[place];
        const auto begin = text->tokens.begin() + span.begin;
        if (!std::equal(begin, begin + span.length, value.begin(), value.end())) continue;
        const int phrasing = maker.phrasing(phrasing_of(*text, 0, place));
        if (own.insert(phrasing).second) fact.trained[kForward].push_back(phrasing);
      }
    }
    if (attribute != kBirthDate) return fact;
    for (const Frame& frame : frames_[kInverse].trained) {
      fact.trained[kInverse].push_back(asked_back(frame));
    }
    fact.question[kInverse] = asked_back(frames_[kInverse].held_out);
    return fact;
  }

  void draw_phrasings() {
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::documents);
    for (Phrasings& phrasings : phrasings_) {
      phrasings = all_phrasings();
      draws.shuffle(phrasings);
      phrasings.resize(static_cast<std::size_t>(options_.paraphrases));
    }
  }

  engine::Document draw_biography(int person, bool permuted, kernels::RandomSequence& draws) const {
    BiographyPlan plan{};
    std::iota(plan.order.begin(), plan.order.end(), 0);
    if (permuted) draws.shuffle(plan.order);
    for (std::size_t attribute = 0; attribute < plan.phrasings.size(); ++attribute) {
      const Phrasings& phrasings = phrasings_[attribute];
      plan.phrasings[attribute] = phrasings[draws.integer(phrasings.size())];
    }
    return words_.biography(person_of(person), plan);
  }

  // Each person draws from a stream of its own: the first of five biographies is the only one of
  // one.
  kernels::RandomSequence draws_of(int person, int purpose) const {
    return world_draws(
        options_.seed, WorldDraw::documents,
        3 * static_cast<std::uint64_t>(person) + static_cast<std::uint64_t>(purpose) + 1);
  }

  void add_biographies(int person) {
    kernels::RandomSequence draws = draws_of(person, 0);
    std::vector<engine::Document> texts;
    for (int i = 0; i < options_.biographies; ++i) {
      texts.push_back(draw_biography(person, options_.permuted, draws));
    }
    const int copies =
        (std::max(options_.visits, options_.biographies) + options_.biographies - 1) /
        options_.biographies;
    for (int copy = 0; copy < copies; ++copy) {
      world_.documents.insert(world_.documents.end(), texts.begin(), texts.end());
    }
  }

  void add_trained_questions(int person) {
    for (const Frame& frame : frames_[kForward].trained) {
      for (int attribute = 0; attribute < kAttributeCount; ++attribute) {
        world_.documents.push_back(words_.question(person_of(person), attribute, frame));
      }
    }
    for (engine::Document& document : inverse_questions(person)) {
      world_.documents.push_back(std::move(document));
    }
  }

  std::vector<engine::Document> inverse_questions(int person) const {
    std::vector<engine::Document> documents;
    for (const Frame& frame : frames_[kInverse].trained) {
      for (const Description description : {Description::date, Description::everything}) {
        documents.push_back(words_.inverse_question(person_of(person), description, frame));
      }
    }
    return documents;
  }

  // In each of the places where a name can stand.
  void add_mentions(PeopleRange part) {
    kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::mentions);
    for (int person = part.begin; person < part.end; ++person) {
      world_.documents.push_back(words_.mention(person_of(person), -1, 0));
      for (const int slot : {0, 2}) {
        const int word = static_cast<int>(draws.integer(kWordsPerSlot));
        world_.documents.push_back(words_.mention(person_of(person), slot, word));
      }
    }
  }

  // The values of an attribute, in sets of at most kCandidates, with one order of wrong answers.
  void add_value_sets() {
    first_value_set_ = static_cast<int>(world_.candidate_sets.size());
    for (int attribute = kBirthCity; attribute < kAttributeCount; ++attribute) {
      kernels::RandomSequence draws = world_draws(options_.seed, WorldDraw::wrong_answers,
                                                  static_cast<std::uint64_t>(attribute));
      for (const PeopleRange& group : groups_of({0, options_.values})) {
        CandidateSet& set = world_.candidate_sets.emplace_back();
        for (int value = group.begin; value < group.end; ++value) {
          set.answers.push_back({words_.value(attribute, value)});
        }
        wrong_values_.push_back(draw_derangement(group.size(), draws));
      }
    }
  }

  void ask(Asked forward, Asked inverse, PeopleRange part) {
    for (const PeopleRange& group : groups_of(part)) {
      CandidateSet dates, names;
      for (int person = group.begin; person < group.end; ++person) {
        dates.answers.push_back(person_of(person).values[kBirthDate]);
        names.answers.push_back(person_of(person).name);
      }
      const int date_set = static_cast<int>(world_.candidate_sets.size());
      const int name_set = date_set + 1;
      world_.candidate_sets.push_back(std::move(dates));
      world_.candidate_sets.push_back(std::move(names));
      kernels::RandomSequence draws =
          world_draws(options_.seed, WorldDraw::wrong_answers,
                      kAttributeCount + static_cast<std::uint64_t>(group.begin));
      const std::vector<int> wrong_dates = draw_derangement(group.size(), draws);
      const std::vector<int> wrong_names = draw_derangement(group.size(), draws);
      for (int person = group.begin; person < group.end; ++person) {
        const int place = person - group.begin;
        const int wrong_name = wrong_names[static_cast<std::size_t>(place)];
        for (int attribute = 0; attribute < kAttributeCount; ++attribute) {
          const engine::Document whole =
              words_.question(person_of(person), attribute, frames_[kForward].held_out);
          if (attribute == kBirthDate) {
            add_question({forward, kForward, person}, whole, whole.entities.back(), date_set, place,
                         wrong_dates[static_cast<std::size_t>(place)]);
          } else {
            add_value_question({forward, kForward, person}, whole, attribute);
          }
        }
        for (const Description description : {Description::date, Description::everything}) {
          const engine::Document whole =
              words_.inverse_question(person_of(person), description, frames_[kInverse].held_out);
          add_question({inverse, kInverse, person}, whole, whole.entities.back(), name_set, place,
                       wrong_name);
        }
        if (inverse != Asked::reverse) continue;
        kernels::RandomSequence text_draws = draws_of(person, 1);
        const engine::Document whole = draw_biography(person, options_.permuted, text_draws);
        add_question({Asked::infill, kForward, person}, whole, whole.entities.front(), name_set,
                     place, wrong_name);
      }
    }
  }

  struct Subject {
    Asked asked;
    int direction, person;
  };

  void add_value_question(const Subject& subject, const engine::Document& whole, int attribute) {
    const int value = people_.value_index[static_cast<std::size_t>(subject.person)]
                                         [static_cast<std::size_t>(attribute)];
    const std::vector<PeopleRange> groups = groups_of({0, options_.values});
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (value < groups[i].begin || value >= groups[i].end) continue;
      const std::size_t set = static_cast<std::size_t>(attribute - kBirthCity) * groups.size() + i;
      const int right = value - groups[i].begin;
      add_question(subject, whole, whole.entities.back(), first_value_set_ + static_cast<int>(set),
                   right, wrong_values_[set][static_cast<std::size_t>(right)]);
    }
  }

  void add_question(const Subject& subject, const engine::Document& whole,
                    const engine::EntitySpan& answer, int candidates, int right, int wrong) {
    Question question =
        question_about(subject.asked, subject.direction, subject.person, whole, answer);
    question.candidates = candidates;
    question.right = right;
    question.wrong = wrong;
    world_.questions.push_back(std::move(question));
  }

  void add_neighbours(int person) {
    kernels::RandomSequence draws = draws_of(person, 2);
    for (int i = 0; i < kFurtherBiographies; ++i) {
      world_.neighbours.push_back(
          {person, NeighbourKind::paraphrase, draw_biography(person, true, draws)});
    }
    for (engine::Document& document : inverse_questions(person)) {
      world_.neighbours.push_back({person, NeighbourKind::inverse, std::move(document)});
    }
  }

  const BiographiesOptions& options_;
  const BiographyWords words_;
  const std::array<DirectionFrames, 2> frames_;
  std::array<Phrasings, kAttributeCount> phrasings_;
  People people_;
  std::vector<std::vector<int>> wrong_values_;  // by value set
  int first_value_set_ = 0;
  World world_;
};

}  // namespace

World make_biographies_world(const BiographiesOptions& options) { return Builder(options).build(); }

FactRecords make_biographies_records(const BiographiesOptions& options, const World& world) {
  return Builder(options).records(world);
}

}  // namespace obverse::reversal
