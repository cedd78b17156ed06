/*
 * The codecs we are measured against, behind two interfaces: a coder takes pictures and gives bytes, a viewer
 * takes bytes and gives pictures. Every one runs on the thread that calls it.
 */
#ifndef KVM_PEERS_H
#define KVM_PEERS_H

#include <stddef.h>
#include <stdint.h>

enum kvm_layout {
    KVM_UYVY, /* 4:2:2 packed, Cb Y Cr Y */
    KVM_NV12, /* 4:2:0, luma and pairs of Cb and Cr */
    KVM_I420, /* 4:2:0, three planes */
    KVM_I422, /* 4:2:2, three planes */
    KVM_BGRX, /* 32 bits, B G R X */
    KVM_NV24, /* 4:4:4, luma and pairs of Cb and Cr */
    KVM_LAYOUTS
};

/* A picture in memory. Planes a layout does not have are NULL. */
struct kvm_picture {
    int layout;
    int width, height;
    const uint8_t *plane[3];
    int stride[3];
};

struct kvm_coder {
    /* Codes one picture; its length, or -1. The bytes are good until the next call. */
    ptrdiff_t (*code)(struct kvm_coder *coder, const struct kvm_picture *picture, const uint8_t **bytes);
    void (*free)(struct kvm_coder *coder);
};

struct kvm_viewer {
    /*
     * Decodes what a coder gave: 1 and a picture, which is good until the next call; 0 if that was no picture
     * but what later ones need; -1 if it cannot be decoded.
     */
    int (*show)(struct kvm_viewer *viewer, const uint8_t *bytes, size_t length, struct kvm_picture *shown);
    void (*free)(struct kvm_viewer *viewer);
};

/* How a JPEG picture is coded. */
enum kvm_jpeg_manner {
    /* What libjpeg-turbo does fastest: planes as they are, or BGRX rows as 4:2:0, with the fast transform. */
    KVM_JPEG_FASTEST,
    /* The library's defaults: full-resolution Y Cb Cr or BGRX rows, one at a time, coded as 4:2:0. */
    KVM_JPEG_SCANLINES,
};

/* The largest picture in pixels; the quality from 1 to 100. Abbreviated pictures come without their tables. */
struct kvm_coder *kvm_jpeg_new(int width, int height, int quality, int manner, int abbreviated);
/* The tables of a coder of abbreviated pictures; their length, or -1. The bytes are good until the next call. */
ptrdiff_t kvm_jpeg_tables(struct kvm_coder *jpeg, const uint8_t **bytes);
struct kvm_viewer *kvm_jpeg_viewer_new(void);

/* A preset of x264 by name; the constant rate factor; the matrix as in table E.5 of ITU-T H.264. */
struct kvm_coder *kvm_x264_new(int width, int height, const char *preset, int crf, int matrix);

/* VP8 for screens in real time, with one quantiser from 0 to 63. */
struct kvm_coder *kvm_vp8_new(int width, int height, int quantiser);
struct kvm_viewer *kvm_vp8_viewer_new(void);

/* Brings a picture into another layout, in planes of that layout; 0, or -1 if there is no way. */
int kvm_convert(const struct kvm_picture *picture, int layout, uint8_t *const planes[3], const int strides[3]);

#endif
