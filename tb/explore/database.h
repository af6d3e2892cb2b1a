// SQLite in a few lines: statements that own themselves, errors as exceptions.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace heatvit::explore {

class Database {
 public:
  /// Throws InputError when the file cannot be opened.
  Database(const std::string& path, bool writable);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Statements without results. Throws WriteError.
  void execute(const std::string& sql);

  sqlite3* handle() const { return handle_; }

  /// For ATTACH: the same file, opened in the same way.
  const std::string& source() const { return source_; }

  const std::string& path() const { return path_; }

  /// InputError when the file is no database, else WriteError with SQLite's words.
  [[noreturn]] void fail() const;

 private:
  class Copy;

  std::string path_, source_;  // as given; as a URI
  std::unique_ptr<Copy> copy_;
  sqlite3* handle_ = nullptr;
};

/// A prepared statement. Parameters and columns count from 1 and 0, as in SQLite.
class Statement {
 public:
  Statement(const Database& database, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, const std::string& value);
  Statement& bind(int index, int64_t value);
  Statement& bind(int index, double value);
  Statement& bind_null(int index);
  Statement& bind_bytes(int index, const std::string& value);

  /// True while there is a row.
  bool step();
  void reset();

  std::string text(int column) const;
  std::string bytes(int column) const;
  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  const Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace heatvit::explore
