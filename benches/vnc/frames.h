/* A file of raw frames: 32 bits a pixel, blue in the lowest byte, the highest byte of no meaning. */
#ifndef KVM_FRAMES_H
#define KVM_FRAMES_H

#include <stdint.h>

struct frames {
    const uint32_t *first;
    int width, height, count;
};

/* Maps the file; ends the program with a word if it is none of whole frames of a size like 1920x1080. */
struct frames frames_open(const char *file, const char *size);
const uint32_t *frames_at(const struct frames *frames, int number);

/* Seconds of a clock that never goes back. */
double seconds(void);
void sleep_until(double time);

#endif
