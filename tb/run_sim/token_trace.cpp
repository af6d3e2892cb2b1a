#include "tb/run_sim/token_trace.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "models/zoo/json_number.h"
#include "tb/config/csv.h"
#include "tb/config/json_file.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {
namespace {

std::vector<std::string> header_for(size_t selectors) {
  std::vector<std::string> header = {"image"};
  for (size_t s = 1; s <= selectors; ++s) header.push_back("kept" + std::to_string(s));
  return header;
}

using Json = nlohmann::ordered_json;

std::string place_of(const std::string& path, const TraceRow& row, size_t stage) {
  return path + ": " + row.image + ", selector " + std::to_string(stage + 1);
}

/// The patches after a selector, in order. `fused`: numbers from there on are fused tokens, the last of them new here.
std::vector<int> patches_of(const std::string& where, const Json& list, const std::vector<int>* before, int patches,
                            int fused) {
  if (!list.is_array()) throw InputError(where + ": a list of patches is needed");
  const int newest = fused > 0 ? patches + fused - 1 : patches;
  std::vector<int> stay;
  for (const Json& value : list) {
    const auto patch = zoo::whole_number(value, 0, patches + fused - 1);
    if (!patch)
      throw InputError(where + ": '" + value.dump() + "' is no patch; allowed: 0 to " +
                       std::to_string(patches + fused - 1));
    stay.push_back(static_cast<int>(*patch));
  }
  std::sort(stay.begin(), stay.end());
  const auto twice = std::adjacent_find(stay.begin(), stay.end());
  if (twice != stay.end()) throw InputError(where + ": patch " + std::to_string(*twice) + " is there twice");
  for (const int patch : stay)
    if (before != nullptr && patch != newest && !std::binary_search(before->begin(), before->end(), patch))
      throw InputError(where + ": patch " + std::to_string(patch) + " is gone since an earlier selector");
  return stay;
}

TraceRow row_of(const std::string& path, const Json& image, size_t number, int selectors, int patches, bool fuses) {
  TraceRow row;
  row.image = image.is_object() && image.contains("file") && image["file"].is_string()
                  ? image["file"].get<std::string>()
                  : "image " + std::to_string(number);
  const bool indices =
      image.is_object() && image.contains("kept") && image["kept"].is_array() && !image["kept"].empty();
  const char* key = indices ? "kept" : "kept_counts";
  if (!image.is_object() || !image.contains(key) || !image[key].is_array())
    throw InputError(path + ": " + row.image + " has no \"kept\", a list of patches a selector");
  const Json& stages = image[key];
  if (stages.size() != static_cast<size_t>(selectors))
    throw InputError(path + ": " + row.image + ": " + std::to_string(stages.size()) + " lists, but there are " +
                     std::to_string(selectors) + " selectors");
  int most = patches;
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    const std::string where = place_of(path, row, stage);
    if (indices) {
      row.patches.push_back(patches_of(where, stages[stage], stage == 0 ? nullptr : &row.patches.back(), patches,
                                       fuses ? static_cast<int>(stage) : 0));
      most = static_cast<int>(row.patches.back().size());
    } else {
      most = static_cast<int>(parse_integer(where, stages[stage].dump(), 0, most));
    }
    row.kept.push_back(most);
  }
  return row;
}

}  // namespace

void expect_trace(RunItem& item, int selectors, int patches, bool fuses) {
  const Json image = item.patches.empty() ? Json{{"file", item.name}, {"kept_counts", item.kept}}
                                          : Json{{"file", item.name}, {"kept", item.patches}};
  TraceRow row = row_of("kept", image, 0, selectors, patches, fuses);
  item.kept = std::move(row.kept);
  item.patches = std::move(row.patches);
}

namespace {

std::vector<TraceRow> read_json_trace(const std::string& path, int selectors, int patches, bool fuses) {
  const Json trace = read_json(path);
  if (!trace.is_object() || !trace.contains("images") || !trace["images"].is_array())
    throw InputError(path + ": no \"images\", a list of {\"file\", \"kept\"}");
  std::vector<TraceRow> rows;
  for (const Json& image : trace["images"]) rows.push_back(row_of(path, image, rows.size(), selectors, patches, fuses));
  if (rows.empty()) throw InputError(path + ": no images");
  return rows;
}

}  // namespace

bool is_json_trace(const std::string& path) {
  constexpr std::string_view kEnd = ".json";
  return path.size() > kEnd.size() && path.compare(path.size() - kEnd.size(), kEnd.size(), kEnd) == 0;
}

std::vector<int> trace_selectors(const std::string& path) {
  if (!is_json_trace(path)) return {};
  const Json trace = read_json(path);
  const Json* place = !trace.is_object()            ? nullptr
                      : trace.contains("selectors") ? &trace["selectors"]
                      : trace.contains("config") && trace["config"].contains("selectors")
                          ? &trace["config"]["selectors"]
                          : nullptr;
  if (place == nullptr) return {};
  std::vector<int> selectors;
  for (const Json& block : *place) {
    const auto number = zoo::whole_number(block, 0, std::numeric_limits<int>::max());
    if (!number) throw InputError(path + ": \"selectors\" is not a list of blocks");
    selectors.push_back(static_cast<int>(*number));
  }
  return selectors;
}

std::string token_trace_json(const std::vector<TraceRow>& rows, const std::vector<int>& selectors) {
  Json images = Json::array();
  for (const TraceRow& row : rows) images.push_back({{"file", row.image}, {"kept", row.patches}});
  return Json{{"selectors", selectors}, {"images", std::move(images)}}.dump(-1, ' ', false,
                                                                            Json::error_handler_t::replace) +
         "\n";
}

std::vector<TraceRow> read_token_trace(const std::string& path, int selectors, int patches, bool fuses) {
  if (is_json_trace(path)) return read_json_trace(path, selectors, patches, fuses);
  const std::vector<std::string> header = header_for(static_cast<size_t>(selectors));
  std::vector<TraceRow> rows;
  for (const CsvRow& line : read_csv(path, header)) {
    const std::string where = path + ":" + std::to_string(line.line);
    if (line.fields.size() != header.size()) {
      throw InputError(where + ": " + std::to_string(line.fields.size() - 1) + " token counts, but there are " +
                       std::to_string(selectors) + " selectors");
    }
    TraceRow row{line.fields[0], {}};
    int most = patches;  // a token that is gone does not come back
    for (size_t s = 1; s < header.size(); ++s) {
      most = static_cast<int>(parse_integer(where + ": " + header[s], line.fields[s], 0, most));
      row.kept.push_back(most);
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw InputError(path + ": no rows");
  return rows;
}

std::string token_trace_text(const std::vector<TraceRow>& rows) {
  std::string text;
  for (const std::string& name : header_for(rows.empty() ? 0 : rows.front().kept.size())) {
    text += (text.empty() ? "" : ",") + name;
  }
  text += "\n";
  for (const TraceRow& row : rows) {
    text += csv_field(row.image);
    for (const int kept : row.kept) text += "," + std::to_string(kept);
    text += "\n";
  }
  return text;
}

}  // namespace heatvit::tb
