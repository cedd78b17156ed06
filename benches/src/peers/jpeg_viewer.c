/* libjpeg-turbo through its libjpeg interface, as a viewer. */
#include <stdlib.h>
#include <string.h>

#include "jpeg_failure.h"
#include "peers.h"

struct viewer {
    struct kvm_viewer base;
    struct jpeg_decompress_struct jpeg;
    struct failure failure;
    uint8_t *luma, *chroma, *row;
    size_t pixels;
};

static int room_for(struct viewer *viewer, size_t width, size_t height)
{
    if (width * height > viewer->pixels) {
        free(viewer->luma);
        free(viewer->chroma);
        free(viewer->row);
        viewer->pixels = width * height;
        viewer->luma = malloc(viewer->pixels);
        viewer->chroma = malloc(2 * viewer->pixels);
        viewer->row = malloc(3 * viewer->pixels);
    }
    return viewer->luma && viewer->chroma && viewer->row;
}

static int show(struct kvm_viewer *base, const uint8_t *bytes, size_t length, struct kvm_picture *shown)
{
    struct viewer *viewer = (struct viewer *)base;
    struct jpeg_decompress_struct *jpeg = &viewer->jpeg;
    size_t width;

    if (setjmp(viewer->failure.escape)) {
        jpeg_abort_decompress(jpeg);
        return -1;
    }
    jpeg->err->num_warnings = 0;
    jpeg_mem_src(jpeg, bytes, length);
    if (jpeg_read_header(jpeg, FALSE) == JPEG_HEADER_TABLES_ONLY)
        return 0;
    jpeg->out_color_space = JCS_YCbCr;
    /* Colour differences are repeated, as in the source that the picture is held against. */
    jpeg->do_fancy_upsampling = FALSE;
    jpeg_start_decompress(jpeg);
    width = jpeg->output_width;
    if (jpeg->output_components != 3 || !room_for(viewer, width, jpeg->output_height)) {
        jpeg_abort_decompress(jpeg);
        return -1;
    }
    while (jpeg->output_scanline < jpeg->output_height) {
        size_t start = jpeg->output_scanline * width;

        jpeg_read_scanlines(jpeg, &viewer->row, 1);
        for (size_t x = 0; x < width; x++) {
            viewer->luma[start + x] = viewer->row[3 * x];
            memcpy(viewer->chroma + 2 * (start + x), viewer->row + 3 * x + 1, 2);
        }
    }
    *shown = (struct kvm_picture){
        .layout = KVM_NV24,
        .width = jpeg->output_width,
        .height = jpeg->output_height,
        .plane = {viewer->luma, viewer->chroma},
        .stride = {jpeg->output_width, 2 * jpeg->output_width},
    };
    jpeg_finish_decompress(jpeg);
    return jpeg->err->num_warnings == 0 ? 1 : -1;
}

static void free_viewer(struct kvm_viewer *base)
{
    struct viewer *viewer = (struct viewer *)base;

    jpeg_destroy_decompress(&viewer->jpeg);
    free(viewer->luma);
    free(viewer->chroma);
    free(viewer->row);
    free(viewer);
}

struct kvm_viewer *kvm_jpeg_viewer_new(void)
{
    struct viewer *viewer = calloc(1, sizeof *viewer);

    if (!viewer)
        return NULL;
    viewer->base = (struct kvm_viewer){show, free_viewer};
    viewer->jpeg.err = handler(&viewer->failure);
    if (setjmp(viewer->failure.escape)) {
        free_viewer(&viewer->base);
        return NULL;
    }
    jpeg_create_decompress(&viewer->jpeg);
    return &viewer->base;
}
