/* libvpx's VP8 as those set it up who share screens in real time, as coder and as viewer. */
#include <stdlib.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include "peers.h"

struct coder {
    struct kvm_coder base;
    vpx_codec_ctx_t codec;
    int is_open;
    int width, height;
    vpx_codec_pts_t frames;
};

static ptrdiff_t code(struct kvm_coder *base, const struct kvm_picture *picture, const uint8_t **bytes)
{
    struct coder *coder = (struct coder *)base;
    const vpx_codec_cx_pkt_t *packet;
    vpx_codec_iter_t rest = NULL;
    vpx_image_t image;

    if (picture->layout != KVM_I420 || picture->width != coder->width || picture->height != coder->height)
        return -1;
    /* The library reads the planes only, though its interface does not say so. */
    if (!vpx_img_wrap(&image, VPX_IMG_FMT_I420, picture->width, picture->height, 1, (uint8_t *)picture->plane[0]))
        return -1;
    for (int plane = 0; plane < 3; plane++) {
        image.planes[plane] = (uint8_t *)picture->plane[plane];
        image.stride[plane] = picture->stride[plane];
    }
    if (vpx_codec_encode(&coder->codec, &image, coder->frames++, 1, 0, VPX_DL_REALTIME) != VPX_CODEC_OK)
        return -1;
    while ((packet = vpx_codec_get_cx_data(&coder->codec, &rest)))
        if (packet->kind == VPX_CODEC_CX_FRAME_PKT) {
            *bytes = packet->data.frame.buf;
            return (ptrdiff_t)packet->data.frame.sz;
        }
    return -1;
}

static void free_coder(struct kvm_coder *base)
{
    struct coder *coder = (struct coder *)base;

    if (coder->is_open)
        vpx_codec_destroy(&coder->codec);
    free(coder);
}

struct kvm_coder *kvm_vp8_new(int width, int height, int quantiser)
{
    struct coder *coder = calloc(1, sizeof *coder);
    vpx_codec_enc_cfg_t config;

    if (!coder)
        return NULL;
    coder->base = (struct kvm_coder){code, free_coder};
    coder->width = width;
    coder->height = height;
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK)
        goto failed;
    config.g_w = width;
    config.g_h = height;
    config.g_timebase.num = 1;
    config.g_timebase.den = 30;
    config.g_threads = 1;
    config.g_lag_in_frames = 0;
    config.rc_dropframe_thresh = 0;
    config.rc_end_usage = VPX_CBR;
    /* So high that the rate never asks for more than the one quantiser it has. */
    config.rc_target_bitrate = 100000;
    config.rc_min_quantizer = config.rc_max_quantizer = quantiser;
    config.kf_mode = VPX_KF_DISABLED;
    if (vpx_codec_enc_init(&coder->codec, vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK)
        goto failed;
    coder->is_open = 1;
    /* A fixed speed: a positive one would follow the clock, and so the load of the machine. */
    if (vpx_codec_control(&coder->codec, VP8E_SET_CPUUSED, -12) != VPX_CODEC_OK ||
        vpx_codec_control(&coder->codec, VP8E_SET_SCREEN_CONTENT_MODE, 1) != VPX_CODEC_OK ||
        vpx_codec_control(&coder->codec, VP8E_SET_STATIC_THRESHOLD, 100) != VPX_CODEC_OK)
        goto failed;
    return &coder->base;
failed:
    free_coder(&coder->base);
    return NULL;
}

struct viewer {
    struct kvm_viewer base;
    vpx_codec_ctx_t codec;
    int is_open;
};

static int show(struct kvm_viewer *base, const uint8_t *bytes, size_t length, struct kvm_picture *shown)
{
    struct viewer *viewer = (struct viewer *)base;
    vpx_codec_iter_t rest = NULL;
    vpx_image_t *image;

    if (vpx_codec_decode(&viewer->codec, bytes, (unsigned)length, NULL, 0) != VPX_CODEC_OK)
        return -1;
    image = vpx_codec_get_frame(&viewer->codec, &rest);
    if (!image || image->fmt != VPX_IMG_FMT_I420)
        return -1;
    *shown = (struct kvm_picture){.layout = KVM_I420, .width = (int)image->d_w, .height = (int)image->d_h};
    for (int plane = 0; plane < 3; plane++) {
        shown->plane[plane] = image->planes[plane];
        shown->stride[plane] = image->stride[plane];
    }
    return 1;
}

static void free_viewer(struct kvm_viewer *base)
{
    struct viewer *viewer = (struct viewer *)base;

    if (viewer->is_open)
        vpx_codec_destroy(&viewer->codec);
    free(viewer);
}

struct kvm_viewer *kvm_vp8_viewer_new(void)
{
    struct viewer *viewer = calloc(1, sizeof *viewer);

    if (!viewer)
        return NULL;
    viewer->base = (struct kvm_viewer){show, free_viewer};
    if (vpx_codec_dec_init(&viewer->codec, vpx_codec_vp8_dx(), NULL, 0) != VPX_CODEC_OK) {
        free_viewer(&viewer->base);
        return NULL;
    }
    viewer->is_open = 1;
    return &viewer->base;
}
