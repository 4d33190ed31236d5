#include "converter/pickle_state_dict.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "converter/strided.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue::pickle {
namespace {

// Keys under which training scripts put the network's state dict, most telling first.
constexpr std::string_view kWrappers[] = {
    "state_dict", "model_state_dict", "model_state", "model",  "G",       "netG",  "generator",
    "net",        "network",          "params_ema",  "params", "weights", "module"};
constexpr int kMaxWrappers = 4;

class Reader {
 public:
  Reader(Checkpoint& checkpoint, Document& document, const Source& source, const FindStorage& find_storage)
      : checkpoint_(checkpoint), document_(document), source_(source), find_storage_(find_storage) {}

  void run(NodeId root);

 private:
  [[noreturn]] void fail(NodeId at, const std::string& what) const {
    fail_at(source_, document_[at].offset, what);
  }
  bool is_tensor(NodeId id) const {
    return document_[id].kind == Kind::tensor ||
           (document_[id].kind == Kind::array && document_[id].count == 3);
  }
  bool has_tensor(NodeId dict) const;
  NodeId find(NodeId dict, std::string_view key) const;  // kNoNode when absent
  NodeId unwrap(NodeId root);
  NodeId descend(NodeId dict);  // kNoNode: this is the one
  NodeId only_child(NodeId dict, std::string& key) const;
  void read_entries(NodeId dict);
  void read_torch(CheckpointTensor& tensor, NodeId id);
  void read_numpy(CheckpointTensor& tensor, NodeId id);
  std::vector<std::int64_t> read_integers(NodeId id, const std::string& name, const char* what) const;
  void place(CheckpointTensor& tensor, const Strided& strided, NodeId id);
  void swap_bytes(CheckpointTensor& tensor, NodeId id);

