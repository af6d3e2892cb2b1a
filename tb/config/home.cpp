#include "tb/config/home.h"

#include <cstdlib>

#include "accel/isa/errors.h"

namespace heatvit::tb {
namespace {

bool is_home(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::is_directory(folder / "configs", ignored) &&
         std::filesystem::is_directory(folder / "models" / "zoo", ignored);
}

}  // namespace

std::filesystem::path project_home() {
  if (const char* home = std::getenv("HEATVIT_HOME"); home != nullptr && *home != '\0') {
    if (!is_home(home)) {
      throw InputError("HEATVIT_HOME: '" + std::string(home) + "' does not hold configs/ and models/zoo/");
    }
    return home;
  }
  std::error_code error;
  std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  if (auto installed = folder.parent_path() / "share" / "heatvit"; !error && is_home(installed)) return installed;
  while (!error && !folder.empty()) {
    if (is_home(folder)) return folder;
    if (folder == folder.root_path()) break;
    folder = folder.parent_path();
  }
  throw InputError(
      "cannot find configs/ and models/zoo/ in ../share/heatvit or above the program; set HEATVIT_HOME to the "
      "project's folder");
}

}  // namespace heatvit::tb
