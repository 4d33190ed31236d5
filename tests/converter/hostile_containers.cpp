#include "tests/converter/hostile_cases.h"
#include "tests/support/checkpoint_writer.h"

namespace cuhue::testing {
namespace {

using Ints = std::vector<std::int64_t>;

struct OneTensor {
  DType dtype = DType::f32;
  std::int64_t elements = 6;
  Ints shape = {2, 3}, strides = {3, 1};
  std::int64_t offset = 0;
  std::string storage = std::string(24, '\1');
  std::string key = "0";
};

std::string pickle_of(const OneTensor& t, bool legacy = false) {
  return Pickle(2)
      .dict()
      .mark()
      .text("conv.weight")
      .tensor(t.dtype, t.key, t.elements, t.shape, t.strides, t.offset, legacy)
      .set_items()
      .stop();
}
std::string zip_of(const OneTensor& t) {
  return zip_archive(torch_members(pickle_of(t), std::span(&t.storage, 1)));
}

std::string array_pickle(std::string_view dtype, const Ints& shape, std::size_t bytes) {
  return Pickle(3)
      .dict()
      .mark()
      .text("conv.weight")
      .global("numpy.core.numeric", "_frombuffer")
      .mark()
      .bytes(std::string(bytes, '\1'))
      .global("numpy", "dtype")
      .mark()
      .text(dtype)
      .raw("\x89\x88")
      .tuple()
      .reduce()
      .integers(shape)
      .text("C")
      .tuple()
      .reduce()
      .set_items()
      .stop();
}

}  // namespace

std::vector<HostileCase> broken_tensors() {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const Ints one = {1};
  const std::string twice = Pickle(2)
                                .dict()
                                .mark()
                                .text("a")
                                .tensor(DType::f32, "0", 1, one, one)
                                .text("a")
                                .tensor(DType::f32, "0", 1, one, one)
                                .set_items()
                                .stop();
  const std::string numbered =
      Pickle(2).dict().mark().integer(7).tensor(DType::f32, "0", 1, one, one).set_items().stop();
  const std::string four(4, '\1');
  const auto one_storage = [&](const std::string& pickle) {
    return zip_archive(torch_members(pickle, std::span(&four, 1)));
  };
  Ints deep(9, 1);
  return {
      {"shape beyond the storage", zip_of({.shape = {3, 3}}),
       "tensor 'conv.weight' of shape [3, 3], strides [3, 1] and offset 0 reaches outside of its storage of "
       "6 elements"},
      {"strides beyond the storage", zip_of({.strides = {4, 1}}),
       "tensor 'conv.weight' of shape [2, 3], strides [4, 1]"},
      {"offset beyond the storage", zip_of({.offset = 1}), "and offset 1 reaches outside"},
      {"negative offset", zip_of({.offset = -1}), "tensor 'conv.weight' has an impossible shape"},
      {"negative dimension", zip_of({.shape = {2, -3}}),
       "tensor 'conv.weight' has an impossible shape [2, -3]"},
      {"negative stride", zip_of({.strides = {-3, 1}, .offset = 3}), "strides [-3, 1]"},
      {"shape whose product wraps", zip_of({.shape = {kHuge, 8}}),
       "has an impossible shape [4611686018427387904, 8]"},
      {"shape whose bytes wrap", zip_of({.shape = {kHuge, 1}}), "has an impossible shape"},
      {"stride that wraps", zip_of({.shape = {2, 3}, .strides = {kHuge, kHuge}}),
       "reaches outside of its storage"},
      {"offset that wraps", zip_of({.offset = INT64_MAX}), "reaches outside of its storage"},
      {"expansion bomb", zip_of({.shape = {1 << 20, 1 << 10}, .strides = {0, 0}}),
       "repeats its elements beyond the size of the file"},
      {"fewer strides than dimensions", zip_of({.strides = {1}}),
       "tensor 'conv.weight' has 2 dimensions but 1 strides"},
      {"nine dimensions", zip_of({.shape = deep, .strides = deep}),
       "tensor 'conv.weight' has 9 dimensions; at most 8"},
      {"storage of exabytes", zip_of({.elements = kHuge}),
       "storage id '0' claims 4611686018427387904 elements"},
      {"storage of negative size", zip_of({.elements = -1}), "storage id '0' claims -1 elements"},
      {"storage larger than its entry", zip_of({.elements = 7}),
       "entry 'archive/data/0': has 24 bytes where its tensor needs 28"},
      {"storage smaller than its entry", zip_of({.elements = 5}),
       "entry 'archive/data/0': has 24 bytes where its tensor needs 20"},
      {"storage of another type than its entry", zip_of({.dtype = DType::f64}),
       "has 24 bytes where its tensor needs 48"},
      {"storage that is not there", zip_of({.key = "1"}), "storage 'archive/data/1' is not in the archive"},
      {"storage key that climbs", zip_of({.key = "../version"}),
       "storage 'archive/data/../version' is not in the archive"},
      {"name that stands twice", one_storage(twice), "tensor 'a' stands in the state dict twice"},
      {"name that is a number", one_storage(numbered), "a key of the state dict is an int"},
      {"name of control characters",
       one_storage(Pickle(2)
                       .dict()
                       .mark()
                       .text("a\n\x1b[31m")
                       .tensor(DType::f32, "0", 1, one, one)
                       .set_items()
                       .stop()),
       "tensor name 'a??[31m'"},
      {"name that is not UTF-8",
       one_storage(
           Pickle(2).dict().mark().text("\xff").tensor(DType::f32, "0", 1, one, one).set_items().stop()),
       "tensor name '?'"},
      {"name of 300 bytes",
       one_storage(Pickle(2)
                       .dict()
                       .mark()
                       .text(std::string(300, 'n'))
                       .tensor(DType::f32, "0", 1, one, one)
                       .set_items()
                       .stop()),
       "is longer than 255 bytes"},
      {"array with too few bytes", array_pickle("f4", {2, 3}, 20),
       "tensor 'conv.weight' of shape [2, 3] and type F32 has 20 bytes of data"},
      {"array with too many bytes", array_pickle("f4", {2, 3}, 28), "has 28 bytes of data"},
      {"array of a wrapping shape", array_pickle("f8", {kHuge, 4}, 0), "of shape [4611686018427387904, 4]"},
      {"array of a negative shape", array_pickle("u1", {-1}, 1), "of shape [-1]"},
      {"array of complex numbers", array_pickle("c8", {1}, 8), "numpy.dtype 'c8' is not a numeric type"},
  };
}

std::vector<HostileCase> broken_archives() {
  const std::string good_pickle = pickle_of({});
  const std::string storage(24, '\1');
  const auto members = [&] { return torch_members(good_pickle, std::span(&storage, 1)); };
  const auto spoiled = [&](auto&& spoil) {
    std::vector<ZipMember> ms = members();
    spoil(ms);
    return zip_archive(ms);
  };
  const std::string good = zip_archive(members());
  const auto patched = [&](std::size_t from_end, std::string_view bytes) {
    std::string s = good;
    s.replace(s.size() - from_end, bytes.size(), bytes);
    return s;
  };
  std::string zip64 = zip_archive(members(), true);
  std::string zip64_far = zip64, zip64_other = zip64;
  zip64_far.replace(zip64_far.size() - 22 - 12, 8, le(1ull << 62, 8));        // the locator
  zip64_other.replace(zip64_other.size() - 22 - 20 - 24, 8, le(1 << 20, 8));  // its entry count
  std::string flipped = good;
  flipped[good.find(storage) + 5] ^= 0x10;
  return {
      {"contents with a flipped bit", flipped,
       "entry 'archive/data/0': its contents do not have the recorded CRC-32"},
      {"wrong CRC-32 of the pickle", spoiled([](auto& m) { m[0].crc_lie = 1; }),
       "entry 'archive/data.pkl': its contents do not have the recorded CRC-32"},
      {"deflated entry", spoiled([](auto& m) { m[1].method = 8; }),
       "entry 'archive/data/0': is compressed (deflate)"},
      {"LZMA entry", spoiled([](auto& m) { m[1].method = 14; }),
       "entry 'archive/data/0': is compressed (method 14)"},
      {"encrypted entry", spoiled([](auto& m) { m[1].flags = 1; }), "entry 'archive/data/0': is encrypted"},
      {"overlapping entries", spoiled([](auto& m) {
         m[2] = m[1];
         m[2].name = "archive/data/1";
         m[2].local_name = "archive/data/0";
         m[2].offset_lie = 0;
       }),
       "its local header contradicts the central directory"},
      {"an entry twice in the directory", spoiled([](auto& m) {
         m.push_back(m[1]);
         m[3].data.clear();
         m[3].offset_lie = static_cast<std::int64_t>(30 + m[0].name.size() + m[0].data.size());
         m[3].size_lie = 24;
         m[3].crc_lie = -1;
       }),
       "entry 'archive/data/0'"},
      {"duplicate names", spoiled([](auto& m) { m.push_back(m[1]); }),
       "entry 'archive/data/0': stands in the archive twice"},
      {"local name differs", spoiled([](auto& m) { m[1].local_name = "archive/data/9"; }),
       "entry 'archive/data/0': its local header contradicts the central directory"},
      {"size beyond the file", spoiled([](auto& m) { m[1].size_lie = 1 << 30; }),
       "entry 'archive/data/0': its local header contradicts"},
      {"offset beyond the file", spoiled([](auto& m) { m[1].offset_lie = 1 << 30; }),
       "entry 'archive/data/0': has no local header at 1073741824"},
      {"zip64 size of exabytes", spoiled([](auto& m) {
         m[1].zip64 = true;
         m[1].size_lie = INT64_MAX;
       }),
       "entry 'archive/data/0'"},
      {"zip64 offset outside", zip64_far, "the zip64 end record lies outside of the file"},
      {"zip64 count that lies", zip64_other, "several disks"},
      {"60,000 declared entries", patched(14, le(60000, 2) + le(60000, 2)), "cannot hold 60000 entries"},
      {"one entry more than there is", patched(14, le(4, 2) + le(4, 2)), "the central directory"},
      {"one entry less than there is", patched(14, le(2, 2) + le(2, 2)),
       "the central directory is longer than its entries"},
      {"directory outside of the file", patched(6, le(0x7fffffff, 4)),
       "the central directory lies outside of the file"},
      {"several disks", patched(18, le(1, 2)), "an archive of several disks"},
      {"cut before the directory", good.substr(0, good.size() - 60), "the archive's end is missing"},
      {"climbing entry name", spoiled([](auto& m) { m[2].name = "archive/../../etc/passwd"; }),
       "its name leads out of the archive"},
      {"absolute entry name", spoiled([](auto& m) { m[2].name = "/etc/passwd"; }),
       "entry '/etc/passwd': its name leads out of the archive"},
      {"entry name of control characters", spoiled([](auto& m) { m[2].name = "archive/\x07"; }),
       "entry 'archive/?': its name is not plain text"},
      {"an archive where the pickle should be", zip_archive(torch_members(good, {})),
       "entry 'archive/data.pkl': is itself a zip archive"},
      {"a checkpoint inside of an archive",
       zip_archive(std::vector<ZipMember>{{.name = "latest_net_G.pth", .data = good, .local_name = {}}}),
       "it holds 'latest_net_G.pth' and no 'data.pkl'"},
      {"two checkpoints in one archive", spoiled([](auto& m) {
         m.push_back(m[0]);
         m[3].name = "other/data.pkl";
       }),
       "the archive holds several checkpoints"},
      {"a TorchScript program", spoiled([](auto& m) {
         m.push_back({.name = "archive/constants.pkl", .data = "x", .local_name = {}});
       }),
       "a TorchScript program"},
      {"a big-endian archive",
       spoiled([](auto& m) { m.push_back({.name = "archive/byteorder", .data = "big", .local_name = {}}); }),
       "entry 'archive/byteorder': byte order 'big' is not read"},
      {"data after the pickle in its entry",
       zip_archive(torch_members(good_pickle + "N.", std::span(&storage, 1))),
       "data after the end of the pickle"},
      {"an archive without entries", "PK\x05\x06" + std::string(18, '\0'), "is an empty zip archive"},
      {"another kind of archive",
       zip_archive(std::vector<ZipMember>{{.name = "word/document.xml", .data = "<x/>", .local_name = {}}}),
       "no PyTorch checkpoint: it holds 'word/document.xml'"},
  };
}

std::vector<HostileCase> broken_legacy() {
  const std::string storage(24, '\1');
  const std::string pickle = pickle_of({}, true);
  const auto stream = [&](std::vector<LegacyStorage> s) { return legacy_stream(pickle, s); };
  const std::string good = stream({{storage, 6}});
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string s = good;
    return s.replace(s.find(from), from.size(), to);
  };
  const Ints one = {1};
  const std::string quarrel = Pickle(2)
                                  .dict()
                                  .mark()
                                  .text("a")
                                  .tensor(DType::f32, "0", 6, one, one, 0, true)
                                  .text("b")
                                  .tensor(DType::f64, "0", 3, one, one, 0, true)
                                  .set_items()
                                  .stop();
  return {
      {"another version", replaced(std::string("M") + le(1001, 2), std::string("M") + le(1002, 2)),
       "an unknown version of PyTorch's legacy format"},
      {"a big-endian stream", replaced(std::string("little_endian\x88"), std::string("little_endian\x89")),
       "a big-endian checkpoint is not read"},
      {"fewer elements than declared", stream({{storage.substr(4), 5}}),
       "storage '0' says it has 5 elements, the pickle says 6"},
      {"a storage of exabytes", stream({{storage, INT64_MAX}}),
       "storage '0' says it has 9223372036854775807 elements"},
      {"a storage cut short", good.substr(0, good.size() - 1),
       "storage '0' needs 24 bytes where only 23 are left"},
      {"a storage's count cut short", good.substr(0, good.size() - 27),
       "storage '0' is missing, the file is cut short"},
      {"a storage that is not listed", stream({}), "storage '0' is not in the file"},
      {"a storage that nobody uses", stream({{storage, 6}, {storage, 6}}),
       "storage '1' is listed but no tensor uses it"},
      {"data after the last storage", good + "more", "data after the last storage"},
      {"one storage, two types", legacy_stream(quarrel, std::vector<LegacyStorage>{{storage, 6}}),
       "storage '0' is declared twice with different types or sizes"},
      {"cut after the header", good.substr(0, 17), "byte 17: the pickle is cut short"},
  };
}

