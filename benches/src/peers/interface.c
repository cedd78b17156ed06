/* The two interfaces as functions, since their implementations are not known to whoever calls. */
#include "peers.h"

ptrdiff_t kvm_coder_code(struct kvm_coder *coder, const struct kvm_picture *picture, const uint8_t **bytes)
{
    return coder->code(coder, picture, bytes);
}

void kvm_coder_free(struct kvm_coder *coder)
{
    coder->free(coder);
}

int kvm_viewer_show(struct kvm_viewer *viewer, const uint8_t *bytes, size_t length, struct kvm_picture *shown)
{
    return viewer->show(viewer, bytes, length, shown);
}

void kvm_viewer_free(struct kvm_viewer *viewer)
{
    viewer->free(viewer);
}
