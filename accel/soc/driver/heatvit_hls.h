/* heatvit_top (accel/hls) behind the driver's registers: the block that HLS makes has a register file of its own, and
 * this translates accesses, so that heatvit_driver.c runs it as it runs the simulated accelerator. C, no operating
 * system. */
#ifndef HEATVIT_HLS_H
#define HEATVIT_HLS_H

#include "accel/soc/driver/heatvit_driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The block's registers, as the pragmas of heatvit_top.cpp place them; the first five are where Vitis HLS puts them.
 * Compare with the xheatvit_top_hw.h that the tool writes. Pointers take two registers each. */
enum heatvit_hls_register {
  HEATVIT_HLS_CONTROL = 0x00,          /* 1: start; 2: done, cleared by reading; 4: idle; 8: ready */
  HEATVIT_HLS_INTERRUPT_ON = 0x04,     /* 1: the block may interrupt */
  HEATVIT_HLS_INTERRUPT_ENABLE = 0x08, /* 1: when done */
  HEATVIT_HLS_INTERRUPT_STATUS = 0x0C, /* 1: done; writing 1 clears it */
  HEATVIT_HLS_RETURN = 0x10,           /* heatvit::hls::Status */
  HEATVIT_HLS_ACTIVATIONS = 32,
  HEATVIT_HLS_WEIGHTS_0 = 48,
  HEATVIT_HLS_RESULTS = 64,
  HEATVIT_HLS_COMMANDS = 80,
  HEATVIT_HLS_LIST_BASE = 96,
  HEATVIT_HLS_LIST_COUNT = 104,
  HEATVIT_HLS_TOKENS = 112,
  HEATVIT_HLS_SEED = 120,
  HEATVIT_HLS_STAGES = 128,
  HEATVIT_HLS_KEPT = 160, /* 8 words */
  HEATVIT_HLS_WEIGHTS_1 = 208,
  HEATVIT_HLS_PARAMETERS = 224,
  HEATVIT_HLS_NORMAL = 240,
  HEATVIT_HLS_WEIGHTS_2 = 256,
  HEATVIT_HLS_WEIGHTS_3 = 272
};

#define HEATVIT_HLS_REGISTERS_BYTES 4096

#define HEATVIT_HLS_START 1u
#define HEATVIT_HLS_DONE 2u
#define HEATVIT_HLS_IDLE 4u

struct heatvit_hls {
  volatile uint32_t* registers;
  int done; /* heatvit_top has come to its end since the last start: reading the control register clears its bit */
};

/* The nine masters see DDR from this physical address on; a command list counts from there. Interrupts: 1 lets the
 * block raise its line when it is done. */
void heatvit_hls_attach(struct heatvit_hls* block, volatile uint32_t* registers, uint64_t ddr, int interrupts);

/* A device for heatvit_driver.h. Registers that the block does not have read as 0, and writing them does nothing: it
 * works on one image, does LayerNorm itself and decides who stays by scores. */
struct heatvit_device heatvit_hls_device(struct heatvit_hls* block);

/* What the last run returned: 0, or why a command was refused. */
uint32_t heatvit_hls_status(const struct heatvit_hls* block);

#ifdef __cplusplus
}
#endif

#endif
