/* cuhue: automatic image colorization. The C API, the only installed header.
 *
 * Conventions
 * - Handles are opaque; every _create/_open/_read has a _free, and _free(NULL) does nothing.
 * - Functions that can fail return a cuhue_status and, when `error` is not NULL, fill it with one line of
 * text that says what failed, where, and how to mend it. On failure out-parameters are left as they were.
 * - Structs start with struct_size; set it to sizeof the struct and the rest to zero for the defaults:
 *   `cuhue_engine_options o = {sizeof o};`. Fields may be added at the end in later versions.
 * - Strings are UTF-8, owned by the object they were asked from, and live as long as it does.
 * - The library never prints, exits, aborts on input, or throws across this boundary. It has no
 * global settings: what one handle is told never changes another.
 * - Threads: an engine, weights and images not being written may be used from many threads; a network or a
 * colorizer by one thread at a time (make one per thread; they share the weights' mapping).
 */
#ifndef CUHUE_CUHUE_H
#define CUHUE_CUHUE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#if defined(CUHUE_BUILDING)
#define CUHUE_API __declspec(dllexport)
#else
#define CUHUE_API
#endif
#elif defined(__GNUC__)
#define CUHUE_API __attribute__((visibility("default")))
#else
#define CUHUE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version
 * ----------------------------------------------------------------------------------------------- */

#define CUHUE_VERSION_MAJOR 0
#define CUHUE_VERSION_MINOR 1
#define CUHUE_VERSION_PATCH 0
#define CUHUE_ABI_VERSION 1

CUHUE_API const char* cuhue_version(void); /* "0.1.0" */
CUHUE_API int cuhue_abi_version(void);     /* CUHUE_ABI_VERSION of the library that is loaded */

/* ---- status
 * ------------------------------------------------------------------------------------------------ */

/* The values are the exit codes of the cuhue program. */
typedef enum cuhue_status {
  CUHUE_OK = 0,
  CUHUE_SOME_FAILED = 1, /* used by the program only: a batch went on after a bad image */
  CUHUE_USAGE = 2,       /* wrong argument, name or setting */
  CUHUE_INPUT = 3,       /* image or array unreadable or unsupported */
  CUHUE_WEIGHTS = 4,     /* weights missing, corrupt or mismatched */
  CUHUE_OUT_OF_MEMORY = 5,
  CUHUE_DEVICE = 6,    /* device missing or failed */
  CUHUE_OUTPUT = 7,    /* result not writable */
  CUHUE_CANCELLED = 8, /* a callback asked to stop */
  CUHUE_INTERNAL = 70  /* a defect in cuhue */
} cuhue_status;

typedef struct cuhue_error {
  size_t struct_size;
  cuhue_status status;
  char message[1008]; /* one line, no newline, always terminated */
} cuhue_error;

CUHUE_API const char* cuhue_status_name(cuhue_status status); /* "out of memory" */

/* ---- engine
 * ------------------------------------------------------------------------------------------------ */

typedef enum cuhue_log_level {
  CUHUE_LOG_ERROR = 1,
  CUHUE_LOG_WARNING,
  CUHUE_LOG_INFO,
  CUHUE_LOG_DEBUG
} cuhue_log_level;
/* May be called from any thread that is inside a cuhue function. */
typedef void (*cuhue_log_fn)(void* user, cuhue_log_level level, const char* message);

typedef enum cuhue_precision { CUHUE_FP32 = 0, CUHUE_TF32, CUHUE_FP16, CUHUE_INT8 } cuhue_precision;

typedef struct cuhue_engine_options {
  size_t struct_size;
  /* "auto" (default: the first GPU that this build can use, else the CPU), "cpu", "cuda", "cuda:1" */
  const char* device;
  int threads;               /* CPU threads of one run; 0 = all cores this process may use */
  cuhue_precision precision; /* a device that lacks it answers CUHUE_USAGE */
  cuhue_log_fn log;          /* NULL = silent */
  void* log_user;
  cuhue_log_level log_level; /* messages up to this level; 0 = CUHUE_LOG_WARNING */
  /* GPU: the file that keeps which convolution plans are fastest; NULL = one in the user's cache folder */
  const char* plan_cache;
  int tune; /* GPU: nonzero: plans that the file does not hold yet are timed when prepared, and kept in it */
} cuhue_engine_options;

typedef struct cuhue_engine cuhue_engine;

CUHUE_API cuhue_status cuhue_engine_create(const cuhue_engine_options* options, cuhue_engine** engine,
                                           cuhue_error* error);
CUHUE_API void cuhue_engine_free(cuhue_engine* engine);
CUHUE_API const char* cuhue_engine_device(const cuhue_engine* engine); /* the one in use: "cpu", "cuda:0" */
CUHUE_API int cuhue_engine_threads(const cuhue_engine* engine);

