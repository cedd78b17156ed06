/* A client of libvncclient that compares each picture it gets with the frames that the server replays.
 *
 *   client PORT ENCODINGS FRAMES WIDTH HEIGHT
 *
 * FRAMES is a file of raw frames of 32 bits, blue in the lowest byte. After every update the whole picture must be
 * one of them, pixel for pixel, and none that came before the last one seen; at the end it must be the last. Prints
 * a line: how many updates there were, how many frames were seen, and the bytes that came. */
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <rfb/rfbclient.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

static const uint8_t *frames;
static size_t frame_count, frame_bytes, newest, updates, seen;
static int failed, has_pixels;

static const uint8_t *frame(size_t index) { return frames + index * frame_bytes; }

/* Whether two pictures are the same but for the byte that fills each pixel up. */
static int same(const uint8_t *one, const uint8_t *other) {
    const uint32_t *a = (const uint32_t *)one, *b = (const uint32_t *)other;
    for (size_t pixel = 0; pixel < frame_bytes / 4; pixel++) {
        if ((a[pixel] ^ b[pixel]) & 0xFFFFFF) return 0;
    }
    return 1;
}

static void got(rfbClient *client, int x, int y, int width, int height) {
    (void)client, (void)x, (void)y, (void)width, (void)height;
    has_pixels = 1;
}

static void finished(rfbClient *client) {
    /* An update may tell the size and nothing else. */
    if (!has_pixels) return;
    has_pixels = 0;
    updates++;
    /* Equal frames stand for one another; the last of them is the one that counts. */
    size_t index = newest;
    while (index < frame_count && !same(client->frameBuffer, frame(index))) index++;
    if (index == frame_count) {
        fprintf(stderr, "update %zu is none of the frames from %zu on\n", updates, newest);
        failed = 1;
        return;
    }
    if (updates == 1 || index != newest) seen++;
    newest = index;
}

static rfbBool allocate(rfbClient *client) {
    free(client->frameBuffer);
    client->frameBuffer = calloc((size_t)client->width * client->height, 4);
    return client->frameBuffer != NULL;
}

int main(int argc, char **argv) {
    if (argc != 6) return fprintf(stderr, "usage: %s PORT ENCODINGS FRAMES WIDTH HEIGHT\n", argv[0]), 2;
    int width = atoi(argv[4]), height = atoi(argv[5]);
    int file = open(argv[3], O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) return perror(argv[3]), 2;
    frame_bytes = (size_t)width * height * 4;
    frame_count = status.st_size / frame_bytes;
    frames = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (frames == MAP_FAILED || frame_count == 0) return perror(argv[3]), 2;

    rfbEnableClientLogging = FALSE;
    rfbClient *client = rfbGetClient(8, 3, 4);
    client->MallocFrameBuffer = allocate;
    client->GotFrameBufferUpdate = got;
    client->FinishedFrameBufferUpdate = finished;
    client->appData.encodingsString = argv[2];
    client->appData.compressLevel = 1;
    /* Without a quality the server may not use JPEG. */
    client->appData.enableJPEG = FALSE;
    client->appData.useRemoteCursor = FALSE;
    client->format.redShift = 16, client->format.greenShift = 8, client->format.blueShift = 0;
    client->serverHost = strdup("127.0.0.1");
    client->serverPort = atoi(argv[1]);
    if (!rfbInitClient(client, NULL, NULL)) return fprintf(stderr, "no connection\n"), 1;
    if (client->width != width || client->height != height) {
        return fprintf(stderr, "the picture is %dx%d\n", client->width, client->height), 1;
    }
    time_t end = time(NULL) + 120;
    while (!failed && !same(client->frameBuffer, frame(frame_count - 1)) && time(NULL) < end) {
        int ready = WaitForMessage(client, 100000);
        if (ready < 0 || (ready > 0 && !HandleRFBServerMessage(client))) {
            return fprintf(stderr, "the connection broke\n"), 1;
        }
    }
    if (!failed && !same(client->frameBuffer, frame(frame_count - 1))) {
        fprintf(stderr, "the last frame did not come; the newest seen is %zu of %zu\n", newest, frame_count);
        failed = 1;
    }
    struct tcp_info info;
    memset(&info, 0, sizeof info);
    socklen_t len = sizeof info;
    getsockopt(client->sock, IPPROTO_TCP, TCP_INFO, &info, &len);
    printf("%zu updates, %zu of %zu frames, each exact, in %llu bytes\n", updates, seen, frame_count,
           (unsigned long long)info.tcpi_bytes_received);
    rfbClientCleanup(client);
    return failed;
}
