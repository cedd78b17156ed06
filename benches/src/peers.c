/*
 * The encoders we are measured against, behind six calls that take planes and give bytes.
 *
 * libjpeg-turbo 2.1 and x264, each set up for its best case: planes in the layout it codes, so that no
 * conversion is on its bill, its output buffer allocated beforehand, one thread.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <turbojpeg.h>
#include <x264.h>

struct kvm_jpeg {
    tjhandle handle;
    unsigned char *out;
    unsigned long capacity;
    int width, height, quality;
};

void kvm_jpeg_free(struct kvm_jpeg *jpeg)
{
    if (!jpeg)
        return;
    if (jpeg->handle)
        tjDestroy(jpeg->handle);
    tjFree(jpeg->out);
    free(jpeg);
}

struct kvm_jpeg *kvm_jpeg_new(int width, int height, int quality)
{
    struct kvm_jpeg *jpeg = calloc(1, sizeof *jpeg);

    if (!jpeg)
        return NULL;
    jpeg->width = width;
    jpeg->height = height;
    jpeg->quality = quality;
    jpeg->capacity = tjBufSize(width, height, TJSAMP_422);
    jpeg->handle = tjInitCompress();
    if (jpeg->capacity != (unsigned long)-1)
        jpeg->out = tjAlloc((int)jpeg->capacity);
    if (!jpeg->handle || !jpeg->out) {
        kvm_jpeg_free(jpeg);
        return NULL;
    }
    return jpeg;
}

/* Codes one picture; its length, or -1. The bytes are good until the next call. */
ptrdiff_t kvm_jpeg_encode(struct kvm_jpeg *jpeg, const uint8_t *y, const uint8_t *u, const uint8_t *v,
                          const uint8_t **bytes)
{
    const unsigned char *planes[3] = {y, u, v};
    unsigned long length = jpeg->capacity;

    /* No strides: the planes are without padding. */
    if (tjCompressFromYUVPlanes(jpeg->handle, planes, jpeg->width, NULL, jpeg->height, TJSAMP_422, &jpeg->out,
                                &length, jpeg->quality, TJFLAG_FASTDCT | TJFLAG_NOREALLOC) != 0)
        return -1;
    *bytes = jpeg->out;
    return (ptrdiff_t)length;
}

struct kvm_x264 {
    x264_t *encoder;
    int width;
    int64_t frames;
};

void kvm_x264_free(struct kvm_x264 *x264)
{
    if (!x264)
        return;
    if (x264->encoder)
        x264_encoder_close(x264->encoder);
    free(x264);
}

struct kvm_x264 *kvm_x264_new(int width, int height, int crf)
{
    struct kvm_x264 *x264 = calloc(1, sizeof *x264);
    x264_param_t param;

    if (!x264)
        return NULL;
    if (x264_param_default_preset(&param, "ultrafast", "zerolatency") != 0)
        goto failed;
    param.i_log_level = X264_LOG_NONE;
    param.i_width = width;
    param.i_height = height;
    param.i_csp = X264_CSP_I420;
    param.i_fps_num = 30;
    param.i_fps_den = 1;
    param.i_threads = 1;
    param.b_sliced_threads = 0;
    param.rc.i_rc_method = X264_RC_CRF;
    param.rc.f_rf_constant = (float)crf;
    param.vui.b_fullrange = 0;
    param.vui.i_colorprim = param.vui.i_transfer = param.vui.i_colmatrix = 1; /* BT.709 */
    param.b_repeat_headers = 1;
    param.b_annexb = 1;
    if (x264_param_apply_profile(&param, "baseline") != 0)
        goto failed;
    x264->width = width;
    x264->encoder = x264_encoder_open(&param);
    if (!x264->encoder)
        goto failed;
    return x264;
failed:
    kvm_x264_free(x264);
    return NULL;
}

/* Codes one picture; its length, or -1. The bytes are good until the next call. */
ptrdiff_t kvm_x264_encode(struct kvm_x264 *x264, const uint8_t *y, const uint8_t *u, const uint8_t *v,
                          const uint8_t **bytes)
{
    x264_picture_t picture, coded;
    x264_nal_t *nals;
    int count, length;

    x264_picture_init(&picture);
    picture.i_pts = x264->frames++;
    picture.img.i_csp = X264_CSP_I420;
    picture.img.i_plane = 3;
    /* x264 reads the planes only, though its interface does not say so. */
    picture.img.plane[0] = (uint8_t *)y;
    picture.img.plane[1] = (uint8_t *)u;
    picture.img.plane[2] = (uint8_t *)v;
    picture.img.i_stride[0] = x264->width;
    picture.img.i_stride[1] = picture.img.i_stride[2] = x264->width / 2;
    length = x264_encoder_encode(x264->encoder, &nals, &count, &picture, &coded);
    /* With zero latency every picture comes out at once; the units lie one behind the other. */
    if (length <= 0)
        return -1;
    *bytes = nals[0].p_payload;
    return length;
}
