#include "tb/explore/cache_folder.h"

#include <cstdlib>
#include <fstream>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/explore/fingerprint.h"

namespace heatvit::explore {

namespace fs = std::filesystem;

fs::path cache_folder() {
  if (const char* own = std::getenv("HEATVIT_CACHE")) return own;
  const char *xdg = std::getenv("XDG_CACHE_HOME"), *user = std::getenv("HOME");
  if (xdg != nullptr && *xdg != '\0') return fs::path(xdg) / "heatvit" / "tables";
  return user != nullptr && *user != '\0' ? fs::path(user) / ".cache" / "heatvit" / "tables" : fs::path();
}

std::optional<std::string> recall(const std::string& name) {
  const fs::path folder = cache_folder();
  if (folder.empty()) return std::nullopt;
  std::ifstream file(folder / name);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const size_t end = line.rfind(' ');
  if (end == std::string::npos || content_hash(line.substr(0, end)) != line.substr(end + 1)) return std::nullopt;
  return line.substr(0, end);
}

void remember(const std::string& name, const std::string& line) {
  const fs::path folder = cache_folder();
  std::error_code error;
  if (folder.empty() || (fs::create_directories(folder, error), error)) return;
  try {
    tb::AtomicFile file((folder / name).string());
    file.write(line + ' ' + content_hash(line) + '\n');
    file.commit();
  } catch (const InputError&) {
  } catch (const WriteError&) {
  }
}

}  // namespace heatvit::explore
