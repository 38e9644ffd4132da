#include "experiments/reversal_curse/worlds/biographies_text.h"
#include "experiments/reversal_curse/worlds/biographies_world.h"
#include "experiments/reversal_curse/worlds/shared_options.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {
namespace {

BiographiesOptions biographies_options(const nlohmann::json& options, std::uint64_t seed) {
  BiographiesOptions made;
  made.people = options.at("people");
  made.biographies = options.at("biographies");
  made.visits = options.at("biography_visits");
  made.permuted = options.at("permuted") == "yes";
  made.paraphrases = options.at("paraphrases");
  made.questioned_share = options.at("questioned_share");
  made.templates = options.at("templates");
  made.values = options.at("attribute_values");
  made.name_tokens = options.at("name_tokens");
  made.unseen_people = options.at("unseen_people");
  made.seed = seed;
  return made;
}

World make(const nlohmann::json& options, std::uint64_t seed) {
  return make_biographies_world(biographies_options(options, seed));
}

FactRecords records(const MadeWorld& made) {
  return make_biographies_records(biographies_options(made.options, made.seed), made.world);
}

}  // namespace

std::vector<WorldKind> biographies_worlds() {
  const BiographiesOptions usual;
  return {
      {.name = "biographies",
       .summary = "people with biographies of five attributes, asked for an attribute or for the "
                  "name (bioS of Allen-Zhu and Li 2023, there with 100000 people)",
       .options =
           {{"people", "People with biographies; published: 100000", usual.people, 2, 100000, {}},
            {"biographies", "Distinct texts a person", usual.biographies, 1, 1000, {}},
            {"biography_visits",
             "Texts a person in each round of training: the distinct ones, repeated until "
             "there are as many",
             usual.visits,
             1,
             1000,
             {}},
            {"permuted",
             "yes: the sentences of each text in an order of their own",
             "no",
             0,
             0,
             {"no", "yes"}},
            {"paraphrases",
             "Phrasings an attribute in training; published: about 50",
             usual.paraphrases,
             1,
             kMaximumParaphrases,
             {}},
            {"questioned_share",
             "Part of the people whose questions, with their inverse, are in training",
             usual.questioned_share,
             0,
             1,
             {}},
            templates_option(usual.templates),
            {"attribute_values",
             "Values of each attribute but the date; published: 100 to 300",
             usual.values,
             2,
             10000,
             {}},
            name_tokens_option(usual.name_tokens),
            {"unseen_people",
             "Further people of whom training mentions the names alone",
             usual.unseen_people,
             0,
             100000,
             {}}},
       .make = make,
       .records = records}};
}

}  // namespace obverse::reversal