  Checkpoint& checkpoint_;
  Document& document_;
  const Source& source_;
  const FindStorage& find_storage_;
};

bool Reader::has_tensor(NodeId dict) const {
  if (document_[dict].kind != Kind::dict) return false;
  for (Document::Walk walk(document_, dict); !walk.done();) {
    walk.next();
    if (is_tensor(walk.next())) return true;
  }
  return false;
}

NodeId Reader::find(NodeId dict, std::string_view key) const {
  NodeId found = kNoNode;
  for (Document::Walk walk(document_, dict); !walk.done();) {
    const NodeId k = walk.next(), value = walk.next();
    if (!document_.is_text(k, key)) continue;
    if (found != kNoNode)
      fail(k, "key '" + std::string(key) + "' stands in a dict twice; the file is damaged");
    found = value;
  }
  return found;
}

// The one dict with tensors below a dict that has none itself.
NodeId Reader::only_child(NodeId dict, std::string& key) const {
  NodeId found = kNoNode;
  std::string names;
  int count = 0;
  for (Document::Walk walk(document_, dict); !walk.done();) {
    const NodeId k = walk.next(), value = walk.next();
    if (!document_.is_text(k) || !has_tensor(value)) continue;
    found = value;
    key = clean_text(document_.text(k), kMaxShownText);
    if (++count <= 8) names += (count == 1 ? "'" : ", '") + key + "'";
  }
  if (count > 1)
    fail(dict, "several state dicts in one file (" + names + (count > 8 ? ", ..." : "") +
                   "); save the wanted one alone: torch.save(checkpoint[KEY], FILE)");
  return found;
}

NodeId Reader::descend(NodeId dict) {
  for (const bool direct : {true, false}) {
    for (const std::string_view key : kWrappers) {
      const NodeId child = find(dict, key);
      if (child == kNoNode || document_[child].kind != Kind::dict) continue;
      if (direct ? !has_tensor(child) : document_[child].count == 0) continue;
      checkpoint_.unwrapped.emplace_back(key);
      return child;
    }
    if (!direct) break;
    if (has_tensor(dict)) return kNoNode;
    std::string key;
    const NodeId child = only_child(dict, key);
    if (child == kNoNode) continue;
    checkpoint_.unwrapped.push_back(key);
    return child;
  }
  fail(dict, "the file holds no tensors");
}

NodeId Reader::unwrap(NodeId root) {
  if (is_tensor(root)) fail(root, "the file holds one tensor without a name, not a state dict");
  if (document_[root].kind != Kind::dict)
    fail(root, "the file holds " + std::string(name_of(document_[root].kind)) +
                   ", not a state dict; save one with torch.save(model.state_dict(), FILE)");
  for (int i = 0; i <= kMaxWrappers; ++i) {
    const NodeId child = descend(root);
    if (child == kNoNode) return root;
    root = child;
  }
  fail(root, "the state dict is wrapped in more than " + std::to_string(kMaxWrappers) + " dictionaries");
}

void Reader::read_entries(NodeId dict) {
  if (document_[dict].count / 2 > Checkpoint::kMaxTensors)
    fail(dict, "a state dict of " + std::to_string(document_[dict].count / 2) + " entries; at most " +
                   std::to_string(Checkpoint::kMaxTensors) + " are read");
  for (Document::Walk walk(document_, dict); !walk.done();) {
    const NodeId key = walk.next(), value = walk.next();
    if (!document_.is_text(key))
      fail(key, "a key of the state dict is " + std::string(name_of(document_[key].kind)) + ", not a name");
    if (document_.text(key).size() > 255)
      fail(key,
           "tensor name '" + clean_text(document_.text(key), kMaxShownText) + "' is longer than 255 bytes");
    if (!is_tensor(value)) {
      checkpoint_.others.emplace_back(document_.text(key));
      continue;
    }
    CheckpointTensor& tensor = checkpoint_.tensors.emplace_back();
    tensor.name = document_.text(key);
    if (document_[value].kind == Kind::tensor)
      read_torch(tensor, value);
    else
      read_numpy(tensor, value);
  }
}

std::string called(const CheckpointTensor& tensor) {
  return "tensor '" + clean_text(tensor.name, 255) + "' ";
}

std::vector<std::int64_t> Reader::read_integers(NodeId id, const std::string& name, const char* what) const {
  if (document_[id].count > Checkpoint::kMaxRank)
    fail(id, name + "has " + std::to_string(document_[id].count) + " dimensions; at most 8 are read");
  std::vector<std::int64_t> values;
  for (Document::Walk walk(document_, id); !walk.done();) {
    const Node& n = document_[walk.next()];
    if (n.kind != Kind::integer) fail(id, name + "has " + std::string(name_of(n.kind)) + " in its " + what);
    values.push_back(n.integer);
  }
  return values;
}

void Reader::place(CheckpointTensor& tensor, const Strided& strided, NodeId id) {
  std::string problem;
  const auto data = in_c_order(
      strided, [this](std::uint64_t bytes) { return document_.own(bytes); }, problem);
  if (!data) fail(id, called(tensor) + problem + "; the file is damaged, get it again");
  tensor.data = *data;
}

void Reader::read_torch(CheckpointTensor& tensor, NodeId id) {
  if (!find_storage_) fail(id, called(tensor) + "is a PyTorch tensor in a file that has no storages");
  Document::Walk walk(document_, id);
  const NodeId persistent = walk.next(), offset = walk.next(), size = walk.next(), stride = walk.next();
  const TorchStorage storage = find_storage_(persistent);
  tensor.dtype = storage.dtype;
  tensor.shape = read_integers(size, called(tensor), "shape");
  Strided strided{storage.bytes, size_of(storage.dtype), document_[offset].integer, tensor.shape,
                  read_integers(stride, called(tensor), "strides")};
  if (strided.strides.size() != tensor.shape.size())
    fail(id, called(tensor) + "has " + std::to_string(tensor.shape.size()) + " dimensions but " +
                 std::to_string(strided.strides.size()) + " strides; the file is damaged");
  place(tensor, strided, id);
}

void Reader::read_numpy(CheckpointTensor& tensor, NodeId id) {
  Document::Walk walk(document_, id);
  const NodeId dtype = walk.next(), shape = walk.next(), data = walk.next();
  tensor.dtype = document_[dtype].dtype;
  tensor.shape = read_integers(shape, called(tensor), "shape");
  const std::optional<std::uint64_t> count = count_elements(tensor.shape, size_of(tensor.dtype));
  const std::span<const std::byte> bytes = document_.bytes(data);
  if (!count || *count * size_of(tensor.dtype) != bytes.size())
    fail(id, called(tensor) + "of shape " + shape_text(tensor.shape) + " and type " +
                 std::string(name_of(tensor.dtype)) + " has " + std::to_string(bytes.size()) +
                 " bytes of data; the file is damaged, get it again");
  place(tensor,
        {bytes, size_of(tensor.dtype), 0, tensor.shape, dense_strides(tensor.shape, document_[id].flag)}, id);
  if (document_[dtype].flag && size_of(tensor.dtype) > 1) swap_bytes(tensor, id);
}

void Reader::swap_bytes(CheckpointTensor& tensor, NodeId id) {
  if (tensor.data.empty()) return;
  const std::span<std::byte> out = document_.own(tensor.data.size());
  if (out.empty()) fail(id, called(tensor) + "needs more memory than the file is long");
  const std::size_t size = size_of(tensor.dtype);
  for (std::size_t i = 0; i < out.size(); i += size)
    std::reverse_copy(tensor.data.begin() + static_cast<std::ptrdiff_t>(i),
                      tensor.data.begin() + static_cast<std::ptrdiff_t>(i + size),
                      out.begin() + static_cast<std::ptrdiff_t>(i));
  tensor.data = out;
}

void Reader::run(NodeId root) {
  read_entries(unwrap(root));
}

}  // namespace

