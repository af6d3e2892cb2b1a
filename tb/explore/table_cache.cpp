#include "tb/explore/table_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tb/explore/cache_folder.h"
#include "tb/explore/fingerprint.h"

namespace heatvit::explore {
namespace {

namespace fs = std::filesystem;

std::string fields_of(const TableRow& r) {
  std::ostringstream text;
  text << r.tokens << ' ' << r.block << ' ' << r.first_block << ' ' << r.last_block << ' ' << r.selector_narrow << ' '
       << r.selector_wide << ' ' << r.embedding << ' ' << r.head;
  return text.str();
}

bool parse_line(const std::string& line, TableRow& r) {
  const size_t end = line.rfind(' ');
  if (end == std::string::npos || content_hash(line.substr(0, end)) != line.substr(end + 1)) return false;
  std::istringstream text(line.substr(0, end));
  return static_cast<bool>(text >> r.tokens >> r.block >> r.first_block >> r.last_block >> r.selector_narrow >>
                           r.selector_wide >> r.embedding >> r.head);
}

}  // namespace

TableCache::TableCache(const std::string& key) {
  const fs::path folder = cache_folder();
  std::error_code error;
  if (folder.empty() || key.empty() || (fs::create_directories(folder, error), error)) return;
  const fs::path file = folder / (key + ".rows");
  std::ifstream stream(file);
  TableRow row;
  for (std::string line; std::getline(stream, line);) {
    if (parse_line(line, row)) rows_[row.tokens] = row;
  }
  descriptor_ = open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) path_ = file.string();
}

TableCache::~TableCache() {
  if (descriptor_ >= 0) close(descriptor_);
}

void TableCache::add(const TableRow& row) {
  rows_[row.tokens] = row;
  if (descriptor_ < 0) return;
  // One write of a whole line, begun on a fresh line: two processes may append, and a torn line spoils itself alone.
  const std::string fields = fields_of(row), line = "\n" + fields + ' ' + content_hash(fields) + "\n";
  if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    close(descriptor_);  // a full disk: the table itself matters more than remembering it
    descriptor_ = -1;
  }
}

}  // namespace heatvit::explore
