/* The C API from plain C: compiles as C99, and each group of functions does what its comment promises. */
#include <cuhue/cuhue.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                     \
    }                                                                 \
  } while (0)

static cuhue_error fresh_error(void) {
  cuhue_error error;
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  return error;
}

static cuhue_pixels pixels_of(void* data, int64_t width, int64_t height, cuhue_pixel_format format) {
  cuhue_pixels p;
  memset(&p, 0, sizeof p);
  p.struct_size = sizeof p;
  p.data = data;
  p.width = width;
  p.height = height;
  p.format = format;
  return p;
}

/* A failure: the expected status, returned and in the error, and one non-empty line of text. */
static int failed_well(cuhue_status expected, cuhue_status status, const cuhue_error* error) {
  const int ok = status == expected && error->status == expected && error->message[0] != '\0' &&
                 strchr(error->message, '\n') == NULL;
  if (!ok) fprintf(stderr, "status %d, expected %d: '%s'\n", (int)status, (int)expected, error->message);
  return ok;
}

static void test_version_and_status(void) {
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", CUHUE_VERSION_MAJOR, CUHUE_VERSION_MINOR, CUHUE_VERSION_PATCH);
  CHECK(strcmp(cuhue_version(), text) == 0);
  CHECK(cuhue_abi_version() == CUHUE_ABI_VERSION);
  CHECK(strcmp(cuhue_status_name(CUHUE_OUT_OF_MEMORY), "out of memory") == 0);
  CHECK(cuhue_status_name((cuhue_status)12345) != NULL);
}

static void test_null_is_freed(void) {
  cuhue_engine_free(NULL);
  cuhue_weights_free(NULL);
  cuhue_network_free(NULL);
  cuhue_image_free(NULL);
  cuhue_colorizer_free(NULL);
  cuhue_bytes_free(NULL);
}

static void test_devices(void) {
  cuhue_error error = fresh_error();
  cuhue_device_info info;
  size_t i;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  CHECK(cuhue_device_count() >= 1);
  CHECK(cuhue_device(0, &info, &error) == CUHUE_OK);
  CHECK(strcmp(info.name, "cpu") == 0);
  CHECK(info.threads >= 1);
  CHECK((info.precisions & (1u << CUHUE_FP32)) != 0);
  CHECK(info.unusable[0] == '\0');
  for (i = 1; i < cuhue_device_count(); ++i) { /* GPUs, where there are any */
    CHECK(cuhue_device(i, &info, &error) == CUHUE_OK);
    CHECK(strncmp(info.name, "cuda:", 5) == 0 && info.memory_bytes > 0);
    CHECK((info.precisions == 0) == (info.unusable[0] != '\0'));
  }
  CHECK(failed_well(CUHUE_USAGE, cuhue_device(cuhue_device_count(), &info, &error), &error));
}

/* A GPU that nobody has: an error in every build, with and without CUDA. */
static void test_missing_gpu(void) {
  static const char* const malformed[] = {"cuda:", "cuda:x", "cuda:1x", "cuda:-1", "CUDA", "gpu", ""};
  cuhue_error error = fresh_error();
  cuhue_engine_options options;
  cuhue_engine* engine = NULL;
  size_t i;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.device = "cuda:999";
  options.precision = CUHUE_FP16;
  CHECK(failed_well(CUHUE_DEVICE, cuhue_engine_create(&options, &engine, &error), &error));
  CHECK(strstr(error.message, "'cuda:999'") != NULL);
  options.precision = CUHUE_INT8; /* refused before any GPU is looked for */
  CHECK(failed_well(CUHUE_USAGE, cuhue_engine_create(&options, &engine, &error), &error));
  CHECK(strstr(error.message, "tf32 or fp16") != NULL);
  for (i = 0; i < sizeof malformed / sizeof *malformed; ++i) {
    options.device = malformed[i];
    options.precision = CUHUE_FP32;
    CHECK(failed_well(CUHUE_USAGE, cuhue_engine_create(&options, &engine, &error), &error));
  }
  CHECK(engine == NULL);
}

