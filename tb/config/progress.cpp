#include "tb/config/progress.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

namespace heatvit::tb {

Progress::Progress(size_t total, bool enabled, std::string noun)
    : total_(total),
      enabled_(enabled && total > 1 && isatty(STDERR_FILENO) != 0),
      noun_(std::move(noun)),
      start_(Clock::now()) {}

Progress::~Progress() {
  if (enabled_) std::fputs("\r\033[K", stderr);
}

void Progress::step() {
  ++done_;
  const Clock::time_point now = Clock::now();
  if (!enabled_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  constexpr size_t kWidth = 40;
  const size_t filled = done_ * kWidth / total_;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double left = seconds / static_cast<double>(done_) * static_cast<double>(total_ - done_);
  std::fprintf(stderr, "\r[%s%s] %zu/%zu %s, %.0f s left \033[K", std::string(filled, '#').c_str(),
               std::string(kWidth - filled, '.').c_str(), done_, total_, noun_.c_str(), left);
  std::fflush(stderr);
}

}  // namespace heatvit::tb
