// The allow-list of globals, and what REDUCE and BUILD mean for them.
#include <algorithm>
#include <cstring>

#include "converter/pickle.h"
#include "weights/text.h"

namespace cuhue::pickle::detail {
namespace {

struct Entry {
  std::string_view module, name;
  KnownGlobal global;
};

constexpr DType kNoDType = DType::f32;

constexpr Entry kGlobals[] = {
    {"collections", "OrderedDict", {Global::ordered_dict, kNoDType}},
    {"torch._utils", "_rebuild_tensor", {Global::rebuild_tensor, kNoDType}},
    {"torch._utils", "_rebuild_tensor_v2", {Global::rebuild_tensor_v2, kNoDType}},
    {"torch._utils", "_rebuild_parameter", {Global::rebuild_parameter, kNoDType}},
    {"torch", "Size", {Global::torch_size, kNoDType}},
    {"torch", "device", {Global::torch_device, kNoDType}},
    {"torch", "float32", {Global::torch_dtype, DType::f32}},
    {"torch", "float16", {Global::torch_dtype, DType::f16}},
    {"torch", "bfloat16", {Global::torch_dtype, DType::bf16}},
    {"torch", "float64", {Global::torch_dtype, DType::f64}},
    {"torch", "int64", {Global::torch_dtype, DType::i64}},
    {"torch", "int32", {Global::torch_dtype, DType::i32}},
    {"torch", "int16", {Global::torch_dtype, DType::i16}},
    {"torch", "int8", {Global::torch_dtype, DType::i8}},
    {"torch", "uint8", {Global::torch_dtype, DType::u8}},
    {"torch", "bool", {Global::torch_dtype, DType::boolean}},
    {"torch", "FloatStorage", {Global::torch_storage, DType::f32}},
    {"torch", "HalfStorage", {Global::torch_storage, DType::f16}},
    {"torch", "BFloat16Storage", {Global::torch_storage, DType::bf16}},
    {"torch", "DoubleStorage", {Global::torch_storage, DType::f64}},
    {"torch", "LongStorage", {Global::torch_storage, DType::i64}},
    {"torch", "IntStorage", {Global::torch_storage, DType::i32}},
    {"torch", "ShortStorage", {Global::torch_storage, DType::i16}},
    {"torch", "CharStorage", {Global::torch_storage, DType::i8}},
    {"torch", "ByteStorage", {Global::torch_storage, DType::u8}},
    {"torch", "BoolStorage", {Global::torch_storage, DType::boolean}},
    {"numpy.core.multiarray", "_reconstruct", {Global::numpy_reconstruct, kNoDType}},
    {"numpy._core.multiarray", "_reconstruct", {Global::numpy_reconstruct, kNoDType}},
    {"numpy.core.multiarray", "scalar", {Global::numpy_scalar, kNoDType}},
    {"numpy._core.multiarray", "scalar", {Global::numpy_scalar, kNoDType}},
    {"numpy.core.numeric", "_frombuffer", {Global::numpy_frombuffer, kNoDType}},
    {"numpy._core.numeric", "_frombuffer", {Global::numpy_frombuffer, kNoDType}},
    {"numpy", "ndarray", {Global::numpy_ndarray, kNoDType}},
    {"numpy", "dtype", {Global::numpy_dtype, kNoDType}},
    {"_codecs", "encode", {Global::codecs_encode, kNoDType}},
};

struct DTypeName {
  std::string_view name;
  DType dtype;
};
constexpr DTypeName kNumpyTypes[] = {
    {"f4", DType::f32}, {"f2", DType::f16}, {"f8", DType::f64}, {"i8", DType::i64},     {"i4", DType::i32},
    {"i2", DType::i16}, {"i1", DType::i8},  {"u1", DType::u8},  {"b1", DType::boolean},
};

// One REDUCE: the callable's name stands in every message.
struct Call {
  Document& document;
  const Source& source;
  std::uint64_t offset;
  NodeId callable, arguments;

