#include "accel/soc/driver/heatvit_board.h"

#include "accel/modules/registers.h"

static void copy(volatile uint8_t *to, const uint8_t *from, uint32_t bytes) {
  uint32_t i;
  for (i = 0; i < bytes; ++i) to[i] = from[i];
}

static void clear(volatile uint8_t *to, uint32_t bytes) {
  uint32_t i;
  for (i = 0; i < bytes; ++i) to[i] = 0;
}

static void clean(const struct heatvit_board *board, uint32_t address, uint32_t bytes) {
  if (board->clean) board->clean(board->context, board->ddr + address, bytes);
}

static void invalidate(const struct heatvit_board *board, uint32_t address, uint32_t bytes) {
  if (board->invalidate) board->invalidate(board->context, board->ddr + address, bytes);
}

static void load(const struct heatvit_board *board, const struct heatvit_board_image *image) {
  uint32_t i;
  for (i = 0; i < image->sections; ++i) {
    const struct heatvit_section *s = &image->section[i];
    copy(board->ddr + s->address, s->data, s->bytes);
    clean(board, s->address, s->bytes);
  }
  clear(board->ddr + image->logits_address, image->logits_bytes);
  clean(board, image->logits_address, image->logits_bytes);
  clear(board->ddr + image->window_address, image->window_bytes);
  clean(board, image->window_address, image->window_bytes);
}

static uint64_t now(const struct heatvit_board *board) {
  return board->nanoseconds ? board->nanoseconds(board->context) : 0;
}

int heatvit_board_run(const struct heatvit_board *board, const struct heatvit_board_image *image,
                      enum heatvit_list list, struct heatvit_result_header *header) {
  const struct heatvit_device device = heatvit_hls_device(board->block);
  struct heatvit_image one;
  struct heatvit_job job;
  uint32_t command = 0, tokens = 0, i;
  uint64_t begin, taken;
  one.seed = image->seed;
  one.keep = 0;
  one.keep_count = 0;
  job.list_base = image->list_address[list];
  job.list_count = image->list_count[list];
  job.tokens = image->tokens;
  job.images = 1;
  job.image = &one;
  load(board, image);
  heatvit_configure(&device, &job);
  begin = now(board);
  heatvit_start(&device);
  while (heatvit_handle_interrupt(&device, &command, &tokens) != HEATVIT_EVENT_DONE)
    if (board->wait && board->wait(board->context)) return 1;
  taken = now(board) - begin;
  invalidate(board, image->logits_address, image->logits_bytes);
  invalidate(board, image->window_address, image->window_bytes);
  header->magic = HEATVIT_RESULT_MAGIC;
  header->version = HEATVIT_RESULT_VERSION;
  header->status = heatvit_hls_status(board->block);
  header->stages = device.read(device.context, HEATVIT_STAGES);
  for (i = 0; i < 8; ++i)
    header->kept[i] = i < header->stages ? device.read(device.context, HEATVIT_KEEP + 4 * i) : 0;
  header->nanoseconds_low = (uint32_t)taken;
  header->nanoseconds_high = (uint32_t)(taken >> 32);
  header->checked = list == HEATVIT_LIST_CHECKED ? 1 : 0;
  header->reserved = 0;
  return 0;
}
