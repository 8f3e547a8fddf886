/*
 * A stand-in for miniaudio, for building Ollama out of its Go module.
 *
 * Ollama keeps the real header under llama/llama.cpp/vendor, and a Go module zip
 * holds no directory of that name, so the one file that reads audio prompts
 * (tools/mtmd/mtmd-helper.cpp) finds no header. Our tests send no audio. This
 * header declares exactly what that file names and refuses every clip: a caller
 * sees a decoder that could not open its input, which is an error it handles.
 */
#ifndef HEARTH_E2E_MINIAUDIO_H
#define HEARTH_E2E_MINIAUDIO_H

#include <stddef.h>

typedef int ma_result;
typedef unsigned int ma_uint32;
typedef unsigned long long ma_uint64;

enum { MA_SUCCESS = 0, MA_NOT_IMPLEMENTED = -29 };

typedef enum { ma_format_unknown, ma_format_f32 } ma_format;

struct ma_decoder_config {
    ma_format format;
    ma_uint32 channels;
    ma_uint32 sample_rate;
};

struct ma_decoder {
    ma_decoder_config wanted;
};

static inline ma_decoder_config ma_decoder_config_init(ma_format format, ma_uint32 channels, ma_uint32 sample_rate)
{
    ma_decoder_config wanted = { format, channels, sample_rate };
    return wanted;
}

static inline ma_result ma_decoder_init_memory(const void *clip, size_t clip_bytes,
                                               const ma_decoder_config *wanted, ma_decoder *decoder)
{
    (void)clip;
    (void)clip_bytes;
    decoder->wanted = *wanted;
    return MA_NOT_IMPLEMENTED;
}

static inline ma_result ma_decoder_get_length_in_pcm_frames(ma_decoder *decoder, ma_uint64 *frames)
{
    (void)decoder;
    *frames = 0;
    return MA_NOT_IMPLEMENTED;
}

static inline ma_result ma_decoder_read_pcm_frames(ma_decoder *decoder, void *samples,
                                                   ma_uint64 wanted, ma_uint64 *read)
{
    (void)decoder;
    (void)samples;
    (void)wanted;
    *read = 0;
    return MA_NOT_IMPLEMENTED;
}

static inline ma_result ma_decoder_uninit(ma_decoder *decoder)
{
    (void)decoder;
    return MA_SUCCESS;
}

#endif
