// Devices: configs/devices/NAME.ini, or a file of the same form.
#pragma once

#include <boost/property_tree/ptree.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "accel/soc/resources.h"

namespace heatvit::tb {

constexpr const char* kDefaultDevice = "zcu102";
constexpr const char* kNoDevice = "none";  // nothing is refused

/// Every shipped device by file name, with all its facts: section.key -> value.
std::vector<std::pair<std::string, boost::property_tree::ptree>> shipped_devices();

/// A value without the comment behind it.
std::string fact_text(const std::string& text);

/// What the fabric of `name` has: a shipped device, else a file; nothing for "none". Throws InputError: no such device
/// or file, [fabric] without dsp48e2, bram18k, lut or ff, a value that is no whole number above 0.
std::optional<soc::Device> find_device(const std::string& name);

/// Throws InputError, one line, where the design does not fit.
void expect_fit(const soc::SocConfig& config, const std::optional<soc::Device>& device);

}  // namespace heatvit::tb
