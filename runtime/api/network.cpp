#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"

using namespace cuhue;
using namespace cuhue::api;

namespace cuhue::api {

const Network& network_named(const char* name) {
  require(name != nullptr, "the network's name is NULL");
  return network_or_throw(name);
}

void write_layer(cuhue_layer* layer, const std::vector<StepProfile>& profile, size_t index,
                 const char* call) {
  if (index >= profile.size())
    throw Error(Status::usage, std::string("there is no layer of this index; call ") + call + " first");
  const StepProfile& s = profile[index];
  cuhue_layer l{};
  l.name = s.name.c_str();
  l.op = s.op.c_str();
  l.provider = s.provider.c_str();
  l.n = s.output.n;
  l.c = s.output.c;
  l.h = s.output.h;
  l.w = s.output.w;
  l.macs = s.macs;
  l.seconds = s.seconds;
  write_struct(layer, l);
}

}  // namespace cuhue::api

namespace {

cuhue_network_info describe(const Network& n) {
  cuhue_network_info i{};
  i.name = n.name.data();
  i.about = n.about.data();
  i.input_count = n.inputs.size();
  i.output_count = n.outputs.size();
  i.setting_count = n.settings.size();
  i.parameter_count = schema(n).size();
  i.size_multiple = n.size_multiple;
  i.default_size = n.default_size;
  i.detects = n.parts.empty() ? 0 : 1;
  i.one_size = n.one_size ? 1 : 0;
  return i;
}

void write_port(const std::vector<TensorSpec>& ports, size_t index, cuhue_port_info* info) {
  require(index < ports.size(), "there is no input or output of this index");
  cuhue_port_info p{};
  p.name = ports[index].name.data();
  p.shape = ports[index].shape.data();
  p.about = ports[index].about.data();
  p.by_product = ports[index].by_product ? 1 : 0;
  p.dtype = static_cast<cuhue_dtype>(ports[index].type);
  write_struct(info, p);
}

void write_tensor(cuhue_tensor* to, const TensorRef& t) {
  cuhue_tensor c{};
  c.data = t.data;
  c.n = t.dims.n;
  c.c = t.dims.c;
  c.h = t.dims.h;
  c.w = t.dims.w;
  write_struct(to, c);
}

Program& prepared(cuhue_network* network) {
  require(network != nullptr, "network is NULL");
  require(network->program != nullptr, "the network is not prepared; call cuhue_network_prepare first");
  return *network->program;
}

}  // namespace

