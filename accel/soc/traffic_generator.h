// A load on the memory beside the accelerator, as other programs on the host make it: pages of cache lines at random
// places of a region, two lines read for each one written (a host that streams over its data and keeps a part).
//
// Reads and writes are masters of their own, with one page each under way. A page is due so often that the asked rate
// comes out; what comes late is made up for, as fast as the port and the memory take it. Where they give less than is
// asked, the load is what they give: MemoryStatistics has it.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <array>
#include <cstdint>
#include <systemc>

#include "accel/modules/burst_train.h"

namespace heatvit::soc {

class TrafficGenerator : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<TrafficGenerator, 128, modules::BulkProtocol> memory;

  /// `begin`, `bytes`: the region, at least a page.
  TrafficGenerator(sc_core::sc_module_name name, double gbs, uint64_t begin, uint64_t bytes);

  /// The load begins, or begins anew, at the present. Without a call there is none.
  void reset();

  /// Pages that are through since then.
  uint64_t pages() const { return pages_; }

 private:
  struct Master {
    bool write = false;
    uint64_t period_fs = 0;  // from page to page
    uint64_t random = 0;
    modules::TrainTransaction transaction;
  };

  void drive(Master& master);
  uint32_t random_page(Master& master) const;

  double gbs_;
  uint64_t begin_, region_pages_;
  std::array<Master, 2> masters_;
  uint64_t run_ = 0, pages_ = 0;
};

}  // namespace heatvit::soc