  std::string name() const {
    for (const Entry& e : kGlobals)
      if (e.global.global == document[callable].global)
        return std::string(e.module) + "." + std::string(e.name);
    return "?";
  }
  [[noreturn]] void fail(const std::string& what) const {
    fail_at(source, offset, name() + " " + what + "; the file is damaged or not an ordinary checkpoint");
  }
  std::uint32_t count() const { return document[arguments].count; }
  NodeId argument(std::uint32_t i) const { return document.child(arguments, i); }
  Kind kind(std::uint32_t i) const { return document[argument(i)].kind; }
  void expect_count(std::uint32_t least, std::uint32_t most) const {
    if (count() < least || count() > most)
      fail("takes " + std::to_string(least) + (least == most ? "" : " to " + std::to_string(most)) +
           " arguments, not " + std::to_string(count()));
  }
  Node node(Kind k) const {
    Node n;
    n.kind = k;
    n.offset = offset;
    return n;
  }
  // A node with the same children as the argument tuple.
  NodeId record(Kind k) const {
    Node n = document[arguments];
    n.kind = k;
    n.offset = offset;
    return document.add(n);
  }
};

NodeId make_ordered_dict(const Call& call) {
  call.expect_count(0, 1);
  Node n = call.node(Kind::dict);
  n.flag = true;
  if (call.count() == 0) return call.document.add(n);
  // Protocols 0 and 1: a list of [key, value] pairs.
  if (call.kind(0) != Kind::list) call.fail("takes a list of pairs");
  const NodeId pairs = call.argument(0);
  if (!call.document.has_room(1, 2 * std::size_t{call.document[pairs].count}))
    call.fail("has too many entries");
  const NodeId dict = call.document.add(n);
  for (Document::Walk walk(call.document, pairs); !walk.done();) {
    const NodeId pair = walk.next();
    const Node& p = call.document[pair];
    if ((p.kind != Kind::list && p.kind != Kind::tuple) || p.count != 2) call.fail("takes a list of pairs");
    call.document.append(dict, call.document.child(pair, 0));
    call.document.append(dict, call.document.child(pair, 1));
  }
  return dict;
}

NodeId make_tensor(const Call& call, bool second_version) {
  call.expect_count(second_version ? 6 : 4, second_version ? 7 : 4);
  if (call.kind(0) != Kind::persistent || call.kind(1) != Kind::integer || call.kind(2) != Kind::tuple ||
      call.kind(3) != Kind::tuple)
    call.fail("does not have (storage, offset, size, stride) as arguments");
  return call.record(Kind::tensor);
}

NodeId make_dtype(const Call& call) {
  call.expect_count(1, 3);
  Document& d = call.document;
  if (!d.is_text(call.argument(0))) call.fail("takes a type name");
  std::string_view name = d.text(call.argument(0));
  Node n = call.node(Kind::dtype);
  if (!name.empty() && std::string_view("<>|=").find(name[0]) != std::string_view::npos) {
    n.flag = name[0] == '>';
    name.remove_prefix(1);
  }
  const auto* const found = std::find_if(std::begin(kNumpyTypes), std::end(kNumpyTypes),
                                         [&](const DTypeName& t) { return t.name == name; });
  if (found == std::end(kNumpyTypes))
    call.fail("'" + clean_text(name, kMaxShownText) + "' is not a numeric type that is read");
  n.dtype = found->dtype;
  return d.add(n);
}

// text.encode('latin1'): how protocol 2 writes bytes.
NodeId encode_latin1(const Call& call) {
  call.expect_count(2, 2);
  Document& d = call.document;
  if (call.kind(0) != Kind::text ||
      !(d.is_text(call.argument(1), "latin1") || d.is_text(call.argument(1), "latin-1")))
    call.fail("takes a text and 'latin1'");
  const std::string_view text = d.text(call.argument(0));
  const auto continues = static_cast<std::uint64_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }));
  Node n = call.node(Kind::bytes);
  n.data = text.data();
  n.size = text.size();
  if (continues == 0) {
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }))
      call.fail("is given a text that is not UTF-8");
    return d.add(n);  // ASCII encodes to itself
  }
  const std::span<std::byte> out = d.own(text.size() - continues);
  if (out.empty()) call.fail("needs more memory than the file is long");
  std::size_t to = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      out[to++] = static_cast<std::byte>(c);
      continue;
    }
    const auto low = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0u;
    if ((c != 0xc2 && c != 0xc3) || (low & 0xc0) != 0x80) call.fail("is given a text that is not Latin-1");
    out[to++] = static_cast<std::byte>((c & 3u) << 6 | (low & 0x3fu));
    ++i;
  }
  n.data = reinterpret_cast<const char*>(out.data());
  n.size = out.size();
  return d.add(n);
}

NodeId make_array(const Call& call) {  // _reconstruct(ndarray, (0,), b'b'): filled by BUILD
  call.expect_count(3, 3);
  if (!call.document.is_global(call.argument(0), Global::numpy_ndarray))
    call.fail("makes numpy.ndarray only, not " + std::string(name_of(call.kind(0))));
  return call.document.add(call.node(Kind::array));
}

NodeId make_array_from_buffer(const Call& call) {  // (buffer, dtype, shape, order)
  call.expect_count(4, 4);
  Document& d = call.document;
  const NodeId order = call.argument(3);
  if (call.kind(0) != Kind::bytes || call.kind(1) != Kind::dtype || call.kind(2) != Kind::tuple ||
      !(d.is_text(order, "C") || d.is_text(order, "F")))
    call.fail("does not have (bytes, dtype, shape, order) as arguments");
  if (!d.has_room(1, 3)) call.fail("has no room");
  Node n = call.node(Kind::array);
  n.flag = d.is_text(order, "F");
  const NodeId data = call.argument(0), dtype = call.argument(1), shape = call.argument(2);
  const NodeId array = d.add(n);
  for (const NodeId child : {dtype, shape, data}) d.append(array, child);
  return array;
}

