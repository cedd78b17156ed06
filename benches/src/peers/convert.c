/* Captured pictures into the layouts that the codecs take, by libyuv. */
#include <libyuv.h>

#include "peers.h"

int kvm_convert(const struct kvm_picture *picture, int layout, uint8_t *const planes[3], const int strides[3])
{
    const uint8_t *const *from = picture->plane;
    const int *step = picture->stride;
    int width = picture->width, height = picture->height;

    switch (picture->layout * KVM_LAYOUTS + layout) {
    case KVM_UYVY * KVM_LAYOUTS + KVM_I420:
        return UYVYToI420(from[0], step[0], planes[0], strides[0], planes[1], strides[1], planes[2], strides[2],
                          width, height);
    case KVM_UYVY * KVM_LAYOUTS + KVM_I422:
        return UYVYToI422(from[0], step[0], planes[0], strides[0], planes[1], strides[1], planes[2], strides[2],
                          width, height);
    case KVM_NV12 * KVM_LAYOUTS + KVM_I420:
        return NV12ToI420(from[0], step[0], from[1], step[1], planes[0], strides[0], planes[1], strides[1],
                          planes[2], strides[2], width, height);
    case KVM_BGRX * KVM_LAYOUTS + KVM_I420:
        /* libyuv names the word, whose lowest byte is blue; the result is BT.601 with limited range. */
        return ARGBToI420(from[0], step[0], planes[0], strides[0], planes[1], strides[1], planes[2], strides[2],
                          width, height);
    default:
        return -1;
    }
}
