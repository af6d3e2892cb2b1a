// The header that fixes the sizes of a bitstream (accel/kernels/hardware.h has the default one).
#pragma once

#include <string>
#include <vector>

#include "accel/soc/config.h"

namespace heatvit::tb {

/// A constant of accel/kernels/hardware.h.
struct HlsConstant {
  const char* name;
  int value;
  const char* what;
};

/// All of them, in the header's order.
std::vector<HlsConstant> hls_constants(const soc::SocConfig& config);

/// The header's text. Throws InputError where the configuration cannot be synthesised: an odd pe.to (outputs share
/// multipliers in pairs), more multipliers than the ZU9EG has.
std::string hls_header(const soc::SocConfig& config, const std::string& origin);

}  // namespace heatvit::tb
