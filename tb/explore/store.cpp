#include "tb/explore/store.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/numbers.h"
#include "tb/config/text_table.h"
#include "tb/explore/database.h"

namespace heatvit::explore {
namespace {

constexpr const char* kSchema = "heatvit-sim/sweep/2";

// What a point is lies in `point` and depends on the design alone, so files of different machines compare equal; how it
// came about lies in `execution`.
constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS axis (position INTEGER PRIMARY KEY, key TEXT NOT NULL, "values" TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS point (
  number INTEGER PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('done', 'infeasible', 'failed')),
  reason TEXT,
  settings TEXT NOT NULL,
  config TEXT NOT NULL,
  cycles INTEGER,
  latency_ms REAL,
  dsp INTEGER,
  bram18k INTEGER,
  lut INTEGER,
  ff INTEGER,
  power_w REAL,
  energy_mj REAL,
  gmacs REAL,
  tiles INTEGER);
CREATE TABLE IF NOT EXISTS execution (
  number INTEGER PRIMARY KEY, wall_s REAL NOT NULL, peak_kib INTEGER NOT NULL, host TEXT NOT NULL);
)";

constexpr const char* kStoreColumns =
    "number, state, reason, settings, config, cycles, latency_ms, dsp, bram18k, lut, ff, power_w, energy_mj, gmacs, "
    "tiles";
constexpr double kLargestMetric = 1e15;  // far above all that is measured, and exact as a whole number
constexpr std::array<const char*, 9> kMetricColumns = {"latency_ms", "dsp",       "bram18k", "lut",  "ff",
                                                       "power_w",    "energy_mj", "gmacs",   "tiles"};
constexpr int kFirstMetric = 6;  // column of the first of them
constexpr const char* kReplaceFailed =
    " ON CONFLICT (number) DO UPDATE SET state = excluded.state, reason = excluded.reason, "
    "settings = excluded.settings, config = excluded.config, cycles = excluded.cycles, latency_ms = "
    "excluded.latency_ms, "
    "dsp = excluded.dsp, bram18k = excluded.bram18k, lut = excluded.lut, ff = excluded.ff, power_w = excluded.power_w, "
    "energy_mj = excluded.energy_mj, gmacs = excluded.gmacs, tiles = excluded.tiles "
    "WHERE point.state = 'failed'";

PointState state_of(const std::string& name) {
  for (const PointState state : {PointState::kDone, PointState::kInfeasible}) {
    if (name_of(state) == name) return state;
  }
  return PointState::kFailed;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

}  // namespace

std::string_view name_of(PointState state) {
  switch (state) {
    case PointState::kDone: return "done";
    case PointState::kInfeasible: return "infeasible";
    case PointState::kFailed: break;
  }
  return "failed";
}

struct Store::Impl {
  Impl(const std::string& path, bool writable) : database(path, writable) {}

  bool has_tables() const {
    Statement find(database, "SELECT 1 FROM sqlite_master WHERE name = 'sweep'");
    return find.step();
  }

  void describe(const std::string& key, const std::string& value) {
    Statement(database, "INSERT OR IGNORE INTO sweep VALUES (?, ?)").bind(1, key).bind(2, value).step();
  }

  std::string description(const std::string& key) const {
    Statement find(database, "SELECT value FROM sweep WHERE key = ?");
    return find.bind(1, key).step() ? find.text(0) : "";
  }

  void prepare_for_writing() {
    // A commit is one append to the log without waiting for the disk (rollback journals: 24 ms a point); the file stays
    // whole after SIGKILL and after a power cut, which may take the last points.
    database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  }