void read_state_dict(Checkpoint& checkpoint, Document& document, const Source& source, NodeId root,
                     const FindStorage& find_storage) {
  Reader(checkpoint, document, source, find_storage).run(root);
}

StorageId read_storage_id(const Document& d, const Source& source, NodeId persistent) {
  const std::uint64_t offset = d[persistent].offset;
  const auto damaged = [&](const std::string& what) {
    fail_at(source, offset, "storage id " + what + "; the file is damaged");
  };
  const NodeId id = d.child(persistent, 0);
  if (d[id].kind != Kind::tuple || d[id].count < 5 || d[id].count > 6)
    damaged("is not ('storage', type, key, location, elements)");
  Document::Walk walk(d, id);
  const NodeId tag = walk.next(), type = walk.next(), key = walk.next();
  walk.next();  // location: cpu, cuda:0
  const NodeId elements = walk.next();
  if (!d.is_text(tag, "storage") || !d.is_global(type, Global::torch_storage) || !d.is_text(key) ||
      d[elements].kind != Kind::integer)
    damaged("is not ('storage', type, key, location, elements)");
  StorageId storage;
  storage.dtype = d[type].dtype;
  storage.key = d.text(key);
  const std::string name = std::string(1, '\'').append(clean_text(storage.key, kMaxShownText)) + "' ";
  const std::uint64_t size = size_of(storage.dtype);
  const std::int64_t count[] = {d[elements].integer};
  if (!count_elements(count, size)) damaged(name + "claims " + std::to_string(count[0]) + " elements");
  storage.bytes = storage.view_bytes = static_cast<std::uint64_t>(count[0]) * size;
  if (d[id].count == 5) return storage;
  const NodeId view = walk.next();
  if (d[view].kind == Kind::none) return storage;
  // (view key, offset, elements): a storage that was a part of another
  if (d[view].kind != Kind::tuple || d[view].count != 3 || d[d.child(view, 1)].kind != Kind::integer ||
      d[d.child(view, 2)].kind != Kind::integer)
    damaged(name + "has a malformed view");
  const std::int64_t from = d[d.child(view, 1)].integer, part = d[d.child(view, 2)].integer;
  if (from < 0 || part < 0 || from > count[0] || part > count[0] - from)
    damaged(name + "has a view outside of its elements");
  storage.view_at = static_cast<std::uint64_t>(from) * size;
  storage.view_bytes = static_cast<std::uint64_t>(part) * size;
  return storage;
}

}  // namespace cuhue::pickle