/* Options of a caller that was built before the newest fields: what lies behind his struct is not read. */
static void test_older_options(void) {
  cuhue_error error = fresh_error();
  cuhue_engine_options options;
  cuhue_engine* engine = NULL;
  memset(&options, 0xAB, sizeof options);
  options.struct_size = offsetof(cuhue_engine_options, plan_cache);
  options.device = "cpu";
  options.threads = 1;
  options.precision = CUHUE_FP32;
  options.log = NULL;
  options.log_level = (cuhue_log_level)0;
  CHECK(cuhue_engine_create(&options, &engine, &error) == CUHUE_OK);
  cuhue_engine_free(engine);
}

static void test_engine_options(void) {
  cuhue_error error = fresh_error();
  cuhue_engine_options options;
  cuhue_engine* engine = NULL;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.device = "no such device";
  CHECK(failed_well(CUHUE_USAGE, cuhue_engine_create(&options, &engine, &error), &error) ||
        failed_well(CUHUE_DEVICE, error.status, &error));
  CHECK(engine == NULL);
  options.device = "cpu";
  options.precision = CUHUE_INT8;
  CHECK(failed_well(CUHUE_USAGE, cuhue_engine_create(&options, &engine, &error), &error));
  options.precision = CUHUE_FP32;
  options.threads = 1;
  CHECK(cuhue_engine_create(&options, &engine, NULL) == CUHUE_OK);
  CHECK(strcmp(cuhue_engine_device(engine), "cpu") == 0);
  CHECK(cuhue_engine_threads(engine) == 1);
  cuhue_engine_free(engine);
  engine = NULL;
  CHECK(cuhue_engine_create(NULL, &engine, &error) == CUHUE_OK); /* no options: the defaults */
  cuhue_engine_free(engine);
  options.struct_size = 0;
  engine = NULL;
  CHECK(failed_well(CUHUE_USAGE, cuhue_engine_create(&options, &engine, &error), &error));
}

static void test_listings(void) {
  cuhue_error error = fresh_error();
  cuhue_network_info network;
  cuhue_port_info port;
  cuhue_setting_info setting;
  cuhue_system_info system;
  size_t i;
  memset(&network, 0, sizeof network);
  network.struct_size = sizeof network;
  memset(&port, 0, sizeof port);
  port.struct_size = sizeof port;
  memset(&setting, 0, sizeof setting);
  setting.struct_size = sizeof setting;
  memset(&system, 0, sizeof system);
  system.struct_size = sizeof system;

  CHECK(cuhue_network_count() >= 2);
  for (i = 0; i < cuhue_network_count(); ++i) {
    CHECK(cuhue_network_at(i, &network, &error) == CUHUE_OK);
    CHECK(network.input_count >= 1 && network.output_count >= 1 && network.parameter_count >= 1);
  }
  CHECK(failed_well(CUHUE_USAGE, cuhue_network_at(i, &network, &error), &error));
  CHECK(cuhue_network_find("eccv16", &network, &error) == CUHUE_OK);
  CHECK(network.size_multiple == 8);
  CHECK(network.default_size == 256);
  CHECK(network.setting_count == 1);
  CHECK(cuhue_network_input_at("eccv16", 0, &port, &error) == CUHUE_OK && strcmp(port.name, "l") == 0);
  CHECK(cuhue_network_output_at("eccv16", 0, &port, &error) == CUHUE_OK);
  CHECK(cuhue_network_setting_at("eccv16", 0, &setting, &error) == CUHUE_OK &&
        strcmp(setting.name, "temperature") == 0 && setting.default_value == 1.0);
  CHECK(failed_well(CUHUE_USAGE, cuhue_network_find("eccv17", &network, &error), &error));
  CHECK(strstr(error.message, "eccv16") != NULL); /* names what there is */
  CHECK(cuhue_system_count() >= 2);
  CHECK(cuhue_system_at(0, &system, &error) == CUHUE_OK && system.name[0] != '\0');
  CHECK(failed_well(CUHUE_USAGE, cuhue_system_at(cuhue_system_count(), &system, &error), &error));
}

static int cancel_at_once(void* user, double fraction) {
  ++*(int*)user;
  return fraction >= 0;
}

