// Whether a fact's two directions meet in the residual stream (probes/stream_matching.h).
//
// Rule: told is what stands behind the last block, a place chosen beforehand, so that the best of
// many layers is not picked. A probe finds partners where the interval of its accuracy lies above
// chance and that of its difference to shuffled pairs above 0. Where `nearest` does not so find
// another phrasing of the same direction, which must be near, nothing is said of directions.
#include <algorithm>
#include <array>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

constexpr std::array<const char*, 4> kProbes = {"nearest", "difference", "linear", "bilinear"};

struct Facts {
  const char* prefix;
  const char* words;
};
constexpr std::array<Facts, 3> kFacts = {{{"", "stated both ways"},
                                          {"turned.", "stated one way"},
                                          {"one_direction.", "asked one way alone"}}};

// Where one of the pairs of statements of an arm's facts was measured.
struct Place {
  std::string facts;  // of kFacts
  std::string pair;   // "direction" or "phrasing"
  int layer = 0;      // -1: the embedding

  std::string metric(const std::string& what) const {
    return "representation." + facts + pair + ".layer_" +
           (layer < 0 ? "embedding" : std::to_string(layer)) + "." + what;
  }
  std::string layer_words() const {
    return layer < 0 ? "embedding" : "layer " + std::to_string(layer);
  }
};

// The last block that was measured; nothing where none was.
std::optional<Place> last_of(const AskedArm& arm, const std::string& facts,
                             const std::string& pair) {
  Place place{facts, pair, 0};
  while (arm.number(place.metric("nearest.accuracy"))) ++place.layer;
  if (--place.layer < 0) return std::nullopt;
  return place;
}

std::vector<Place> places_of_arm(const AskedArm& arm) {
  std::vector<Place> places;
  for (const Facts& facts : kFacts) {
    for (const char* pair : {"direction", "phrasing"}) {
      const auto last = last_of(arm, facts.prefix, pair);
      for (int layer = -1; last && layer <= last->layer; ++layer) {
        places.push_back({facts.prefix, pair, layer});
      }
    }
  }
  return places;
}

struct Found {
  Estimate accuracy;
  double chance = 0.0;
  bool surely = false;
};

// That of who knows how long the names are, where that tells something.
std::optional<double> chance_of(const AskedArm& arm, const Place& place, const std::string& probe) {
  const auto length = arm.number(place.metric(probe + ".length_chance"));
  return length ? length : arm.number(place.metric(probe + ".chance"));
}

std::optional<Found> found_by(const AskedArm& arm, const Place& place, const std::string& probe) {
  const auto accuracy = arm.estimate(place.metric(probe + ".accuracy"));
  const auto shuffled = arm.estimate(place.metric(probe + ".shuffled_accuracy"));
  const auto chance = chance_of(arm, place, probe);
  if (!accuracy || !shuffled || !chance) return std::nullopt;
  return Found{*accuracy, *chance,
               accuracy->interval.low > *chance && change_of(*shuffled, *accuracy).low > 0.0};
}

bool is_tied(const AskedArm& arm) {
  const auto tied = arm.settings.find("architecture.tied_embeddings");
  return tied != arm.settings.end() && tied->second == true;
}

struct Told {
  std::string sentence;
  bool sound = false, meets = false;
};

Told told_of(const AskedArm& arm, const Place& place) {
  Told told;
  const Place phrasing{place.facts, "phrasing", place.layer};
  const auto nearest = found_by(arm, phrasing, "nearest");
  std::string text = arm.label() + ": ";
  if (!nearest || !nearest->surely) {
    text += nearest ? "another phrasing is not surely nearest (" + shown(nearest->accuracy) + ")"
                    : std::string("no other phrasing was compared");
    told.sentence = text + ", so that nothing is said of directions.";
    return told;
  }
  if (place.pair != "direction") {
    told.sentence = text +
                    "facts are asked in one direction alone; another phrasing is the nearest "
                    "in " +
                    shown(nearest->accuracy) + " (chance " + percent(nearest->chance) + ").";
    return told;
  }
  told.sound = true;
  std::vector<std::string> surely;
  std::optional<Found> most;
  std::string most_name;
  for (const char* probe : kProbes) {
    const auto found = found_by(arm, place, probe);
    if (!found) continue;
    if (found->surely) surely.push_back(std::string(probe) + " (" + shown(found->accuracy) + ")");
    if (!most || found->accuracy.value > most->accuracy.value) {
      most = found;
      most_name = probe;
    }
  }
  if (!most) return told;
  const std::string chance = "chance (" + percent(most->chance) + ")";
  told.meets = !surely.empty();
  if (told.meets) {
    text += "a fact's other direction is found surely more often than " + chance + " by " +
            listed(surely, 4);
    if (is_tied(arm)) {
      text += "; embeddings are tied, so that the two names alone may match, without one record";
    }
  } else {
    text += "no probe finds a fact's other direction surely more often than " + chance +
            ", at most " + shown(most->accuracy) + " (" + most_name + ")";
  }
  told.sentence = text + "; another phrasing is the nearest in " + shown(nearest->accuracy) + ".";
  return told;
}

