/*
 * show-frames FILE WIDTHxHEIGHT RATE
 *
 * Shows raw frames on the root window of $DISPLAY, which has to be as large: the first one at once, the others at so
 * many a second from when a line comes on standard input. Prints a line when the first frame is shown, and one at the
 * end. Every frame is put as a whole, through shared memory: the server is not told what changed.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>

#include "frames.h"

/* The pointer would be drawn into the picture. */
static void hide_pointer(Display *display, Window root)
{
    static const char nothing[1];
    XColor black = {0};
    Pixmap blank = XCreateBitmapFromData(display, root, nothing, 1, 1);
    Cursor cursor = XCreatePixmapCursor(display, blank, blank, &black, &black, 0, 0);

    XDefineCursor(display, root, cursor);
    XFreePixmap(display, blank);
}

static XImage *shared_image(Display *display, XShmSegmentInfo *segment, int width, int height)
{
    int screen = DefaultScreen(display);
    XImage *image = XShmCreateImage(display, DefaultVisual(display, screen), DefaultDepth(display, screen), ZPixmap,
                                    NULL, segment, width, height);

    if (!image || image->bits_per_pixel != 32 || image->bytes_per_line != 4 * width || image->red_mask != 0xff0000)
        errx(1, "the screen's pixels are others than the frames'");
    segment->shmid = shmget(IPC_PRIVATE, (size_t)image->bytes_per_line * height, IPC_CREAT | 0600);
    if (segment->shmid < 0)
        err(1, "shared memory");
    segment->shmaddr = image->data = shmat(segment->shmid, NULL, 0);
    segment->readOnly = False;
    if (segment->shmaddr == (char *)-1 || !XShmAttach(display, segment))
        errx(1, "the screen takes no shared memory");
    XSync(display, False);
    /* It goes with the last who has it attached. */
    shmctl(segment->shmid, IPC_RMID, NULL);
    return image;
}

int main(int count, char **words)
{
    XShmSegmentInfo segment;
    struct frames frames;
    Display *display;
    double start, rate;
    XImage *image;
    Window root;
    GC context;

    if (count != 4 || (rate = atof(words[3])) <= 0)
        errx(2, "usage: show-frames FILE WIDTHxHEIGHT RATE");
    frames = frames_open(words[1], words[2]);
    display = XOpenDisplay(NULL);
    if (!display)
        errx(1, "no display");
    if (DisplayWidth(display, DefaultScreen(display)) != frames.width ||
        DisplayHeight(display, DefaultScreen(display)) != frames.height)
        errx(1, "the screen has another size than the frames");
    root = DefaultRootWindow(display);
    context = DefaultGC(display, DefaultScreen(display));
    hide_pointer(display, root);
    image = shared_image(display, &segment, frames.width, frames.height);

    start = seconds();
    for (int number = 0; number < frames.count; number++) {
        if (number > 0)
            sleep_until(start + number / rate);
        memcpy(image->data, frames_at(&frames, number), 4ul * frames.width * frames.height);
        XShmPutImage(display, root, context, image, 0, 0, 0, 0, frames.width, frames.height, False);
        XSync(display, False);
        if (number == 0) {
            puts("shown");
            fflush(stdout);
            if (getchar() == EOF)
                errx(1, "nobody asked for the other frames");
            start = seconds();
        }
    }
    puts("ended");
    XCloseDisplay(display);
    return 0;
}
