#include "frames.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct frames frames_open(const char *file, const char *size)
{
    struct frames frames;
    struct stat stat;
    long long frame;
    void *map;
    int fd;

    if (sscanf(size, "%dx%d", &frames.width, &frames.height) != 2 || frames.width < 1 || frames.height < 1 ||
        frames.width > 16384 || frames.height > 16384)
        errx(2, "%s is not a size like 1920x1080", size);
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) != 0)
        err(1, "%s", file);
    frame = 4ll * frames.width * frames.height;
    if (stat.st_size < frame || stat.st_size % frame != 0)
        errx(1, "%s does not hold whole frames of %s", file, size);
    map = mmap(NULL, stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        err(1, "%s", file);
    frames.first = map;
    frames.count = (int)(stat.st_size / frame);
    return frames;
}

const uint32_t *frames_at(const struct frames *frames, int number)
{
    return frames->first + (size_t)number * frames->width * frames->height;
}

double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void sleep_until(double time)
{
    struct timespec until = {.tv_sec = (time_t)time, .tv_nsec = (long)((time - (double)(time_t)time) * 1e9)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}
