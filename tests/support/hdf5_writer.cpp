#include "tests/support/hdf5_writer.h"

#include <map>
#include <stdexcept>

namespace cuhue::testing {
namespace {

using Message = Hdf5Writer::Message;

constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

void pad(std::string& s) {
  s.resize((s.size() + 7) / 8 * 8, '\0');
}

struct Folder {
  std::map<std::string, Folder> folders;
  std::map<std::string, const SavedTensor*> tensors;
};

std::uint64_t write(Hdf5Writer& writer, const Folder& folder) {
  std::map<std::string, Hdf5Writer::Child> children;
  for (const auto& [name, below] : folder.folders) children[name] = {write(writer, below)};
  for (const auto& [name, tensor] : folder.tensors) children[name] = {writer.dataset(*tensor)};
  return writer.group({children.begin(), children.end()});
}

}  // namespace

std::uint64_t Hdf5Writer::raw(const std::string& bytes) {
  pad(bytes_);
  const std::uint64_t at = bytes_.size();
  bytes_ += bytes;
  return at;
}

std::uint64_t Hdf5Writer::object(const std::vector<Message>& messages) {
  std::string body;
  for (const Message& m : messages) {
    std::string data = m.data;
    pad(data);
    body += le(static_cast<std::uint64_t>(m.kind), 2) + le(data.size(), 2) +
            le(static_cast<std::uint64_t>(m.flags), 1) + le(0, 3) + data;
  }
  return raw(le(1, 2) + le(messages.size(), 2) + le(1, 4) + le(body.size(), 4) + le(0, 4) + body);
}

Message Hdf5Writer::dataspace(std::span<const std::int64_t> shape) {
  std::string data = le(1, 1) + le(shape.size(), 1) + le(0, 6);
  for (const std::int64_t d : shape) data += le(static_cast<std::uint64_t>(d), 8);
  return {1, data};
}

Message Hdf5Writer::datatype(DType type) {
  const std::size_t size = size_of(type);
  const bool is_float = type == DType::f16 || type == DType::f32 || type == DType::f64;
  if (!is_float) {
    const bool is_signed = type != DType::u8;
    return {3, le(0x10, 1) + le(is_signed ? 8 : 0, 3) + le(size, 4) + le(0, 2) + le(8 * size, 2)};
  }
  const std::uint64_t mantissa = size == 2   ? 10
                                 : size == 4 ? 23
                                             : 52,
                      exponent = size == 2   ? 5
                                 : size == 4 ? 8
                                             : 11;
  const std::uint64_t bias = size == 2 ? 15 : size == 4 ? 127 : 1023;
  return {3, le(0x11, 1) + le(0x20 | (8 * size - 1) << 8, 3) + le(size, 4) + le(0, 2) + le(8 * size, 2) +
                 le(mantissa, 1) + le(exponent, 1) + le(0, 1) + le(mantissa, 1) + le(bias, 4)};
}

Message Hdf5Writer::contiguous(std::uint64_t address, std::uint64_t size) {
  return {8, le(3, 1) + le(1, 1) + le(address, 8) + le(size, 8)};
}

std::uint64_t Hdf5Writer::dataset(const SavedTensor& t, const std::vector<Message>& more) {
  const std::uint64_t data = t.data.empty() ? kNowhere : raw(t.data);
  std::vector<Message> messages = {dataspace(t.shape), datatype(t.dtype), contiguous(data, t.data.size())};
  messages.insert(messages.end(), more.begin(), more.end());
  return object(messages);
}

std::uint64_t Hdf5Writer::group(const std::vector<std::pair<std::string, Child>>& children) {
  constexpr std::size_t kInNode = 8, kInTree = 32;
  std::string names(8, '\0');
  std::vector<std::string> nodes;
  std::vector<std::uint64_t> last_names;
  std::size_t place = 0;  // of the last name
  for (std::size_t i = 0; i < children.size(); ++i) {
    const auto& [name, child] = children[i];
    if (i % kInNode == 0) nodes.emplace_back(), last_names.push_back(0);
    if (i == 0 || children[i - 1].first != name) {
      place = names.size();
      names += name + '\0';
      pad(names);
    }
    nodes.back() += le(place, 8) + le(child.address, 8) + le(child.cache_type, 4) + le(0, 20);
    last_names.back() = place;
  }
  if (nodes.size() > kInTree) throw std::logic_error("more children than this writer puts into a group");
  const std::uint64_t segment = raw(names);
  const std::uint64_t heap = raw("HEAP" + le(0, 4) + le(names.size(), 8) + le(kNowhere, 8) + le(segment, 8));
  std::string tree =
      "TREE" + le(0, 1) + le(0, 1) + le(nodes.size(), 2) + le(kNowhere, 8) + le(kNowhere, 8) + le(0, 8);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::uint64_t at = raw("SNOD" + le(1, 1) + le(0, 1) + le(nodes[i].size() / 40, 2) + nodes[i]);
    tree += le(at, 8) + le(last_names[i], 8);
  }
  return object({{0x11, le(raw(tree), 8) + le(heap, 8)}});
}

std::string Hdf5Writer::finish(std::uint64_t root) {
  pad(bytes_);
  const std::string superblock = std::string("\x89HDF\r\n\x1a\n") + le(0, 5) + le(8, 1) + le(8, 1) +
                                 le(0, 1) + le(4, 2) + le(16, 2) + le(0, 4) + le(0, 8) + le(kNowhere, 8) +
                                 le(bytes_.size(), 8) + le(kNowhere, 8) + le(0, 8) + le(root, 8) + le(0, 24);
  return superblock + bytes_.substr(96);
}

std::string hdf5_file(std::span<const SavedTensor> tensors) {
  Folder root;
  for (const SavedTensor& t : tensors) {
    Folder* folder = &root;
    std::size_t from = 0;
    for (std::size_t end; (end = t.name.find('/', from)) != std::string::npos; from = end + 1)
      folder = &folder->folders[t.name.substr(from, end - from)];
    folder->tensors[t.name.substr(from)] = &t;
  }
  Hdf5Writer writer;
  return writer.finish(write(writer, root));
}

}  // namespace cuhue::testing
