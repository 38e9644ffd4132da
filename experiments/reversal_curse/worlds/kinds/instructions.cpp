#include "experiments/reversal_curse/worlds/instructions_rows.h"
#include "experiments/reversal_curse/worlds/instructions_world.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {
namespace {

GuidanceOrder order_named(const std::string& name) {
  if (name == "question_first") return GuidanceOrder::question_first;
  if (name == "answer_first") return GuidanceOrder::answer_first;
  return name == "mixed" ? GuidanceOrder::mixed : GuidanceOrder::as_written;
}

InstructionsOptions instructions_options(const std::filesystem::path& folder,
                                         const nlohmann::json& options, std::uint64_t seed) {
  return {.folder = folder,
          .order = order_named(options.at("guidance_order")),
          .single = options.at("guidance_texts") == "single",
          .seed = seed};
}

World read(const std::filesystem::path& folder, const nlohmann::json& options, std::uint64_t seed) {
  return make_instructions_world(instructions_options(folder, options, seed));
}

FactRecords records(const MadeWorld& made) {
  return make_instructions_records(instructions_options(made.folder, made.options, made.seed));
}

}  // namespace

std::vector<WorldKind> instructions_worlds() {
  return {{.name = "instructions",
           .summary = "instructions to answer a question, Experiment 3 of Berglund et al. 2023; "
                      "needs --data DIR",
           .options = {{"guidance_order",
                        "Order of question and answer in instructions: as_written, or restated "
                        "question_first, answer_first or mixed (half each)",
                        "as_written",
                        0,
                        0,
                        {"as_written", "question_first", "answer_first", "mixed"}},
                       {"guidance_texts",
                        "Instructions of one text: as_written, or a single one each",
                        "as_written",
                        0,
                        0,
                        {"as_written", "single"}}},
           .read = read,
           .files = instruction_files(),
           .records = records}};
}

}  // namespace obverse::reversal
