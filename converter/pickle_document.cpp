#include <algorithm>

#include "converter/pickle.h"
#include "weights/status.h"

namespace cuhue::pickle {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::none: return "None";
    case Kind::boolean: return "a bool";
    case Kind::integer:
    case Kind::big_integer: return "an int";
    case Kind::real: return "a float";
    case Kind::text: return "a str";
    case Kind::bytes: return "bytes";
    case Kind::tuple: return "a tuple";
    case Kind::list: return "a list";
    case Kind::dict: return "a dict";
    case Kind::global: return "a global";
    case Kind::persistent: return "a persistent id";
    case Kind::dtype: return "a NumPy dtype";
    case Kind::array: return "a NumPy array";
    case Kind::tensor: return "a tensor";
    case Kind::opaque: return "a PyTorch object";
  }
  return "?";
}

bool Document::is_text(NodeId id) const {
  return nodes_[id].kind == Kind::text || nodes_[id].kind == Kind::bytes;
}

bool Document::is_text(NodeId id, std::string_view expected) const {
  return is_text(id) && text(id) == expected;
}

bool Document::is_global(NodeId id, Global global) const {
  return nodes_[id].kind == Kind::global && nodes_[id].global == global;
}

Document::Walk::Walk(const Document& document, NodeId id) : document_(document) {
  const Node& node = document.nodes_[id];
  left_ = node.count;
  if (left_ > 0) link_ = node.head;
}

NodeId Document::Walk::next() {
  const Link link = document_.links_[link_];
  link_ = link.next;
  --left_;
  return link.node;
}

NodeId Document::child(NodeId id, std::uint32_t index) const {
  Walk walk(*this, id);
  for (; index > 0; --index) walk.next();
  return walk.next();
}

bool Document::has_room(std::size_t nodes, std::size_t links) const {
  return (nodes_.size() + nodes) * sizeof(Node) + (links_.size() + links) * sizeof(Link) <= kMaxValueBytes;
}

NodeId Document::add(const Node& node) {
  nodes_.push_back(node);
  return static_cast<NodeId>(nodes_.size() - 1);
}

void Document::append(NodeId parent, NodeId child) {
  const auto link = static_cast<std::uint32_t>(links_.size());
  links_.push_back({child, 0});
  Node& node = nodes_[parent];
  if (node.count == 0)
    node.head = link;
  else
    links_[node.tail].next = link;
  node.tail = link;
  ++node.count;
  node.depth =
      static_cast<std::uint8_t>(std::max<unsigned>(node.depth, std::min(254u, nodes_[child].depth + 1u)));
}

std::span<std::byte> Document::own(std::uint64_t size) {
  if (size == 0 || size > owned_left_) return {};
  owned_left_ -= size;
  return owned_.emplace_back(static_cast<std::size_t>(size));
}

[[noreturn]] void fail_at(const Source& source, std::uint64_t offset, const std::string& what) {
  throw Error(Status::weights, source.label + ", byte " + std::to_string(offset) + ": " + what);
}

}  // namespace cuhue::pickle
