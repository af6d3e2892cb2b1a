// A folder of its own among the system's temporary files, gone with everything in it when the object goes.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "accel/isa/errors.h"

namespace heatvit::tb {

class TemporaryFolder {
 public:
  /// Throws WriteError.
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "heatvit-XXXXXX").string();  // mkdtemp fills the X in
    if (mkdtemp(name.data()) == nullptr) throw WriteError("cannot make the temporary folder " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace heatvit::tb
