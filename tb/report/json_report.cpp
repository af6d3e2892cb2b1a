#include "tb/config/csv.h"
#include "tb/config/numbers.h"
#include "tb/estimate/analytic.h"
#include "tb/report/bottleneck.h"
#include "tb/report/roofline.h"
#include "tb/report/run_report.h"
#include "tb/report/saturation.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

/// A mean over images; whole numbers stay whole.
Json mean(uint64_t sum, size_t images) {
  if (sum % images == 0) return sum / images;
  return static_cast<double>(sum) / static_cast<double>(images);
}

Json bound_json(const estimate::LowerBound& bound) {
  return {{"ms", bound.ms()},
          {"compute_ms", bound.compute_ms()},
          {"memory_ms", bound.memory_ms()},
          {"cpu_ms", bound.cpu_ms()}};
}

Json image_json(const ImageReport& image) {
  Json top = Json::array();
  for (const TopClass& c : image.top) top.push_back({{"class", c.index}, {"score", c.score}});
  Json json = {{"file", image.name},
               {"label", image.label < 0 ? Json(nullptr) : Json(image.label)},
               {"top5", std::move(top)},
               {"tokens", image.tokens},
               {"kept_counts", image.kept_counts},
               {"kept", image.kept},
               {"batch", {{"first", image.first}, {"images", image.batch}}},
               {"cycles", image.cycles},
               {"latency_ms", image.latency_ms},
               {"bound", bound_json(image.bound)},
               {"gmacs", static_cast<double>(image.macs) / 1e9}};
  if (!image.class_logits.empty()) json["logits"] = image.class_logits;
  return json;
}

/// Causes that took no cycle are left out, "busy" never.
Json units_json(const BreakdownRow& row, size_t images) {
  Json units = Json::object();
  for (size_t u = 0; u < row.units.size(); ++u) {
    Json causes = Json::object();
    for (size_t c = 0; c < row.units[u].size(); ++c) {
      const auto cause = static_cast<modules::Cause>(c);
      if (row.units[u][c] == 0 && cause != modules::Cause::kBusy) continue;
      causes[std::string(modules::name_of(cause))] = mean(row.units[u][c], images);
    }
    units[std::string(modules::name_of(static_cast<modules::Unit>(u)))] = std::move(causes);
  }
  return units;
}

/// PL cycles of the lower bound; null without hardware.
Json bound_cycles(const RunReport& report, const BreakdownRow& row) {
  if (!report.hardware()) return nullptr;
  return row.bound.ms() * 1e3 * report.hardware()->config.pl_clock_mhz / static_cast<double>(report.images().size());
}

Json breakdown_json(const RunReport& report) {
  const size_t images = report.images().size();
  Json rows = Json::array();
  for (const BreakdownRow& row : report.rows()) {
    Json json = {{"block", report.block_number(row.block)},
                 {"op", isa::name_of(row.op)},
                 {"cycles", nullptr},  // its place; the list below fills it in
                 {"bound_cycles", bound_cycles(report, row)},
                 {"units", units_json(row, images)},
                 {"bytes", mean(row.bytes(), images)}};
    for (const soc::CounterField& field : soc::kCounterFields)
      json[Json::json_pointer(field.pointer)] = mean(row.*field.value, images);
    rows.push_back(std::move(json));
  }
  return rows;
}

Json summary_json(const RunReport& report) {
  const LatencySummary latency = report.latency();
  return {{"images", report.images().size()},
          {"top1", report.labelled() ? Json(report.top(1)) : Json(nullptr)},
          {"top5", report.labelled() ? Json(report.top(5)) : Json(nullptr)},
          {"gmacs_mean", report.gmacs_mean()},
          {"batches", report.batches()},
          {"ms_per_image", report.ms_per_image()},
          {"fps", report.fps()},
          {"latency_ms",
           {{"mean", latency.mean},
            {"p50", latency.p50},
            {"p95", latency.p95},
            {"p99", latency.p99},
            {"max", latency.max}}},
          {"bound", bound_json(report.bound())}};
}

template <typename T>
std::string joined(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += (text.empty() ? "" : " ") + std::to_string(value);
  return text;
}

/// Everything but the images, for which there is an empty list.
Json without_images(const RunReport& report) {
  Json json = {
      {"schema", "heatvit-sim/run/1"}, {"model", report.model()}, {"mode", report.mode()}, {"config", report.config()}};
  if (!report.provenance().is_null()) json["provenance"] = report.provenance();
  if (!report.ranges().is_null()) json["ranges"] = report.ranges();
  if (const auto saturation = saturation_of(report)) json["saturation"] = saturation_json(report, *saturation);
  json["images"] = Json::array();
  if (!report.skipped().empty()) json["skipped"] = report.skipped();
  json["summary"] = summary_json(report);
  json["breakdown"] = breakdown_json(report);
  if (report.mode() == "analytic") {
    json["analytic"] = {{"median_error_percent", estimate::analytic_error().median},
                        {"p95_error_percent", estimate::analytic_error().p95}};
  } else {
    json["bottleneck"] = bottleneck_json(bottleneck_of(report));
  }
  json.update(hardware_json(report));
  if (report.hardware()) json["roofline"] = roofline_json(report);
  json["memory"] = memory_json(report);
  json["simulation"] = {
      {"wall_s", report.wall_s()}, {"transactions", report.transactions()}, {"tiles", report.tiles()}};
  return json;
}

}  // namespace

Json to_json(const RunReport& report) {
  Json json = without_images(report);
  for (const ImageReport& image : report.images()) json["images"].push_back(image_json(image));
  return json;
}

void write_json(const RunReport& report, const Json& extra, const std::function<void(const std::string&)>& write) {
  const auto text_of = [](const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace); };
  Json json = without_images(report);
  json.update(extra);
  const std::string text = text_of(json) + "\n", list = "\n \"images\": []";
  const size_t place = text.find(list) + list.size() - 1;  // keys of the top level alone stand behind a single blank
  write(text.substr(0, place));
  bool first = true;
  for (const ImageReport& image : report.images()) {
    std::string item;
    for (const char c : text_of(image_json(image))) item += c == '\n' ? std::string("\n  ") : std::string(1, c);
    write((first ? "\n  " : ",\n  ") + item);
    first = false;
  }
  write("\n " + text.substr(place));
}

std::string to_csv(const RunReport& report) {
  std::string text = "file,label,top1,top2,top3,top4,top5,cycles,latency_ms,gmacs,kept,tokens,bound_ms,batch";
  for (const soc::CounterField& field : soc::kCounterFields)
    if (field.value != &soc::Counters::cycles) text += std::string(",") + field.name;  // cycles are there already
  const std::string& from = report.provenance_line();
  text += from.empty() ? "\n" : ",provenance\n";
  for (const ImageReport& image : report.images()) {
    text += csv_field(image.name) + "," + (image.label < 0 ? "" : std::to_string(image.label));
    for (size_t i = 0; i < 5; ++i) text += "," + (i < image.top.size() ? std::to_string(image.top[i].index) : "");
    text += "," + std::to_string(image.cycles) + "," + number_text(image.latency_ms) + "," +
            number_text(static_cast<double>(image.macs) / 1e9) + "," + joined(image.kept_counts) + "," +
            joined(image.tokens) + "," + number_text(image.bound.ms()) + "," + std::to_string(image.batch);
    for (const soc::CounterField& field : soc::kCounterFields)
      if (field.value != &soc::Counters::cycles) text += "," + std::to_string(image.counters.*field.value);
    text += (from.empty() ? "" : "," + csv_field(from)) + "\n";
  }
  return text;
}

}  // namespace heatvit::tb