/* Runs lite on raw tensors: the output is finite, depends on the input, and repeats to the bit. */
static void test_network(cuhue_engine* engine, cuhue_weights* weights) {
  cuhue_error error = fresh_error();
  cuhue_network* network = NULL;
  cuhue_tensor in, out;
  cuhue_memory memory;
  cuhue_layer layer;
  float *first, difference = 0;
  size_t i, count;
  int calls = 0;
  memset(&in, 0, sizeof in);
  in.struct_size = sizeof in;
  out = in;
  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  memset(&layer, 0, sizeof layer);
  layer.struct_size = sizeof layer;

  CHECK(cuhue_network_create(engine, weights, &network, &error) == CUHUE_OK);
  CHECK(failed_well(CUHUE_USAGE, cuhue_network_run(network, NULL, NULL, &error), &error)); /* not prepared */
  CHECK(failed_well(CUHUE_USAGE, cuhue_network_prepare(network, 1, 30, 32, NULL, 0, &error), &error));
  CHECK(failed_well(CUHUE_USAGE, cuhue_network_set(network, "colour", 1, &error), &error));
  CHECK(cuhue_network_prepare(network, 1, 24, 32, NULL, 0, &error) == CUHUE_OK);
  CHECK(failed_well(CUHUE_USAGE, cuhue_network_input(network, "gray", &in, &error), &error));
  CHECK(cuhue_network_input(network, "grey", &in, &error) == CUHUE_OK);
  CHECK(in.n == 1 && in.c == 1 && in.h == 24 && in.w == 32);
  for (i = 0; i < 24 * 32; ++i) in.data[i] = (float)(i % 251) / 250.0f;
  CHECK(cuhue_network_run(network, NULL, NULL, &error) == CUHUE_OK);
  CHECK(cuhue_network_output(network, "ab", &out, &error) == CUHUE_OK);
  CHECK(out.n == 1 && out.c == 2 && out.h == 24 && out.w == 32);

  count = (size_t)(out.c * out.h * out.w);
  first = malloc(count * sizeof *first);
  if (first == NULL) abort();
  memcpy(first, out.data, count * sizeof *first);
  for (i = 0; i < count; ++i) CHECK(isfinite(first[i]));
  for (i = 0; i < 24 * 32; ++i) in.data[i] = (float)(i % 251) / 250.0f;
  CHECK(cuhue_network_run(network, NULL, NULL, &error) == CUHUE_OK);
  CHECK(memcmp(first, out.data, count * sizeof *first) == 0);
  for (i = 0; i < 24 * 32; ++i) in.data[i] = 0.5f;
  CHECK(cuhue_network_run(network, NULL, NULL, &error) == CUHUE_OK);
  for (i = 0; i < count; ++i) {
    const float d = fabsf(first[i] - out.data[i]);
    if (d > difference) difference = d;
  }
  CHECK(difference > 1);
  free(first);

  CHECK(failed_well(CUHUE_CANCELLED, cuhue_network_run(network, cancel_at_once, &calls, &error), &error));
  CHECK(calls == 1);
  CHECK(cuhue_network_memory(network, &memory, &error) == CUHUE_OK);
  CHECK(memory.weight_bytes > 954722 * 4 / 2 && memory.arena_bytes > 0);
  CHECK(cuhue_network_profile(network, &error) == CUHUE_OK);
  CHECK(cuhue_network_layer_count(network) > 10);
  for (i = 0; i < cuhue_network_layer_count(network); ++i) {
    CHECK(cuhue_network_layer(network, i, &layer, &error) == CUHUE_OK);
    CHECK(layer.seconds >= 0 && layer.name != NULL && layer.op[0] != '\0');
  }
  CHECK(failed_well(CUHUE_USAGE, cuhue_network_layer(network, i, &layer, &error), &error));
  cuhue_network_free(network);
}

static void test_weights(cuhue_weights* weights) {
  cuhue_error error = fresh_error();
  cuhue_tensor_info tensor;
  cuhue_weights* none = NULL;
  const char bytes[] = "this is not a weight file";
  memset(&tensor, 0, sizeof tensor);
  tensor.struct_size = sizeof tensor;
  CHECK(strcmp(cuhue_weights_network(weights), "lite") == 0);
  CHECK(cuhue_weights_tensor_count(weights) >= 75);
  CHECK(cuhue_weights_tensor(weights, 0, &tensor, &error) == CUHUE_OK);
  CHECK(strcmp(tensor.name, "midlevel_resnet.0.weight") == 0 && tensor.rank == 4 && tensor.shape[0] == 64 &&
        tensor.bytes == 64 * 7 * 7 * 4);
  CHECK(failed_well(CUHUE_WEIGHTS, cuhue_weights_open("no/such/file.safetensors", &none, &error), &error));
  CHECK(strstr(error.message, "no/such/file.safetensors") != NULL);
  CHECK(failed_well(CUHUE_WEIGHTS,
                    cuhue_weights_open_memory(bytes, sizeof bytes, "some bytes", &none, &error), &error));
  CHECK(strstr(error.message, "some bytes") != NULL);
  CHECK(failed_well(CUHUE_USAGE, cuhue_weights_formula("no network", &none, &error), &error));
  CHECK(none == NULL);
}

