#include "tb/config/json_file.h"

#include <filesystem>

#include "accel/isa/errors.h"
#include "tb/config/text_lines.h"

namespace heatvit::tb {

nlohmann::ordered_json parse_json(const std::string& text, const std::string& path, const std::string& otherwise) {
  using Json = nlohmann::ordered_json;
  const auto shallow = [&path](int depth, Json::parse_event_t, Json&) {
    if (depth > kDeepestJson)
      throw InputError("'" + path + "' is nested deeper than " + std::to_string(kDeepestJson) + " levels");
    return true;
  };
  Json json = Json::parse(text, shallow, false);
  if (json.is_discarded()) throw InputError("'" + path + "' " + otherwise);
  return json;
}

nlohmann::ordered_json read_json(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) throw InputError("cannot read '" + path + "'");
  return parse_json(read_bytes(path), path);
}

}  // namespace heatvit::tb
