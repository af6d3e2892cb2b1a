// Devices: configs/devices/NAME.ini, or a file of the same form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accel/soc/resources.h"
#include "tb/config/ini.h"

namespace heatvit::tb {

constexpr const char* kDefaultDevice = "zcu102";
constexpr const char* kNoDevice = "none";  // nothing is refused

struct ShippedDevice {
  std::string name;  // of its file
  std::vector<IniEntry> facts;
};

/// Every shipped device by file name, with all its facts.
std::vector<ShippedDevice> shipped_devices();

/// What the fabric of `name` has: a shipped device, else a file; nothing for "none". Throws InputError: no such device
/// or file, [fabric] without dsp48e2, bram18k, lut or ff, a value that is no whole number above 0.
std::optional<soc::Fpga> find_device(const std::string& name);

/// Resources that the design needs and the device has not, and a clock that its ports do not take; "" if none.
std::string lacking(const soc::SocConfig& config, const soc::Fpga& device);

/// Throws InputError, one line, where the design does not fit.
void expect_fit(const soc::SocConfig& config, const std::optional<soc::Fpga>& device);

}  // namespace heatvit::tb