  /// Throws InputError where a row is not as add() writes it.
  PointResult read(const Statement& row) const {
    PointResult r;
    r.number = static_cast<uint64_t>(row.integer(0));
    r.state = state_of(row.text(1));
    r.reason = row.text(2);
    r.settings = row.text(3);
    r.resolved = row.text(4);
    if (!row.is_null(5)) r.cycles = static_cast<uint64_t>(row.integer(5));
    for (size_t i = 0; i < kMetricColumns.size(); ++i) {
      const int column = kFirstMetric + static_cast<int>(i);
      if (!row.is_null(column)) r.metrics[kMetricColumns[i]] = row.real(column);
      const bool measured = !row.is_null(column) && row.real(column) >= 0 && row.real(column) < kLargestMetric;
      if (r.state == PointState::kDone && !measured) throw broken(r, std::string("has no ") + kMetricColumns[i]);
    }
    const auto settings = nlohmann::json::parse(r.settings, nullptr, false);
    const auto is_text = [](const nlohmann::json& value) { return value.is_string(); };
    if (!settings.is_object() || !std::all_of(settings.begin(), settings.end(), is_text))
      throw broken(r, "has settings that are no JSON object of texts");
    return r;
  }

  InputError broken(const PointResult& r, const std::string& what) const {
    return InputError(database.path() + ": point " + std::to_string(r.number) + " " + what);
  }

