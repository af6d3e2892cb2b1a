#include "tb/report/page/assets.h"

// The assembler puts the files' bytes into the program; the compiler could not take texts of this size.
#define HEATVIT_INCLUDE_BYTES(name, file)                                                                 \
  asm(".section .rodata\n.global " #name "_begin\n" #name "_begin:\n.incbin \"" file "\"\n.global " #name \
      "_end\n" #name "_end:\n.byte 0\n.text\n");                                                          \
  extern "C" const char name##_begin[], name##_end[]

HEATVIT_INCLUDE_BYTES(heatvit_page_style, HEATVIT_PAGE "/style.css");
HEATVIT_INCLUDE_BYTES(heatvit_page_common, HEATVIT_PAGE "/common.js");
HEATVIT_INCLUDE_BYTES(heatvit_page_run, HEATVIT_PAGE "/run.js");
HEATVIT_INCLUDE_BYTES(heatvit_page_sweep, HEATVIT_PAGE "/sweep.js");
HEATVIT_INCLUDE_BYTES(heatvit_page_compare, HEATVIT_PAGE "/compare.js");
HEATVIT_INCLUDE_BYTES(heatvit_page_board, HEATVIT_PAGE "/board.js");
HEATVIT_INCLUDE_BYTES(heatvit_page_chart, HEATVIT_CHART_JS);

namespace heatvit::tb::page {
namespace {

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<size_t>(end - begin)}; }

}  // namespace

std::string_view style() { return between(heatvit_page_style_begin, heatvit_page_style_end); }
std::string_view common_script() { return between(heatvit_page_common_begin, heatvit_page_common_end); }
std::string_view run_script() { return between(heatvit_page_run_begin, heatvit_page_run_end); }
std::string_view sweep_script() { return between(heatvit_page_sweep_begin, heatvit_page_sweep_end); }
std::string_view compare_script() { return between(heatvit_page_compare_begin, heatvit_page_compare_end); }
std::string_view board_script() { return between(heatvit_page_board_begin, heatvit_page_board_end); }
std::string_view chart_library() { return between(heatvit_page_chart_begin, heatvit_page_chart_end); }

}  // namespace heatvit::tb::page
