#include "tests/support/checkpoint_writer.h"

#include <zlib.h>

#include <fstream>
#include <stdexcept>

namespace cuhue::testing {
namespace {

std::string_view storage_name(DType t) {
  switch (t) {
    case DType::f32: return "FloatStorage";
    case DType::f16: return "HalfStorage";
    case DType::bf16: return "BFloat16Storage";
    case DType::f64: return "DoubleStorage";
    case DType::i64: return "LongStorage";
    case DType::i32: return "IntStorage";
    case DType::i16: return "ShortStorage";
    case DType::i8: return "CharStorage";
    case DType::u8: return "ByteStorage";
    case DType::boolean: return "BoolStorage";
  }
  return "";
}

std::string_view numpy_name(DType t) {
  switch (t) {
    case DType::f32: return "f4";
    case DType::f16: return "f2";
    case DType::f64: return "f8";
    case DType::i64: return "i8";
    case DType::i32: return "i4";
    case DType::i16: return "i2";
    case DType::i8: return "i1";
    case DType::u8: return "u1";
    case DType::boolean: return "b1";
    case DType::bf16: break;
  }
  throw std::logic_error("NumPy has no such type");
}

std::int64_t elements_of(const SavedTensor& t) {
  return static_cast<std::int64_t>(t.data.size() / size_of(t.dtype));
}

// OrderedDict of tensors with a _metadata attribute, inside its wrappers.
std::string state_dict_pickle(std::span<const SavedTensor> tensors, const SaveOptions& options, bool legacy) {
  Pickle p(2);
  for (const std::string& key : options.wrappers) p.dict().mark().text("epoch").integer(7).text(key);
  p.global("collections", "OrderedDict").raw(")").reduce().mark();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const SavedTensor& t = tensors[i];
    p.text(options.prefix + t.name);
    p.tensor(t.dtype, std::to_string(i), elements_of(t), t.shape, c_strides(t.shape), 0, legacy);
  }
  p.set_items().dict().text("_metadata").dict().raw("s").raw("b");
  for (std::size_t i = 0; i < options.wrappers.size(); ++i) p.set_items();
  return p.stop();
}

std::string latin1_as_utf8(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | u >> 6);
      out += static_cast<char>(0x80 | (u & 0x3f));
    }
  }
  return out;
}

void numpy_bytes(Pickle& p, std::string_view data, int protocol) {
  if (protocol >= 3) {
    p.bytes(data);
    return;
  }
  p.global("_codecs", "encode").mark().text(latin1_as_utf8(data)).text("latin1").tuple().reduce();
}

void numpy_dtype(Pickle& p, DType t) {
  p.global("numpy", "dtype").mark().text(numpy_name(t)).raw("\x89\x88").tuple().reduce();
  p.mark()
      .integer(3)
      .text(size_of(t) == 1 ? "|" : "<")
      .raw("NNN")
      .integer(-1)
      .integer(-1)
      .integer(0)
      .tuple()
      .raw("b");
}

void numpy_array(Pickle& p, const SavedTensor& t, int protocol) {
  if (protocol == 5) {
    p.text("numpy.core.numeric").text("_frombuffer").raw("\x93").mark();
    p.raw("\x96").raw(le(t.data.size(), 8)).raw(t.data);
    numpy_dtype(p, t.dtype);
    p.integers(t.shape).text("C").tuple().reduce();
    return;
  }
  p.global("numpy.core.multiarray", "_reconstruct").mark().global("numpy", "ndarray").integer(0).raw("\x85");
  numpy_bytes(p, "b", protocol);
  p.tuple().reduce().mark().integer(1).integers(t.shape);
  numpy_dtype(p, t.dtype);
  p.raw("\x89");
  numpy_bytes(p, t.data, protocol);
  p.tuple().raw("b");
}

std::uint32_t crc_of(std::string_view data) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

std::uint64_t truth_or(std::int64_t lie, std::uint64_t truth) {
  return lie < 0 ? truth : static_cast<std::uint64_t>(lie);
}

}  // namespace

std::string le(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += i < 8 ? static_cast<char>(value >> (8 * i) & 0xff) : '\0';
  return out;
}

std::vector<std::int64_t> c_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

Pickle& Pickle::integer(std::int64_t value) {
  if (value >= 0 && value < 256) return raw("K").raw(le(static_cast<std::uint64_t>(value), 1));
  if (value >= -0x80000000ll && value < 0x80000000ll)
    return raw("J").raw(le(static_cast<std::uint64_t>(value), 4));
  return raw("\x8a\x08").raw(le(static_cast<std::uint64_t>(value), 8));
}

Pickle& Pickle::integers(std::span<const std::int64_t> values) {
  mark();
  for (const std::int64_t v : values) integer(v);
  return tuple();
}

Pickle& Pickle::tensor(DType dtype, std::string_view key, std::int64_t elements,
                       std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                       std::int64_t offset, bool legacy) {
  global("torch._utils", "_rebuild_tensor_v2").mark();
  mark().text("storage").global("torch", storage_name(dtype)).text(key).text("cpu").integer(elements);
  if (legacy) raw("N");
  tuple().raw("Q").integer(offset).integers(shape).integers(strides).raw("\x89");
  return global("collections", "OrderedDict").raw(")").reduce().tuple().reduce();
}

