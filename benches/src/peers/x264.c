/* x264 with zero latency: one thread, a key picture first and none afterwards. */
#include <stdint.h>
#include <stdlib.h>

#include <x264.h>

#include "peers.h"

struct coder {
    struct kvm_coder base;
    x264_t *encoder;
    int width, height;
    int64_t frames;
};

static ptrdiff_t code(struct kvm_coder *base, const struct kvm_picture *picture, const uint8_t **bytes)
{
    struct coder *coder = (struct coder *)base;
    x264_picture_t given, coded;
    x264_nal_t *nals;
    int count, length;

    if (picture->width != coder->width || picture->height != coder->height)
        return -1;
    x264_picture_init(&given);
    given.i_pts = coder->frames++;
    switch (picture->layout) {
    case KVM_I420:
        given.img.i_csp = X264_CSP_I420;
        given.img.i_plane = 3;
        break;
    case KVM_NV12:
        given.img.i_csp = X264_CSP_NV12;
        given.img.i_plane = 2;
        break;
    default:
        return -1;
    }
    for (int plane = 0; plane < given.img.i_plane; plane++) {
        /* x264 reads the planes only, though its interface does not say so. */
        given.img.plane[plane] = (uint8_t *)picture->plane[plane];
        given.img.i_stride[plane] = picture->stride[plane];
    }
    length = x264_encoder_encode(coder->encoder, &nals, &count, &given, &coded);
    /* With zero latency every picture comes out at once; the units lie one behind the other. */
    if (length <= 0)
        return -1;
    *bytes = nals[0].p_payload;
    return length;
}

static void free_coder(struct kvm_coder *base)
{
    struct coder *coder = (struct coder *)base;

    if (coder->encoder)
        x264_encoder_close(coder->encoder);
    free(coder);
}

struct kvm_coder *kvm_x264_new(int width, int height, const char *preset, int crf, int matrix)
{
    struct coder *coder = calloc(1, sizeof *coder);
    x264_param_t param;

    if (!coder)
        return NULL;
    coder->base = (struct kvm_coder){code, free_coder};
    coder->width = width;
    coder->height = height;
    if (x264_param_default_preset(&param, preset, "zerolatency") != 0)
        goto failed;
    param.i_log_level = X264_LOG_NONE;
    param.i_width = width;
    param.i_height = height;
    param.i_csp = X264_CSP_I420;
    param.i_fps_num = 30;
    param.i_fps_den = 1;
    param.i_keyint_max = X264_KEYINT_MAX_INFINITE;
    param.i_threads = 1;
    param.b_sliced_threads = 0;
    param.rc.i_rc_method = X264_RC_CRF;
    param.rc.f_rf_constant = (float)crf;
    param.vui.b_fullrange = 0;
    param.vui.i_colorprim = param.vui.i_transfer = 1; /* BT.709 */
    param.vui.i_colmatrix = matrix;
    param.b_repeat_headers = 1;
    param.b_annexb = 1;
    coder->encoder = x264_encoder_open(&param);
    if (!coder->encoder)
        goto failed;
    return &coder->base;
failed:
    free_coder(&coder->base);
    return NULL;
}
