#include "tb/explore/database.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "accel/isa/errors.h"
#include "tb/config/temporary_folder.h"

namespace heatvit::explore {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMilliseconds = 60'000;  // another process's transaction is over long before

/// As a URI, which knows more than a name: nothing in it may mean something else.
std::string source_of(const std::string& path) {
  std::error_code error;
  const std::string name = fs::absolute(path, error).lexically_normal().string();
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : error ? path : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '?' || c == '#' || c == '%' || byte < 0x20 || byte > 0x7e)
      uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    else
      uri += c;
  }
  return uri;
}

bool may_write(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return access(path.c_str(), W_OK) == 0 && access(folder.empty() ? "." : folder.c_str(), W_OK) == 0;
}

bool has_log(const std::string& path) {
  std::error_code error;
  return fs::file_size(path + "-wal", error) > 0 && !error;
}
}  // namespace

/// The file and its log in a folder of its own, which goes with it.
class Database::Copy {
 public:
  explicit Copy(const std::string& path) {
    std::error_code error;
    fs::copy_file(path, this->path(), error);
    if (!error) fs::copy_file(path + "-wal", this->path() + "-wal", error);
    fs::permissions(this->path(), fs::perms::owner_read | fs::perms::owner_write, error);
    fs::permissions(this->path() + "-wal", fs::perms::owner_read | fs::perms::owner_write, error);
    if (error) throw InputError("cannot open '" + path + "': it cannot be copied: " + error.message());
  }
  std::string path() const { return folder_.path("store.sqlite"); }

 private:
  tb::TemporaryFolder folder_;
};

Database::Database(const std::string& path, bool writable) : path_(path) {
  if (path.empty() || path.rfind(":memory:", 0) == 0)  // SQLite would keep it to itself
    throw InputError("cannot open '" + path + "': no name of a file");
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))  // SQLite writes into devices
    throw InputError("cannot open '" + path + "': is no regular file");
  source_ = source_of(path);
  // Reading needs the right to write as well: a journal that a killed process left is rolled back on opening, and a
  // write-ahead log has an index beside it. Who may not write reads the file as it lies there, or a copy with its log.
  if (!writable && !may_write(path)) {
    if (has_log(path)) {
      copy_ = std::make_unique<Copy>(path);
      source_ = source_of(copy_->path());
    } else {
      source_ += "?immutable=1";
    }
  }
  const int flags = SQLITE_OPEN_URI | (writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                       : source_.find('?') == std::string::npos ? SQLITE_OPEN_READWRITE
                                                                                : SQLITE_OPEN_READONLY);
  const int code = sqlite3_open_v2(source_.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) {
    const std::string reason = handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory";
    sqlite3_close(handle_);
    throw InputError("cannot open '" + path + "': " + reason);
  }
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
}

Database::~Database() { sqlite3_close(handle_); }

void Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

void Database::fail() const {
  const int code = sqlite3_errcode(handle_) & 0xff;
  if (code == SQLITE_NOTADB) throw InputError(path_ + ": is not an SQLite file");
  const auto is = [code](int other) { return code == other; };
  // What the machine refuses; all else (damage, missing tables) lies in the file.
  constexpr int kMachine[] = {SQLITE_FULL, SQLITE_IOERR,  SQLITE_READONLY, SQLITE_NOMEM,
                              SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PERM,     SQLITE_CANTOPEN};
  if (std::none_of(std::begin(kMachine), std::end(kMachine), is))
    throw InputError(path_ + ": is damaged or no result store: " + sqlite3_errmsg(handle_));
  throw WriteError(path_ + ": " + sqlite3_errmsg(handle_));
}

Statement::Statement(const Database& database, const std::string& sql) : database_(database) {
  if (sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) database_.fail();
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int index, const std::string& value) {
  sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind_bytes(int index, const std::string& value) {
  sqlite3_bind_blob64(statement_, index, value.data(), value.size(), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

Statement& Statement::bind(int index, double value) {
  sqlite3_bind_double(statement_, index, value);
  return *this;
}

Statement& Statement::bind_null(int index) {
  sqlite3_bind_null(statement_, index);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) database_.fail();
  return code == SQLITE_ROW;
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::string Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return data == nullptr ? "" : std::string(data, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

std::string Statement::text(int column) const {
  const auto* data = sqlite3_column_text(statement_, column);
  return data == nullptr ? ""
                         : std::string(reinterpret_cast<const char*>(data),
                                       static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

}  // namespace heatvit::explore
