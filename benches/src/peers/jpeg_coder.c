/* libjpeg-turbo through its libjpeg interface, as a coder. */
#include <stdlib.h>

#include "jpeg_failure.h"
#include "peers.h"

struct coder {
    struct kvm_coder base;
    struct jpeg_compress_struct jpeg;
    struct failure failure;
    int manner, abbreviated, layout;
    int width, height, quality;
    uint8_t *out, *row;
    unsigned long capacity;
    /* Where the library says it wrote to, and how much. */
    unsigned char *end;
    unsigned long length;
};

/* The next bytes go to the same memory as always, which is large enough for every picture. */
static void begin(struct coder *coder)
{
    coder->end = coder->out;
    coder->length = coder->capacity;
    jpeg_mem_dest(&coder->jpeg, &coder->end, &coder->length);
}

/* How much came; -1 if the library had to take other memory after all. */
static ptrdiff_t ended(struct coder *coder, const uint8_t **bytes)
{
    if (coder->end != coder->out) {
        free(coder->end);
        return -1;
    }
    *bytes = coder->out;
    return (ptrdiff_t)coder->length;
}

/* Sets the library up for pictures of a layout. */
static void set_up(struct coder *coder, int layout)
{
    struct jpeg_compress_struct *jpeg = &coder->jpeg;

    jpeg->image_width = coder->width;
    jpeg->image_height = coder->height;
    jpeg->input_components = layout == KVM_BGRX ? 4 : 3;
    jpeg->in_color_space = layout == KVM_BGRX ? JCS_EXT_BGRX : JCS_YCbCr;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, coder->quality, TRUE);
    if (coder->manner == KVM_JPEG_FASTEST) {
        jpeg->dct_method = JDCT_IFAST;
        jpeg->raw_data_in = layout != KVM_BGRX;
        jpeg->comp_info[0].v_samp_factor = layout == KVM_I422 ? 1 : 2;
    }
    if (coder->abbreviated) {
        jpeg->write_JFIF_header = FALSE;
        /* They are the same for all layouts, and sent by kvm_jpeg_tables. */
        jpeg_suppress_tables(jpeg, TRUE);
    }
    coder->layout = layout;
}

/* Planes go to the transform as they are, in the rows of one row of blocks at a time. */
static void write_planes(struct jpeg_compress_struct *jpeg, const struct kvm_picture *picture)
{
    int luma_rows = jpeg->comp_info[0].v_samp_factor * DCTSIZE;
    JSAMPROW rows[3][2 * DCTSIZE];
    JSAMPARRAY planes[3] = {rows[0], rows[1], rows[2]};

    for (int top = 0; top < picture->height; top += luma_rows) {
        for (int plane = 0; plane < 3; plane++) {
            int shift = plane > 0 && luma_rows > DCTSIZE;
            int last = ((picture->height + shift) >> shift) - 1;

            for (int row = 0; row < luma_rows >> shift; row++) {
                /* Blocks that reach below the picture repeat its last row. */
                int at = (top >> shift) + row < last ? (top >> shift) + row : last;

                rows[plane][row] = (JSAMPROW)picture->plane[plane] + (ptrdiff_t)at * picture->stride[plane];
            }
        }
        jpeg_write_raw_data(jpeg, planes, luma_rows);
    }
}

/* One row with all three components for every pixel. */
static void widen(const struct kvm_picture *picture, int row, uint8_t *out)
{
    const uint8_t *first = picture->plane[0] + (ptrdiff_t)row * picture->stride[0];

    if (picture->layout == KVM_UYVY) {
        for (int pair = 0; pair < picture->width / 2; pair++, first += 4, out += 6) {
            out[0] = first[1];
            out[3] = first[3];
            out[1] = out[4] = first[0];
            out[2] = out[5] = first[2];
        }
    } else {
        const uint8_t *chroma = picture->plane[1] + (ptrdiff_t)(row / 2) * picture->stride[1];

        for (int pair = 0; pair < picture->width / 2; pair++, first += 2, chroma += 2, out += 6) {
            out[0] = first[0];
            out[3] = first[1];
            out[1] = out[4] = chroma[0];
            out[2] = out[5] = chroma[1];
        }
    }
}

static void write_scanlines(struct coder *coder, const struct kvm_picture *picture)
{
    for (int row = 0; row < picture->height; row++) {
        JSAMPROW line = coder->row;

        if (picture->layout == KVM_BGRX)
            line = (JSAMPROW)picture->plane[0] + (ptrdiff_t)row * picture->stride[0];
        else
            widen(picture, row, coder->row);
        jpeg_write_scanlines(&coder->jpeg, &line, 1);
    }
}

static int takes(const struct coder *coder, const struct kvm_picture *picture)
{
    int layout = picture->layout;

    if (picture->width > coder->width || picture->height > coder->height)
        return 0;
    if (layout == KVM_BGRX)
        return 1;
    if (coder->manner == KVM_JPEG_SCANLINES)
        return (layout == KVM_UYVY || layout == KVM_NV12) && picture->width % 2 == 0;
    /* The library reads planes in whole blocks. */
    return (layout == KVM_I420 || layout == KVM_I422) && picture->width % (2 * DCTSIZE) == 0;
}

static ptrdiff_t code(struct kvm_coder *base, const struct kvm_picture *picture, const uint8_t **bytes)
{
    struct coder *coder = (struct coder *)base;

    if (!takes(coder, picture))
        return -1;
    if (setjmp(coder->failure.escape)) {
        jpeg_abort_compress(&coder->jpeg);
        return -1;
    }
    if (coder->layout != picture->layout)
        set_up(coder, picture->layout);
    coder->jpeg.image_width = picture->width;
    coder->jpeg.image_height = picture->height;
    begin(coder);
    jpeg_start_compress(&coder->jpeg, !coder->abbreviated);
    if (coder->jpeg.raw_data_in)
        write_planes(&coder->jpeg, picture);
    else
        write_scanlines(coder, picture);
    jpeg_finish_compress(&coder->jpeg);
    return ended(coder, bytes);
}

ptrdiff_t kvm_jpeg_tables(struct kvm_coder *base, const uint8_t **bytes)
{
    struct coder *coder = (struct coder *)base;

    if (setjmp(coder->failure.escape))
        return -1;
    if (coder->layout == KVM_LAYOUTS)
        set_up(coder, KVM_I422);
    jpeg_suppress_tables(&coder->jpeg, FALSE);
    begin(coder);
    jpeg_write_tables(&coder->jpeg);
    return ended(coder, bytes);
}

static void free_coder(struct kvm_coder *base)
{
    struct coder *coder = (struct coder *)base;

    jpeg_destroy_compress(&coder->jpeg);
    free(coder->out);
    free(coder->row);
    free(coder);
}

struct kvm_coder *kvm_jpeg_new(int width, int height, int quality, int manner, int abbreviated)
{
    struct coder *coder = calloc(1, sizeof *coder);

    if (!coder)
        return NULL;
    coder->base = (struct kvm_coder){code, free_coder};
    coder->width = width;
    coder->height = height;
    coder->quality = quality;
    coder->manner = manner;
    coder->abbreviated = abbreviated;
    coder->layout = KVM_LAYOUTS;
    coder->capacity = 4ul * width * height + 65536;
    coder->out = malloc(coder->capacity);
    coder->row = malloc(3ul * width);
    coder->jpeg.err = handler(&coder->failure);
    if (!coder->out || !coder->row)
        goto failed;
    if (setjmp(coder->failure.escape))
        goto failed;
    jpeg_create_compress(&coder->jpeg);
    return &coder->base;
failed:
    free_coder(&coder->base);
    return NULL;
}
