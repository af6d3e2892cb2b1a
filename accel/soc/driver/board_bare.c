/* heatvit_board without an operating system: the image of `run_sim export --c-array` (its folder on the include path),
 * registers and DDR where the block design places them. The result stands behind the image in DDR, the header first:
 * dump HEATVIT_RESULT_BYTES from heatvit_result (xsct: mrd -bin -file result.bin ADDRESS WORDS) for `run_sim import-result`. */
#include "accel/soc/driver/heatvit_board.h"
#include "heatvit_image.h"

#ifndef HEATVIT_REGISTERS_AT
#define HEATVIT_REGISTERS_AT 0xA0000000u /* M_AXI_HPM0_FPD, as accel/hls/block_design.tcl assigns it */
#endif
#ifndef HEATVIT_DDR_AT
#define HEATVIT_DDR_AT 0x10000000u /* behind the program */
#endif

#define CACHE_LINE 64u

#ifdef __aarch64__
static void by_line(uint8_t *from, uint32_t bytes, int write_back) {
  uintptr_t line = (uintptr_t)from & ~(uintptr_t)(CACHE_LINE - 1);
  for (; line < (uintptr_t)from + bytes; line += CACHE_LINE) {
    if (write_back)
      __asm__ volatile("dc cvac, %0" : : "r"(line) : "memory");
    else
      __asm__ volatile("dc civac, %0" : : "r"(line) : "memory");
  }
  __asm__ volatile("dsb sy" : : : "memory");
}
#else
static void by_line(uint8_t *from, uint32_t bytes, int write_back) {
  (void)from;
  (void)bytes;
  (void)write_back;
}
#endif

static void clean(void *context, uint8_t *from, uint32_t bytes) {
  (void)context;
  by_line(from, bytes, 1);
}

static void invalidate(void *context, uint8_t *from, uint32_t bytes) {
  (void)context;
  by_line(from, bytes, 0);
}

/* Where it is; 0: not there yet. For whoever looks in with a debugger. */
volatile uint64_t heatvit_result_at;
volatile uint32_t heatvit_result_bytes;

int main(void) {
  const struct heatvit_board_image *image = &heatvit_image_of_board;
  uint8_t *const ddr = (uint8_t *)(uintptr_t)HEATVIT_DDR_AT;
  uint8_t *const result = ddr + image->memory_bytes;
  struct heatvit_hls block;
  struct heatvit_board board;
  struct heatvit_result_header header;
  uint32_t i, at = 0;
  heatvit_hls_attach(&block, (volatile uint32_t *)(uintptr_t)HEATVIT_REGISTERS_AT, HEATVIT_DDR_AT, 0);
  board.block = &block;
  board.ddr = ddr;
  board.clean = clean;
  board.invalidate = invalidate;
  board.wait = 0;
  board.nanoseconds = 0;
  board.context = 0;
  heatvit_board_run(&board, image, HEATVIT_LIST_CHECKED, &header);
  for (i = 0; i < sizeof header; ++i) ((volatile uint8_t *)result)[at++] = ((const uint8_t *)&header)[i];
  for (i = 0; i < image->logits_bytes; ++i) ((volatile uint8_t *)result)[at++] = ddr[image->logits_address + i];
  for (i = 0; i < image->window_bytes; ++i) ((volatile uint8_t *)result)[at++] = ddr[image->window_address + i];
  clean(0, result, at);
  heatvit_result_bytes = at;
  heatvit_result_at = (uint64_t)(uintptr_t)result;
  return (int)header.status;
}
