/* Register map of the accelerator, 32 bit each, byte offsets on AXI-Lite. C, for the driver. */
#ifndef HEATVIT_ACCEL_MODULES_REGISTERS_H
#define HEATVIT_ACCEL_MODULES_REGISTERS_H

enum heatvit_register {
  HEATVIT_CONTROL = 0x00,     /* w: 1 = start */
  HEATVIT_STATUS = 0x04,      /* r: HEATVIT_STATUS_*; reading clears the interrupt */
  HEATVIT_LIST_BASE = 0x08,   /* w: DDR address of the command list */
  HEATVIT_LIST_COUNT = 0x0C,  /* w: commands in it */
  HEATVIT_TOKENS = 0x10,      /* w: rows of an image at the start; r: rows of all images, as the selector left them */
  HEATVIT_SEED = 0x14,        /* w: of the random scorer; of HEATVIT_IMAGE */
  HEATVIT_CPU_COMMAND = 0x18, /* r: index of the command that the host must do */
  HEATVIT_CPU_DONE = 0x1C,    /* w: any value: the host has done it */
  HEATVIT_STAGES = 0x20,      /* r: selectors run so far, on HEATVIT_IMAGE */
  HEATVIT_CPU_ROWS = 0x24, /* of the host command, with dependencies by tile. r: leading rows of its input that are */
                           /* in memory; w: leading rows of its result that the host has written there */
  HEATVIT_CPU_WANT = 0x28, /* w: interrupt when so many leading rows of its input are in memory */
  HEATVIT_BATCH = 0x2C,    /* w: images that the list works on, 1 to 64 */
  HEATVIT_IMAGE = 0x30,    /* w: the image that SEED, STAGES and KEEP are of */
  HEATVIT_KEEP = 0x40      /* w: 8 registers; patch tokens after selector i where scores are not computed (timing); */
                           /* HEATVIT_KEEP_COMMAND = what the command says. r: patch tokens that selector i kept */
};

#define HEATVIT_KEEP_REGISTERS 8
#define HEATVIT_KEEP_COMMAND 0xFFFFFFFFu

enum heatvit_status { HEATVIT_STATUS_DONE = 1, HEATVIT_STATUS_CPU = 2, HEATVIT_STATUS_ROWS = 4 };

#endif
