#include "tb/report/saturation.h"

#include "tb/config/text_table.h"

namespace heatvit::tb {
namespace {

constexpr double kAccountedFor = 0.01;  // of an operation's values
constexpr uint64_t kFew = 100;          // values; a selector's vectors are short

double share(const Saturation& s) {
  return s.values == 0 ? 0 : static_cast<double>(s.saturated) / static_cast<double>(s.values);
}

/// Three decimals are enough, and two digits of what is less.
std::string share_text(double share) {
  return share == 0 ? "none" : share < 1e-5 ? "less than 0.001 %" : fixed(100 * share, 3) + " %";
}

std::string place(const RunReport& report, const BreakdownRow& row) {
  const std::string op(isa::name_of(row.op));
  const int block = report.block_number(row.block);
  return block == 0 || row.block == isa::kHeadBlock ? op : op + " of block " + std::to_string(block);
}

}  // namespace

bool Saturation::beyond_calibration() const {
  return worst.saturated >= kFew && worst.saturated_share() > kAccountedFor;
}

std::optional<Saturation> saturation_of(const RunReport& report) {
  if (report.mode() != "functional" || report.ranges().is_null()) return std::nullopt;
  Saturation sum;
  for (const BreakdownRow& row : report.rows()) {
    sum.values += row.values;
    sum.saturated += row.saturated;
    const bool matters = row.saturated >= kFew || sum.worst.saturated < kFew;
    if (matters && row.saturated_share() > sum.worst.saturated_share()) sum.worst = row;
  }
  return sum;
}

std::string saturation_text(const RunReport& report, const Saturation& s) {
  const std::string text = share_text(share(s)) + " of the results saturate";
  return s.beyond_calibration() ? text + ", " + share_text(s.worst.saturated_share()) + " in " +
                                      place(report, s.worst) + ": the ranges do not fit"
                                : text;
}

std::string saturation_warning(const RunReport& report) {
  const auto s = saturation_of(report);
  if (!s || !s->beyond_calibration()) return "";
  return share_text(s->worst.saturated_share()) + " of the values saturate in " + place(report, s->worst) +
         ", beyond what calibration saw: the activation ranges (" + report.ranges().at("text").get<std::string>() +
         ") do not fit these weights or images; --calibrate DIR makes ranges from photographs like them";
}

nlohmann::ordered_json saturation_json(const RunReport& report, const Saturation& s) {
  nlohmann::ordered_json json = {{"values", s.values}, {"saturated", s.saturated}, {"share", share(s)}};
  if (s.worst.saturated > 0)
    json["worst"] = {{"block", report.block_number(s.worst.block)},
                     {"op", isa::name_of(s.worst.op)},
                     {"share", s.worst.saturated_share()}};
  json["beyond_calibration"] = s.beyond_calibration();
  return json;
}

}  // namespace heatvit::tb