NodeId make_scalar(const Call& call) {  // (dtype, bytes)
  call.expect_count(2, 2);
  Document& d = call.document;
  if (call.kind(0) != Kind::dtype || !d.is_text(call.argument(1)))
    call.fail("does not have (dtype, bytes) as arguments");
  if (!d.has_room(2, 3)) call.fail("has no room");
  const NodeId dtype = call.argument(0), data = call.argument(1);
  const NodeId shape = d.add(call.node(Kind::tuple));
  const NodeId array = d.add(call.node(Kind::array));
  for (const NodeId child : {dtype, shape, data}) d.append(array, child);
  return array;
}

void build_array(Document& d, const Source& source, std::uint64_t offset, NodeId array, NodeId state) {
  const auto fail = [&](const char* what) {
    fail_at(source, offset, std::string("BUILD of a NumPy array ") + what);
  };
  if (d[array].count != 0) fail("that is already filled; the file is damaged");
  if (d[state].kind != Kind::tuple || d[state].count != 5)
    fail("without its state (version, shape, dtype, order, bytes); the file is damaged");
  const NodeId shape = d.child(state, 1), dtype = d.child(state, 2), order = d.child(state, 3),
               data = d.child(state, 4);
  if (d[shape].kind != Kind::tuple || d[dtype].kind != Kind::dtype || !d.is_text(data) ||
      (d[order].kind != Kind::boolean && d[order].kind != Kind::integer))
    fail("whose state is not (version, shape, dtype, order, bytes): arrays of numbers only are read");
  if (!d.has_room(0, 3)) fail("beyond the limit of values");
  d.mutable_node(array).flag = d[order].kind == Kind::boolean ? d[order].flag : d[order].integer != 0;
  for (const NodeId child : {dtype, shape, data}) d.append(array, child);
}

void build_dtype(Document& d, const Source& source, std::uint64_t offset, NodeId dtype, NodeId state) {
  const auto fail = [&](const char* what) {
    fail_at(source, offset, std::string("BUILD of a NumPy dtype ") + what);
  };
  if (d[state].kind != Kind::tuple || d[state].count < 5 || d[state].count > 9)
    fail("without its state; the file is damaged");
  const NodeId order = d.child(state, 1);
  if (!d.is_text(order) || d.text(order).size() != 1 ||
      std::string_view("<>|=").find(d.text(order)[0]) == std::string_view::npos)
    fail("without a byte order; the file is damaged");
  for (std::uint32_t i = 2; i < 5; ++i)
    if (d[d.child(state, i)].kind != Kind::none) fail("with fields: arrays of numbers only are read");
  d.mutable_node(dtype).flag = d.text(order) == ">";
}

}  // namespace

const KnownGlobal* find_global(std::string_view module, std::string_view name) {
  for (const Entry& e : kGlobals)
    if (e.module == module && e.name == name) return &e.global;
  return nullptr;
}

NodeId reduce(Document& document, const Source& source, std::uint64_t offset, NodeId callable,
              NodeId arguments) {
  const Call call{document, source, offset, callable, arguments};
  if (document[callable].kind != Kind::global)
    fail_at(source, offset,
            "opcode REDUCE is refused: it would call " + std::string(name_of(document[callable].kind)));
  if (document[arguments].kind != Kind::tuple) call.fail("has no tuple of arguments");
  switch (document[callable].global) {
    case Global::ordered_dict: return make_ordered_dict(call);
    case Global::rebuild_tensor: return make_tensor(call, false);
    case Global::rebuild_tensor_v2: return make_tensor(call, true);
    case Global::rebuild_parameter:
      call.expect_count(3, 3);
      if (call.kind(0) != Kind::tensor) call.fail("takes a tensor");
      return call.argument(0);
    case Global::torch_size:
      call.expect_count(1, 1);
      if (call.kind(0) != Kind::tuple) call.fail("takes a tuple");
      return call.argument(0);
    case Global::torch_device: call.expect_count(1, 2); return document.add(call.node(Kind::opaque));
    case Global::numpy_dtype: return make_dtype(call);
    case Global::numpy_reconstruct: return make_array(call);
    case Global::numpy_frombuffer: return make_array_from_buffer(call);
    case Global::numpy_scalar: return make_scalar(call);
    case Global::codecs_encode: return encode_latin1(call);
    case Global::torch_dtype:
    case Global::torch_storage:
    case Global::numpy_ndarray: break;
  }
  fail_at(source, offset, "opcode REDUCE is refused: it would call " + call.name());
}

void build(Document& document, const Source& source, std::uint64_t offset, NodeId object, NodeId state) {
  const Node& node = document[object];
  if (node.kind == Kind::dict && node.flag) {  // attributes of an OrderedDict, e.g. _metadata: of no interest
    if (document[state].kind != Kind::dict)
      fail_at(source, offset, "BUILD of an OrderedDict without a dict of attributes; the file is damaged");
    return;
  }
  if (node.kind == Kind::array) return build_array(document, source, offset, object, state);
  if (node.kind == Kind::dtype) return build_dtype(document, source, offset, object, state);
  fail_at(source, offset,
          "opcode BUILD is refused: it would set attributes of " + std::string(name_of(node.kind)) +
              "; save only the tensors: torch.save(model.state_dict(), FILE)");
}

}  // namespace cuhue::pickle::detail
