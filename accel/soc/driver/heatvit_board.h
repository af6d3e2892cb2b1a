/* One image on a board: what `run_sim export` wrote goes into DDR, heatvit_top runs, the result comes back. Neither an
 * operating system nor a library is used: board_linux.c and board_bare.c bring files, mappings and caches. */
#ifndef HEATVIT_BOARD_H
#define HEATVIT_BOARD_H

#include "accel/soc/driver/heatvit_hls.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEATVIT_RESULT_MAGIC 0x53525648u /* "HVRS" */
#define HEATVIT_RESULT_VERSION 1u

/* In front of a result: then the logits, then the window with the checkpoints. Little endian. */
struct heatvit_result_header {
  uint32_t magic, version;
  uint32_t status; /* what heatvit_top returned */
  uint32_t stages; /* selectors that ran */
  uint32_t kept[8];
  uint32_t nanoseconds_low, nanoseconds_high; /* from the start to the end; 0: not measured */
  uint32_t checked;                           /* 1: the list with checkpoints ran */
  uint32_t reserved;
};

struct heatvit_section {
  uint32_t address, bytes; /* in DDR, from where the masters see it begin */
  const uint8_t* data;
};

enum heatvit_list { HEATVIT_LIST_PLAIN, HEATVIT_LIST_CHECKED };

/* board.txt, or heatvit_image.h of --c-array. */
struct heatvit_board_image {
  uint32_t memory_bytes;
  uint32_t logits_address, logits_bytes;
  uint32_t window_address, window_bytes;
  uint32_t list_address[2], list_count[2]; /* by heatvit_list */
  uint32_t tokens, seed;
  uint32_t sections;
  const struct heatvit_section* section;
};

/* What a board brings. `clean`: what the processor wrote is in memory; `invalidate`: what the accelerator wrote will be
 * read from there. `wait`: returns when the accelerator may have something to say; not 0: no longer. Null where there
 * is nothing to do. */
struct heatvit_board {
  struct heatvit_hls* block;
  uint8_t* ddr;
  void (*clean)(void* context, uint8_t* from, uint32_t bytes);
  void (*invalidate)(void* context, uint8_t* from, uint32_t bytes);
  int (*wait)(void* context);
  uint64_t (*nanoseconds)(void* context);
  void* context;
};

/* Runs the image on a list and fills the header. Not 0: `wait` gave up. */
int heatvit_board_run(const struct heatvit_board* board, const struct heatvit_board_image* image,
                      enum heatvit_list list, struct heatvit_result_header* header);

#ifdef __cplusplus
}
#endif

#endif
