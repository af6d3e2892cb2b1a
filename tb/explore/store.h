// Results of a sweep in an SQLite file; the schema is in docs/exploration.md.
//
// Every point is a transaction of its own in a write-ahead log: a process killed at any moment leaves a file (with its
// FILE-wal beside it until it is opened again) that holds every point that was handed to add() before. Several
// processes of one machine may write to one file: a point that is there is not replaced (but for a failed one), so
// nothing is lost or doubled. Different machines take a file each, and merge().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tb/explore/evaluate.h"

namespace heatvit::explore {

class Store {
 public:
  /// Opens or creates. Throws InputError: cannot be opened, is no result store, holds results of another sweep or
  /// version; WriteError when writing fails.
  Store(const std::string& path, const SweepSpec& spec, const std::string& version);

  /// Opens an existing one for reading. Throws InputError.
  static Store open(const std::string& path);

  ~Store();
  Store(Store&&) noexcept;

  void add(const PointResult& result);

  /// In order of number; `resolved` is left out.
  std::vector<PointResult> results() const;

  /// States of all points.
  std::unordered_map<uint64_t, PointState> states() const;

  /// The point, if it is there.
  std::optional<PointResult> find(uint64_t number) const;

  /// Takes over the points of another file of the same sweep. Throws InputError: no such file, another sweep;
  /// std::runtime_error: the two disagree about a point.
  void merge(const std::string& path);

  /// Creates `path` as a copy of an existing file's description, without its points.
  static Store create_like(const std::string& path, const std::string& original);

  /// Notes where the file comes from; what is there already stays.
  void describe_origin(const std::string& text);

  /// Notes how many points the sweep plans, over all shards; the largest number stays.
  void plan(uint64_t points);
  uint64_t planned() const;  // 0: not known
  size_t completed() const;  // points that are there and not failed

  /// "21 of 42" where points of the plan are not there; else "".
  std::string completeness() const;

  /// A line of the description: "identity", "version", "objectives", ...
  std::string description(const std::string& key) const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

std::string_view name_of(PointState state);

}  // namespace heatvit::explore
