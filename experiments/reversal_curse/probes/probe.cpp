#include "experiments/reversal_curse/probes/probe.h"

#include "kernels/core/check.h"

namespace obverse::reversal {

// The generated list of all files' kinds.
std::vector<ProbeKind> listed_probe_kinds();

namespace {

using nlohmann::json;

const std::vector<ProbeKind>& all_kinds() {
  static const std::vector<ProbeKind> kKinds = listed_probe_kinds();
  return kKinds;
}

}  // namespace

void to_json(json& json, const ProbeOptions& options) {
  json = {{"facts", options.facts}, {"layer", options.layer}, {"direction", options.direction}};
}

std::vector<ProbeKind> probe_kinds() { return all_kinds(); }

const ProbeKind& probe_kind(const std::string& name) {
  std::string names;
  for (const ProbeKind& kind : all_kinds()) {
    if (kind.name == name) return kind;
    names += " " + kind.name;
  }
  kernels::fail("[probe] expected one of", names, ", got '", name, "'");
}

std::string why_no_records(const RunSettings& settings) {
  if (world_kind(settings.world.name).records) return "";
  return "the facts of the world " + settings.world.name + " are not pairs of names";
}

std::int64_t chosen_layer(const ProbeOptions& options, const engine::TransformerConfig& config) {
  if (options.layer < 0) return (config.layers - 1) / 2;
  kernels::require(options.layer < config.layers, "[probe] expected a layer below the model's ",
                   config.layers, ", got ", options.layer);
  return options.layer;
}

}  // namespace obverse::reversal
