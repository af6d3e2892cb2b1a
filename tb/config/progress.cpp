#include "tb/config/progress.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "tb/config/numbers.h"

namespace heatvit::tb {

Progress::Progress(size_t total, bool enabled, std::string noun)
    : total_(total),
      enabled_(enabled && total > 1),
      terminal_(isatty(STDERR_FILENO) != 0),
      noun_(std::move(noun)),
      start_(Clock::now()),
      drawn_(start_) {
  if (const char* given = std::getenv("HEATVIT_PROGRESS_S"); given != nullptr && !terminal_) {
    seconds_ = parse_number(given).value_or(seconds_);
    enabled_ = enabled_ && seconds_ > 0;
  }
}

Progress::~Progress() {
  if (enabled_ && terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::step() {
  ++done_;
  const Clock::time_point now = Clock::now();
  const double since = std::chrono::duration<double>(now - drawn_).count();
  if (!enabled_ || since < (terminal_ ? 0.1 : seconds_)) return;
  drawn_ = now;
  constexpr size_t kWidth = 40;
  const size_t filled = done_ * kWidth / total_;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double left = seconds / static_cast<double>(done_) * static_cast<double>(total_ - done_);
  if (!terminal_) {
    std::fprintf(stderr, "run_sim: %zu/%zu %s, %.0f s left\n", done_, total_, noun_.c_str(), left);
    return;
  }
  std::fprintf(stderr, "\r[%s%s] %zu/%zu %s, %.0f s left \033[K", std::string(filled, '#').c_str(),
               std::string(kWidth - filled, '.').c_str(), done_, total_, noun_.c_str(), left);
  std::fflush(stderr);
}

}  // namespace heatvit::tb