std::vector<HostileCase> wrong_files() {
  std::string tar(512, '\0');
  tar.replace(257, 5, "ustar");
  return {
      {"a web page", "<!DOCTYPE html><html><body>404</body></html>",
       "is a web page, not a checkpoint: the download failed"},
      {"a web page after blank lines", "\n\n  <HTML><head>", "is a web page"},
      {"a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3845773\n",
       "is a Git LFS pointer"},
      {"a JSON error", "{\"error\": \"not found\"}", "is a JSON text"},
      {"an old tar checkpoint", tar, "is a tar archive; PyTorch 0.1"},
      {"a list of TensorFlow's checkpoints", "model_checkpoint_path: \"weights-9\"\n",
       "is a list of TensorFlow checkpoints; give the newest"},
      {"a gzip archive", "\x1f\x8b\x08" + std::string(20, '\1'), "is a gzip archive; unpack it first"},
      {"a PNG named .pth", "\x89PNG\r\n\x1a\n" + std::string(20, '\0'), "is a PNG picture"},
      {"a JPEG named .pkl", "\xff\xd8\xff\xe0" + std::string(20, '\0'), "is a JPEG picture"},
      {"a NumPy array", "\x93NUMPY\x01" + std::string(80, ' '), "is a single NumPy array"},
      {"random bytes", "\x12\x34\x56\x78\x9a\xbc", "is not a checkpoint of a kind that is read"},
      {"one byte", "\x80", "is not a checkpoint of a kind that is read"},
      {"nothing", "", "is empty"},
      {"zeros", std::string(4096, '\0'), "is not a checkpoint of a kind that is read"},
  };
}

