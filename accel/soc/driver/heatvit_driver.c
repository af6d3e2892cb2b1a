#include "accel/soc/driver/heatvit_driver.h"

#include "accel/modules/registers.h"

void heatvit_configure(const struct heatvit_device *device, const struct heatvit_job *job) {
  uint32_t image, i;
  device->write(device->context, HEATVIT_LIST_BASE, job->list_base);
  device->write(device->context, HEATVIT_LIST_COUNT, job->list_count);
  device->write(device->context, HEATVIT_TOKENS, job->tokens);
  device->write(device->context, HEATVIT_BATCH, job->images);
  for (image = 0; image < job->images; ++image) {
    const struct heatvit_image *now = &job->image[image];
    device->write(device->context, HEATVIT_IMAGE, image);
    device->write(device->context, HEATVIT_SEED, now->seed);
    for (i = 0; i < HEATVIT_KEEP_REGISTERS; ++i)
      device->write(device->context, HEATVIT_KEEP + 4 * i, i < now->keep_count ? now->keep[i] : HEATVIT_KEEP_COMMAND);
  }
}

void heatvit_start(const struct heatvit_device *device) { device->write(device->context, HEATVIT_CONTROL, 1); }

enum heatvit_event heatvit_handle_interrupt(const struct heatvit_device *device, uint32_t *command, uint32_t *tokens) {
  const uint32_t status = device->read(device->context, HEATVIT_STATUS);
  if (status & HEATVIT_STATUS_DONE) return HEATVIT_EVENT_DONE;
  if (status & HEATVIT_STATUS_ROWS) return HEATVIT_EVENT_ROWS;
  if (!(status & HEATVIT_STATUS_CPU)) return HEATVIT_EVENT_NONE;
  *command = device->read(device->context, HEATVIT_CPU_COMMAND);
  *tokens = device->read(device->context, HEATVIT_TOKENS);
  return HEATVIT_EVENT_HOST_COMMAND;
}

uint32_t heatvit_readable_rows(const struct heatvit_device *device) {
  return device->read(device->context, HEATVIT_CPU_ROWS);
}

void heatvit_want_rows(const struct heatvit_device *device, uint32_t rows) {
  device->write(device->context, HEATVIT_CPU_WANT, rows);
}

void heatvit_report_rows(const struct heatvit_device *device, uint32_t rows) {
  device->write(device->context, HEATVIT_CPU_ROWS, rows);
}

void heatvit_complete_host_command(const struct heatvit_device *device) {
  device->write(device->context, HEATVIT_CPU_DONE, 1);
}