enum { kFrameWidth = 37, kFrameHeight = 21 }; /* odd: the last column and row have chroma of their own */
enum { kFrameStride = 48 };

/* Studio-range grey as video and as RGB bytes: the same photo. */
static void fill_frame(unsigned char* frame, unsigned char* rgb) {
  int x, y;
  memset(frame, 128, kFrameStride * (kFrameHeight + (kFrameHeight + 1) / 2));
  for (y = 0; y < kFrameHeight; ++y) {
    for (x = 0; x < kFrameWidth; ++x) {
      const int luma = 16 + (x * 5 + y * 7) % 220;
      const int grey = (int)((luma - 16) * 255.0 / 219.0 + 0.5);
      frame[y * kFrameStride + x] = (unsigned char)luma;
      memset(rgb + 3 * (y * kFrameWidth + x), grey, 3);
    }
  }
}

/* Video frames: as the same photo in RGB, in both codings where there is no colour; refused where they cannot
 * be. */
static void test_video(cuhue_engine* engine, cuhue_weights* weights) {
  cuhue_error error = fresh_error();
  cuhue_colorizer* colorizer = NULL;
  cuhue_metrics metrics;
  cuhue_image* image = NULL;
  static unsigned char frame[kFrameStride * (kFrameHeight + (kFrameHeight + 1) / 2)];
  static unsigned char rgb[kFrameWidth * kFrameHeight * 3], expected[sizeof rgb], got[sizeof rgb];
  cuhue_pixels in = pixels_of(rgb, kFrameWidth, kFrameHeight, CUHUE_RGB8);
  cuhue_pixels out = pixels_of(expected, kFrameWidth, kFrameHeight, CUHUE_RGB8);
  cuhue_pixels video = pixels_of(frame, kFrameWidth, kFrameHeight, CUHUE_NV12);
  memset(&metrics, 0, sizeof metrics);
  metrics.struct_size = sizeof metrics;
  fill_frame(frame, rgb);
  video.stride = kFrameStride;
  CHECK(cuhue_output_format(CUHUE_NV12) == CUHUE_RGB8 && cuhue_output_format(CUHUE_NV12_BT601) == CUHUE_RGB8);
  CHECK(cuhue_colorizer_create(engine, "lite", &weights, 1, &colorizer, &error) == CUHUE_OK);
  CHECK(cuhue_colorize(colorizer, &in, &out, 1, NULL, NULL, &error) == CUHUE_OK);
  out.data = got;
  CHECK(cuhue_colorize(colorizer, &video, &out, 1, NULL, NULL, &error) == CUHUE_OK);
  CHECK(memcmp(expected, got, sizeof got) == 0);
  memset(got, 0, sizeof got);
  video.format = CUHUE_NV12_BT601;
  CHECK(cuhue_colorize(colorizer, &video, &out, 1, NULL, NULL, &error) == CUHUE_OK);
  CHECK(memcmp(expected, got, sizeof got) == 0);
  /* Red chroma: another photo, and another one in the other coding. */
  memset(frame + kFrameStride * kFrameHeight, 90, kFrameStride * ((kFrameHeight + 1) / 2));
  CHECK(cuhue_colorize(colorizer, &video, &out, 1, NULL, NULL, &error) == CUHUE_OK);
  CHECK(memcmp(expected, got, sizeof got) != 0);
  memcpy(expected, got, sizeof got);
  video.format = CUHUE_NV12;
  CHECK(cuhue_colorize(colorizer, &video, &out, 1, NULL, NULL, &error) == CUHUE_OK);
  CHECK(memcmp(expected, got, sizeof got) != 0);

  video.stride = kFrameWidth; /* a row of 19 pairs needs 38 bytes */
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, &video, &out, 1, NULL, NULL, &error), &error));
  video.stride = kFrameStride;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, &in, &video, 1, NULL, NULL, &error), &error));
  CHECK(failed_well(CUHUE_USAGE, cuhue_compare(&video, &out, &metrics, &error), &error));
  CHECK(failed_well(CUHUE_USAGE, cuhue_image_create(8, 8, CUHUE_NV12, NULL, &image, &error), &error));
  cuhue_colorizer_free(colorizer);
}

