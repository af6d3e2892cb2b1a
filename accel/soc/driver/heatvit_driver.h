/* Driver of the accelerator: C, register access through two functions, no operating system. The simulated host runs it
 * as a board would. */
#ifndef HEATVIT_DRIVER_H
#define HEATVIT_DRIVER_H

#include <stdint.h> /* NOLINT(modernize-deprecated-headers): this is C */

#ifdef __cplusplus
extern "C" {
#endif

struct heatvit_device {
  void* context;
  uint32_t (*read)(void* context, uint32_t offset);
  void (*write)(void* context, uint32_t offset, uint32_t value);
};

struct heatvit_image {
  uint32_t seed;        /* of the random scorer */
  const uint32_t* keep; /* patch tokens after each selector where they are not computed; may be null */
  uint32_t keep_count;
};

struct heatvit_job {
  uint32_t list_base;                /* DDR address of the command list */
  uint32_t list_count;               /* commands in it */
  uint32_t tokens;                   /* rows of the residual stream of an image at the start */
  uint32_t images;                   /* that the list works on together, 1 to 64 */
  const struct heatvit_image* image; /* one each */
};

enum heatvit_event { HEATVIT_EVENT_NONE, HEATVIT_EVENT_DONE, HEATVIT_EVENT_HOST_COMMAND, HEATVIT_EVENT_ROWS };

/* Programs everything but the start bit. */
void heatvit_configure(const struct heatvit_device* device, const struct heatvit_job* job);

/* The start write: latency counts from here. */
void heatvit_start(const struct heatvit_device* device);

/* Interrupt handler: why the accelerator interrupted; for a host command, its index and the token count. */
enum heatvit_event heatvit_handle_interrupt(const struct heatvit_device* device, uint32_t* command, uint32_t* tokens);

/* Where dependencies go by tile, a host command begins with its first rows, and others begin with its first results.
 * Leading rows of its input that are in memory: */
uint32_t heatvit_readable_rows(const struct heatvit_device* device);
/* Asks for HEATVIT_EVENT_ROWS when so many are. */
void heatvit_want_rows(const struct heatvit_device* device, uint32_t rows);
/* So many leading rows of its result are in memory, cleaned from the caches. */
void heatvit_report_rows(const struct heatvit_device* device, uint32_t rows);

/* The host command is done; the accelerator goes on. */
void heatvit_complete_host_command(const struct heatvit_device* device);

#ifdef __cplusplus
}
#endif

#endif
