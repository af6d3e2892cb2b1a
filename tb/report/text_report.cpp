#include "tb/report/text_report.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tb/config/numbers.h"
#include "tb/config/text_table.h"
#include "tb/estimate/analytic.h"
#include "tb/report/saturation.h"

namespace heatvit::tb {
namespace {

using Align = Table::Align;

const std::string kUnnamed = "-";  // timing mode without a trace: images alike

/// The columns of the table by operation: every unit that worked, but not the control unit, which always waits for the
/// others.
std::vector<modules::Unit> shown_units(const BreakdownRow& total) {
  std::vector<modules::Unit> units;
  for (size_t u = 0; u < total.units.size(); ++u) {
    const auto unit = static_cast<modules::Unit>(u);
    if (unit != modules::Unit::kControl && total.units[u][0] != 0) units.push_back(unit);
  }
  return units;
}

/// "wait_weights" -> "weights".
std::string short_name(modules::Cause cause) {
  const std::string_view name = modules::name_of(cause);
  return std::string(name.substr(0, 5) == "wait_" ? name.substr(5) : name);
}

/// "63 weights": the share of busy cycles in per cent of `total` and what most of the others waited for.
std::string unit_cell(const modules::CauseCounts& causes, uint64_t total) {
  if (total == 0) return "-";
  const auto worst = static_cast<size_t>(std::max_element(causes.begin() + 1, causes.end()) - causes.begin());
  const std::string busy = fixed(100.0 * static_cast<double>(causes[0]) / static_cast<double>(total), 0);
  return causes[worst] == 0 ? busy : busy + " " + short_name(static_cast<modules::Cause>(worst));
}

std::string block_text(const RunReport& report, uint8_t block) {
  if (block == 0) return "embed";
  return block == isa::kHeadBlock ? "head" : std::to_string(report.block_number(block));
}

/// 150.0 as "150", [4,7,10] as "4, 7, 10".
std::string config_text(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return number_text(value.get<double>());
  std::string text;
  for (const auto& element : value) text += (text.empty() ? "" : ", ") + config_text(element);
  return text;
}

/// The modes rank by different scorers where none is named, so their cycles differ.
std::string scorer_note(const RunReport& report) {
  if (!report.config().is_object() || !report.config().value("scorer_by_default", false)) return "";
  if (report.mode() == "functional" && report.config().value("scorer", "") == "heatvit") return " (the default)";
  return report.mode() == "functional" ? " (the default here; timing mode's is heatvit)"
                                       : " (the default; functional mode without selector weights takes cls-attention)";
}

/// Rates are floored to whole tokens: "; keeps 104 of 196 patch tokens, rounded down from 104.9991".
std::string kept_note(const nlohmann::ordered_json& config) {
  if (!config.contains("keep") || !config.contains("patches")) return "";
  std::string kept, exact;
  bool whole = true;
  for (size_t i = 0; i < config["keep"].size() && i < config["prune_rates"].size(); ++i) {
    const double tokens = config["patches"].get<double>() * (1 - config["prune_rates"][i].get<double>());
    whole = whole && std::abs(tokens - config["keep"][i].get<double>()) < 1e-6;
    kept += (i == 0 ? "" : ", ") + config_text(config["keep"][i]);
    exact += (i == 0 ? "" : ", ") + number_text(std::round(tokens * 1e4) / 1e4);
  }
  return "; keeps " + kept + " of " + config_text(config["patches"]) + " patch tokens" +
         (whole ? "" : ", rounded down from " + exact);
}

std::string header_text(const RunReport& report) {
  const auto& config = report.config();
  const auto value = [&config](const char* key) {
    const auto found = config.find(key);
    if (found == config.end()) return std::string("?");
    return config_text(*found);
  };
  std::string text = report.model() + ", " + report.mode() + " mode";
  if (report.mode() == "functional") text += ", weights " + value("weights");
  if (report.mode() == "analytic")
    text += " (closed forms, nothing simulated; " + estimate::analytic_error_text() + ")";
  if (config.contains("network_parts")) text += "\n  network: " + value("network_parts");
  text += "\n  hardware: PE array " + value("pe.th") + " x " + value("pe.ti") + " x " + value("pe.to") +
          " (groups x inputs x outputs) at " + value("pl.clock_mhz") + " MHz, tiles " + value("tile.m") + " x " +
          value("tile.k") + " x " + value("tile.n") + " (m x k x n), " + value("numerics.bits") + "-bit";
  if (report.batched()) text += ", batches of " + value("accel.batch");
  if (config.contains("program")) text += "\n  commands: " + value("program");
  if (!report.ranges().is_null()) text += "\n  activation ranges: " + report.ranges().at("text").get<std::string>();
  if (const auto saturation = saturation_of(report)) text += ", " + saturation_text(report, *saturation);
  text += "\n  pruning: ";
  if (value("scorer") == "none") return text + "none\n";
  const char* place =
      value("scorer") == "evit" || value("scorer") == "tome" ? ", selectors in blocks " : ", selectors before blocks ";
  text += value("scorer") + scorer_note(report) + place + value("selectors");
  if (config.contains("package") && config["package"] == false) text += ", no package token";
  const bool by_rate = config.contains("prune_rates") && !config["prune_rates"].is_null();
  if (by_rate) return text + ", cumulative rates " + value("prune_rates") + kept_note(config) + "\n";
  if (config.contains("merge")) return text + ", " + value("merge") + " merged in each\n";
  const bool traced = config.contains("token_trace") && !config["token_trace"].is_null();
  if (report.mode() == "functional")
    return text + (traced ? ", tokens from " + value("token_trace") : ", threshold 0.5") + "\n";
  return text + ", token counts from " + value("token_trace") + "\n";
}

/// No schedule can be faster (tb/explore/bound.h).
std::string bound_text(const estimate::LowerBound& bound) {
  return fixed(bound.ms(), 3) + " ms (array " + fixed(bound.compute_ms(), 3) + ", memory " +
         fixed(bound.memory_ms(), 3) + ", LayerNorm on the CPU " + fixed(bound.cpu_ms(), 3) + ")";
}

std::string image_text(const ImageReport& image, const std::vector<std::string>& names, bool classes) {
  const auto class_text = [&names](int index) {
    return index < static_cast<int>(names.size()) ? names[static_cast<size_t>(index)] : std::string();
  };
  const std::string copies = image.batch == 1 ? "one image" : "a batch of images alike";
  std::string text = "\n" + (image.name == kUnnamed ? copies : image.name);
  if (image.label >= 0) text += "   (label " + std::to_string(image.label) + ": " + class_text(image.label) + ")";
  text += "\n";
  if (!image.top.empty()) {
    Table top({Align::kRight, Align::kRight, Align::kRight, Align::kLeft});
    top.add({"top", "class", "logit", "name"});
    int rank = 0;
    for (const TopClass& c : image.top) {
      top.add({std::to_string(++rank), std::to_string(c.index), fixed(c.score, 2), class_text(c.index)});
    }
    text += top.text();
  }
  if (!classes) text += "  features (no classifier); --logits-out writes them\n";
  std::string tokens;
  for (const int count : image.tokens) tokens += (tokens.empty() ? "" : " ") + std::to_string(count);
  Table facts({Align::kLeft, Align::kLeft});
  facts.add({"tokens per block", tokens});
  const bool alone = image.batch == 1;
  facts.add({"latency", fixed(image.latency_ms, 3) + " ms, " + grouped(image.cycles) + " cycles" +
                            (alone ? "" : ", with the batch of " + std::to_string(image.batch) + " images")});
  if (image.bound.ms() > 0) facts.add({"lower bound", bound_text(image.bound)});
  if (!alone) facts.add({"ms an image", fixed(image.own_ms(), 3)});
  facts.add({"rate", fixed(image.latency_ms > 0 ? 1000.0 / image.own_ms() : 0, 1) + " images/s"});
  facts.add({"work", fixed(static_cast<double>(image.macs) / 1e9, 3) + " GMAC, " +
                         fixed(static_cast<double>(image.macs) / std::max(image.own_ms(), 1e-9) / 1e6, 1) + " GMAC/s"});
  return text + facts.text();
}

std::string set_text(const RunReport& report) {
  const LatencySummary latency = report.latency();
  std::vector<double> all;
  for (const ImageReport& image : report.images()) all.push_back(image.latency_ms);
  const auto least = *std::min_element(all.begin(), all.end());
  Table facts({Align::kLeft, Align::kLeft});
  facts.add({"images", std::to_string(all.size())});
  if (report.labelled()) {
    facts.add({"top-1", percent(report.top(1), 1.0)});
    facts.add({"top-5", percent(report.top(5), 1.0)});
  }
  facts.add({"latency, ms", "mean " + fixed(latency.mean, 3) + "   p50 " + fixed(latency.p50, 3) + "   p95 " +
                                fixed(latency.p95, 3) + "   p99 " + fixed(latency.p99, 3) + "   max " +
                                fixed(latency.max, 3)});
  if (report.bound().ms() > 0) facts.add({"lower bound", "mean " + bound_text(report.bound())});
  if (report.batched()) {
    facts.add({"batches", std::to_string(report.batches()) + "; an image's latency is that of its batch"});
    facts.add({"ms an image", fixed(report.ms_per_image(), 3)});
  }
  const std::string bars = histogram(all, 40);
  facts.add({"distribution", bars.empty() ? "every image " + fixed(least, 3) + " ms"
                                          : fixed(least, 3) + " " + bars + " " + fixed(latency.max, 3)});
  facts.add({"rate", fixed(report.fps(), 1) + " images/s"});
  facts.add({"work", fixed(report.gmacs_mean(), 3) + " GMAC an image"});
  return "\nAll images\n" + facts.text();
}

std::string operations_text(const RunReport& report, bool per_block) {
  const auto images = static_cast<double>(report.images().size());
  const BreakdownRow total = report.total();
  const bool analytic = report.mode() == "analytic";  // knows no waiting: a unit's share is of the operation's cycles
  const std::vector<modules::Unit> units = shown_units(total);
  std::vector<Align> columns = {Align::kLeft,  Align::kRight, Align::kRight,
                                Align::kRight, Align::kRight, Align::kRight};
  std::vector<std::string> head = {"operation", "cycles", "bound", "share", "MMAC", "KiB moved"};
  for (const modules::Unit unit : units) {
    columns.push_back(Align::kLeft);
    head.emplace_back(modules::name_of(unit));
  }
  Table table(columns);
  table.add(head);
  const auto add = [&](const std::string& name, const BreakdownRow& row) {
    const double bound = report.hardware() ? row.bound.ms() * 1e3 * report.hardware()->config.pl_clock_mhz : 0;
    std::vector<std::string> cells = {name,
                                      fixed(static_cast<double>(row.cycles) / images, 0),
                                      fixed(bound / images, 0),
                                      percent(static_cast<double>(row.cycles), static_cast<double>(total.cycles)),
                                      fixed(static_cast<double>(row.macs) / images / 1e6, 1),
                                      fixed(static_cast<double>(row.bytes()) / images / 1024, 0)};
    for (const modules::Unit unit : units) {
      const modules::CauseCounts& causes = row.units[static_cast<size_t>(unit)];
      cells.push_back(unit_cell(causes, analytic ? std::max(row.cycles, modules::sum(causes)) : modules::sum(causes)));
    }
    table.add(cells);
  };
  for (const BreakdownRow& row : per_block ? report.rows() : report.rows_by_op()) {
    add((per_block ? block_text(report, row.block) + " " : "") + std::string(isa::name_of(row.op)), row);
  }
  add("total", total);
  return std::string("\nBy operation") + (per_block ? " and block" : ", all blocks together") +
         (images > 1 ? ", mean over the images" : "") + "\n" + table.text() +
         "  cycles: from the end of the operation before to the end of this one. bound: the least of them by products, "
         "bytes\n"
         "  or the CPU's arithmetic; operations overlap, so cycles may lie below it, their total cannot. dma_in ... "
         "cpu: per cent of " +
         (analytic ? "these\n  cycles in which the unit works (all of them where it works ahead of others).\n"
                   : "the unit's\n  cycles in which it worked, then what it mostly waited for otherwise.\n");
}

std::string counters_text(const RunReport& report) {
  const auto images = static_cast<double>(report.images().size());
  const BreakdownRow total = report.total();
  Table table({Align::kLeft, Align::kRight, Align::kLeft});
  for (const soc::CounterField& field : soc::kCounterFields)
    table.add({field.name,
               grouped(static_cast<uint64_t>(std::llround(static_cast<double>(total.*field.value) / images))),
               field.unit});
  return "\nCounters of an image" + std::string(images > 1 ? ", mean over the images" : "") + "\n" + table.text();
}

std::string units_text(const RunReport& report) {
  const BreakdownRow total = report.total();
  std::vector<size_t> causes;  // those that occur
  for (size_t c = 0; c < modules::kCauses; ++c) {
    const bool occurs = std::any_of(total.units.begin(), total.units.end(), [c](const auto& u) { return u[c] != 0; });
    if (occurs || c == 0) causes.push_back(c);
  }
  std::vector<Align> columns(causes.size() + 1, Align::kRight);
  columns[0] = Align::kLeft;
  Table table(columns);
  std::vector<std::string> head = {"unit"};
  for (const size_t c : causes) head.push_back(short_name(static_cast<modules::Cause>(c)));
  table.add(head);
  for (size_t u = 0; u < total.units.size(); ++u) {
    std::vector<std::string> cells = {std::string(modules::name_of(static_cast<modules::Unit>(u)))};
    for (const size_t c : causes) {
      cells.push_back(
          percent(static_cast<double>(total.units[u][c]), static_cast<double>(modules::sum(total.units[u]))));
    }
    table.add(cells);
  }
  return "\nBy unit: where its cycles went (each line adds up to 100 %)\n" + table.text() +
         "  busy: working. command: nothing to do yet. input, weights: operand not in its buffer yet. result: "
         "accumulators\n"
         "  not ready. space: no free slot to write to. dependency: an earlier operation's stores not done. queue: a\n"
         "  unit's command queue is full. cpu: the host works.\n";
}

}  // namespace

std::string histogram(const std::vector<double>& values, size_t bins) {
  const auto [least, largest] = std::minmax_element(values.begin(), values.end());
  if (values.empty() || *least == *largest) return "";
  std::vector<double> counts(bins);
  for (const double value : values) {
    const double place = (value - *least) / (*largest - *least) * static_cast<double>(bins);
    ++counts[std::min(static_cast<size_t>(place), bins - 1)];
  }
  return sparkline(counts);
}

std::string to_text(const RunReport& report, const std::vector<std::string>& class_names, const TextOptions& options) {
  std::string text = header_text(report);
  const bool copies = report.images().back().name == kUnnamed;
  if (copies || report.images().size() <= options.images) {
    for (size_t i = 0; i < report.images().size(); ++i) {
      const ImageReport& image = report.images()[i];
      if (image.name != kUnnamed || i == 0)
        text += image_text(image, class_names, report.has_classes());  // they are all the same
    }
  }
  if (report.images().size() > 1 && !copies) text += set_text(report);
  for (const auto& image : report.skipped())
    text += "\n  left out: " + image.at("file").get<std::string>() + ": " + image.at("reason").get<std::string>();
  if (!report.skipped().empty())
    text += "\n  " + std::to_string(report.skipped().size()) + " of " +
            std::to_string(report.skipped().size() + report.images().size()) + " images left out (--skip-bad)\n";
  text += operations_text(report, options.per_block) + counters_text(report);
  if (report.mode() != "analytic") text += units_text(report) + memory_text(report);  // closed forms know neither
  return text + resources_text(report) + power_text(report);
}

}  // namespace heatvit::tb
