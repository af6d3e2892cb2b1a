// Requests for the DDR scheduler and how they are replayed.
#pragma once

#include <algorithm>
#include <functional>

#include "accel/soc/ddr/scheduler.h"

namespace heatvit::testing {

using MakeRequest = std::function<soc::ddr::Request(size_t index)>;

/// 64 bytes.
inline soc::ddr::Request request_at(uint64_t address, bool write, uint64_t arrival = 0) {
  soc::ddr::Request request;
  request.address = address;
  request.bytes = request.pitch = 64;
  request.write = write;
  request.arrival = arrival;
  return request;
}

inline soc::ddr::Request sequential(size_t i) { return request_at(i * 64, false); }

/// As fast as the controller accepts; returns the clock of the last data.
inline uint64_t replay(soc::ddr::Scheduler& scheduler, size_t count, const MakeRequest& make) {
  uint64_t now = 0, end = 0;
  const auto serve = [&] {
    now = std::max(now, scheduler.decision_time());
    end = std::max(end, scheduler.serve().last_data);
  };
  for (size_t i = 0; i < count; ++i) {
    soc::ddr::Request request = make(i);
    const uint32_t columns = scheduler.columns_of(request);
    while (!scheduler.accepts(request.write, columns)) serve();
    request.arrival = now;
    scheduler.admit(request, columns);
  }
  while (!scheduler.empty()) serve();
  return end;
}

}  // namespace heatvit::testing
