#include "tb/run_sim/provenance.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tb/config/sha256.h"
#include "tb/config/text_lines.h"
#include "tb/run_sim/commit.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// As the system has it, so that nobody need hand it on.
std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::string> words;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find('\0', at), bytes.size());
    words.push_back(valid_utf8(bytes.substr(at, end - at)));
    at = end + 1;
  }
  if (!words.empty()) words.front() = fs::path(words.front()).filename().string();
  return words;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? valid_utf8(name.data()) : "";
}

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  std::array<char, 32> text{};
  gmtime_r(&now, &utc);
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::vector<std::string> files_in(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    files.push_back(entry->path().string());
  std::sort(files.begin(), files.end());
  return files;
}

Json images_json(const std::vector<std::string>& images) {
  Sha256 all;
  for (const std::string& image : images) {
    const std::string line = sha256_of_file(image) + "\n";
    all.add(line.data(), line.size());
  }
  return {{"count", images.size()}, {"sha256", all.digest()}};
}

}  // namespace

Json provenance(const Inputs& inputs) {
  std::error_code ignored;
  Json json = {{"program", "run_sim"},
               {"version", HEATVIT_VERSION},
               {"commit", commit()},
               {"command", command_line()},
               {"folder", valid_utf8(fs::current_path(ignored).string())},
               {"host", host_name()},
               {"date", date()}};
  Json files = Json::array();
  for (const auto& [what, path] : inputs.files) {
    for (const std::string& file : files_in(path)) {
      const std::string sum = sha256_of_file(file);
      if (!sum.empty())
        files.push_back(
            {{"what", what}, {"file", valid_utf8(file)}, {"bytes", fs::file_size(file, ignored)}, {"sha256", sum}});
    }
  }
  json["inputs"] = std::move(files);
  if (!inputs.images.empty()) json["images"] = images_json(inputs.images);
  return json;
}

std::string provenance_line(const Json& provenance) {
  std::string command;
  for (const Json& word : provenance.at("command")) {
    const auto text = word.get<std::string>();
    const bool plain = !text.empty() && text.find_first_of(" \t\n'\"\\$`*?;&|<>()") == std::string::npos;
    command += (command.empty() ? "" : " ") + (plain ? text : "'" + text + "'");
  }
  std::replace(command.begin(), command.end(), '\n', ' ');
  const auto text = [&](const char* key) { return provenance.at(key).get<std::string>(); };
  return "run_sim " + text("version") + " (" + text("commit") + "), " + text("host") + ", " + text("date") + ": " +
         command;
}

}  // namespace heatvit::tb
