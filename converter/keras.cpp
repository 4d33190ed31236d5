#include "converter/keras.h"

#include <utility>

#include "converter/hdf5.h"

namespace cuhue {
namespace {

// The last two parts of a path: layer and weight, as TensorFlow calls them, without the number of an
// operation's output. Before them stand groups, layers and models around the layer.
// Keras 3 (.weights.h5) has LAYER/vars/0 and on instead; of convolutions, these are kernel and bias.
std::string weight_name(std::string_view path) {
  if (path.ends_with(":0")) path.remove_suffix(2);
  std::string weight;
  for (const auto& [end, name] : {std::pair{"/vars/0", "/kernel"}, std::pair{"/vars/1", "/bias"}}) {
    if (!path.ends_with(end)) continue;
    path.remove_suffix(std::string_view(end).size());
    weight = name;
    break;
  }
  std::size_t from = path.rfind('/');
  if (weight.empty() && from != std::string_view::npos && from > 0) from = path.rfind('/', from - 1);
  if (from != std::string_view::npos) path.remove_prefix(from + 1);
  return std::string(path) + weight;
}

bool is_of_optimizer(std::string_view path) {
  return path.starts_with("optimizer_weights/") || path.starts_with("optimizer/");
}

}  // namespace

void read_keras(Checkpoint& checkpoint) {
  checkpoint.format = "Keras (HDF5)";
  for (Hdf5Dataset& d : read_hdf5(ByteSource(checkpoint.file, checkpoint.label))) {
    const std::string_view path = d.path;
    if (is_of_optimizer(path)) {
      checkpoint.skipped.push_back({std::move(d.path), "state of the optimizer"});
    } else if (d.is_text) {
      checkpoint.skipped.push_back({std::move(d.path), "text"});
    } else if (!d.dtype) {
      checkpoint.others.push_back(std::move(d.path));
    } else {
      checkpoint.tensors.push_back({weight_name(path), *d.dtype, std::move(d.shape), d.data});
      d.path = {};
    }
  }
}

}  // namespace cuhue
