// JSON that people bring.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace heatvit::tb {

constexpr int kDeepestJson = 100;  // nothing that the tools write comes near it

/// Throws InputError with the path: no JSON (worded `otherwise`), or nested deeper than kDeepestJson (whoever walks it
/// recurses).
nlohmann::ordered_json parse_json(const std::string& text, const std::string& path,
                                  const std::string& otherwise = "is not JSON");

/// The same of a file; also throws where it cannot be read.
nlohmann::ordered_json read_json(const std::string& path);

}  // namespace heatvit::tb
