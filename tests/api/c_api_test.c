/* The C API from plain C: compiles as C99, and each group of functions does what its comment promises. */
#include <cuhue/cuhue.h>
#include <math.h>
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
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  CHECK(cuhue_device_count() >= 1);
  CHECK(cuhue_device(0, &info, &error) == CUHUE_OK);
  CHECK(strcmp(info.name, "cpu") == 0);
  CHECK(info.threads >= 1);
  CHECK((info.precisions & (1u << CUHUE_FP32)) != 0);
  CHECK(failed_well(CUHUE_USAGE, cuhue_device(cuhue_device_count(), &info, &error), &error));
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

int main(void) {
  cuhue_error error = fresh_error();
  cuhue_engine* engine = NULL;
  cuhue_weights* weights = NULL;
  test_version_and_status();
  test_null_is_freed();
  test_devices();
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
  cuhue_weights_free(weights);
  cuhue_engine_free(engine);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