  Database database;
  std::string host = host_name();
  std::unique_ptr<Statement> insert_point, insert_execution;
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

Store::Store(const std::string& path, const SweepSpec& spec, const std::string& version) : impl_(nullptr) {
  const tb::SignalHold hold;  // a signal must not leave half a file and its journal
  impl_ = std::make_unique<Impl>(path, true);
  Impl& s = *impl_;
  s.prepare_for_writing();
  s.database.execute("BEGIN IMMEDIATE");  // of two processes that begin together one creates, the other compares
  s.database.execute(kTables);
  const std::string identity = identity_of(spec, version);
  s.describe("schema", kSchema);
  s.describe("version", version);
  s.describe("identity", identity);
  s.describe("objectives", joined(spec.objectives, ","));
  int position = 0;
  for (const Axis& axis : spec.space.axes())
    Statement(s.database, "INSERT OR IGNORE INTO axis VALUES (?, ?, ?)")
        .bind(1, int64_t{position++})
        .bind(2, axis.key)
        .bind(3, joined(axis.values, ";"))
        .step();
  const bool same = s.description("schema") == kSchema && s.description("identity") == identity;
  s.database.execute(same ? "COMMIT" : "ROLLBACK");
  if (!same)
    throw InputError(
        path +
        ": holds results of another sweep (other axes, parameters, limits, device or version); take another file");
}

Store Store::open(const std::string& path) {
  if (!std::filesystem::exists(path)) throw InputError("cannot open '" + path + "': there is no such file");
  auto impl = std::make_unique<Impl>(path, false);
  if (!impl->has_tables() || impl->description("schema") != kSchema)
    throw InputError(path + ": is not a result store of `run_sim sweep`");
  return Store(std::move(impl));
}

Store Store::create_like(const std::string& path, const std::string& original) {
  const Store model = open(original);
  const tb::SignalHold hold;
  auto impl = std::make_unique<Impl>(path, true);
  impl->prepare_for_writing();
  impl->database.execute("BEGIN IMMEDIATE");
  impl->database.execute(kTables);
  Statement lines(model.impl_->database, "SELECT key, value FROM sweep");
  while (lines.step()) impl->describe(lines.text(0), lines.text(1));
  Statement axes(model.impl_->database, "SELECT position, key, \"values\" FROM axis");
  while (axes.step())
    Statement(impl->database, "INSERT OR IGNORE INTO axis VALUES (?, ?, ?)")
        .bind(1, axes.integer(0))
        .bind(2, axes.text(1))
        .bind(3, axes.text(2))
        .step();
  impl->database.execute("COMMIT");
  return Store(std::move(impl));
}

void Store::describe_origin(const std::string& text) { impl_->describe("provenance", text); }

void Store::plan(uint64_t points) {
  const uint64_t known = planned();
  if (points <= known) return;
  Statement(impl_->database, "INSERT OR REPLACE INTO sweep VALUES ('planned', ?)")
      .bind(1, std::to_string(points))
      .step();
}

uint64_t Store::planned() const {
  const auto points = tb::parse_number(description("planned"));
  return points && *points > 0 && *points < 1e18 ? static_cast<uint64_t>(*points) : 0;
}

size_t Store::completed() const {
  Statement count(impl_->database, "SELECT count(*) FROM point WHERE state <> 'failed'");
  return count.step() ? static_cast<size_t>(count.integer(0)) : 0;
}

std::string Store::completeness() const {
  const uint64_t planned_points = planned(), there = completed();
  if (there >= planned_points) return "";
  return tb::grouped(there) + " of " + tb::grouped(planned_points);
}

std::string Store::description(const std::string& key) const { return impl_->description(key); }

void Store::add(const PointResult& r) {
  Impl& s = *impl_;
  if (!s.insert_point) {
    s.insert_point =
        std::make_unique<Statement>(s.database, std::string("INSERT INTO point (") + kStoreColumns +
                                                    ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)" + kReplaceFailed);
    s.insert_execution =
        std::make_unique<Statement>(s.database, "INSERT OR REPLACE INTO execution VALUES (?, ?, ?, ?)");
  }
  Statement& point = *s.insert_point;
  point.bind(1, static_cast<int64_t>(r.number)).bind(2, std::string(name_of(r.state)));
  if (!r.reason.empty()) point.bind(3, r.reason);
  point.bind(4, r.settings).bind(5, r.resolved);
  if (r.cycles) point.bind(6, static_cast<int64_t>(*r.cycles));
  for (size_t i = 0; i < kMetricColumns.size(); ++i) {
    const auto metric = r.metrics.find(kMetricColumns[i]);
    if (metric != r.metrics.end()) point.bind(kFirstMetric + 1 + static_cast<int>(i), metric->second);
  }
  s.database.execute("BEGIN IMMEDIATE");
  point.step();
  point.reset();
  Statement& execution = *s.insert_execution;
  execution.bind(1, static_cast<int64_t>(r.number))
      .bind(2, r.wall_s)
      .bind(3, int64_t{r.peak_kib})
      .bind(4, s.host)
      .step();
  execution.reset();
  s.database.execute("COMMIT");
}

std::vector<PointResult> Store::results() const {
  std::vector<PointResult> all;
  Statement rows(impl_->database, std::string("SELECT ") + kStoreColumns + " FROM point ORDER BY number");
  while (rows.step()) {
    all.push_back(impl_->read(rows));
    all.back().resolved.clear();
  }
  return all;
}

std::unordered_map<uint64_t, PointState> Store::states() const {
  std::unordered_map<uint64_t, PointState> all;
  Statement rows(impl_->database, "SELECT number, state FROM point");
  while (rows.step()) all[static_cast<uint64_t>(rows.integer(0))] = state_of(rows.text(1));
  return all;
}

std::optional<PointResult> Store::find(uint64_t number) const {
  Statement row(impl_->database, std::string("SELECT ") + kStoreColumns + " FROM point WHERE number = ?");
  if (!row.bind(1, static_cast<int64_t>(number)).step()) return std::nullopt;
  return impl_->read(row);
}

void Store::merge(const std::string& path) {
  const Store other = open(path);  // refuses what is no store, and rolls back what a killed process left
  other.results();                 // refuses points that are not as add() writes them
  if (other.description("identity") != description("identity"))
    throw InputError(path + ": holds another sweep than " + impl_->database.path());
  Database& db = impl_->database;
  Statement(db, "ATTACH ? AS source").bind(1, other.impl_->database.source()).step();
  {
    Statement conflict(db,
                       "SELECT a.number FROM point a JOIN source.point b USING (number) WHERE a.state <> 'failed' AND "
                       "b.state <> 'failed' AND (a.state <> b.state OR a.cycles IS NOT b.cycles) LIMIT 1");
    if (conflict.step())
      throw std::runtime_error(path + ": disagrees with " + db.path() + " about point " +
                               std::to_string(conflict.integer(0)));
  }
  db.execute("BEGIN IMMEDIATE");
  // "WHERE true": without it, SQLite reads ON as the join's.
  db.execute(std::string("INSERT INTO point (") + kStoreColumns + ") SELECT " + kStoreColumns +
             " FROM source.point WHERE true" + kReplaceFailed);
  db.execute("INSERT OR IGNORE INTO execution SELECT * FROM source.execution");
  db.execute("COMMIT");
  db.execute("DETACH source");
  plan(other.planned());
}

}  // namespace heatvit::explore
