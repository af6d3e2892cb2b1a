// Resources and power of a run, as JSON and as text.
#include "tb/config/text_table.h"
#include "tb/report/run_report.h"
#include "tb/report/text_report.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;
using Align = Table::Align;

Json count_json(const soc::ResourceCount& count) {
  return {{"dsp", count.dsp}, {"bram18", count.bram18k}, {"lut", count.lut}, {"ff", count.ff}};
}

Json resources_json(const HardwareReport& hardware) {
  const soc::ResourceReport resources = soc::resources_of(hardware.config);
  Json json = count_json(resources.total());
  json["selector"] = count_json(resources.selector());
  json["modules"] = Json::array();
  for (const soc::ModuleResources& module : resources.modules) {
    Json row = {{"module", module.name}};
    row.update(count_json(module.count));
    json["modules"].push_back(std::move(row));
  }
  json["device"] = nullptr;
  if (hardware.device) {
    json["device"] = count_json(hardware.device->has);
    json["device"]["name"] = hardware.device->name;
  }
  return json;
}

std::vector<std::string> cells(const std::string& name, const soc::ResourceCount& count) {
  const auto text = [](int64_t value) { return grouped(static_cast<uint64_t>(value)); };
  return {name, text(count.dsp), text(count.bram18k), text(count.lut), text(count.ff)};
}

/// The share of the device, or of a design without the selector.
std::vector<std::string> shares(const std::string& name, const soc::ResourceCount& part,
                                const soc::ResourceCount& whole) {
  const auto share = [](int64_t a, int64_t b) { return percent(static_cast<double>(a), static_cast<double>(b)); };
  return {name, share(part.dsp, whole.dsp), share(part.bram18k, whole.bram18k), share(part.lut, whole.lut),
          share(part.ff, whole.ff)};
}

}  // namespace

Json hardware_json(const RunReport& report) {
  if (!report.hardware()) return Json::object();
  const soc::PowerReport power = *report.power();
  Json parts = Json::array();
  for (const soc::EnergyPart& part : power.parts) parts.push_back({{"part", part.name}, {"mj", part.mj}});
  return {{"resources", resources_json(*report.hardware())},
          {"power_w", power.power_w},
          {"energy_mj", power.energy_mj},
          {"energy", std::move(parts)}};
}

std::string resources_text(const RunReport& report) {
  if (!report.hardware()) return "";
  const HardwareReport& hardware = *report.hardware();
  const soc::ResourceReport resources = soc::resources_of(hardware.config);
  const soc::ResourceCount total = resources.total(), selector = resources.selector();
  const soc::ResourceCount without = {total.dsp - selector.dsp, total.bram18k - selector.bram18k,
                                      total.lut - selector.lut, total.ff - selector.ff};
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"module", "DSP", "BRAM18K", "LUT", "FF"});
  for (const soc::ModuleResources& module : resources.modules) table.add(cells(module.name, module.count));
  table.add(cells("total", total));
  if (hardware.device) table.add(shares("of " + hardware.device->name, total, hardware.device->has));
  table.add(shares("selector: on top of the rest", selector, without));
  return "\nResources (counted from the parameters; docs/resources.md)\n" + table.text();
}

std::string power_text(const RunReport& report) {
  if (!report.hardware()) return "";
  const soc::PowerReport power = *report.power();
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight});
  table.add({"part", "mJ", "W", "share"});
  const double ms = report.ms_per_image();
  for (const soc::EnergyPart& part : power.parts)
    table.add({part.name, fixed(part.mj, 3), fixed(ms > 0 ? part.mj / ms : 0, 3), percent(part.mj, power.energy_mj)});
  table.add({"total", fixed(power.energy_mj, 3), fixed(power.power_w, 3), percent(1, 1)});
  return std::string("\nEnergy of an image") + (report.images().size() > 1 ? ", mean over the images" : "") +
         " (activity times coefficients; docs/power.md)\n" + table.text();
}

}  // namespace heatvit::tb
