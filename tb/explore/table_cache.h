// Rows of latency tables that have been measured before, on disk: one file a key, one line a row, appended as rows get
// ready. A run that is killed loses the rows in flight; the next one continues. Lines that are no row (a torn write, a
// foreign file) are skipped and measured again; each line carries a checksum.
// Place: cache_folder.h.
#pragma once

#include <map>
#include <string>

#include "tb/explore/latency_table.h"

namespace heatvit::explore {

class TableCache {
 public:
  /// An empty key or no folder to write in: works without remembering.
  explicit TableCache(const std::string& key);
  ~TableCache();
  TableCache(const TableCache&) = delete;
  TableCache& operator=(const TableCache&) = delete;

  /// By token count.
  const std::map<int, TableRow>& rows() const { return rows_; }

  void add(const TableRow& row);

  /// "" without a file.
  const std::string& path() const { return path_; }

 private:
  std::map<int, TableRow> rows_;
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace heatvit::explore
