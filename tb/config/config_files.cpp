#include "tb/config/config_files.h"

#include <array>
#include <boost/program_options.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "accel/isa/errors.h"
#include "tb/config/home.h"
#include "tb/config/parameters.h"

namespace heatvit::tb {
namespace {

namespace po = boost::program_options;

std::string read_text(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw InputError(path + ": a folder, not a configuration file");
  std::ifstream file(path);
  std::stringstream text;
  if (!file || !(text << file.rdbuf() || file.peek() == std::ifstream::traits_type::eof())) {
    throw InputError(path + ": cannot read this configuration file");
  }
  return text.str();
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  const size_t last = text.find_last_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

/// Program_options does not say where it read a key, so look again. `match(section-qualified key, whole line)`.
template <typename Match>
std::string locate(const std::string& path, const std::string& text, Match match) {
  std::istringstream lines(text);
  std::string line, section;
  for (int number = 1; std::getline(lines, line); ++number) {
    line = trimmed(line.substr(0, line.find('#')));
    if (!line.empty() && line.front() == '[' && line.back() == ']') section = line.substr(1, line.size() - 2) + ".";
    if (match(section + trimmed(line.substr(0, line.find('='))), line)) return path + ":" + std::to_string(number);
  }
  return path;
}

po::options_description file_options() {
  po::options_description options;
  for (const Parameter& parameter : parameters()) {
    options.add_options()(parameter.key.c_str(), po::value<std::string>());
  }
  return options;
}

/// What tiles are made for.
std::array<int, 4> array_of(const soc::SocConfig& config) {
  const isa::AcceleratorConfig& hw = config.accel;
  return {hw.th, hw.ti, hw.to, hw.numerics_bits};
}

}  // namespace

std::vector<Setting> read_config_file(const std::string& path) {
  const std::string text = read_text(path);
  std::istringstream stream(text);
  std::vector<Setting> settings;
  try {
    std::set<std::string> seen;
    for (const auto& option : po::parse_config_file(stream, file_options(), true).options) {
      const std::string& key = option.string_key;
      const std::string origin = locate(path, text, [&](const std::string& k, const std::string&) { return k == key; });
      if (option.unregistered) {
        throw InputError(origin + ": there is no parameter '" + key + "'; `run_sim list` shows all");
      }
      if (!seen.insert(key).second) throw InputError(origin + ": '" + key + "' is set twice in this file");
      settings.push_back({key, option.value.empty() ? "" : option.value.front(), origin});
    }
  } catch (const po::invalid_syntax& error) {
    const std::string bad = error.tokens();
    const std::string origin =
        locate(path, text, [&](const std::string&, const std::string& line) { return line == bad; });
    throw InputError(origin + ": '" + bad + "' is neither [section] nor name = value");
  } catch (const po::error& error) {
    throw InputError(path + ": " + error.what());
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
  resolved.stale_tiles.assign(stale.begin(), stale.end());
  return resolved;
}

soc::SocConfig resolve_config(const std::string& model, const std::vector<std::string>& files,
                              const std::vector<Setting>& command_line) {
  return resolve_sources(model, files, command_line).config;
}

}  // namespace heatvit::tb
