/* heatvit_board on Linux: heatvit_top's registers through UIO or /dev/mem, DDR through u-dma-buf or reserved memory.
 *
 *   heatvit_board DIR RESULT --registers /dev/uio0 --memory /dev/udmabuf0
 *   heatvit_board DIR RESULT --registers /dev/mem@0xA0000000 --memory /dev/mem@0x60000000 --physical 0x60000000
 *
 * DIR is what `run_sim export` wrote; RESULT is for `run_sim import-result`. Options: --list plain (no checkpoints: for
 * time), --poll (no interrupts), --seconds N (give up after so long; 60). A file in place of a device is mapped as it is.
 * Exit codes: 0 done; 1 heatvit_top refused a command, or did not come to an end; 2 something is wrong with the input. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "accel/soc/driver/heatvit_board.h"

static int fail(const char *what, const char *why) {
  fprintf(stderr, "heatvit_board: error: %s: %s\n", what, why);
  return 2;
}

struct mapping {
  int file;
  uint8_t *bytes;
};

/* "PATH" or "PATH@OFFSET". */
static int map(struct mapping *m, const char *name, size_t bytes) {
  char path[256];
  const char *at = strchr(name, '@');
  const size_t length = at ? (size_t)(at - name) : strlen(name);
  const off_t offset = at ? (off_t)strtoull(at + 1, NULL, 0) : 0;
  void *mapped;
  if (length >= sizeof path) return fail(name, "too long a name");
  memcpy(path, name, length);
  path[length] = 0;
  m->file = open(path, O_RDWR | O_SYNC); /* O_SYNC: u-dma-buf maps without caches then, and so does /dev/mem */
  if (m->file < 0) return fail(path, strerror(errno));
  mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->file, offset);
  if (mapped == MAP_FAILED) return fail(name, strerror(errno));
  m->bytes = (uint8_t *)mapped;
  return 0;
}

/* Of /dev/udmabufN: what the driver says. */
static uint64_t physical_of(const char *memory) {
  char path[320];
  uint64_t address = 0;
  const char *name = strrchr(memory, '/');
  FILE *file;
  snprintf(path, sizeof path, "/sys/class/u-dma-buf/%s/phys_addr", name ? name + 1 : memory);
  file = fopen(path, "r");
  if (!file) return 0;
  if (fscanf(file, "%" SCNi64, (int64_t *)&address) != 1) address = 0;
  fclose(file);
  return address;
}

