#include "tb/run_sim/result_file.h"

#include <chrono>
#include <filesystem>

#include "accel/isa/errors.h"
#include "tb/config/sha256.h"
#include "tb/explore/database.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/simulation.h"

namespace heatvit::tb {
namespace {

using explore::Database;
using explore::Statement;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr const char* kSchema = "heatvit-sim/run-results/1";
constexpr auto kFlushAfter = std::chrono::seconds(1);

/// Names, sizes and labels, and who stays where that is given: without the contents, which would take as long as the
/// run.
std::string digest_of(const std::vector<RunItem>& items) {
  Sha256 sum;
  std::error_code none;
  for (const RunItem& item : items) {
    const auto size = item.path.empty() ? 0 : std::filesystem::file_size(item.path, none);
    std::string line = item.name + '\0' + std::to_string(size) + '\0' + std::to_string(item.label);
    for (const int kept : item.kept) line += '\0' + std::to_string(kept);
    for (const auto& patches : item.patches)
      for (const int patch : patches) line += '\1' + std::to_string(patch);
    line += '\n';
    sum.add(line.data(), line.size());
  }
  return sum.digest();
}

std::string value_of(const Database& database, const char* key) {
  Statement find(database, "SELECT value FROM run WHERE key = ?");
  return find.bind(1, std::string(key)).step() ? find.text(0) : "";
}

void expect_results(const Database& database, const std::string& path) {
  Statement find(database, "SELECT 1 FROM sqlite_master WHERE name = 'run'");
  if (!find.step() || value_of(database, "schema") != kSchema)
    throw InputError("'" + path + "' holds no results of a run (run_sim run --results)");
}

RunPart part_of_bytes(const std::string& bytes, const std::string& path) {
  try {
    return RunPart::from(bytes);
  } catch (const std::runtime_error&) {
    throw InputError("'" + path + "' is damaged");
  }
}

}  // namespace

std::string identity_of(const RunOptions& options) {
  Inputs inputs = inputs_of(options);
  inputs.images.clear();
  const Json from = provenance(inputs);
  Json files = Json::array();
  for (const Json& input : from.at("inputs")) files.push_back({input.at("what"), input.at("sha256")});
  Json config = options.resolved;
  for (const char* key :
       {"jobs", "limit", "images", "image", "labels", "weights", "config", "token_trace", "calibrate", "program"})
    config.erase(key);  // their contents count
  return Json({{"version", from.at("version")},
               {"commit", from.at("commit")},
               {"weights", options.prepare.weights.rfind("synthetic:", 0) == 0 ? options.prepare.weights : ""},
               {"logits", options.logits || options.logits_out.has_value()},
               {"images", digest_of(options.items)},
               {"files", files},
               {"config", config}})
      .dump(1, ' ', false, Json::error_handler_t::replace);
}

struct ResultFile::Impl {
  Database database;
  RunPart sums;    // of all that was added, without images
  RunPart images;  // that are not written yet, without sums
  Clock::time_point since = Clock::now();
};

ResultFile::ResultFile(const std::string& path, const ResultOrigin& origin)
    : impl_(new Impl{Database(path, true), {}, {}, Clock::now()}) {
  Database& database = impl_->database;
  // A commit appends to the log without waiting for the disk; the file stays whole after SIGKILL.
  database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  if (Statement(database, "SELECT 1 FROM sqlite_master").step()) {
    expect_results(database, path);
    if (value_of(database, "identity") != origin.identity)
      throw InputError("'" + path +
                       "' holds results of another run: other options, files, images or version of the program");
    Statement sums(database, "SELECT results FROM sums");
    if (sums.step()) impl_->sums = part_of_bytes(sums.bytes(0), path);
    return;
  }
  database.execute(
      "BEGIN; CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
      "CREATE TABLE sums (number INTEGER PRIMARY KEY CHECK (number = 0), results BLOB NOT NULL);"
      "CREATE TABLE part (number INTEGER PRIMARY KEY, images INTEGER NOT NULL, results BLOB NOT NULL);");
  const auto describe = [&](const char* key, const std::string& value) {
    Statement(database, "INSERT INTO run VALUES (?, ?)").bind(1, std::string(key)).bind(2, value).step();
  };
  describe("schema", kSchema);
  describe("identity", origin.identity);
  describe("command", Json(origin.command).dump(-1, ' ', false, Json::error_handler_t::replace));
  describe("folder", origin.folder);
  describe("batches", std::to_string(origin.batches));
  database.execute("COMMIT");
}

ResultFile::~ResultFile() {
  try {
    flush();
  } catch (const std::exception&) {  // an error is on its way already; what was written before is there
  }
}

ResultOrigin ResultFile::origin(const std::string& path) {
  if (!std::filesystem::exists(path)) throw InputError("'" + path + "': there is no such file");
  const Database database(path, false);
  expect_results(database, path);
  ResultOrigin origin;
  try {
    origin.command = Json::parse(value_of(database, "command")).get<std::vector<std::string>>();
    origin.batches = std::stoul(value_of(database, "batches"));
  } catch (const std::exception&) {
    throw InputError("'" + path + "' is damaged: it does not say where it comes from");
  }
  origin.folder = value_of(database, "folder");
  origin.identity = value_of(database, "identity");
  return origin;
}

void ResultFile::read(const std::string& path, const std::function<void(RunPart&&)>& take) {
  const Database database(path, false);
  expect_results(database, path);
  for (const char* table : {"SELECT results FROM sums", "SELECT results FROM part ORDER BY number"}) {
    Statement rows(database, table);
    while (rows.step()) take(part_of_bytes(rows.bytes(0), path));
  }
}

void ResultFile::add(const RunPart& part) {
  RunPart sums = part;
  impl_->images.images.merge(sums.images);
  impl_->sums += std::move(sums);
  if (Clock::now() - impl_->since >= kFlushAfter) flush();
}

void ResultFile::flush() {
  impl_->since = Clock::now();
  if (impl_->images.images.empty()) return;
  const RunPart part = std::move(impl_->images);
  impl_->images = {};
  impl_->database.execute("BEGIN");
  Statement(impl_->database, "INSERT INTO part (images, results) VALUES (?, ?)")
      .bind(1, static_cast<int64_t>(part.images.size()))
      .bind_bytes(2, part.bytes())
      .step();
  Statement(impl_->database, "INSERT OR REPLACE INTO sums VALUES (0, ?)").bind_bytes(1, impl_->sums.bytes()).step();
  impl_->database.execute("COMMIT");
}

}  // namespace heatvit::tb
