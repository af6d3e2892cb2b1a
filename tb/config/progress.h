// Progress on stderr: a bar where that is a terminal, else a line every few seconds.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace heatvit::tb {

class Progress {
 public:
  /// `noun`: what is counted. HEATVIT_PROGRESS_S: seconds between lines where there is no terminal, 10 by default; 0:
  /// none.
  Progress(size_t total, bool enabled, std::string noun = "images");
  ~Progress();  // wipes the bar
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more is done; redraws at most ten times a second.
  void step();

 private:
  using Clock = std::chrono::steady_clock;
  size_t total_, done_ = 0;
  bool enabled_, terminal_;
  double seconds_ = 10;  // between lines
  std::string noun_;
  Clock::time_point start_, drawn_{};
};

}  // namespace heatvit::tb
