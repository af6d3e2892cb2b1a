// Where a result comes from: the program, the command line, the files that went in.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace heatvit::tb {

/// What went into a result besides the command line.
struct Inputs {
  std::vector<std::pair<std::string, std::string>> files;  // what it is ("weights", "config", ...) and its path
  std::vector<std::string> images;                         // paths, in the order of the report
};

/// {"program", "version", "commit", "command": [...], "folder", "host", "date" (UTC), "inputs": [{"what", "file",
/// "bytes", "sha256"}], "images": {"count", "sha256"}}. What is no file (synthetic:1) is left out, of a folder each
/// file is listed. The images' sum is that of the lines `sha256sum` prints for their contents, without the names.
nlohmann::ordered_json provenance(const Inputs& inputs = {});

/// The same in a line, without inputs: "run_sim 0.2.0 (1a2b3c), HOST, DATE: COMMAND".
std::string provenance_line(const nlohmann::ordered_json& provenance);

}  // namespace heatvit::tb
