/* libjpeg ends the program on an error unless its handler does not return. */
#ifndef KVM_JPEG_FAILURE_H
#define KVM_JPEG_FAILURE_H

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

struct failure {
    struct jpeg_error_mgr manager;
    jmp_buf escape;
};

static inline void fail(j_common_ptr jpeg)
{
    longjmp(((struct failure *)jpeg->err)->escape, 1);
}

/* Warnings are counted by the library and looked at by the viewer. */
static inline void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static inline struct jpeg_error_mgr *handler(struct failure *failure)
{
    jpeg_std_error(&failure->manager);
    failure->manager.error_exit = fail;
    failure->manager.output_message = say_nothing;
    return &failure->manager;
}

#endif