static uint64_t nanoseconds(void *context) {
  struct timespec now;
  (void)context;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct waiting {
  int file; /* of UIO; -1: the registers are asked again and again */
  uint64_t until;
};

static int wait_for_it(void *context) {
  struct waiting *waiting = (struct waiting *)context;
  if (nanoseconds(NULL) > waiting->until) return 1;
  if (waiting->file < 0) return 0;
  {
    struct pollfd raised;
    uint32_t count = 1;
    raised.fd = waiting->file;
    raised.events = POLLIN;
    raised.revents = 0;
    if (poll(&raised, 1, 1000) > 0 && read(waiting->file, &count, sizeof count) == (ssize_t)sizeof count) {
      count = 1; /* UIO: on again */
      if (write(waiting->file, &count, sizeof count) != (ssize_t)sizeof count) return 1;
    }
  }
  return 0;
}

static char *whole_file(const char *folder, const char *name, size_t *bytes) {
  char path[512];
  FILE *file;
  long size;
  char *content;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  file = fopen(path, "rb");
  if (!file) {
    fail(path, strerror(errno));
    return NULL;
  }
  fseek(file, 0, SEEK_END);
  size = ftell(file);
  rewind(file);
  content = size < 0 ? NULL : (char *)malloc((size_t)size + 1);
  if (content && fread(content, 1, (size_t)size, file) == (size_t)size) {
    content[size] = 0;
    *bytes = (size_t)size;
  } else {
    fail(path, "cannot be read");
    free(content);
    content = NULL;
  }
  fclose(file);
  return content;
}

/* board.txt: words and numbers in the order in which run_sim export writes them. */
static int read_image(const char *text, const uint8_t *data, size_t data_bytes, struct heatvit_board_image *image,
                      struct heatvit_section **sections) {
  static const char kHead[] =
      "heatvit-board 1 memory %" SCNu32 " logits %" SCNu32 " %" SCNu32 " window %" SCNu32 " %" SCNu32 " plain %" SCNu32
      " %" SCNu32 " checked %" SCNu32 " %" SCNu32 " start %" SCNu32 " %" SCNu32 " sections %" SCNu32 "%n";
  int at = 0;
  uint32_t i;
  if (sscanf(text, kHead, &image->memory_bytes, &image->logits_address, &image->logits_bytes, &image->window_address,
             &image->window_bytes, &image->list_address[0], &image->list_count[0], &image->list_address[1],
             &image->list_count[1], &image->tokens, &image->seed, &image->sections, &at) != 12)
    return fail("board.txt", "is not of this version of run_sim export");
  if (image->sections == 0 || image->sections > 64) return fail("board.txt", "has an impossible number of sections");
  if ((uint64_t)image->logits_address + image->logits_bytes > image->memory_bytes ||
      (uint64_t)image->window_address + image->window_bytes > image->memory_bytes)
    return fail("board.txt", "places results outside its memory");
  *sections = (struct heatvit_section *)calloc(image->sections, sizeof **sections);
  if (!*sections) return fail("board.txt", "no memory");
  for (i = 0; i < image->sections; ++i) {
    struct heatvit_section *s = &(*sections)[i];
    uint32_t offset;
    int more = 0;
    if (sscanf(text + at, " section %" SCNu32 " %" SCNu32 " %" SCNu32 "%n", &s->address, &offset, &s->bytes, &more) != 3)
      return fail("board.txt", "lacks a section");
    at += more;
    if ((uint64_t)offset + s->bytes > data_bytes || (uint64_t)s->address + s->bytes > image->memory_bytes)
      return fail("board.txt", "has a section outside ddr.bin or the memory");
    s->data = data + offset;
  }
  image->section = *sections;
  return 0;
}

static int write_result(const char *path, const struct heatvit_result_header *header, const uint8_t *ddr,
                        const struct heatvit_board_image *image) {
  FILE *file = fopen(path, "wb");
  int good;
  if (!file) return fail(path, strerror(errno));
  good = fwrite(header, sizeof *header, 1, file) == 1 &&
         fwrite(ddr + image->logits_address, 1, image->logits_bytes, file) == image->logits_bytes &&
         fwrite(ddr + image->window_address, 1, image->window_bytes, file) == image->window_bytes;
  good = fclose(file) == 0 && good;
  return good ? 0 : fail(path, "writing failed");
}

static const char *option(int argc, char **argv, const char *name) {
  int i;
  for (i = 3; i + 1 < argc; ++i)
    if (strcmp(argv[i], name) == 0) return argv[i + 1];
  return NULL;
}

static int has(int argc, char **argv, const char *name) {
  int i;
  for (i = 3; i < argc; ++i)
    if (strcmp(argv[i], name) == 0) return 1;
  return 0;
}

int main(int argc, char **argv) {
  const char *registers = argc > 3 ? option(argc, argv, "--registers") : NULL;
  const char *memory = argc > 3 ? option(argc, argv, "--memory") : NULL;
  const char *physical = argc > 3 ? option(argc, argv, "--physical") : NULL;
  const char *list = argc > 3 ? option(argc, argv, "--list") : NULL;
  const char *seconds = argc > 3 ? option(argc, argv, "--seconds") : NULL;
  struct heatvit_board_image image;
  struct heatvit_section *sections = NULL;
  struct heatvit_result_header header;
  struct heatvit_hls block;
  struct heatvit_board board;
  struct waiting waiting;
  struct mapping ddr, file;
  size_t text_bytes = 0, data_bytes = 0;
  char *text, *data;
  uint64_t base;
  int code, interrupts;
  if (!registers || !memory) {
    fprintf(stderr,
            "usage: heatvit_board DIR RESULT --registers PATH[@OFFSET] --memory PATH[@OFFSET] [--physical ADDRESS]\n"
            "                     [--list plain] [--poll] [--seconds N]\n");
    return 2;
  }
  if (list && strcmp(list, "plain") != 0 && strcmp(list, "checked") != 0) return fail("--list", "is plain or checked");
  text = whole_file(argv[1], "board.txt", &text_bytes);
  data = whole_file(argv[1], "ddr.bin", &data_bytes);
  if (!text || !data) return 2;
  code = read_image(text, (const uint8_t *)data, data_bytes, &image, &sections);
  if (code) return code;
  base = physical ? strtoull(physical, NULL, 0) : physical_of(memory);
  if (!base) return fail(memory, "where it lies is not known: give --physical");
  code = map(&file, registers, HEATVIT_HLS_REGISTERS_BYTES);
  if (!code) code = map(&ddr, memory, image.memory_bytes);
  if (code) return code;
  interrupts = strncmp(registers, "/dev/uio", 8) == 0 && !has(argc, argv, "--poll");
  waiting.file = interrupts ? file.file : -1;
  waiting.until = nanoseconds(NULL) + (seconds ? strtoull(seconds, NULL, 0) : 60) * 1000000000u;
  if (interrupts) {
    const uint32_t on = 1;
    if (write(file.file, &on, sizeof on) != (ssize_t)sizeof on) return fail(registers, strerror(errno));
  }
  heatvit_hls_attach(&block, (volatile uint32_t *)(void *)file.bytes, base, interrupts);
  memset(&board, 0, sizeof board);
  board.block = &block;
  board.ddr = ddr.bytes;
  board.wait = wait_for_it;
  board.nanoseconds = nanoseconds;
  board.context = &waiting;
  if (heatvit_board_run(&board, &image,
                        list && strcmp(list, "plain") == 0 ? HEATVIT_LIST_PLAIN : HEATVIT_LIST_CHECKED, &header)) {
    fprintf(stderr, "heatvit_board: error: heatvit_top did not come to an end\n");
    return 1;
  }
  code = write_result(argv[2], &header, ddr.bytes, &image);
  if (code) return code;
  printf("heatvit_top: status %" PRIu32 ", %" PRIu32 " selectors, %.3f ms\n", header.status, header.stages,
         (double)(((uint64_t)header.nanoseconds_high << 32) | header.nanoseconds_low) * 1e-6);
  return header.status == 0 ? 0 : 1;
}
