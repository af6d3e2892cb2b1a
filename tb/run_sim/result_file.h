// Results of a run as they get ready: a run that was ended goes on where it was, and the shards of one are put
// together.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tb/report/run_report.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {

/// What decides the results of a run, as text: options, hardware, hashes of the files that went in, the images' names,
/// sizes and labels, the program's version and commit. Runs and shards of one identity belong together.
std::string identity_of(const RunOptions& options);

/// Where a results file comes from.
struct ResultOrigin {
  std::vector<std::string> command;  // words behind the program's name
  std::string folder, identity;
  size_t batches = 0;  // of the whole run
};

/// An SQLite file of RunParts. It is whole whenever the program ends, however it ends.
class ResultFile {
 public:
  /// Opens or creates, for writing. Throws InputError: not to be opened, no such file, results of another run.
  ResultFile(const std::string& path, const ResultOrigin& origin);
  ~ResultFile();
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  /// Gives the parts that are there, one after another.
  static void read(const std::string& path, const std::function<void(RunPart&&)>& take);

  /// Where it comes from. Throws InputError where it is no file of results.
  static ResultOrigin origin(const std::string& path);

  /// Keeps the part; written with others, at the latest a second later or by flush().
  void add(const RunPart& part);
  void flush();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace heatvit::tb