SavedTensor saved(std::string name, std::vector<std::int64_t> shape, std::span<const float> values) {
  return {std::move(name), DType::f32, std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes())};
}

std::vector<ZipMember> torch_members(const std::string& pickle, std::span<const std::string> storages) {
  std::vector<ZipMember> members;
  members.push_back({.name = "archive/data.pkl", .data = pickle, .local_name = {}});
  for (std::size_t i = 0; i < storages.size(); ++i)
    members.push_back({.name = "archive/data/" + std::to_string(i), .data = storages[i], .local_name = {}});
  members.push_back({.name = "archive/version", .data = "3\n", .local_name = {}});
  return members;
}

std::string torch_zip(std::span<const SavedTensor> tensors, const SaveOptions& options) {
  std::vector<std::string> storages;
  for (const SavedTensor& t : tensors) storages.push_back(t.data);
  return zip_archive(torch_members(state_dict_pickle(tensors, options, false), storages));
}

std::string legacy_stream(const std::string& pickle, std::span<const LegacyStorage> storages) {
  std::string out = Pickle(2).raw("\x8a\x0a").raw("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19").stop();
  out += Pickle(2).raw("M").raw(le(1001, 2)).stop();
  Pickle system(2);
  system.dict().mark().text("protocol_version").integer(1001).text("little_endian").raw("\x88").set_items();
  out += system.stop();
  out += pickle;
  Pickle keys(2);
  keys.raw("](");
  for (std::size_t i = 0; i < storages.size(); ++i) keys.text(std::to_string(i));
  out += keys.raw("e").stop();
  for (const LegacyStorage& s : storages) out += le(static_cast<std::uint64_t>(s.elements), 8) + s.data;
  return out;
}

std::string torch_legacy(std::span<const SavedTensor> tensors, const SaveOptions& options) {
  std::vector<LegacyStorage> storages;
  for (const SavedTensor& t : tensors) storages.push_back({t.data, elements_of(t)});
  return legacy_stream(state_dict_pickle(tensors, options, true), storages);
}

std::string detectron_pickle(std::span<const SavedTensor> tensors, int protocol) {
  Pickle p(protocol);
  p.dict().mark().text("model").dict().mark();
  for (const SavedTensor& t : tensors) {
    p.text(t.name);
    numpy_array(p, t, protocol);
  }
  p.set_items().text("__author__").text("a test").set_items();
  if (protocol < 4) return p.stop();
  // One frame over everything after PROTO.
  const std::string body = p.stop().substr(2);
  return Pickle(protocol).raw("\x95").raw(le(body.size(), 8)).raw(body).so_far();
}

std::string safetensors_file(std::span<const SavedTensor> tensors) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}", data;
  for (const SavedTensor& t : tensors) {
    header += ",\"" + t.name + "\":{\"dtype\":\"" + std::string(name_of(t.dtype)) + "\",\"shape\":[";
    for (std::size_t i = 0; i < t.shape.size(); ++i)
      header.append(i == 0 ? "" : ",").append(std::to_string(t.shape[i]));
    header += "],\"data_offsets\":[" + std::to_string(data.size()) + ",";
    data += t.data;
    header += std::to_string(data.size()) + "]}";
  }
  header += "}";
  return le(header.size(), 8) + header + data;
}

std::string zip_archive(std::span<const ZipMember> members, bool zip64_end) {
  std::string out, directory;
  for (const ZipMember& m : members) {
    const std::string& local_name = m.local_name.empty() ? m.name : m.local_name;
    const std::uint64_t offset = truth_or(m.offset_lie, out.size());
    const std::uint64_t size = truth_or(m.size_lie, m.data.size());
    const std::string crc = le(truth_or(m.crc_lie, crc_of(m.data)), 4);
    const std::string common = le(static_cast<std::uint64_t>(m.flags), 2) +
                               le(static_cast<std::uint64_t>(m.method), 2) + le(0, 4) + crc;
    out += "PK\x03\x04" + le(20, 2) + common + le(m.data.size(), 4) + le(m.data.size(), 4) +
           le(local_name.size(), 2) + le(0, 2) + local_name + m.data;
    const std::string extra = m.zip64 ? le(1, 2) + le(16, 2) + le(size, 8) + le(size, 8) : std::string();
    const std::string size32 = m.zip64 ? le(0xffffffffu, 4) : le(size, 4);
    directory += "PK\x01\x02" + le(20, 2) + le(20, 2) + common + size32 + size32 + le(m.name.size(), 2) +
                 le(extra.size(), 2) + le(0, 2) + le(0, 2) + le(0, 2) + le(0, 4) + le(offset, 4) + m.name +
                 extra;
  }
  const std::uint64_t at = out.size();
  out += directory;
  if (zip64_end) {
    const std::uint64_t end64 = out.size();
    out += "PK\x06\x06" + le(44, 8) + le(45, 2) + le(45, 2) + le(0, 8) + le(members.size(), 8) +
           le(members.size(), 8) + le(directory.size(), 8) + le(at, 8);
    out += "PK\x06\x07" + le(0, 4) + le(end64, 8) + le(1, 4);
  }
  return out + "PK\x05\x06" + le(0, 4) + le(members.size(), 2) + le(members.size(), 2) +
         le(directory.size(), 4) + le(at, 4) + le(0, 2);
}

void write_file(const std::filesystem::path& path, std::string_view contents) {
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace cuhue::testing
