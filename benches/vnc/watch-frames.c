/*
 * watch-frames PORT PID FILE WIDTHxHEIGHT RATE
 * watch-frames --unseen PID FILE WIDTHxHEIGHT RATE
 *
 * Watches a VNC server on this machine that shows the raw frames of FILE, so many a second from when somebody has seen
 * the first one, and whose process is PID. Takes copies and lossless Tight, ZRLE and Raw. Prints "begun" when the first
 * frame is there, and at the end one line with what it counted:
 *
 *   bytes up to the first frame, bytes after it, processor time of the server after it in ms,
 *   frames after the first, those that differ from the one before, those of them that were shown exactly
 *
 * Fails if the last picture is not the last frame. With --unseen it looks at the processor time alone.
 */
#include <dirent.h>
#include <err.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rfb/rfbclient.h>

#include "frames.h"

struct watch {
    struct frames frames;
    /* The frame that was seen last; -1 before the first. */
    int seen;
    int shown;
};

/* Processor time of all threads of a process, in ms. */
static double cpu_ms(const char *pid)
{
    char path[300];
    struct dirent *thread;
    double total = 0;
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%s/task", pid);
    threads = opendir(path);
    if (!threads)
        err(1, "%s", path);
    while ((thread = readdir(threads))) {
        unsigned long long ns;
        FILE *file;

        snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, thread->d_name);
        if (thread->d_name[0] == '.' || !(file = fopen(path, "r")))
            continue;
        if (fscanf(file, "%llu", &ns) == 1)
            total += (double)ns / 1e6;
        fclose(file);
    }
    closedir(threads);
    return total;
}

/* Bytes that came in on the connection, as the kernel counts them. */
static unsigned long long received(const rfbClient *client)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;

    if (getsockopt(client->sock, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        err(1, "TCP_INFO");
    return info.tcpi_bytes_received;
}

static int same(const uint32_t *first, const uint32_t *second, size_t pixels)
{
    for (size_t pixel = 0; pixel < pixels; pixel++)
        if ((first[pixel] ^ second[pixel]) & 0xffffff)
            return 0;
    return 1;
}

static int differs(const struct frames *frames, int number)
{
    size_t pixels = (size_t)frames->width * frames->height;

    return number == 0 || !same(frames_at(frames, number - 1), frames_at(frames, number), pixels);
}

/* Looks which frame the picture is, among those not seen yet. */
static void updated(rfbClient *client)
{
    struct watch *watch = rfbClientGetClientData(client, updated);
    const struct frames *frames = &watch->frames;
    const uint32_t *picture = (const uint32_t *)client->frameBuffer;
    size_t pixels = (size_t)frames->width * frames->height;

    /* What looks the same may come again later, between others. */
    if (watch->seen >= 0 && same(picture, frames_at(frames, watch->seen), pixels))
        return;
    for (int number = watch->seen + 1; number < frames->count; number++)
        if (same(picture, frames_at(frames, number), pixels)) {
            watch->shown += watch->seen >= 0;
            watch->seen = number;
            /* Those that are the same were shown with it. */
            while (watch->seen + 1 < frames->count && !differs(frames, watch->seen + 1))
                watch->seen++;
            return;
        }
}

/* Takes messages until a time, or until a frame is seen. */
static void attend(rfbClient *client, const struct watch *watch, double until, int frame)
{
    double left;

    while (watch->seen < frame && (left = until - seconds()) > 0) {
        int ready = WaitForMessage(client, (unsigned)(left * 1e6) + 1);

        if (ready < 0 || (ready > 0 && !HandleRFBServerMessage(client)))
            errx(1, "the server is gone");
    }
}

static rfbClient *connect_to(int port, struct watch *watch)
{
    rfbClient *client = rfbGetClient(8, 3, 4);

    rfbEnableClientLogging = FALSE;
    client->format.redShift = 16;
    client->format.greenShift = 8;
    client->format.blueShift = 0;
    client->appData.encodingsString = "copyrect tight zrle raw";
    client->appData.compressLevel = 2;
    client->appData.enableJPEG = FALSE;
    client->appData.shareDesktop = TRUE;
    client->FinishedFrameBufferUpdate = updated;
    client->serverHost = strdup("127.0.0.1");
    client->serverPort = port;
    rfbClientSetClientData(client, updated, watch);
    if (!rfbInitClient(client, NULL, NULL))
        errx(1, "no VNC server on port %d", port);
    if (client->width != watch->frames.width || client->height != watch->frames.height)
        errx(1, "the server shows %dx%d", client->width, client->height);
    return client;
}

int main(int count, char **words)
{
    struct watch watch = {.seen = -1};
    unsigned long long first = 0, rest = 0;
    int changes = 0, unseen = count > 1 && strcmp(words[1], "--unseen") == 0;
    rfbClient *client = NULL;
    double rate, end, cpu;

    if (count != 6 || (rate = atof(words[5])) <= 0 || (!unseen && atoi(words[1]) <= 0))
        errx(2, "usage: watch-frames PORT|--unseen PID FILE WIDTHxHEIGHT RATE");
    watch.frames = frames_open(words[3], words[4]);
    for (int number = 1; number < watch.frames.count; number++)
        changes += differs(&watch.frames, number);
    if (!unseen) {
        client = connect_to(atoi(words[1]), &watch);
        attend(client, &watch, seconds() + 10, 0);
        if (watch.seen < 0)
            errx(1, "the first frame was not shown within 10 s");
        first = received(client);
    }
    cpu = cpu_ms(words[2]);
    puts("begun");
    fflush(stdout);

    /* A second more, for what is late, and for a server that sends something although nothing changes. */
    end = seconds() + watch.frames.count / rate + 1;
    if (unseen) {
        sleep_until(end);
    } else {
        attend(client, &watch, end, watch.frames.count);
        rest = received(client) - first;
    }
    cpu = cpu_ms(words[2]) - cpu;
    printf("%llu\t%llu\t%.3f\t%d\t%d\t%d\n", first, rest, cpu, watch.frames.count - 1, changes, watch.shown);
    if (!unseen && watch.seen < watch.frames.count - 1)
        errx(1, "the last picture is not the last frame: frame %d was seen last", watch.seen);
    return 0;
}
