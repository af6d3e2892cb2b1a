#include "tb/config/config_files.h"

#include <array>
#include <filesystem>
#include <set>

#include "accel/isa/errors.h"
#include "accel/soc/power.h"
#include "tb/config/home.h"
#include "tb/config/ini.h"
#include "tb/config/parameters.h"

namespace heatvit::tb {
namespace {

/// What tiles are made for.
std::array<int, 4> array_of(const soc::SocConfig& config) {
  const isa::AcceleratorConfig& hw = config.accel;
  return {hw.th, hw.ti, hw.to, hw.numerics_bits};
}

}  // namespace

std::vector<Setting> read_config_file(const std::string& path) {
  std::vector<Setting> settings;
  for (const IniEntry& entry : read_ini(path)) {
    if (find_parameter(entry.name()) == nullptr)
      throw InputError(entry.origin + ": there is no parameter '" + entry.name() + "'; `run_sim list` shows all");
    settings.push_back({entry.name(), entry.value, entry.origin});
  }
  return settings;
}

ResolvedConfig resolve_sources(const std::string& model, const std::vector<std::string>& files,
                               const std::vector<Setting>& command_line) {
  ResolvedConfig resolved;
  std::set<std::string> stale;
  const auto apply = [&](const std::vector<Setting>& settings) {
    const auto before = array_of(resolved.config);
    for (const Setting& s : settings) set_parameter(resolved.config, *find_parameter(s.key), s.value, s.origin);
    if (array_of(resolved.config) != before) stale = {"tile.m", "tile.k", "tile.n", "tile.order"};
    for (const Setting& s : settings) stale.erase(s.key);
  };
  const std::filesystem::path shipped = project_home() / "configs" / ("heatvit-" + model + ".ini");
  if (std::filesystem::exists(shipped)) apply(read_config_file(shipped.string()));
  for (const std::string& file : files) apply(read_config_file(file));
  apply(command_line);
  soc::check_currents(resolved.config);
  resolved.stale_tiles.assign(stale.begin(), stale.end());
  return resolved;
}

soc::SocConfig resolve_config(const std::string& model, const std::vector<std::string>& files,
                              const std::vector<Setting>& command_line) {
  return resolve_sources(model, files, command_line).config;
}

}  // namespace heatvit::tb
