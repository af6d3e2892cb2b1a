// Where results that cost simulations are remembered: $XDG_CACHE_HOME/heatvit/tables, else ~/.cache/heatvit/tables;
// HEATVIT_CACHE overrides both (empty: nothing is remembered).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace heatvit::explore {

/// Empty: nothing is remembered.
std::filesystem::path cache_folder();

/// A line that was remembered under a name; nothing where there is none, or where it is damaged.
std::optional<std::string> recall(const std::string& name);

/// Remembers a line. Where that is not possible nothing happens: it can be found again.
void remember(const std::string& name, const std::string& line);

}  // namespace heatvit::explore