typedef struct cuhue_device_info {
  size_t struct_size;
  char name[32];         /* what cuhue_engine_options.device takes: "cpu", "cuda:0" */
  char description[256]; /* processor or GPU model and what the backend uses of it */
  int64_t memory_bytes;  /* of the device */
  int threads;           /* CPU: cores this process may use; GPU: multiprocessors */
  unsigned precisions;   /* bit (1 << cuhue_precision) set when supported */
  char unusable[256];    /* why this build cannot use it, and what to do; empty = it can */
} cuhue_device_info;

/* The CPU, then the GPUs that the driver shows. Looking for them starts CUDA. */
CUHUE_API size_t cuhue_device_count(void);
CUHUE_API cuhue_status cuhue_device(size_t index, cuhue_device_info* info, cuhue_error* error);

/* ---- weights
 * ----------------------------------------------------------------------------------------------- */

typedef struct cuhue_weights cuhue_weights;

typedef enum cuhue_dtype {
  CUHUE_F32 = 0,
  CUHUE_F16,
  CUHUE_BF16,
  CUHUE_F64,
  CUHUE_I64,
  CUHUE_I32,
  CUHUE_I16,
  CUHUE_I8,
  CUHUE_U8,
  CUHUE_BOOL
} cuhue_dtype;

typedef struct cuhue_tensor_info {
  size_t struct_size;
  const char* name;
  cuhue_dtype dtype;
  int rank;
  int64_t shape[8];
  int64_t bytes;
} cuhue_tensor_info;

/* Opens a cuhue weight file (memory-mapped), verifies its checksums, and checks it against its network's
 * schema. */
CUHUE_API cuhue_status cuhue_weights_open(const char* path, cuhue_weights** weights, cuhue_error* error);
/* The same from memory, at an address that is a multiple of 8. The bytes are not copied: they must stay until
 * the weights and all that was created from them are freed. label names them in messages. */
CUHUE_API cuhue_status cuhue_weights_open_memory(const void* data, size_t size, const char* label,
                                                 cuhue_weights** weights, cuhue_error* error);
/* Weights computed from the tensors' names: for benches and tests; the colours mean nothing. */
CUHUE_API cuhue_status cuhue_weights_formula(const char* network, cuhue_weights** weights,
                                             cuhue_error* error);
CUHUE_API void cuhue_weights_free(cuhue_weights* weights);

CUHUE_API const char* cuhue_weights_network(const cuhue_weights* weights);
CUHUE_API size_t cuhue_weights_metadata_count(const cuhue_weights* weights);
CUHUE_API cuhue_status cuhue_weights_metadata(const cuhue_weights* weights, size_t index, const char** key,
                                              const char** value, cuhue_error* error);
CUHUE_API size_t cuhue_weights_tensor_count(const cuhue_weights* weights);
CUHUE_API cuhue_status cuhue_weights_tensor(const cuhue_weights* weights, size_t index,
                                            cuhue_tensor_info* info, cuhue_error* error);

/* ---- networks on raw tensors
 * ------------------------------------------------------------------------------- */

/* What networks there are, and what each takes and gives. */
typedef struct cuhue_network_info {
  size_t struct_size;
  const char* name;
  const char* about;
  size_t input_count, output_count, setting_count,
      parameter_count;   /* parameter_count: tensors of a checkpoint */
  int64_t size_multiple; /* H and W must be multiples of this */
  int64_t default_size;  /* H and W it is usually run at */
  int detects;  /* nonzero: it finds objects: cuhue_detector_create takes it, cuhue_network_create does not */
  int one_size; /* nonzero: no other than default_size */
} cuhue_network_info;

typedef struct cuhue_port_info {
  size_t struct_size;
  const char* name;
  const char* shape; /* "[N,1,H,W]" */
  const char* about;
  int by_product; /* nonzero: an output on the way to the result; asking for it costs time */
  /* Of files that hold it: CUHUE_F32, or CUHUE_U8 for whole numbers 0..255. cuhue_tensor has floats all the
   * same. Of a network that detects CUHUE_I32 too. */
  cuhue_dtype dtype;
} cuhue_port_info;

typedef struct cuhue_setting_info {
  size_t struct_size;
  const char* name;
  const char* about;
  double default_value, min, max;
  size_t value_count; /* of a setting that is a choice: names of the values 0, 1, ... */
  const char* const* values;
} cuhue_setting_info;

