// A progress bar on stderr, only where stderr is a terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace heatvit::tb {

class Progress {
 public:
  /// `noun`: what is counted.
  Progress(size_t total, bool enabled, std::string noun = "images");
  ~Progress();  // wipes the bar
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more is done; redraws at most ten times a second.
  void step();

 private:
  using Clock = std::chrono::steady_clock;
  size_t total_, done_ = 0;
  bool enabled_;
  std::string noun_;
  Clock::time_point start_, drawn_{};
};

}  // namespace heatvit::tb