extern "C" {

size_t cuhue_network_count(void) {
  return networks().size();
}

cuhue_status cuhue_network_at(size_t index, cuhue_network_info* info, cuhue_error* error) {
  return guard(error, [&] {
    require(index < networks().size(), "there is no network of this index");
    write_struct(info, describe(networks()[index]));
  });
}

cuhue_status cuhue_network_find(const char* name, cuhue_network_info* info, cuhue_error* error) {
  return guard(error, [&] { write_struct(info, describe(network_named(name))); });
}

cuhue_status cuhue_network_input_at(const char* network, size_t index, cuhue_port_info* info,
                                    cuhue_error* error) {
  return guard(error, [&] { write_port(network_named(network).inputs, index, info); });
}

cuhue_status cuhue_network_output_at(const char* network, size_t index, cuhue_port_info* info,
                                     cuhue_error* error) {
  return guard(error, [&] { write_port(network_named(network).outputs, index, info); });
}

cuhue_status cuhue_network_setting_at(const char* network, size_t index, cuhue_setting_info* info,
                                      cuhue_error* error) {
  return guard(error, [&] {
    const Network& n = network_named(network);
    require(index < n.settings.size(), "there is no setting of this index");
    const Setting& s = n.settings[index];
    cuhue_setting_info i{};
    i.name = s.name.data();
    i.about = s.about.data();
    i.default_value = s.default_value;
    i.min = s.min;
    i.max = s.max;
    i.value_count = s.values.size();
    i.values = s.values.data();
    write_struct(info, i);
  });
}

cuhue_status cuhue_network_create(cuhue_engine* engine, cuhue_weights* weights, cuhue_network** network,
                                  cuhue_error* error) {
  return guard(error, [&] {
    require(engine != nullptr && weights != nullptr && network != nullptr,
            "engine, weights or network is NULL");
    if (!weights->data->network->parts.empty())
      throw Error(Status::usage, std::string(weights->data->network->name) +
                                     " finds objects, by parts; run it with cuhue_detector_create");
    auto made = std::make_unique<cuhue_network>();
    made->weights = weights->data;
    made->loaded = engine->load(*weights);
    *network = made.release();
  });
}

void cuhue_network_free(cuhue_network* network) {
  delete network;
}

cuhue_status cuhue_network_set(cuhue_network* network, const char* setting, double value,
                               cuhue_error* error) {
  return guard(error, [&] {
    require(network != nullptr && setting != nullptr, "network or setting is NULL");
    Settings changed = network->settings;
    changed[setting] = value;
    check_settings(*network->loaded.network, changed);
    network->settings = std::move(changed);
  });
}

cuhue_status cuhue_network_prepare(cuhue_network* network, int64_t n, int64_t h, int64_t w,
                                   const char* const* outputs, size_t output_count, cuhue_error* error) {
  return guard(error, [&] {
    require(network != nullptr, "network is NULL");
    std::vector<std::string_view> names;
    for (size_t i = 0; outputs != nullptr && i < output_count; ++i) names.emplace_back(outputs[i]);
    network->profile.clear();
    network->program.reset();  // its arena first: two would be the peak of memory
    network->program = network->loaded.compile(n, h, w, network->settings, names);
  });
}

cuhue_status cuhue_network_input(cuhue_network* network, const char* name, cuhue_tensor* tensor,
                                 cuhue_error* error) {
  return guard(error, [&] {
    require(name != nullptr, "name is NULL");
    write_tensor(tensor, prepared(network).input(name));
  });
}

cuhue_status cuhue_network_output(cuhue_network* network, const char* name, cuhue_tensor* tensor,
                                  cuhue_error* error) {
  return guard(error, [&] {
    require(name != nullptr, "name is NULL");
    write_tensor(tensor, prepared(network).output(name));
  });
}

cuhue_status cuhue_network_run(cuhue_network* network, cuhue_progress_fn progress, void* progress_user,
                               cuhue_error* error) {
  return guard(error, [&] {
    Program& program = prepared(network);
    if (progress == nullptr) {
      program.run();
    } else {
      program.run([=](double fraction) { return progress(progress_user, fraction) != 0; });
    }
  });
}

cuhue_status cuhue_network_memory(const cuhue_network* network, cuhue_memory* memory, cuhue_error* error) {
  return guard(error, [&] {
    require(network != nullptr, "network is NULL");
    cuhue_memory m{};
    m.weight_bytes = network->loaded.weights->bytes();
    m.arena_bytes = network->program ? network->program->arena_bytes() : 0;
    write_struct(memory, m);
  });
}

cuhue_status cuhue_network_profile(cuhue_network* network, cuhue_error* error) {
  return guard(error, [&] {
    const std::span<const StepProfile> steps = prepared(network).profile();
    network->profile.assign(steps.begin(), steps.end());
  });
}

size_t cuhue_network_layer_count(const cuhue_network* network) {
  return network == nullptr ? 0 : network->profile.size();
}

cuhue_status cuhue_network_layer(const cuhue_network* network, size_t index, cuhue_layer* layer,
                                 cuhue_error* error) {
  return guard(error, [&] {
    require(network != nullptr, "network is NULL");
    write_layer(layer, network->profile, index, "cuhue_network_profile");
  });
}

}  // extern "C"
