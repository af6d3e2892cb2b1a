// What a result depends on, as text and as a short hash of it.
#pragma once

#include <string>

#include "accel/soc/config.h"
#include "models/zoo/zoo.h"

namespace heatvit::explore {

/// Every hardware parameter, "key=value" a line, in the order of `run_sim list`.
std::string config_text(const soc::SocConfig& config);

/// Shape of the network, a line.
std::string model_text(const zoo::ModelSpec& spec);

/// Hash of the program, or of the shared object in which a Python process has this code: two builds of different
/// sources never share a cache entry. The linker's build ID, else of the file. Empty if unreadable.
std::string program_hash();

/// 128 bits (two FNV-1a hashes with different offsets) as 32 hexadecimal digits.
std::string content_hash(const std::string& text);

}  // namespace heatvit::explore