std::string picture_of(const AskedArm& arm, const Place& last) {
  Plot plot;
  plot.title = (last.pair == "direction" ? "Matching of a fact's directions by layer, "
                                         : "Matching of two phrasings by layer, ") +
               arm.label();
  plot.y_title = "partners found, %";
  plot.series = {{"nearest", Look::trained, {}, false},
                 {"bilinear", Look::reverse, {}, false},
                 {"linear", Look::third, {}, false},
                 {"chance", Look::fourth, {}, false}};
  std::vector<std::string> labels;
  for (int layer = -1; layer <= last.layer; ++layer) {
    const Place place{last.facts, last.pair, layer};
    for (PlotSeries& series : plot.series) {
      const bool chance = series.label == "chance";
      const bool by_length = arm.number(place.metric("nearest.length_chance")).has_value();
      const std::string metric = place.metric(!chance     ? series.label + ".accuracy"
                                              : by_length ? "nearest.length_chance"
                                                          : "nearest.chance");
      auto point = point_of(arm, metric, static_cast<double>(labels.size()),
                            series.label + ", " + place.layer_words());
      if (!point) continue;
      if (chance) point->seeds.clear();
      series.points.push_back(*point);
    }
    labels.push_back(place.layer_words());
  }
  return plot_by_category(plot, labels);
}

// How many intervals of shuffled pairs hold chance, and of how many.
struct Shuffled {
  std::size_t held = 0, all = 0;
  void take(const AskedArm& arm, const Place& place) {
    for (const char* probe : kProbes) {
      const auto shuffled = arm.estimate(place.metric(probe + std::string(".shuffled_accuracy")));
      const auto chance = arm.number(place.metric(probe + std::string(".chance")));
      if (!shuffled || !chance) continue;
      ++all;
      held += shuffled->interval.low <= *chance && *chance <= shuffled->interval.high ? 1 : 0;
    }
  }
};

std::string words_of_facts(const std::string& prefix) {
  for (const Facts& facts : kFacts) {
    if (prefix == facts.prefix) return facts.words;
  }
  return prefix;
}

void add_row(const AskedArm& arm, const Place& place, DataTable& table) {
  std::vector<Cell> row = {
      text_cell(arm.label()),
      text_cell(words_of_facts(place.facts)),
      text_cell(place.pair == "direction" ? "other direction" : "other phrasing"),
      text_cell(place.layer_words()),
      estimate_cell(arm.estimate(place.metric("similarity"))),
      number_cell(arm.number(place.metric("nearest.chance"))),
      number_cell(arm.number(place.metric("nearest.length_chance")))};
  for (const char* probe : kProbes) {
    row.push_back(estimate_cell(arm.estimate(place.metric(probe + std::string(".accuracy")))));
    row.push_back(
        estimate_cell(arm.estimate(place.metric(probe + std::string(".shuffled_accuracy")))));
  }
  table.rows.push_back(row);
}

std::optional<Answer> answer_of(const Study& study) {
  constexpr std::size_t kPictures = 6;
  Answer answer;
  answer.table.columns = {{"arm", Shown::text},
                          {"facts", Shown::text},
                          {"pair", Shown::text},
                          {"behind", Shown::text},
                          {"similarity", Shown::nats},
                          {"chance", Shown::share},
                          {"chance by length", Shown::share}};
  for (const char* probe : kProbes) {
    answer.table.columns.push_back({probe, Shown::share});
    answer.table.columns.push_back({std::string(probe) + ", shuffled", Shown::share});
  }
  ArmList arms;
  std::vector<std::string> sentences;
  std::size_t sound = 0, meets = 0;
  Shuffled shuffled;
  for (const AskedArm& arm : study.arms) {
    std::optional<Place> last;
    for (const char* pair : {"direction", "phrasing"}) {
      for (const Facts& facts : kFacts) {
        if (!last) last = last_of(arm, facts.prefix, pair);
      }
    }
    if (!last) continue;
    arms.push_back(&arm);
    const Told told = told_of(arm, *last);
    sentences.push_back(told.sentence);
    sound += told.sound ? 1 : 0;
    meets += told.meets ? 1 : 0;
    for (const Place& place : places_of_arm(arm)) {
      add_row(arm, place, answer.table);
      shuffled.take(arm, place);
    }
    if (answer.figures.size() < kPictures) {
      answer.figures.push_back({"layers-" + std::to_string(answer.figures.size() + 1), arm.label(),
                                picture_of(arm, *last)});
    }
  }
  if (arms.empty()) return std::nullopt;
  answer.headline = "Behind the last block, where the answer is about to be given: ";
  if (sound > 1) {
    answer.headline += "in " + std::to_string(meets) + " of " + std::to_string(sound) +
                       " arms a probe fitted on other facts finds a fact's other direction. ";
  }
  answer.headline += joined_sentences(sentences, 3);
  answer.controls = {
      "Control: over shuffled pairs the same procedure is at chance, by its "
      "interval, in " +
      std::to_string(shuffled.held) + " of " + std::to_string(shuffled.all) +
      " numbers; of intervals of 95 % one in twenty misses it by luck."};
  for (const std::string& control : control_sentences(arms)) answer.controls.push_back(control);
  for (const std::string& line : left_out_sentences(arms, "representation")) {
    answer.controls.push_back(line);
  }
  answer.published = {
      "Kim et al. 2025 (arXiv:2509.21993): a bilinear relational structure is found in models that "
      "answer what they were not told."};
  answer.note =
      "Given what stands there after one statement of a fact, its partner after the other "
      "statement is chosen among those of a fold's facts, by probes fitted on the other folds. "
      "Both statements have the same two names in them, of which one was read and one is to be "
      "said: a match is no proof of one record. Where other facts hang on both names, as on a "
      "person's "
      "name and birthday, these may be what matches.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> representation_questions() {
  return {{"representation", 120, "Is a fact one place in the residual stream?", answer_of}};
}

}  // namespace obverse::reversal::report
