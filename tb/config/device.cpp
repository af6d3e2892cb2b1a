#include "tb/config/device.h"

#include <algorithm>
#include <boost/property_tree/ini_parser.hpp>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "accel/isa/errors.h"
#include "tb/config/home.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;
namespace pt = boost::property_tree;

fs::path device_folder() { return project_home() / "configs" / "devices"; }

/// Comment lines start with "#", which the parser does not know.
pt::ptree read_facts(const fs::path& path) {
  std::ifstream file(path);
  std::error_code ignored;
  if (!file || fs::is_directory(path, ignored)) throw InputError(path.string() + ": cannot read this file");
  std::string text, line;
  while (std::getline(file, line)) {
    const size_t first = line.find_first_not_of(" \t");
    text += (first != std::string::npos && line[first] == '#' ? "" : line) + "\n";
  }
  std::istringstream stream(text);
  pt::ptree tree;
  try {
    pt::read_ini(stream, tree);
  } catch (const pt::ini_parser_error& error) {
    throw InputError(path.string() + ":" + std::to_string(error.line()) + ": " + error.message());
  }
  return tree;
}

std::string shipped_names() {
  std::string names;
  for (const auto& [name, tree] : shipped_devices()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace

std::string fact_text(const std::string& text) {
  const size_t end = text.find_last_not_of(" \t", text.find('#') == std::string::npos ? text.npos : text.find('#') - 1);
  return end == std::string::npos ? "" : text.substr(0, end + 1);
}

std::vector<std::pair<std::string, pt::ptree>> shipped_devices() {
  std::vector<std::pair<std::string, pt::ptree>> found;
  for (const auto& entry : fs::directory_iterator(device_folder()))
    if (entry.path().extension() == ".ini") found.emplace_back(entry.path().stem().string(), read_facts(entry.path()));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return found;
}

std::optional<soc::Device> find_device(const std::string& name) {
  if (name == kNoDevice) return std::nullopt;
  const fs::path shipped = device_folder() / (name + ".ini");
  const bool is_shipped = name.find('/') == std::string::npos && fs::exists(shipped);
  if (!is_shipped && !fs::exists(name))
    throw InputError("--device: there is no device or file '" + name + "'; allowed: " + shipped_names() +
                     ", a file of the same form, or none");
  const fs::path path = is_shipped ? shipped : fs::path(name);
  const pt::ptree tree = read_facts(path);
  const auto value = [&](const char* key) {
    return fact_text(tree.get<std::string>(pt::ptree::path_type("fabric/" + std::string(key), '/'), ""));
  };
  const auto fact = [&](const char* key) {
    const std::string text = value(key);
    if (text.empty()) throw InputError(path.string() + ": [fabric] has no " + key);
    return parse_integer(path.string() + ": fabric." + key, text, 1, std::numeric_limits<int>::max());
  };
  soc::Device device;
  device.name = path.stem().string();
  device.has = {fact("dsp48e2"), fact("bram18k"), fact("lut"), fact("ff")};
  if (!value("lutram").empty()) device.has.lutram = fact("lutram");
  return device;
}

void expect_fit(const soc::SocConfig& config, const std::optional<soc::Device>& device) {
  if (!device) return;
  const std::string lack = soc::lacking(soc::resources_of(config).total(), *device);
  if (!lack.empty())
    throw InputError("the design does not fit " + device->name + ": " + lack +
                     "; another --device, or --device none to simulate it all the same");
}

}  // namespace heatvit::tb