/* What only a GPU can take is refused by the CPU, by name. */
static void test_device_memory_on_cpu(cuhue_engine* engine, cuhue_weights* weights) {
  cuhue_error error = fresh_error();
  cuhue_colorizer* colorizer = NULL;
  cuhue_colorize_options options;
  cuhue_metrics metrics;
  unsigned char rgb[8 * 8 * 3] = {0};
  cuhue_pixels host = pixels_of(rgb, 8, 8, CUHUE_RGB8), device = host;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  memset(&metrics, 0, sizeof metrics);
  metrics.struct_size = sizeof metrics;
  device.memory = CUHUE_MEMORY_DEVICE;
  CHECK(cuhue_colorizer_create(engine, NULL, &weights, 1, &colorizer, &error) == CUHUE_OK);
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, &device, &host, 1, NULL, NULL, &error), &error));
  CHECK(strstr(error.message, "device memory") != NULL && strstr(error.message, "cpu") != NULL);
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, &host, &device, 1, NULL, NULL, &error), &error));
  CHECK(failed_well(CUHUE_USAGE, cuhue_compare(&host, &device, &metrics, &error), &error));
  device.memory = (cuhue_memory_kind)2;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, &device, &host, 1, NULL, NULL, &error), &error));
  options.stream = rgb; /* any address */
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, &host, &host, 1, &options, NULL, &error), &error));
  CHECK(strstr(error.message, "stream") != NULL);
  cuhue_colorizer_free(colorizer);
}

/* Arrays of an older caller's shorter structs: read one by one at his size, his padding unread. */
static void test_older_pixels(cuhue_engine* engine, cuhue_weights* weights) {
  enum { kOld = offsetof(cuhue_pixels, memory), kSide = 16 };
  cuhue_error error = fresh_error();
  cuhue_colorizer* colorizer = NULL;
  static unsigned char grey[2][kSide * kSide], expected[2][kSide * kSide * 3], got[2][kSide * kSide * 3];
  cuhue_pixels in[2], out[2];
  union {
    cuhue_pixels aligned[2];
    unsigned char bytes[2 * sizeof(cuhue_pixels)];
  } old_in, old_out;
  int i;
  for (i = 0; i < kSide * kSide; ++i) grey[0][i] = (unsigned char)i, grey[1][i] = (unsigned char)(255 - i);
  for (i = 0; i < 2; ++i) {
    in[i] = pixels_of(grey[i], kSide, kSide, CUHUE_GREY8);
    out[i] = pixels_of(expected[i], kSide, kSide, CUHUE_RGB8);
  }
  CHECK(cuhue_colorizer_create(engine, NULL, &weights, 1, &colorizer, &error) == CUHUE_OK);
  CHECK(cuhue_colorize(colorizer, in, out, 2, NULL, NULL, &error) == CUHUE_OK);
  for (i = 0; i < 2; ++i) {
    in[i].struct_size = out[i].struct_size = kOld;
    in[i].reserved = out[i].reserved = -1; /* was padding */
    out[i].data = got[i];
    memcpy(old_in.bytes + i * kOld, &in[i], kOld);
    memcpy(old_out.bytes + i * kOld, &out[i], kOld);
  }
  CHECK(cuhue_colorize(colorizer, old_in.aligned, old_out.aligned, 2, NULL, NULL, &error) == CUHUE_OK);
  CHECK(memcmp(expected, got, sizeof got) == 0 && memcmp(got[0], got[1], sizeof got[0]) != 0);
  out[0].struct_size = 0;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, in, out, 1, NULL, NULL, &error), &error));
  in[1].struct_size = sizeof in[1]; /* two sizes in one array */
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, in, out, 2, NULL, NULL, &error), &error));
  cuhue_colorizer_free(colorizer);
}

