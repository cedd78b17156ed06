/*
 * read-frames FILE WIDTHxHEIGHT
 *
 * Reads raw frames, each into memory of its own, as a server does that shows them from a file. Prints the processor time
 * of each after the first, in ms: what such a server pays before it does anything.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int count, char **words)
{
    struct frames frames;
    double start = 0;
    size_t length;
    int fd;

    if (count != 3)
        errx(2, "usage: read-frames FILE WIDTHxHEIGHT");
    frames = frames_open(words[1], words[2]);
    length = 4ul * frames.width * frames.height;
    fd = open(words[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        err(1, "%s", words[1]);
    for (int number = 0; number < frames.count; number++) {
        char *frame = malloc(length);
        size_t there = 0;

        if (!frame)
            err(1, "memory");
        while (there < length) {
            ssize_t got = read(fd, frame + there, length - there);

            if (got <= 0)
                err(1, "%s", words[1]);
            there += (size_t)got;
        }
        free(frame);
        if (number == 0)
            start = cpu_ms();
    }
    printf("%.2f\n", frames.count > 1 ? (cpu_ms() - start) / (frames.count - 1) : 0.0);
    return 0;
}
