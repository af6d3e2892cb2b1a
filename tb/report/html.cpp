#include "tb/report/html.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "accel/isa/errors.h"
#include "models/zoo/json_number.h"
#include "models/zoo/zoo.h"
#include "tb/report/page/assets.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// JSON inside a script element: nothing in it may look like markup.
std::string embeddable(const Json& json) {
  std::string text;
  for (const char c : json.dump()) {
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  }
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

std::string assemble(const std::string& title, const char* kind, const Json& data) {
  if (page::chart_library().empty())
    throw InputError(
        "this run_sim was built without Chart.js; install it with 'apt-get install libjs-chart.js' and build again");
  std::string text = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" + escaped(title) +
                     "</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n";
  text.append(page::style());
  text += "</style>\n</head>\n<body data-kind=\"" + std::string(kind) +
          "\">\n<main id=\"page\"><noscript>This page draws its charts with JavaScript, which is switched off."
          "</noscript></main>\n<script type=\"application/json\" id=\"data\">";
  text += embeddable(data) + "</script>\n<script>\n";
  text.append(page::chart_library());
  for (const std::string_view script : {page::common_script(), page::board_script(), page::run_script(),
                                        page::sweep_script(), page::compare_script()}) {
    text += "\n</script>\n<script>\n";
    text.append(script);
  }
  return text + "</script>\n</body>\n</html>\n";
}

/// The file of an image that the report knows by its name only.
fs::path image_path(const Json& config, const std::string& name, const fs::path& run_folder) {
  std::vector<fs::path> candidates;
  for (const Json& file : config.value("image", Json::array()))
    if (file.is_string() && fs::path(file.get<std::string>()).filename() == name)
      candidates.emplace_back(file.get<std::string>());
  const Json folder = config.value("images", Json());
  if (folder.is_string()) candidates.push_back(fs::path(folder.get<std::string>()) / name);
  for (const fs::path& candidate : candidates)
    for (const fs::path& path : {candidate, run_folder / candidate}) {
      std::error_code error;
      if (fs::is_regular_file(path, error)) return path;
    }
  return {};
}

constexpr int64_t kMost = std::numeric_limits<int>::max();

/// Tokens that enter each block of an image.
std::vector<int64_t> tokens_of(const Json& image) {
  std::vector<int64_t> tokens;
  for (const Json& value : image.at("tokens")) {
    const auto number = zoo::whole_number(value, 0, kMost);
    if (!number) throw InputError("has '" + value.dump() + "' for tokens of a block");
    tokens.push_back(*number);
  }
  return tokens;
}

/// What the charts show of all images, so that the page need not carry each of them: "latency_ms" and "left" (patches
/// behind the last selector), a number an image; "tokens" that enter each block: "mean", "most", "least".
Json set_of(const Json& images) {
  Json latency = Json::array(), left = Json::array();
  std::vector<double> sum;
  std::vector<int64_t> most, least;
  bool batched = false;
  for (const Json& image : images) {
    latency.push_back(image.at("latency_ms"));
    if (const Json kept = image.value("kept_counts", Json::array()); !kept.empty()) left.push_back(kept.back());
    const Json::json_pointer together("/batch/images");
    batched = batched || (image.contains(together) && zoo::whole_number(image.at(together), 2, kMost));
    const std::vector<int64_t> tokens = tokens_of(image);
    if (sum.empty()) sum.assign(tokens.size(), 0), most = least = tokens;
    if (tokens.size() != sum.size()) throw InputError("has images with different numbers of blocks");
    for (size_t b = 0; b < tokens.size(); ++b) {
      sum[b] += static_cast<double>(tokens[b]) / static_cast<double>(images.size());
      most[b] = std::max(most[b], tokens[b]);
      least[b] = std::min(least[b], tokens[b]);
    }
  }
  return {{"images", images.size()},
          {"batched", batched},
          {"latency_ms", std::move(latency)},
          {"left", std::move(left)},
          {"tokens", {{"mean", sum}, {"most", most}, {"least", least}}}};
}

/// Of a run with data the first images stay, with thumbnails; of any other none.
void add_pictures(Json& run, const zoo::ModelSpec& spec, const fs::path& run_folder) {
  const Json& config = run.at("config");
  Json missing = Json::array(), shown = Json::array();
  for (Json& image : run.at("images")) {
    if (shown.size() >= kPictures || run.at("mode") != "functional") break;
    const std::string name = image.at("file").get<std::string>();
    const fs::path path = image_path(config, name, run_folder);
    try {
      if (path.empty()) throw InputError("no such file");
      image["thumbnail"] = thumbnail(path.string(), spec);
    } catch (const InputError&) {
      missing.push_back(name);
    }
    image.erase("logits");
    shown.push_back(std::move(image));
  }
  run["images"] = std::move(shown);
  run["missing_pictures"] = missing;
}

void expect_run(const Json& run) {
  if (!run.is_object() || run.value("schema", "") != "heatvit-sim/run/1")
    throw InputError("is no result of run_sim run --json (schema heatvit-sim/run/1)");
  for (const char* key : {"model", "mode", "config", "images", "summary", "breakdown"})
    if (!run.contains(key)) throw InputError(std::string("has no \"") + key + "\"");
  if (!run["images"].is_array() || run["images"].empty()) throw InputError("has no images");
}

}  // namespace