/* A photo through memory: pixels, colours, PNG bytes and back. */
static void test_pictures(cuhue_engine* engine, cuhue_weights* weights) {
  enum { kWidth = 40, kHeight = 30 };
  cuhue_error error = fresh_error();
  cuhue_colorizer* colorizer = NULL;
  cuhue_colorize_options options;
  cuhue_timings timings;
  cuhue_metrics metrics;
  cuhue_image *image = NULL, *again = NULL;
  cuhue_pixels in, out, decoded;
  unsigned char grey[kWidth * kHeight], *file = NULL;
  size_t size = 0;
  int i, calls = 0;
  for (i = 0; i < kWidth * kHeight; ++i) grey[i] = (unsigned char)(i * 7 & 255);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  memset(&timings, 0, sizeof timings);
  timings.struct_size = sizeof timings;
  memset(&metrics, 0, sizeof metrics);
  metrics.struct_size = sizeof metrics;

  in = pixels_of(grey, kWidth, kHeight, CUHUE_GREY8);
  CHECK(cuhue_output_format(CUHUE_GREY8) == CUHUE_RGB8);
  CHECK(cuhue_image_create(kWidth, kHeight, CUHUE_RGB8, NULL, &image, &error) == CUHUE_OK);
  out = pixels_of(NULL, 0, 0, CUHUE_RGB8);
  CHECK(cuhue_image_pixels(image, &out, &error) == CUHUE_OK);
  CHECK(out.width == kWidth && out.height == kHeight && out.data != NULL);

  CHECK(cuhue_colorizer_create(engine, NULL, &weights, 1, &colorizer, &error) == CUHUE_OK);
  CHECK(strcmp(cuhue_colorizer_system(colorizer), "lite") == 0);
  CHECK(cuhue_colorize(colorizer, &in, &out, 1, &options, &timings, &error) == CUHUE_OK);
  CHECK(timings.network > 0 && timings.total >= timings.network);

  /* Colour came in, and the luminance stayed. */
  CHECK(cuhue_compare(&in, &out, &metrics, &error) == CUHUE_OK);
  CHECK(metrics.colorfulness_a == 0 && metrics.colorfulness_b > 20 && metrics.max_difference > 20);

  CHECK(cuhue_image_encode(image, NULL, &file, &size, &error) == CUHUE_OK);
  CHECK(size > 8 && memcmp(file, "\x89PNG", 4) == 0);
  CHECK(cuhue_image_decode(file, size, "picture", &again, &error) == CUHUE_OK);
  decoded = pixels_of(NULL, 0, 0, CUHUE_RGB8);
  CHECK(cuhue_image_pixels(again, &decoded, &error) == CUHUE_OK);
  CHECK(cuhue_compare(&out, &decoded, &metrics, &error) == CUHUE_OK);
  CHECK(metrics.max_difference == 0 && isinf(metrics.psnr));
  cuhue_image_free(again);
  again = NULL;
  CHECK(failed_well(CUHUE_INPUT, cuhue_image_decode(file, size / 2, "cut picture", &again, &error), &error));
  CHECK(strstr(error.message, "cut picture") != NULL);
  CHECK(failed_well(CUHUE_INPUT, cuhue_image_read("no/such/photo.png", &again, &error), &error));
  CHECK(
      failed_well(CUHUE_OUTPUT, cuhue_image_write(image, "no/such/folder/photo.png", NULL, &error), &error));
  CHECK(again == NULL);

  options.progress = cancel_at_once;
  options.progress_user = &calls;
  CHECK(
      failed_well(CUHUE_CANCELLED, cuhue_colorize(colorizer, &in, &out, 1, &options, NULL, &error), &error));
  CHECK(calls == 1);
  out.height = kHeight - 1;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorize(colorizer, &in, &out, 1, NULL, NULL, &error), &error));
  CHECK(failed_well(CUHUE_USAGE, cuhue_compare(&in, &out, &metrics, &error), &error));

  cuhue_bytes_free(file);
  cuhue_image_free(image);
  cuhue_colorizer_free(colorizer);
}

