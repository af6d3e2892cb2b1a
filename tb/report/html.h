// The HTML report: one page that needs no network. Charts are drawn by Chart.js (Debian's libjs-chart.js), which is
// built into the program together with the page's own script and style (tb/report/page). docs/report.md shows pages.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/zoo/zoo.h"

namespace heatvit::tb {

constexpr size_t kPictures = 20;  // images drawn with the tokens kept, the first of a run

/// The network that a run was of, as its report describes it. Throws InputError where it says no network.
zoo::ModelSpec network_of(const nlohmann::ordered_json& run);

/// A page of a run's JSON (docs/cli.md). `run_folder`: where its file lies; image paths are tried as given, then from
/// there. An image that is not found is left out and noted on the page. Throws InputError when keys are missing or the
/// model is unknown.
std::string run_page(nlohmann::ordered_json run, const std::filesystem::path& run_folder,
                     const std::vector<std::string>& class_names);

/// One design point of a sweep.
struct SweepPoint {
  uint64_t number = 0;
  bool feasible = true;
  std::string reason;               // where it is not
  nlohmann::ordered_json settings;  // the axes
  nlohmann::ordered_json metrics;   // name: number
};

/// A page of a sweep. `objectives`: metrics, all of them minimised; the first two are drawn first.
std::string sweep_page(const std::string& title, const std::vector<std::string>& objectives,
                       const std::vector<SweepPoint>& points, const std::string& completeness = "",
                       const nlohmann::ordered_json& provenance = nullptr);

/// A page of what run_sim compare writes as JSON.
std::string compare_page(const nlohmann::ordered_json& comparison);

/// An image cut to the network's input, at most 223 pixels a side, as a data URI (JPEG). Throws InputError: no such
/// image.
std::string thumbnail(const std::string& path, const zoo::ModelSpec& spec);

}  // namespace heatvit::tb