CUHUE_API size_t cuhue_network_count(void);
CUHUE_API cuhue_status cuhue_network_at(size_t index, cuhue_network_info* info, cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_find(const char* name, cuhue_network_info* info, cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_input_at(const char* network, size_t index, cuhue_port_info* info,
                                              cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_output_at(const char* network, size_t index, cuhue_port_info* info,
                                               cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_setting_at(const char* network, size_t index, cuhue_setting_info* info,
                                                cuhue_error* error);

/* A network with weights on a device. Prepare it for a size, fill its inputs, run, read its outputs:
 *   cuhue_network_prepare(net, 1, 256, 256, NULL, 0, &e);
 *   cuhue_network_input(net, "l", &in, &e);  copy into in.data;  cuhue_network_run(net, NULL, NULL, &e);
 *   cuhue_network_output(net, "ab", &out, &e);  read out.data
 * The buffers stay where they are until the next prepare. */
typedef struct cuhue_network cuhue_network;

typedef struct cuhue_tensor {
  size_t struct_size;
  float* data; /* [n, c, h, w] float32, dense */
  int64_t n, c, h, w;
} cuhue_tensor;

typedef struct cuhue_memory {
  size_t struct_size;
  int64_t weight_bytes; /* packed weights on the device */
  int64_t arena_bytes;  /* inputs, intermediates, outputs: one allocation */
} cuhue_memory;

typedef struct cuhue_layer {
  size_t struct_size;
  const char* name;     /* checkpoint path of the layer, "model1.0" */
  const char* op;       /* "convolution" */
  const char* provider; /* who executes it, "onednn jit:avx2" */
  int64_t n, c, h, w;   /* its output */
  int64_t macs;         /* multiply-accumulates of the direct form */
  double seconds;       /* in the latest cuhue_network_profile or cuhue_detector_profile */
} cuhue_layer;

/* Returns nonzero to cancel. fraction: 0..1 of the call's work. */
typedef int (*cuhue_progress_fn)(void* user, double fraction);

CUHUE_API cuhue_status cuhue_network_create(cuhue_engine* engine, cuhue_weights* weights,
                                            cuhue_network** network, cuhue_error* error);
CUHUE_API void cuhue_network_free(cuhue_network* network);
/* Takes effect with the next prepare. */
CUHUE_API cuhue_status cuhue_network_set(cuhue_network* network, const char* setting, double value,
                                         cuhue_error* error);
/* Plans memory and prepares every layer for inputs of [n, *, h, w]. outputs: the names wanted; NULL = all. */
CUHUE_API cuhue_status cuhue_network_prepare(cuhue_network* network, int64_t n, int64_t h, int64_t w,
                                             const char* const* outputs, size_t output_count,
                                             cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_input(cuhue_network* network, const char* name, cuhue_tensor* tensor,
                                           cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_output(cuhue_network* network, const char* name, cuhue_tensor* tensor,
                                            cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_run(cuhue_network* network, cuhue_progress_fn progress,
                                         void* progress_user, cuhue_error* error);
CUHUE_API cuhue_status cuhue_network_memory(const cuhue_network* network, cuhue_memory* memory,
                                            cuhue_error* error);
/* Runs once with a clock around every layer; cuhue_network_layer reads the result. */
CUHUE_API cuhue_status cuhue_network_profile(cuhue_network* network, cuhue_error* error);
CUHUE_API size_t cuhue_network_layer_count(const cuhue_network* network);
CUHUE_API cuhue_status cuhue_network_layer(const cuhue_network* network, size_t index, cuhue_layer* layer,
                                           cuhue_error* error);

/* ---- pixels and pictures
 * ----------------------------------------------------------------------------------- */

/* Channel order in memory; 16-bit samples in the machine's byte order; sRGB. */
typedef enum cuhue_pixel_format {
  CUHUE_GREY8 = 1,
  CUHUE_GREY_ALPHA8,
  CUHUE_RGB8,
  CUHUE_RGBA8,
  CUHUE_BGR8,
  CUHUE_BGRA8,
  CUHUE_GREY16 = 16,
  CUHUE_GREY_ALPHA16,
  CUHUE_RGB16,
  CUHUE_RGBA16,
  /* 8-bit 4:2:0 video, limited range, only as an input of cuhue_colorize: `height` rows of Y, then, at data +
   * stride * height and with the same stride, (height + 1) / 2 rows of interleaved U and V. */
  CUHUE_NV12 = 32, /* BT.709 */
  CUHUE_NV12_BT601
} cuhue_pixel_format;

/* Where pixels are. */
typedef enum cuhue_memory_kind {
  CUHUE_MEMORY_HOST = 0,
  CUHUE_MEMORY_DEVICE /* of the engine's GPU: nothing is copied. Only cuhue_colorize takes it */
} cuhue_memory_kind;

typedef struct cuhue_pixels {
  size_t struct_size;
  void* data; /* the caller's; first row on top */
  int64_t width, height;
  ptrdiff_t stride; /* bytes from row to row, >= width * bytes per pixel; 0 = tightly packed */
  cuhue_pixel_format format;
  int reserved; /* 0 */
  cuhue_memory_kind memory;
} cuhue_pixels;

typedef enum cuhue_file_format {
  CUHUE_FILE_AUTO = 0,
  CUHUE_FILE_PNG,
  CUHUE_FILE_JPEG,
  CUHUE_FILE_BMP,
  CUHUE_FILE_PNM
} cuhue_file_format;

typedef struct cuhue_encode_options {
  size_t struct_size;
  cuhue_file_format format; /* AUTO: from the path's extension, PNG when it has none or for memory */
  int jpeg_quality;         /* 1..100; 0 = 95 */
  int overwrite;            /* nonzero: an existing file is replaced */
} cuhue_encode_options;

/* A picture with the profiles that travel with it (ICC, EXIF, XMP). */
typedef struct cuhue_image cuhue_image;

/* PNG, JPEG, BMP, PNM by content; upright (EXIF orientation applied). */
CUHUE_API cuhue_status cuhue_image_read(const char* path, cuhue_image** image, cuhue_error* error);
CUHUE_API cuhue_status cuhue_image_decode(const void* data, size_t size, const char* label,
                                          cuhue_image** image, cuhue_error* error);
/* A new picture with undefined pixels; profiles copied from `like` unless NULL. */
CUHUE_API cuhue_status cuhue_image_create(int64_t width, int64_t height, cuhue_pixel_format format,
                                          const cuhue_image* like, cuhue_image** image, cuhue_error* error);
CUHUE_API void cuhue_image_free(cuhue_image* image);
CUHUE_API cuhue_status cuhue_image_pixels(cuhue_image* image, cuhue_pixels* pixels, cuhue_error* error);
/* Written whole or not at all: to a temporary name beside path, then renamed. */
CUHUE_API cuhue_status cuhue_image_write(const cuhue_image* image, const char* path,
                                         const cuhue_encode_options* options, cuhue_error* error);
/* The file's bytes, to be freed with cuhue_bytes_free. */
CUHUE_API cuhue_status cuhue_image_encode(const cuhue_image* image, const cuhue_encode_options* options,
                                          unsigned char** data, size_t* size, cuhue_error* error);
CUHUE_API void cuhue_bytes_free(unsigned char* data);

/* ---- colorizing
 * -------------------------------------------------------------------------------------------- */

typedef struct cuhue_system_info {
  size_t struct_size;
  const char* name; /* "eccv16", "lite" */
  const char* about;
  const char* networks;          /* names of the networks whose weights it needs, separated by spaces */
  const char* optional_networks; /* of those it can do without, where something is given in their place */
} cuhue_system_info;

CUHUE_API size_t cuhue_system_count(void);
CUHUE_API cuhue_status cuhue_system_at(size_t index, cuhue_system_info* info, cuhue_error* error);

typedef struct cuhue_colorizer cuhue_colorizer;

typedef struct cuhue_colorize_options {
  size_t struct_size;
  float chroma;      /* colours times this; 0 = 1, as published */
  float temperature; /* annealed mean (eccv16): 0 = 1, as published; below 1 more vivid */
  int as_published;  /* nonzero: the original's own arithmetic where it differs (rounding of bytes) */
  cuhue_progress_fn progress; /* CPU: asked between layers; GPU: before and after the one launch */
  void* progress_user;
  /* GPU: a cudaStream_t (CUstream) of the engine's GPU, or NULL. The work runs in the stream's order: behind
   * what the caller put on it before, ahead of what he puts on it after. When all pixels are in device memory
   * the call returns before the work is done: they must stay as they are until it is (cudaStreamSynchronize),
   * and colours that are not finite numbers fail a later call. Otherwise, and without a stream, the work is
   * done on return; koalarization waits for each of several photos. */
  void* stream;
  /* Nonzero: the photos are those of the latest call, unchanged: what was prepared of them is used again.
   * For the next picture after hints, a mask or labels have changed. semantic: labels that were found are not
   * looked for again, and of a single photo the network's half that sees no labels is not run again. */
  int keep_photos;
  /* masks-gan. Nonzero: colours are multiplied by the mask, at full resolution: where it is black the photo
   * keeps its grey. As published the network alone decides what it does with the mask. */
  int gate;
} cuhue_colorize_options;

/* Seconds of one cuhue_colorize call. On a GPU one launch is all: `network` is its time, or, when the call
 * returns before it is done, the time to start it; `prepare` and `finish` are copies of photos in host
 * memory. */
typedef struct cuhue_timings {
  size_t struct_size;
  double compile; /* preparing the network for this batch size, the first time only */
  double prepare; /* photo bytes to network input */
  double network;
  double finish; /* colours to full resolution, merge with the photo's luminance, bytes */
  double total;
  double detect; /* patch: finding the objects */
} cuhue_timings;

/* system: a name, or NULL for the one that the weights serve. */
CUHUE_API cuhue_status cuhue_colorizer_create(cuhue_engine* engine, const char* system,
                                              cuhue_weights* const* weights, size_t weight_count,
                                              cuhue_colorizer** colorizer, cuhue_error* error);
CUHUE_API void cuhue_colorizer_free(cuhue_colorizer* colorizer);
CUHUE_API const char* cuhue_colorizer_system(const cuhue_colorizer* colorizer);
/* A setting of the system's network (as `cuhue_network_setting_at` lists them), for the calls to come. */
CUHUE_API cuhue_status cuhue_colorizer_set(cuhue_colorizer* colorizer, const char* setting, double value,
                                           cuhue_error* error);
/* Which format a colour picture of `input` should have: RGB or RGBA of the same depth; of video RGB8. */
CUHUE_API cuhue_pixel_format cuhue_output_format(cuhue_pixel_format input);
/* Which size the result of a photo of this size has: the photo's, but for systems that as_published give
 * their own (semantic: 352 x 352, koalarization: 224 x 224). width and height: the photo's in, the result's
 * out. */
CUHUE_API cuhue_status cuhue_colorizer_result_size(const cuhue_colorizer* colorizer,
                                                   const cuhue_colorize_options* options, int64_t* width,
                                                   int64_t* height, cuhue_error* error);
/* Colours `count` photos in one network batch (masks-gan, semantic, koalarization, scgan, patch: one after
 * another; as_published the latter four take none in device memory, patch where it would shrink them). Photos
 * may differ in size and format; outputs[i] has the size (but see cuhue_colorizer_result_size) and depth of
 * inputs[i] and an RGB, RGBA, BGR or BGRA format; it may be inputs[i] itself. Alpha is copied. The second
 * call with the same count and sizes allocates nothing. timings may be NULL. All structs of an array have one
 * struct_size.
 */
CUHUE_API cuhue_status cuhue_colorize(cuhue_colorizer* colorizer, const cuhue_pixels* inputs,
                                      const cuhue_pixels* outputs, size_t count,
                                      const cuhue_colorize_options* options, cuhue_timings* timings,
                                      cuhue_error* error);
/* What the user puts in beside a photo is given to the colorizer for the calls to come, until it is changed.
 * `photo` is the photo's place in a call's array, from 0, or CUHUE_ALL_PHOTOS: every one, in place of what
 * single photos were given. A call with another place than its photos have fails with CUHUE_USAGE, as does
 * giving a system what it does not take. To try other hints on the same photos quickly, call cuhue_colorize
 * again with keep_photos. */
#define CUHUE_ALL_PHOTOS ((size_t)-1)

typedef struct cuhue_point {
  int64_t x, y; /* a pixel of the photo, from the top left */
} cuhue_point;

typedef enum cuhue_hint_color { CUHUE_HINT_RGB = 0, CUHUE_HINT_AB } cuhue_hint_color;

/* A colour wanted at a place: a square, or a scribble of squares along the lines between points. */
typedef struct cuhue_hint {
  size_t struct_size;
  int64_t x, y; /* the square's middle, a pixel of the photo; not looked at when there are points */
  const cuhue_point* points; /* of a scribble; not kept */
  size_t point_count;        /* 0 = a square at x, y */
  /* Pixels of a square's side, odd, 1 to 511, among the 256 x 256 that the network sees of a photo; 0 = 7 */
  int side;
  cuhue_hint_color color;
  uint8_t
      rgb[3]; /* CUHUE_HINT_RGB: sRGB, of which a and b of CIE Lab are taken: the lightness is the photo's */
  float a, b; /* CUHUE_HINT_AB: each from -110 to 110 */
} cuhue_hint;

/* System siggraph17. Later hints cover earlier ones; count 0 = no hints. Whether they lie inside of the photo
 * is known when it is colorized (else CUHUE_USAGE). */
CUHUE_API cuhue_status cuhue_colorizer_set_hints(cuhue_colorizer* colorizer, size_t photo,
                                                 const cuhue_hint* hints, size_t count, cuhue_error* error);
/* The same from a picture of the photo's size with alpha: its opaque pixels are hints. Nothing of it is kept.
 */
CUHUE_API cuhue_status cuhue_colorizer_set_hint_picture(cuhue_colorizer* colorizer, size_t photo,
                                                        const cuhue_pixels* picture, cuhue_error* error);
CUHUE_API cuhue_status cuhue_colorizer_clear_hints(cuhue_colorizer* colorizer, cuhue_error* error);

/* System masks-gan, which needs a mask for every photo (else CUHUE_USAGE): white is coloured, black stays
 * grey. A picture of the photo's size, grey or in colour (then its luma counts), 8 or 16 bits a sample, not
 * video; alpha is not looked at. Nothing of it is kept. Another size than the photo's is known when that is
 * colorized (CUHUE_USAGE). */
CUHUE_API cuhue_status cuhue_colorizer_set_mask(cuhue_colorizer* colorizer, size_t photo,
                                                const cuhue_pixels* mask, cuhue_error* error);
CUHUE_API cuhue_status cuhue_colorizer_clear_masks(cuhue_colorizer* colorizer, cuhue_error* error);

/* A colour that the network holds likely. */
typedef struct cuhue_suggestion {
  size_t struct_size;
  float a, b;        /* of CIE Lab: the middle of a field of 10 x 10 */
  float probability; /* among all fields, flattened as published: softmax of a fifth of the scores */
} cuhue_suggestion;

/* System siggraph17: likely colours at a pixel of a photo, under the hints that photo `photo` has, most
 * likely first. picture: the photo in host memory, or NULL: that of the latest cuhue_colorizer_suggest, which
 * answers at once where the hints have not changed. capacity: of `suggestions`, 1 to 529; count: how many
 * were written. Takes about as long as colorizing, and memory of its own. */
CUHUE_API cuhue_status cuhue_colorizer_suggest(cuhue_colorizer* colorizer, size_t photo,
                                               const cuhue_pixels* picture, int64_t x, int64_t y,
                                               cuhue_suggestion* suggestions, size_t capacity, size_t* count,
                                               cuhue_error* error);

/* ---- labels of what is in a photo (system semantic) */

/* A label map is a CUHUE_GREY8 picture of the size of the photo's result (cuhue_colorizer_result_size); each
 * byte is the number of a label. */
typedef struct cuhue_label_info {
  size_t struct_size;
  const char* name; /* "sky" */
  uint8_t rgb[3];   /* on display */
} cuhue_label_info;

CUHUE_API size_t cuhue_label_count(void); /* 60: 0 = background, and 59 things */
CUHUE_API cuhue_status cuhue_label_at(size_t index, cuhue_label_info* info, cuhue_error* error);
/* Every pixel of a map in its label's colour: view is CUHUE_RGB8 of the map's size. */
CUHUE_API cuhue_status cuhue_label_view(const cuhue_pixels* map, const cuhue_pixels* view,
                                        cuhue_error* error);

/* What photo `photo` of the calls to come is coloured by. Without a map network segnet finds the labels; when
 * the colorizer has no weights of it, a call without a map fails with CUHUE_WEIGHTS. CUHUE_USAGE: a number
 * that is no label; when the photo is coloured, a map of another size. Nothing of it is kept.
 *
 * To change labels: take the map of cuhue_colorizer_labels, or of cuhue_colorizer_find_labels before anything
 * is coloured, write into it, set it, and call cuhue_colorize with keep_photos. */
CUHUE_API cuhue_status cuhue_colorizer_set_labels(cuhue_colorizer* colorizer, size_t photo,
                                                  const cuhue_pixels* map, cuhue_error* error);
CUHUE_API cuhue_status cuhue_colorizer_clear_labels(cuhue_colorizer* colorizer, cuhue_error* error);
/* Fills map->data: by what photo `photo` of the latest cuhue_colorize was coloured. as_published: as the
 * labels come back there, which loses one of 1, 2, 7, 9, 14 and 31. */
CUHUE_API cuhue_status cuhue_colorizer_labels(const cuhue_colorizer* colorizer, size_t photo,
                                              const cuhue_pixels* map, cuhue_error* error);
/* Fills map->data: what network segnet sees in a photo in host memory. options: as_published; may be NULL. */
CUHUE_API cuhue_status cuhue_colorizer_find_labels(cuhue_colorizer* colorizer, const cuhue_pixels* picture,
                                                   const cuhue_colorize_options* options,
                                                   const cuhue_pixels* map, cuhue_error* error);

/* System koalarization. What the network holds the photo to show: a class of ImageNet (ILSVRC 2012), as
 * TensorFlow counts them: 0 is the background, 1 to 1000 are the synsets in the order of their numbers. The
 * names are not part of the library. */
#define CUHUE_CLASSES 1001

typedef struct cuhue_class {
  size_t struct_size;
  int index;         /* 0 to 1000 */
  float probability; /* among all classes: softmax of the scores */
} cuhue_class;

/* Of photo `photo` of the latest cuhue_colorize, most likely first; waits for it. capacity: of `classes`, at
 * least 1; count: how many were written. */
CUHUE_API cuhue_status cuhue_colorizer_classes(const cuhue_colorizer* colorizer, size_t photo,
                                               cuhue_class* classes, size_t capacity, size_t* count,
                                               cuhue_error* error);

/* ---- where people look: system scgan
 * ------------------------------------------------------------------------ */

/* keep nonzero: the calls to come find it out for each of their photos, which costs time (else colours only),
 * and keep the maps of the latest call; 0: they do not. CUHUE_USAGE where the weights hold no saliency
 * branch. */
CUHUE_API cuhue_status cuhue_colorizer_keep_saliency(cuhue_colorizer* colorizer, int keep,
                                                     cuhue_error* error);
/* The map of photo `photo` (its place in the latest call) to values [height, width], 0..1: of any size, e.g.
 * the photo's, by bilinear interpolation. */
CUHUE_API cuhue_status cuhue_colorizer_saliency(const cuhue_colorizer* colorizer, size_t photo, int64_t width,
                                                int64_t height, float* values, cuhue_error* error);
/* The map as heat over the photo's grey. picture: the photo, or any of its shape, in host memory, not video;
 * out: its size and depth, an RGB, RGBA, BGR or BGRA format; may be picture itself. Alpha is copied. */
CUHUE_API cuhue_status cuhue_colorizer_saliency_view(const cuhue_colorizer* colorizer, size_t photo,
                                                     const cuhue_pixels* picture, const cuhue_pixels* out,
                                                     cuhue_error* error);

CUHUE_API cuhue_status cuhue_colorizer_memory(const cuhue_colorizer* colorizer, cuhue_memory* memory,
                                              cuhue_error* error);

/* ---- finding objects
 * -------------------------------------------------------------------------------------------- */

/* A network that finds objects (cuhue_network_info.detects), with weights on a device. One thread at a time.
 */
typedef struct cuhue_detector cuhue_detector;

/* [height, width, 3] dense, channels in the order the network is fed, 0..255. */
typedef struct cuhue_picture_array {
  size_t struct_size;
  const void* data;
  cuhue_dtype dtype; /* CUHUE_U8: resized as Pillow does; CUHUE_F32, CUHUE_F64: without antialiasing */
  int64_t height, width;
} cuhue_picture_array;

typedef struct cuhue_detect_options {
  size_t struct_size;
  cuhue_progress_fn progress;
  void* progress_user;
} cuhue_detect_options;

typedef struct cuhue_detect_timings { /* seconds of one call */
  size_t struct_size;
  double compile;   /* preparing the network for this size, the first time only */
  double prepare;   /* the picture to network input */
  double features;  /* backbone, pyramid, scores of all anchors */
  double proposals; /* which of them are looked at */
  double boxes;     /* their classes and boxes, and which of those are kept */
  double masks;     /* of what was found, in the picture's size */
  double total;
} cuhue_detect_timings;

/* What was found in one picture, by descending score. Owns its memory. */
typedef struct cuhue_detections cuhue_detections;

typedef struct cuhue_detection {
  size_t struct_size;
  float x0, y0, x1, y1; /* in pixels of the picture, inside of it */
  float score;          /* 0..1 */
  int class_index;      /* as cuhue_detection_class */
  const char* class_name;
  /* The mask is 0 outside of this rectangle of the picture; inside: bytes 0 or 1, rows tightly packed, the
   * detections' own. */
  int64_t mask_x, mask_y, mask_width, mask_height;
  const uint8_t* mask;
} cuhue_detection;

CUHUE_API cuhue_status cuhue_detector_create(cuhue_engine* engine, cuhue_weights* weights,
                                             cuhue_detector** detector, cuhue_error* error);
CUHUE_API void cuhue_detector_free(cuhue_detector* detector);
/* A setting of the network (as cuhue_network_setting_at lists them), for the calls to come. */
CUHUE_API cuhue_status cuhue_detector_set(cuhue_detector* detector, const char* setting, double value,
                                          cuhue_error* error);
/* Plans memory and prepares every layer for pictures of this size, as the first call of one does. */
CUHUE_API cuhue_status cuhue_detector_prepare(cuhue_detector* detector, int64_t height, int64_t width,
                                              cuhue_error* error);
/* One pass of every part of the network for a picture of this size, with a clock around each layer;
 * cuhue_detector_layer reads the result. Heads run over as many boxes at a time as a layer's n tells. */
CUHUE_API cuhue_status cuhue_detector_profile(cuhue_detector* detector, int64_t height, int64_t width,
                                              cuhue_error* error);
CUHUE_API size_t cuhue_detector_layer_count(const cuhue_detector* detector);
CUHUE_API cuhue_status cuhue_detector_layer(const cuhue_detector* detector, size_t index, cuhue_layer* layer,
                                            cuhue_error* error);
CUHUE_API cuhue_status cuhue_detector_memory(const cuhue_detector* detector, cuhue_memory* memory,
                                             cuhue_error* error);
/* In a photo in host memory, of any format but video: shown to the network as PatchColorization does, as the
 * grey of its lightness; alpha is not looked at. options and timings may be NULL. */
CUHUE_API cuhue_status cuhue_detect(cuhue_detector* detector, const cuhue_pixels* photo,
                                    const cuhue_detect_options* options, cuhue_detections** detections,
                                    cuhue_detect_timings* timings, cuhue_error* error);
/* In a picture as it is. */
CUHUE_API cuhue_status cuhue_detect_array(cuhue_detector* detector, const cuhue_picture_array* picture,
                                          const cuhue_detect_options* options, cuhue_detections** detections,
                                          cuhue_detect_timings* timings, cuhue_error* error);
CUHUE_API void cuhue_detections_free(cuhue_detections* detections);
CUHUE_API size_t cuhue_detections_count(const cuhue_detections* detections);
CUHUE_API cuhue_status cuhue_detections_at(const cuhue_detections* detections, size_t index,
                                           cuhue_detection* detection, cuhue_error* error);
/* The whole mask of one, [height, width] of the picture, bytes 0 or 1, into the caller's `size` bytes. */
CUHUE_API cuhue_status cuhue_detections_mask(const cuhue_detections* detections, size_t index, uint8_t* mask,
                                             size_t size, cuhue_error* error);

/* The classes of COCO, by cuhue_detection.class_index. */
CUHUE_API size_t cuhue_detection_class_count(void);
/* coco_id: the category's id in COCO's files; may be NULL. */
CUHUE_API cuhue_status cuhue_detection_class(size_t index, const char** name, int* coco_id,
                                             cuhue_error* error);

/* ---- objects of photos (system patch) */

/* Detections without an object, of a picture of this size, to be filled: edited ones, or another detector's.
 */
CUHUE_API cuhue_status cuhue_detections_create(int64_t width, int64_t height, cuhue_detections** detections,
                                               cuhue_error* error);
/* Copies the object and its mask; class_name is not looked at. CUHUE_USAGE says what is wrong with it;
 * nothing is added then. */
CUHUE_API cuhue_status cuhue_detections_add(cuhue_detections* detections, const cuhue_detection* detection,
                                            cuhue_error* error);
CUHUE_API cuhue_status cuhue_detections_size(const cuhue_detections* detections, int64_t* width,
                                             int64_t* height, cuhue_error* error);

/* The objects of photo `photo` of the calls to come, in place of what network mask-rcnn would find: of the
 * size of the photo's result (cuhue_colorizer_result_size; else CUHUE_USAGE when it is colorized). Later ones
 * lie over earlier ones. Copied. When the colorizer has no weights of that network, a call without objects
 * fails with CUHUE_WEIGHTS.
 *
 * To change objects: take those of cuhue_colorizer_detections, set what is left of them, and call
 * cuhue_colorize with keep_photos: only boxes that the photo did not have before get colours anew.
 *
 * cuhue_colorizer_set takes, beside the detector's settings (score_threshold, nms_threshold, min_size,
 * max_size): min_area, the part of the photo's area that a box must be larger than to get colours of its own
 * (0.001); feather, the pixels over which an object's colours set in, from the edge of its mask inwards (0 =
 * at once, as published); adjust_saturation (1; 0 = leave it); batch_mib, the memory for batches of crops
 * (512). */
CUHUE_API cuhue_status cuhue_colorizer_set_detections(cuhue_colorizer* colorizer, size_t photo,
                                                      const cuhue_detections* detections, cuhue_error* error);
CUHUE_API cuhue_status cuhue_colorizer_clear_detections(cuhue_colorizer* colorizer, cuhue_error* error);
/* A copy of the objects by which photo `photo` of the latest cuhue_colorize was coloured, those whose box was
 * too small too. To be freed. */
CUHUE_API cuhue_status cuhue_colorizer_detections(const cuhue_colorizer* colorizer, size_t photo,
                                                  cuhue_detections** detections, cuhue_error* error);

/* ---- comparing pictures
 * ------------------------------------------------------------------------------------ */

typedef struct cuhue_metrics {
  size_t struct_size;
  double psnr; /* dB over RGB; infinity when equal */
  double ssim; /* mean over RGB, 7x7 uniform window, Wang et al. 2004 (as scikit-image's default) */
  double colorfulness_a, colorfulness_b; /* Hasler and Suesstrunk 2003 */
  double mean_delta_e2000;               /* CIEDE2000, Sharma et al. 2005 */
  int max_difference;                    /* levels of 8 bits */
  double nrmse;       /* root of the mean squared difference over that of a's squares: a is the truth */
  double ssim_floats; /* with twice the data range: scikit-image's for floats, published for scgan */
  double naturalness_a, naturalness_b; /* CNI, 0..1, as scgan's authors evaluate it; colorfulness is CCI */
} cuhue_metrics;

/* Two pictures of one size, any formats (16 bits are compared at 8). */
CUHUE_API cuhue_status cuhue_compare(const cuhue_pixels* a, const cuhue_pixels* b, cuhue_metrics* metrics,
                                     cuhue_error* error);

#ifdef __cplusplus
}
#endif

#endif
