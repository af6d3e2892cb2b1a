// run_sim list: models, trained selectors, devices, shipped configurations, parameters.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "models/quant/selector_files.h"
#include "models/zoo/zoo.h"
#include "tb/config/config_files.h"
#include "tb/config/device.h"
#include "tb/config/home.h"
#include "tb/config/numbers.h"
#include "tb/config/parameters.h"
#include "tb/config/text_table.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"

namespace heatvit::tb {
namespace {

using Align = Table::Align;
using Json = nlohmann::ordered_json;

constexpr const char* kListIntro =
    R"(run_sim list: the models, the trained selectors, the devices, the shipped configurations and every hardware parameter

Each parameter is an option of run, quantize and disasm (--pe.to 32) and a line of an .ini file ([pe] / to = 32).
)";

std::vector<std::string> shipped_configs() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(project_home() / "configs")) {
    if (entry.path().extension() == ".ini") names.push_back("configs/" + entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// What --selector-weights finds by name.
std::string selectors_text() {
  std::string text;
  for (const auto& [name, points] : quant::shipped_selectors(project_home().string())) {
    text += "  " + name;
    for (const std::string& point : points) text += ", " + name + "@" + point;
    text += "\n";
  }
  return text;
}

std::string devices_text() {
  std::string text;
  for (const auto& [name, facts] : shipped_devices()) {
    Table table({Align::kLeft, Align::kLeft});
    for (const IniEntry& fact : facts) table.add({fact.name(), fact.value});
    text += "  configs/devices/" + name + ".ini\n" + table.text();
  }
  return text;
}

Json devices_json() {
  Json json = Json::object();
  for (const auto& [name, facts] : shipped_devices()) {
    for (const IniEntry& fact : facts) {
      const auto number = parse_number(fact.value);
      json[name][fact.section][fact.key] = number ? Json(*number) : Json(fact.value);
    }
  }
  return json;
}

/// The model a shipped configuration is for: the end of its name; "" for none.
std::string model_of(const std::string& config) {
  const std::string stem = std::filesystem::path(config).stem().string();
  for (const zoo::ModelSpec& m : zoo::models()) {
    const std::string end = "-" + std::string(m.name);
    if (stem.size() > end.size() && stem.compare(stem.size() - end.size(), end.size(), end) == 0)
      return std::string(m.name);
  }
  return "";
}

soc::ResourceCount resources_of_config(const std::string& config) {
  return soc::resources_of(resolve_config(model_of(config), {(project_home() / config).string()}, {})).total();
}

std::string configs_text() {
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"configuration", "DSP", "BRAM18K", "LUT", "FF"});
  for (const std::string& name : shipped_configs()) {
    if (model_of(name).empty()) continue;
    std::vector<std::string> cells = {name};
    const soc::ResourceCount c = resources_of_config(name);
    for (const int64_t value : {c.dsp, c.bram18k, c.lut, c.ff}) cells.push_back(grouped(static_cast<uint64_t>(value)));
    table.add(cells);
  }
  return table.text();
}

/// A list of descriptions (docs/networks.md).
std::string models_json() {
  std::string text;
  for (const zoo::ModelSpec& spec : zoo::models()) text += (text.empty() ? "[" : ",\n") + zoo::describe(spec);
  return text + "]\n";
}

std::string as_text() {
  Table models({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
                Align::kRight, Align::kLeft, Align::kLeft});
  models.add({"model", "pixels", "patches", "blocks", "width", "heads", "MLP", "classes", "selectors before blocks",
              "weights"});
  for (const zoo::ModelSpec& m : zoo::models()) {
    std::string positions;
    for (const int p : m.selectors) positions += (positions.empty() ? "" : ", ") + std::to_string(p);
    const std::string pixels = std::to_string(m.image_size);
    models.add({std::string(m.name), pixels + " x " + pixels, std::to_string(m.patches()), std::to_string(m.depth),
                std::to_string(m.dim), std::to_string(m.heads), std::to_string(m.mlp_hidden), std::to_string(m.classes),
                positions, m.weights.empty() ? "bring your own" : std::string(m.weights)});
  }
  std::string text = "Models\n" + models.text() +
                     "\nTrained selectors (--selector-weights; @N: about N % fewer products than unpruned)\n" +
                     selectors_text() +
                     "\nConfigurations (heatvit-MODEL.ini is read by itself; resources by counting)\n" + configs_text();
  text += "\nDevices (what --device knows; a design must fit what [fabric] has)\n" + devices_text();
  Table keys({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
  keys.add({"key", "default", "allowed", "unit", "meaning"});
  const soc::SocConfig defaults;
  for (const Parameter& p : parameters()) keys.add({p.key, value_text(p, defaults), allowed_text(p), p.unit, p.help});
  return text + "\nParameters\n" + keys.text();
}

Json parameter_json(const Parameter& p) {
  const soc::SocConfig defaults;
  Json json = {{"key", p.key}, {"unit", p.unit}, {"default", value_text(p, defaults)}};
  if (p.get_text) {
    json["text"] = p.allowed;
  } else if (p.choices.empty()) {
    json["minimum"] = p.minimum;
    json["maximum"] = p.maximum;
    json["integer"] = p.integral;
  } else {
    for (const Choice& choice : p.choices) json["choices"].push_back(choice.name);
  }
  json["help"] = p.help;
  json["source"] = p.source;
  return json;
}

std::string as_json() {
  Json json;
  for (const zoo::ModelSpec& m : zoo::models()) {
    json["models"].push_back({{"name", m.name},
                              {"depth", m.depth},
                              {"dim", m.dim},
                              {"heads", m.heads},
                              {"mlp_hidden", m.mlp_hidden},
                              {"image_size", m.image_size},
                              {"patches", m.patches()},
                              {"classes", m.classes},
                              {"weights", m.weights},
                              {"selectors", m.selectors}});
  }
  json["selectors"] = quant::shipped_selectors(project_home().string());
  json["configs"] = shipped_configs();
  for (const std::string& name : shipped_configs()) {
    if (model_of(name).empty()) continue;
    const soc::ResourceCount c = resources_of_config(name);
    json["resources"][name] = {{"dsp", c.dsp}, {"bram18", c.bram18k}, {"lut", c.lut}, {"ff", c.ff}};
  }
  json["devices"] = devices_json();
  for (const Parameter& parameter : parameters()) json["parameters"].push_back(parameter_json(parameter));
  return json.dump(1) + "\n";
}

}  // namespace

int list_command(const Arguments& arguments) {
  CommandLine line(kListIntro,
                   {{"Form",
                     {{"json", "FILE", "as JSON; without a name or -: to stdout", false, true},
                      {"markdown", "", "the parameters as the table of docs/parameters.md"},
                      {"models", "", "the networks alone, each as the description that --model FILE.json reads"}}}},
                   false);
  line.parse(arguments);
  if (answered(line)) return 0;
  if (line.has("json") && !line.has("models"))
    write_file(line.text("json"), as_json());
  else
    print(line.has("models") ? models_json() : line.has("markdown") ? parameters_markdown() : as_text());
  return 0;
}

}  // namespace heatvit::tb
