#include "tb/config/output_files.h"

#include <sys/stat.h>

#include <cctype>
#include <filesystem>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"

namespace heatvit::tb {
namespace {

class Identity {
 public:
  explicit Identity(const std::string& path) : exists_(path != "-" && stat(path.c_str(), &status_) == 0) {
    std::error_code error;
    const std::filesystem::path canonical = std::filesystem::weakly_canonical(path, error);
    path_ = error || path == "-" ? path : canonical.string();
    // Of a file that is yet to be made weakly_canonical() leaves the path relative.
    if (path != "-") path_ = std::filesystem::absolute(path_, error).lexically_normal().string();
  }
  bool exists() const { return exists_; }
  bool is_special() const { return exists_ && !S_ISREG(status_.st_mode) && !S_ISDIR(status_.st_mode); }
  bool is_device() const { return exists_ && S_ISCHR(status_.st_mode); }
  bool operator==(const Identity& other) const {
    const bool one_file =
        exists_ && other.exists_ && status_.st_dev == other.status_.st_dev && status_.st_ino == other.status_.st_ino;
    return one_file || path_ == other.path_;
  }

 private:
  struct stat status_ = {};
  bool exists_;
  std::string path_;
};

}  // namespace

void check_outputs(const std::vector<OutputFile>& outputs, const std::vector<std::string>& inputs) {
  std::vector<Identity> written;
  for (const OutputFile& output : outputs) {
    Identity identity(output.path);
    for (const Identity& other : written)
      if (identity == other && !identity.is_device()) throw InputError("two outputs go to '" + output.path + "'");
    written.push_back(std::move(identity));
  }
  for (const std::string& input : inputs) {
    const Identity read(input);
    for (size_t i = 0; i < written.size(); ++i)
      if (read.exists() && written[i] == read && !read.is_device())
        throw InputError("--" + outputs[i].option + ": '" + outputs[i].path + "' is an input as well");
  }
  // Told now, not after the work. A pipe must not be opened twice, as its reader sees the first one end.
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!outputs[i].path.empty() && outputs[i].path != "-" && !written[i].is_special())
      AtomicFile probe(outputs[i].path);
}

void expect_extension(const OutputFile& output, const std::string& extension) {
  std::string given = std::filesystem::path(output.path).extension().string();
  for (char& c : given) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (given.empty() || given == extension || Identity(output.path).is_special()) return;
  throw InputError("--" + output.option + ": '" + output.path + "' is written as " + extension.substr(1) +
                   "; name it so, or convert it afterwards");
}

}  // namespace heatvit::tb
