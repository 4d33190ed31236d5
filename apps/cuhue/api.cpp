#include "apps/cuhue/api.h"

#include <sys/resource.h>

#include <new>

#include "apps/cuhue/console.h"
#include "apps/cuhue/options.h"
#include "converter/convert.h"

namespace cuhue::app {

int exit_code(cuhue_status status) {
  switch (status) {
    case CUHUE_OK:
    case CUHUE_SOME_FAILED:
    case CUHUE_USAGE:
    case CUHUE_INPUT:
    case CUHUE_WEIGHTS:
    case CUHUE_OUT_OF_MEMORY:
    case CUHUE_DEVICE:
    case CUHUE_OUTPUT:
    case CUHUE_CANCELLED:
    case CUHUE_INTERNAL: return static_cast<int>(status);
  }
  return CUHUE_INTERNAL;
}

ExceptionText current_exception() {
  try {
    throw;
  } catch (const Failure& e) {
    return {e.status(), e.what()};
  } catch (const Error& e) {
    return {static_cast<cuhue_status>(e.status()), e.what()};
  } catch (const std::bad_alloc&) {
    return {CUHUE_OUT_OF_MEMORY, "out of memory; try a smaller --batch or fewer threads in -j"};
  } catch (const std::exception& e) {
    return {CUHUE_INTERNAL, std::string("internal error: ") + e.what() + "; please report it"};
  } catch (...) {
    return {CUHUE_INTERNAL, "internal error; please report it"};
  }
}

Engine make_engine(const DeviceOptions& options, int threads) {
  auto o = sized<cuhue_engine_options>();
  o.device = options.device.c_str();
  o.threads = threads > 0 ? threads : options.threads;
  o.precision = options.precision;
  o.tune = options.tune ? 1 : 0;
  o.log = log_to_console;
  o.log_level = console_log_level();
  return make<Engine>(cuhue_engine_create, &o);
}

std::string_view precision_name(cuhue_precision precision) {
  switch (precision) {
    case CUHUE_FP32: return "fp32";
    case CUHUE_TF32: return "tf32";
    case CUHUE_FP16: return "fp16";
    case CUHUE_INT8: return "int8";
  }
  return "?";
}

std::string_view dtype_name(cuhue_dtype dtype) {
  switch (dtype) {
    case CUHUE_F32: return "F32";
    case CUHUE_F16: return "F16";
    case CUHUE_BF16: return "BF16";
    case CUHUE_F64: return "F64";
    case CUHUE_I64: return "I64";
    case CUHUE_I32: return "I32";
    case CUHUE_I16: return "I16";
    case CUHUE_I8: return "I8";
    case CUHUE_U8: return "U8";
    case CUHUE_BOOL: return "BOOL";
  }
  return "?";
}

Weights open_weights(const std::filesystem::path& path) {
  return make<Weights>(cuhue_weights_open, path.c_str());
}

Weights formula_weights(const std::string& network) {
  return make<Weights>(cuhue_weights_formula, network.c_str());
}

std::vector<const char*> result_outputs(const cuhue_network_info& info) {
  std::vector<const char*> names;
  for (std::size_t i = 0; i < info.output_count; ++i) {
    auto port = sized<cuhue_port_info>();
    call(cuhue_network_output_at, info.name, i, &port);
    if (port.by_product == 0) names.push_back(port.name);
  }
  return names;
}

std::int64_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace cuhue::app
