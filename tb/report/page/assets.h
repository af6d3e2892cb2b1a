// The page's parts as text, built into the program.
#pragma once

#include <string_view>

namespace heatvit::tb::page {

std::string_view style();
std::string_view common_script();
std::string_view run_script();
std::string_view sweep_script();
std::string_view compare_script();
std::string_view board_script();
std::string_view chart_library();  // Chart.js; empty where it was missing when this program was built

}  // namespace heatvit::tb::page
