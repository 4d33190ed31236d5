// A restricted interpreter of Python pickles (protocols 0 to 5). It builds inert values and nothing else: no
// name is ever looked up outside a short allow-list, nothing is called, imported or constructed. What is not
// on the lists of opcodes and globals is refused by name with its byte offset.
//
// Bounds: values cost at most kMaxValueBytes whatever the file says, strings and arrays stay views into the
// file, every length is checked against the bytes that are left before it is used, and nothing here or in the
// values' destruction recurses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace cuhue::pickle {

inline constexpr std::size_t kMaxValueBytes = 8u << 20;  // of nodes and links
inline constexpr std::size_t kMaxStack = 1u << 18;       // entries
inline constexpr std::size_t kMaxMemo = 1u << 19;        // entries
inline constexpr std::size_t kMaxMarks = 1000;           // open at once
inline constexpr unsigned kMaxDepth = 100;               // containers within containers
inline constexpr std::size_t kOwnedMargin = 2u << 20;    // decoded bytes may exceed the file by this
inline constexpr std::size_t kMaxShownText = 80;         // of a name in a message

enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,
  big_integer,  // outside int64: text() holds its little-endian two's complement bytes or its digits
  real,
  text,        // UTF-8, not validated
  bytes,       // also Python 2's str
  tuple,       // children
  list,        // children
  dict,        // children: key, value, key, value, ...
  global,      // a name of the allow-list
  persistent,  // one child: the persistent id
  dtype,       // a NumPy element type
  array,       // a NumPy array: children dtype, shape, data; none = never filled
  tensor,      // a PyTorch tensor: children are the arguments of its rebuild function
  opaque,      // read and of no interest: torch.device and the like
};
std::string_view name_of(Kind kind);  // "a tuple", for messages

enum class Global : std::uint8_t {
  ordered_dict,
  rebuild_tensor,     // (storage, offset, size, stride)
  rebuild_tensor_v2,  // the same, requires_grad, hooks
  rebuild_parameter,
  torch_size,
  torch_device,
  torch_dtype,
  torch_storage,  // Node::dtype says of what
  numpy_reconstruct,
  numpy_ndarray,
  numpy_dtype,
  numpy_scalar,
  numpy_frombuffer,
  codecs_encode,
};

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0xffffffffu;

struct Node {
  std::uint64_t offset = 0;  // of the opcode that made it
  Kind kind = Kind::none;
  std::uint8_t depth = 0;   // containers below, itself included
  bool flag = false;        // dict: ordered; dtype: big-endian; array: Fortran order; boolean: the value
  Global global{};          // of a global
  DType dtype{};            // of a dtype or of a torch_storage global
  std::uint32_t count = 0;  // children
  union {
    std::int64_t integer = 0;
    double real;
    std::uint32_t head;  // first link of the children
    const char* data;    // text, bytes, big_integer
  };
  union {
    std::uint64_t size = 0;  // of data
    std::uint32_t tail;      // last link
  };
};

// The values of one or more pickles of one file. Text and bytes point into that file or into buffers the
// document owns. Values may be shared and may even contain themselves: walk with a depth limit.
class Document {
 public:
  // file_bytes: the size of the whole file, which bounds what may be decoded from it.
  explicit Document(std::uint64_t file_bytes) : owned_left_(file_bytes + kOwnedMargin) {}

  const Node& operator[](NodeId id) const { return nodes_[id]; }
  Node& mutable_node(NodeId id) { return nodes_[id]; }
  std::string_view text(NodeId id) const { return {nodes_[id].data, nodes_[id].size}; }
  std::span<const std::byte> bytes(NodeId id) const {
    return std::as_bytes(std::span<const char>(nodes_[id].data, nodes_[id].size));
  }
  bool is_text(NodeId id, std::string_view text) const;  // text or Python 2 str that equals it
  bool is_text(NodeId id) const;
  bool is_global(NodeId id, Global global) const;
  NodeId child(NodeId id, std::uint32_t index) const;  // walks: for short containers

  // Children in order.
  class Walk {
   public:
    Walk(const Document& document, NodeId id);
    bool done() const { return left_ == 0; }
    NodeId next();

   private:
    const Document& document_;
    std::uint32_t link_ = 0, left_ = 0;
  };

  NodeId size() const { return static_cast<NodeId>(nodes_.size()); }  // ids are 0 .. size() - 1

  bool has_room(std::size_t nodes, std::size_t links) const;
  NodeId add(const Node& node);
  void append(NodeId parent, NodeId child);  // updates depth
  // Zeroed bytes that live as long as the document; empty when that is more than the file could need.
  std::span<std::byte> own(std::uint64_t size);
  // Forgets the values; what own() gave stays.
  void drop_values() {
    nodes_.clear();
    links_.clear();
  }

 private:
  struct Link {
    NodeId node;
    std::uint32_t next;
  };
  std::deque<Node> nodes_;
  std::deque<Link> links_;
  std::deque<std::vector<std::byte>> owned_;
  std::uint64_t owned_left_;
};

// Where a pickle stands, and how messages name that place.
struct Source {
  std::span<const std::byte> bytes;
  std::string label;  // "'model.pth', entry 'archive/data.pkl'"
};

struct Parsed {
  NodeId root = kNoNode;
  std::size_t end = 0;  // offset after its STOP
};

enum class PersistentIds { refuse, keep };

// Runs the pickle that begins at bytes[start]. Error(Status::weights): label, offset, opcode or global.
Parsed parse(Document& document, const Source& source, std::size_t start, PersistentIds persistent_ids);

// What parse() and the readers built on it say of a place in a pickle.
[[noreturn]] void fail_at(const Source& source, std::uint64_t offset, const std::string& what);

namespace detail {
struct KnownGlobal {
  Global global;
  DType dtype;
};
// nullptr when the name is not on the allow-list.
const KnownGlobal* find_global(std::string_view module, std::string_view name);
std::string_view opcode_name(unsigned char opcode);  // "REDUCE"; empty when there is none

// REDUCE and BUILD of allowed globals: a record of the arguments, checked for form.
NodeId reduce(Document& document, const Source& source, std::uint64_t offset, NodeId callable,
              NodeId arguments);
void build(Document& document, const Source& source, std::uint64_t offset, NodeId object, NodeId state);
}  // namespace detail

}  // namespace cuhue::pickle
