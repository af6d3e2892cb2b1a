#include "accel/soc/driver/heatvit_hls.h"

#include "accel/modules/registers.h"

static uint32_t get(const struct heatvit_hls *block, uint32_t offset) { return block->registers[offset / 4]; }

static void put(struct heatvit_hls *block, uint32_t offset, uint32_t value) { block->registers[offset / 4] = value; }

static void put_pointer(struct heatvit_hls *block, uint32_t offset, uint64_t address) {
  put(block, offset, (uint32_t)address);
  put(block, offset + 4, (uint32_t)(address >> 32));
}

void heatvit_hls_attach(struct heatvit_hls *block, volatile uint32_t *registers, uint64_t ddr, int interrupts) {
  block->registers = registers;
  block->done = 0;
  put_pointer(block, HEATVIT_HLS_ACTIVATIONS, ddr);
  put_pointer(block, HEATVIT_HLS_WEIGHTS_0, ddr);
  put_pointer(block, HEATVIT_HLS_WEIGHTS_1, ddr);
  put_pointer(block, HEATVIT_HLS_WEIGHTS_2, ddr);
  put_pointer(block, HEATVIT_HLS_WEIGHTS_3, ddr);
  put_pointer(block, HEATVIT_HLS_PARAMETERS, ddr);
  put_pointer(block, HEATVIT_HLS_NORMAL, ddr);
  put_pointer(block, HEATVIT_HLS_RESULTS, ddr);
  put_pointer(block, HEATVIT_HLS_COMMANDS, ddr);
  put(block, HEATVIT_HLS_INTERRUPT_STATUS, get(block, HEATVIT_HLS_INTERRUPT_STATUS)); /* what was left is cleared */
  put(block, HEATVIT_HLS_INTERRUPT_ENABLE, interrupts ? 1 : 0);
  put(block, HEATVIT_HLS_INTERRUPT_ON, interrupts ? 1 : 0);
}

static uint32_t read_status(struct heatvit_hls *block) {
  if (get(block, HEATVIT_HLS_CONTROL) & HEATVIT_HLS_DONE) block->done = 1;
  if (get(block, HEATVIT_HLS_INTERRUPT_STATUS) & 1) put(block, HEATVIT_HLS_INTERRUPT_STATUS, 1);
  return block->done ? HEATVIT_STATUS_DONE : 0;
}

static uint32_t read_register(void *context, uint32_t offset) {
  struct heatvit_hls *block = (struct heatvit_hls *)context;
  if (offset == HEATVIT_STATUS) return read_status(block);
  if (offset == HEATVIT_STAGES) return get(block, HEATVIT_HLS_STAGES);
  if (offset == HEATVIT_TOKENS) return get(block, HEATVIT_HLS_TOKENS);
  if (offset >= HEATVIT_KEEP && offset < HEATVIT_KEEP + 4 * HEATVIT_KEEP_REGISTERS)
    return get(block, HEATVIT_HLS_KEPT + offset - HEATVIT_KEEP);
  return 0;
}

static void write_register(void *context, uint32_t offset, uint32_t value) {
  struct heatvit_hls *block = (struct heatvit_hls *)context;
  switch (offset) {
    case HEATVIT_LIST_BASE: put(block, HEATVIT_HLS_LIST_BASE, value); break;
    case HEATVIT_LIST_COUNT: put(block, HEATVIT_HLS_LIST_COUNT, value); break;
    case HEATVIT_TOKENS: put(block, HEATVIT_HLS_TOKENS, value); break;
    case HEATVIT_SEED: put(block, HEATVIT_HLS_SEED, value); break;
    case HEATVIT_CONTROL:
      block->done = 0;
      put(block, HEATVIT_HLS_CONTROL, HEATVIT_HLS_START);
      break;
    default: break;
  }
}

struct heatvit_device heatvit_hls_device(struct heatvit_hls *block) {
  struct heatvit_device device;
  device.context = block;
  device.read = read_register;
  device.write = write_register;
  return device;
}

uint32_t heatvit_hls_status(const struct heatvit_hls *block) { return get(block, HEATVIT_HLS_RETURN); }