zoo::ModelSpec network_of(const Json& run) {
  const auto config = run.find("config");
  if (config != run.end() && config->is_object() && config->contains("network"))
    return zoo::read_description((*config)["network"].dump(), "config.network");
  return zoo::find(run.at("model").get<std::string>());
}

std::string run_page(Json run, const fs::path& run_folder, const std::vector<std::string>& class_names) {
  expect_run(run);
  try {
    zoo::ModelSpec spec = network_of(run);
    const int patch = spec.patch_size();
    if (const Json size = run.at("config").value("image_size", Json()); !size.is_null()) {  // the checkpoint's
      const auto pixels = zoo::whole_number(size, patch, 64 * patch);
      if (!pixels) throw InputError("has an image size of '" + size.dump() + "'");
      spec.image_size = static_cast<int>(*pixels);
      spec.patch_grid = spec.image_size / patch;
    }
    const bool named = run["config"].value("classes", Json(spec.classes)) == Json(spec.classes);
    run["set"] = set_of(run.at("images"));
    add_pictures(run, spec, run_folder);
    run["patch_grid"] = spec.patch_grid;
    Json names = Json::object();  // of the classes that appear
    const auto note = [&](const Json& index) {
      const auto number = zoo::whole_number(index, 0, static_cast<int64_t>(class_names.size()) - 1);
      if (number && named) names[std::to_string(*number)] = class_names[static_cast<size_t>(*number)];
    };
    for (const Json& image : run["images"]) {
      note(image.value("label", Json()));
      for (const Json& top : image.value("top5", Json::array())) note(top.at("class"));
    }
    run["class_names"] = names;
    return assemble(
        run["model"].get<std::string>() + ", " + run["mode"].get<std::string>() + " mode - HeatViT simulator", "run",
        run);
  } catch (const Json::exception& error) {
    throw InputError(std::string("is not as run_sim writes it: ") + error.what());
  }
}

std::string sweep_page(const std::string& title, const std::vector<std::string>& objectives,
                       const std::vector<SweepPoint>& points, const std::string& completeness, const Json& provenance) {
  Json rows = Json::array();
  for (const SweepPoint& p : points)
    rows.push_back({{"number", p.number},
                    {"feasible", p.feasible},
                    {"reason", p.reason},
                    {"settings", p.settings},
                    {"metrics", p.metrics}});
  return assemble(title + " - HeatViT simulator", "sweep",
                  {{"title", title},
                   {"objectives", objectives},
                   {"completeness", completeness},
                   {"provenance", provenance},
                   {"points", rows}});
}

std::string compare_page(const Json& comparison) {
  std::string title;
  for (const Json& run : comparison.at("runs"))
    title += (title.empty() ? "" : ", ") + fs::path(run.at("file").get<std::string>()).filename().string();
  return assemble(title + " - HeatViT simulator", "compare", comparison);
}

}  // namespace heatvit::tb
