#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"

using namespace cuhue;
using namespace cuhue::api;

namespace cuhue::api {

ColorizeOptions to_options(const cuhue_colorize_options& o) {
  require(std::isfinite(o.chroma) && o.chroma >= 0, "chroma must be a finite number of at least 0");
  require(std::isfinite(o.temperature) && o.temperature >= 0,
          "temperature must be a finite number of at least 0");
  ColorizeOptions c;
  if (o.chroma > 0) c.chroma = o.chroma;
  if (o.temperature > 0) c.temperature = o.temperature;
  c.as_published = o.as_published != 0;
  c.stream = static_cast<Stream>(o.stream);
  c.prepared = o.keep_photos != 0;
  c.gate = o.gate != 0;
  return c;
}

}  // namespace cuhue::api

namespace {

// The weights of the system's networks, in the order its constructor takes them; nullptr = it goes without.
std::vector<cuhue_weights*> in_order(const System& system, std::span<cuhue_weights* const> weights) {
  std::vector<cuhue_weights*> ordered;
  const auto find = [&](std::string_view name) -> cuhue_weights* {
    const auto match = [&](const cuhue_weights* w) { return w->data->network->name == name; };
    const auto found = std::ranges::find_if(weights, match);
    return found == weights.end() ? nullptr : *found;
  };
  for (const std::string_view name : names_in(system.networks)) {
    ordered.push_back(find(name));
    if (ordered.back() == nullptr) {
      throw Error(Status::weights, "system '" + std::string(system.name) + "' needs weights of network '" +
                                       std::string(name) + "', which were not given");
    }
  }
  for (const std::string_view name : names_in(system.optional)) ordered.push_back(find(name));
  for (const cuhue_weights* w : weights) {
    if (std::ranges::find(ordered, w) == ordered.end()) {
      throw Error(Status::weights, "weights of network '" + std::string(w->data->network->name) +
                                       "' were given, but system '" + std::string(system.name) +
                                       "' does not use them (or twice)");
    }
  }
  return ordered;
}

const System& system_for(const char* name, std::span<cuhue_weights* const> weights) {
  if (name != nullptr) return system_or_throw(name);
  std::vector<std::string_view> given;
  for (const cuhue_weights* w : weights) given.push_back(w->data->network->name);
  return system_for_networks(given);
}

// Element `index` of the caller's array, whose structs may be of another version: their size is the first
// one's.
cuhue_pixels pixels_at(const cuhue_pixels* array, size_t index) {
  const size_t size = array->struct_size;
  require(size >= offsetof(cuhue_pixels, reserved), "struct_size of pixels is not sizeof the struct");
  cuhue_pixels p{};
  std::memcpy(&p, reinterpret_cast<const std::byte*>(array) + index * size, std::min(size, sizeof p));
  require(p.struct_size == size, "the pixels of one array differ in struct_size");
  return p;
}

bool on_device(const cuhue_pixels& p, const cuhue_colorizer& colorizer, size_t index) {
  require(number_of(p.memory) <= CUHUE_MEMORY_DEVICE,
          "memory of pixels is not one of cuhue_memory_kind's values");
  if (p.memory == CUHUE_MEMORY_HOST) return false;
  if (!colorizer.on_gpu) {
    throw Error(Status::usage, "photo " + std::to_string(index) +
                                   ": its pixels are in device memory, but the engine runs on " +
                                   colorizer.device + "; give host memory, or make the engine on a GPU");
  }
  return true;
}

// The caller's photos as jobs, in place of the ones before.
void set_jobs(cuhue_colorizer& colorizer, const cuhue_pixels* inputs, const cuhue_pixels* outputs,
              size_t count, const ColorizeOptions& options) {
  colorizer.jobs.clear();
  for (size_t i = 0; i < count; ++i) {
    const cuhue_pixels in = pixels_at(inputs, i), out = pixels_at(outputs, i);
    colorizer.jobs.push_back(
        {to_view(in), to_view(out), on_device(in, colorizer, i), on_device(out, colorizer, i)});
    check_job(colorizer.jobs.back(), i, colorizer.colorizer->result_of({in.width, in.height}, options));
  }
}

}  // namespace