/* Arguments only: tests/api/hints_test.cpp looks at the pictures. */
static void test_hints(cuhue_engine* engine) {
  cuhue_error error = fresh_error();
  cuhue_weights* weights = NULL;
  cuhue_colorizer* colorizer = NULL;
  static unsigned char rgba[2 * 3 * 4];
  cuhue_pixels picture = pixels_of(rgba, 2, 3, CUHUE_RGBA8);
  cuhue_suggestion suggestion = {0};
  size_t count = 0;
  const cuhue_point points[2] = {{0, 0}, {1, 2}};
  cuhue_hint hint;
  memset(&hint, 0, sizeof hint);
  hint.struct_size = sizeof hint;
  CHECK(cuhue_weights_formula("siggraph17", &weights, &error) == CUHUE_OK);
  CHECK(cuhue_colorizer_create(engine, NULL, &weights, 1, &colorizer, &error) == CUHUE_OK);
  CHECK(strcmp(cuhue_colorizer_system(colorizer), "siggraph17") == 0);
  CHECK(cuhue_colorizer_set_hints(colorizer, CUHUE_ALL_PHOTOS, &hint, 1, &error) == CUHUE_OK);
  CHECK(cuhue_colorizer_set_hints(colorizer, 0, NULL, 0, &error) == CUHUE_OK);
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hints(colorizer, 0, NULL, 1, &error), &error));
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hints(NULL, 0, &hint, 1, &error), &error));
  hint.points = points;
  hint.point_count = 2;
  CHECK(cuhue_colorizer_set_hints(colorizer, 0, &hint, 1, &error) == CUHUE_OK);
  hint.points = NULL;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hints(colorizer, 0, &hint, 1, &error), &error));
  hint.point_count = 0;
  hint.side = 4;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hints(colorizer, 0, &hint, 1, &error), &error));
  hint.side = 5;
  hint.color = CUHUE_HINT_AB;
  hint.a = 111;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hints(colorizer, 0, &hint, 1, &error), &error));
  hint.a = -110;
  CHECK(cuhue_colorizer_set_hints(colorizer, 0, &hint, 1, &error) == CUHUE_OK);
  hint.color = (cuhue_hint_color)9;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hints(colorizer, 0, &hint, 1, &error), &error));
  hint.struct_size = 8;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hints(colorizer, 0, &hint, 1, &error), &error));
  CHECK(cuhue_colorizer_set_hint_picture(colorizer, 0, &picture, &error) == CUHUE_OK);
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hint_picture(colorizer, 0, NULL, &error), &error));
  picture.format = CUHUE_RGB8;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hint_picture(colorizer, 0, &picture, &error), &error));
  picture.data = NULL;
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set_hint_picture(colorizer, 0, &picture, &error), &error));
  CHECK(cuhue_colorizer_clear_hints(colorizer, &error) == CUHUE_OK);
  CHECK(failed_well(CUHUE_USAGE,
                    cuhue_colorizer_suggest(colorizer, 0, NULL, 0, 0, &suggestion, 1, &count, &error),
                    &error));
  CHECK(failed_well(CUHUE_USAGE, cuhue_colorizer_set(colorizer, "no such setting", 0, &error), &error));
  cuhue_colorizer_free(colorizer);
  cuhue_weights_free(weights);
}

int main(void) {
  cuhue_error error = fresh_error();
  cuhue_engine* engine = NULL;
  cuhue_weights* weights = NULL;
  cuhue_engine* cpu = NULL;
  cuhue_engine_options options;
  memset(&options, 0, sizeof options);
  test_version_and_status();
  test_null_is_freed();
  test_devices();
  test_missing_gpu();
  test_older_options();
  test_engine_options();
  test_listings();
  if (cuhue_engine_create(NULL, &engine, &error) != CUHUE_OK ||
      cuhue_weights_formula("lite", &weights, &error) != CUHUE_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  test_weights(weights);
  test_network(engine, weights);
  test_pictures(engine, weights);
  options.struct_size = sizeof options;
  options.device = "cpu";
  if (cuhue_engine_create(&options, &cpu, &error) != CUHUE_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  test_video(cpu, weights);
  test_older_pixels(cpu, weights);
  test_device_memory_on_cpu(cpu, weights);
  test_hints(cpu);
  cuhue_engine_free(cpu);
  cuhue_weights_free(weights);
  cuhue_engine_free(engine);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