std::vector<HostileCase> broken_safetensors() {
  const auto file = [](const std::string& header, std::size_t data) {
    return le(header.size(), 8) + header + std::string(data, '\1');
  };
  std::string deep = "{\"a\":" + std::string(100000, '[');
  return {
      {"header longer than the file", le(1000, 8) + "{}",
       "a safetensors header of 1000 bytes in a file of 10"},
      {"header that is no JSON", file("{\"a\":", 0), "the safetensors header is not valid JSON"},
      {"header nested deep", file(deep, 0), "has an array where none belongs"},
      {"offsets outside", file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4),
       "has offsets outside of the file at 'a'"},
      {"shape against offsets", file(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
       "has a shape that contradicts the offsets at 'a'"},
      {"wrapping shape",
       file(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0),
       "has a shape that contradicts the offsets at 'a'"},
      {"a hole", file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8),
       "tensor 'a' overlaps another or leaves a hole"},
      {"an overlap",
       file(
           R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
           4),
       "overlaps another"},
      {"trailing data", file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5),
       "data after the last tensor"},
      {"unknown type", file(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1),
       "has type 'F8_E4M3'"},
      {"a header with a negative dimension",
       file(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "has a negative number"},
      {"a name twice",
       file(
           R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
           2),
       "tensor 'a' stands in the state dict twice"},
  };
}

}  // namespace cuhue::testing