extern "C" {

size_t cuhue_system_count(void) {
  return systems().size();
}

cuhue_status cuhue_system_at(size_t index, cuhue_system_info* info, cuhue_error* error) {
  return guard(error, [&] {
    require(index < systems().size(), "there is no system of this index");
    const System& s = systems()[index];
    cuhue_system_info i{};
    i.name = s.name.data();
    i.about = s.about.data();
    i.networks = s.networks.data();
    i.optional_networks = s.optional.empty() ? "" : s.optional.data();
    write_struct(info, i);
  });
}

cuhue_status cuhue_colorizer_create(cuhue_engine* engine, const char* system, cuhue_weights* const* weights,
                                    size_t weight_count, cuhue_colorizer** colorizer, cuhue_error* error) {
  return guard(error, [&] {
    require(engine != nullptr && colorizer != nullptr, "engine or colorizer is NULL");
    require(weights != nullptr && weight_count > 0, "no weights were given");
    const std::span given(weights, weight_count);
    require(std::ranges::find(given, nullptr) == given.end(), "one of the weights is NULL");
    auto made = std::make_unique<cuhue_colorizer>();
    made->system = &system_for(system, given);
    made->device = engine->device;
    made->on_gpu = engine->on_gpu;
    std::vector<LoadedNetwork> loaded;
    for (const cuhue_weights* w : in_order(*made->system, given)) {
      loaded.push_back(w == nullptr ? LoadedNetwork{} : engine->load(*w));
      if (w != nullptr) made->weights.push_back(w->data);
    }
    made->colorizer = made->system->make(loaded);
    engine->say(CUHUE_LOG_DEBUG, "colorizer: " + std::string(made->system->name));
    *colorizer = made.release();
  });
}

void cuhue_colorizer_free(cuhue_colorizer* colorizer) {
  delete colorizer;
}

const char* cuhue_colorizer_system(const cuhue_colorizer* colorizer) {
  return colorizer == nullptr ? "" : colorizer->system->name.data();
}

cuhue_status cuhue_colorizer_set(cuhue_colorizer* colorizer, const char* setting, double value,
                                 cuhue_error* error) {
  return guard(error, [&] {
    require(colorizer != nullptr && setting != nullptr, "colorizer or setting is NULL");
    colorizer->colorizer->set(setting, value);
  });
}

cuhue_status cuhue_colorizer_result_size(const cuhue_colorizer* colorizer,
                                         const cuhue_colorize_options* options, int64_t* width,
                                         int64_t* height, cuhue_error* error) {
  return guard(error, [&] {
    require(colorizer != nullptr && width != nullptr && height != nullptr,
            "colorizer, width or height is NULL");
    const PictureSize result =
        colorizer->colorizer->result_of({*width, *height}, to_options(read_struct(options)));
    *width = result.width;
    *height = result.height;
  });
}

cuhue_pixel_format cuhue_output_format(cuhue_pixel_format input) {
  switch (input) {
    case CUHUE_GREY8:
    case CUHUE_NV12:
    case CUHUE_NV12_BT601: return CUHUE_RGB8;
    case CUHUE_GREY_ALPHA8: return CUHUE_RGBA8;
    case CUHUE_GREY16: return CUHUE_RGB16;
    case CUHUE_GREY_ALPHA16: return CUHUE_RGBA16;
    default: return input;
  }
}

cuhue_status cuhue_colorize(cuhue_colorizer* colorizer, const cuhue_pixels* inputs,
                            const cuhue_pixels* outputs, size_t count, const cuhue_colorize_options* options,
                            cuhue_timings* timings, cuhue_error* error) {
  return guard(error, [&] {
    const auto start = std::chrono::steady_clock::now();
    require(colorizer != nullptr && inputs != nullptr && outputs != nullptr,
            "colorizer, inputs or outputs is NULL");
    require(count > 0, "there are no photos");
    const cuhue_colorize_options o = read_struct(options);
    const ColorizeOptions parsed = to_options(o);
    require(colorizer->on_gpu || parsed.stream == nullptr,
            "a stream was given, but the engine's device is the CPU; make the engine on a GPU");
    set_jobs(*colorizer, inputs, outputs, count, parsed);
    Poll poll;
    if (o.progress != nullptr) {
      poll = [f = o.progress, user = o.progress_user](double fraction) { return f(user, fraction) != 0; };
    }
    ColorizeTimings t;
    colorizer->colorizer->run(colorizer->jobs, parsed, poll, t);
    if (timings != nullptr) {
      cuhue_timings c{};
      c.compile = t.compile;
      c.prepare = t.prepare;
      c.network = t.network;
      c.finish = t.finish;
      c.detect = t.detect;
      c.total = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      write_struct(timings, c);
    }
  });
}

cuhue_status cuhue_colorizer_memory(const cuhue_colorizer* colorizer, cuhue_memory* memory,
                                    cuhue_error* error) {
  return guard(error, [&] {
    require(colorizer != nullptr, "colorizer is NULL");
    cuhue_memory m{};
    m.weight_bytes = colorizer->colorizer->weight_bytes();
    m.arena_bytes = colorizer->colorizer->arena_bytes();
    write_struct(memory, m);
  });
}

}  // extern "C"
