// Loops carry labels: an HLS tool names its reports and directives after them, and so does the estimate of cycles. A
// C++ compiler sees labels that nobody jumps to; that is no mistake here.
#ifndef HEATVIT_ACCEL_KERNELS_LABELS_H_
#define HEATVIT_ACCEL_KERNELS_LABELS_H_

#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wunused-label"
#endif

#endif  // HEATVIT_ACCEL_KERNELS_LABELS_H_
