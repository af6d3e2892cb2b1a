#include "tb/config/device.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "accel/isa/errors.h"
#include "tb/config/home.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;

fs::path device_folder() { return project_home() / "configs" / "devices"; }

std::string shipped_names() {
  std::string names;
  for (const auto& [name, facts] : shipped_devices()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace

std::vector<ShippedDevice> shipped_devices() {
  std::vector<ShippedDevice> found;
  for (const auto& entry : fs::directory_iterator(device_folder()))
    if (entry.path().extension() == ".ini")
      found.push_back({entry.path().stem().string(), read_ini(entry.path().string())});
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

std::optional<soc::Fpga> find_device(const std::string& name) {
  if (name == kNoDevice) return std::nullopt;
  const fs::path shipped = device_folder() / (name + ".ini");
  const bool is_shipped = name.find('/') == std::string::npos && fs::exists(shipped);
  if (!is_shipped && !fs::exists(name))
    throw InputError("--device: there is no device or file '" + name + "'; allowed: " + shipped_names() +
                     ", a file of the same form, or none");
  const fs::path path = is_shipped ? shipped : fs::path(name);
  const std::vector<IniEntry> facts = read_ini(path.string());
  const auto value = [&](const std::string& key) {
    const auto found = std::find_if(facts.begin(), facts.end(),
                                    [&](const IniEntry& entry) { return entry.name() == "fabric." + key; });
    return found == facts.end() ? std::string() : found->value;
  };
  const auto fact = [&](const std::string& key) {
    const std::string text = value(key);
    if (text.empty()) throw InputError(path.string() + ": [fabric] has no " + key);
    return parse_integer(path.string() + ": fabric." + key, text, 1, std::numeric_limits<int>::max());
  };
  soc::Fpga device;
  device.name = path.stem().string();
  device.has = {fact("dsp48e2"), fact("bram18k"), fact("lut"), fact("ff")};
  if (!value("lutram").empty()) device.has.lutram = fact("lutram");
  for (const IniEntry& entry : facts) {
    if (entry.name() != "ports.clock_mhz_max") continue;
    const auto mhz = parse_number(entry.value);
    if (!mhz || *mhz <= 0) throw InputError(entry.origin + ": clock_mhz_max is no number above 0");
    device.port_mhz = *mhz;
  }
  return device;
}

std::string lacking(const soc::SocConfig& config, const soc::Fpga& device) {
  std::string text = soc::lacking(soc::resources_of(config).total(), device);
  if (device.port_mhz > 0 && config.pl_clock_mhz > device.port_mhz)
    text += (text.empty() ? "" : "; ") + std::string("pl.clock_mhz: ") + number_text(config.pl_clock_mhz) +
            " asked, its ports take " + number_text(device.port_mhz);
  return text;
}

void expect_fit(const soc::SocConfig& config, const std::optional<soc::Fpga>& device) {
  if (!device) return;
  const std::string lack = lacking(config, *device);
  if (!lack.empty())
    throw InputError("the design does not fit " + device->name + ": " + lack +
                     "; another --device, or --device none to simulate it all the same");
}

}  // namespace heatvit::tb
