// A folder for one test, gone afterwards.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tb/config/temporary_folder.h"

namespace heatvit::tests {

class TemporaryFolder : public tb::TemporaryFolder {
 public:
  /// Writes a file and returns its path.
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

  size_t entries() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(path("")), std::filesystem::directory_iterator()));
  }
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace heatvit::tests
