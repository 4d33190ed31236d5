// Every container gives back what was saved.
#include <vector>

#include "tests/converter/converter_fixture.h"

namespace cuhue::testing {
namespace {

std::string counting(std::size_t bytes) {
  std::string s(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) s[i] = static_cast<char>(i * 37 + 1);
  return s;
}

constexpr DType kAllTypes[] = {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i64,
                               DType::i32, DType::i16, DType::i8,   DType::u8,  DType::boolean};

std::vector<SavedTensor> samples(bool numpy = false) {
  std::vector<SavedTensor> tensors;
  for (const DType t : kAllTypes) {
    if (numpy && t == DType::bf16) continue;
    std::string data = counting(6 * size_of(t));
    if (t == DType::boolean) data = std::string("\1\0\0\1\1\0", 6);
    tensors.push_back({"layer." + std::string(name_of(t)), t, {2, 3}, data});
  }
  tensors.push_back({"scalar", DType::i64, {}, counting(8)});
  tensors.push_back({"vector", DType::f32, {5}, counting(20)});
  tensors.push_back({"four", DType::f32, {2, 1, 3, 2}, counting(48)});
  tensors.push_back({"empty", DType::f32, {0, 3}, ""});
  return tensors;
}

void check_same(const Checkpoint& read, std::span<const SavedTensor> saved) {
  REQUIRE(read.tensors.size() == saved.size());
  for (std::size_t i = 0; i < saved.size(); ++i) {
    CAPTURE(saved[i].name);
    CHECK(read.tensors[i].name == saved[i].name);
    CHECK(read.tensors[i].dtype == saved[i].dtype);
    CHECK(read.tensors[i].shape == saved[i].shape);
    CHECK(bytes_of(read.tensors[i]) == saved[i].data);
  }
}

TEST_CASE("PyTorch zip and legacy files give back every type and shape") {
  const auto tensors = samples();
  const std::string zip = torch_zip(tensors), legacy = torch_legacy(tensors);
  check_same(read(zip), tensors);
  CHECK(read(zip).format == "PyTorch (zip)");
  check_same(read(legacy), tensors);
  CHECK(read(legacy).format == "PyTorch (legacy)");
}

TEST_CASE("pickles of NumPy arrays are read in protocols 2 to 5") {
  const auto tensors = samples(true);
  for (int protocol = 2; protocol <= 5; ++protocol) {
    CAPTURE(protocol);
    const std::string file = detectron_pickle(tensors, protocol);
    const Checkpoint checkpoint = read(file);
    check_same(checkpoint, tensors);
    CHECK(checkpoint.unwrapped == std::vector<std::string>{"model"});
  }
}

TEST_CASE("plain safetensors files are read") {
  const auto tensors = samples();
  const std::string file = safetensors_file(tensors);
  check_same(read(file), tensors);
}

TEST_CASE("tensors are views into the file, not copies") {
  const std::vector<SavedTensor> tensors{{"a", DType::f32, {4}, counting(16)}};
  for (const std::string& file : {torch_zip(tensors), torch_legacy(tensors), detectron_pickle(tensors, 3)}) {
    const Checkpoint checkpoint = read(file);
    const auto* at = reinterpret_cast<const char*>(checkpoint.tensors[0].data.data());
    CHECK(at > file.data());
    CHECK(at < file.data() + file.size());
  }
}

TEST_CASE("wrapper dictionaries are unwrapped, by name or because there is only one") {
  const std::vector<SavedTensor> tensors{{"a.weight", DType::f32, {1}, counting(4)}};
  for (const std::vector<std::string>& wrappers : std::vector<std::vector<std::string>>{
           {"state_dict"}, {"G"}, {"model"}, {"net"}, {"params"}, {"unheard of"}, {"model", "state_dict"}}) {
    CAPTURE(wrappers[0]);
    const std::string zip = torch_zip(tensors, {wrappers, ""}),
                      legacy = torch_legacy(tensors, {wrappers, ""});
    CHECK(read(zip).tensors.at(0).name == "a.weight");
    CHECK(read(zip).unwrapped == wrappers);
    CHECK(read(legacy).unwrapped == wrappers);
  }
}

TEST_CASE("of several state dicts the one with a telling name is taken, else the file is refused") {
  const auto two = [](const char* first, const char* second) {
    Pickle p(2);
    p.dict().mark();
    for (const auto& [key, storage] : {std::pair{first, "0"}, std::pair{second, "1"}}) {
      const std::int64_t shape[] = {1};
      p.text(key).dict().mark().text(std::string("w") + storage);
      p.tensor(DType::f32, storage, 1, shape, shape).set_items();
    }
    const std::string storages[] = {counting(4), counting(4)};
    return zip_archive(torch_members(p.set_items().stop(), storages));
  };
  const std::string gan = two("D", "G");
  CHECK(read(gan).tensors.at(0).name == "w1");
  const Outcome unclear = read_outcome(two("first", "second"));
  CHECK(unclear.status == Status::weights);
  CHECK(unclear.message.find("several state dicts in one file ('first', 'second')") != std::string::npos);
}

TEST_CASE("a module. prefix goes when every name has it, and only then") {
  const std::vector<SavedTensor> tensors{{"a", DType::f32, {1}, counting(4)},
                                         {"module.b", DType::f32, {1}, counting(4)}};
  const std::string all = torch_zip(tensors, {{}, "module."}), some = torch_zip(tensors);
  CHECK(read(all).module_prefix_stripped);
  CHECK(read(all).tensors[0].name == "a");
  CHECK(read(all).tensors[1].name == "module.b");
  CHECK_FALSE(read(some).module_prefix_stripped);
  CHECK(read(some).tensors[1].name == "module.b");
}

// One storage of 0, 1, 2, ... seen by one tensor.
std::string strided_file(std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                         std::int64_t offset, std::int64_t elements) {
  std::string storage;
  for (std::int64_t i = 0; i < elements; ++i) storage += le(static_cast<std::uint64_t>(i), 2);
  Pickle p(2);
  p.dict().mark().text("t").tensor(DType::i16, "0", elements, shape, strides, offset).set_items();
  return zip_archive(torch_members(p.stop(), std::span(&storage, 1)));
}

TEST_CASE("offsets and strides are honoured") {
  struct Case {
    std::vector<std::int64_t> shape, strides;
    std::int64_t offset;
    std::vector<int> expected;
  };
  const Case cases[] = {
      {{2, 3}, {3, 1}, 0, {0, 1, 2, 3, 4, 5}},
      {{2, 3}, {3, 1}, 4, {4, 5, 6, 7, 8, 9}},
      {{3, 2}, {1, 3}, 0, {0, 3, 1, 4, 2, 5}},  // transposed
      {{2, 2}, {6, 2}, 1, {1, 3, 7, 9}},        // every second column
      {{2, 3}, {1, 0}, 5, {5, 5, 5, 6, 6, 6}},  // expanded
      {{1, 3}, {999, 1}, 2, {2, 3, 4}},         // the stride of one element is never used
      {{}, {}, 7, {7}},
      {{2, 1, 2}, {5, 77, 2}, 0, {0, 2, 5, 7}},
  };
  for (const Case& c : cases) {
    const std::string file = strided_file(c.shape, c.strides, c.offset, 12);
    std::string expected;
    for (const int v : c.expected) expected += le(static_cast<std::uint64_t>(v), 2);
    CHECK(bytes_of(read(file).tensors.at(0)) == expected);
  }
}

TEST_CASE("tensors may share a storage") {
  const std::string storage = counting(24);
  const std::int64_t shape[] = {3};
  const std::int64_t stride[] = {1};
  Pickle p(2);
  p.dict().mark().text("a").tensor(DType::f32, "0", 6, shape, stride, 0, true);
  p.text("b").tensor(DType::f32, "0", 6, shape, stride, 3, true).set_items();
  const std::string file = legacy_stream(p.stop(), std::vector<LegacyStorage>{{storage, 6}});
  const Checkpoint checkpoint = read(file);
  CHECK(bytes_of(checkpoint.tensors[0]) == storage.substr(0, 12));
  CHECK(bytes_of(checkpoint.tensors[1]) == storage.substr(12));
}

TEST_CASE("a legacy storage may be a view of another") {
  const std::string storage = counting(24);
  Pickle p(2);
  const std::int64_t shape[] = {2};
  const std::int64_t stride[] = {1};
  p.dict().mark().text("a").global("torch._utils", "_rebuild_tensor").mark();
  p.mark().text("storage").global("torch", "FloatStorage").text("0").text("cpu").integer(6);
  p.mark().text("view").integer(2).integer(3).tuple().tuple().raw("Q");
  p.integer(1).integers(shape).integers(stride).tuple().reduce().set_items();
  const std::string file = legacy_stream(p.stop(), std::vector<LegacyStorage>{{storage, 6}});
  CHECK(bytes_of(read(file).tensors.at(0)) == storage.substr(12, 8));
}

TEST_CASE("Fortran order and big-endian NumPy arrays come out in C order and little-endian") {
  Pickle p(3);
  const std::int64_t shape[] = {2, 3};
  p.dict().mark().text("a").global("numpy.core.multiarray", "_reconstruct").mark().global("numpy", "ndarray");
  p.integer(0).raw("\x85").bytes("b").tuple().reduce().mark().integer(1).integers(shape);
  p.global("numpy", "dtype").mark().text("i2").raw("\x89\x88").tuple().reduce();
  p.mark().integer(3).text(">").raw("NNN").integer(-1).integer(-1).integer(0).tuple().raw("b");
  p.raw("\x88").bytes(std::string("\0\0\0\3\0\1\0\4\0\2\0\5", 12)).tuple().raw("b").set_items();
  const std::string file = p.stop();
  CHECK(bytes_of(read(file).tensors.at(0)) == std::string("\0\0\1\0\2\0\3\0\4\0\5\0", 12));
}

TEST_CASE("a checkpoint is judged by its content, not by its name") {
  const TemporaryFolder folder;
  const std::vector<SavedTensor> tensors{{"a", DType::f32, {1}, counting(4)}};
  write_file(folder / "zip.pkl", torch_zip(tensors));
  write_file(folder / "numpy.pth", detectron_pickle(tensors, 4));
  write_file(folder / "legacy.pth.tar", torch_legacy(tensors));
  write_file(folder / "plain.pt", safetensors_file(tensors));
  for (const char* name : {"zip.pkl", "numpy.pth", "legacy.pth.tar", "plain.pt"})
    CHECK(read_checkpoint(folder / name).tensors.at(0).name == "a");
}

TEST_CASE("a zip64 end record and zip64 sizes are understood") {
  const std::vector<SavedTensor> tensors{{"a", DType::f32, {1}, counting(4)}};
  Pickle p(2);
  const std::int64_t shape[] = {1};
  p.dict().mark().text("a").tensor(DType::f32, "0", 1, shape, shape).set_items();
  const std::string storages[] = {counting(4)};
  std::vector<ZipMember> members = torch_members(p.stop(), storages);
  members[1].zip64 = true;
  check_same(read(zip_archive(members, true)), tensors);
}

TEST_CASE("entries of a state dict that are no tensors are kept by name") {
  Pickle p(2);
  const std::int64_t shape[] = {1};
  p.dict()
      .mark()
      .text("a")
      .tensor(DType::f32, "0", 1, shape, shape)
      .text("_extra_state")
      .raw("N")
      .set_items();
  const std::string storages[] = {counting(4)};
  CHECK(read(zip_archive(torch_members(p.stop(), storages))).others ==
        std::vector<std::string>{"_extra_state"});
}

TEST_CASE("old text pickles (protocol 0) are read, escapes included") {
  const std::string file =
      "(dp0\nVw\\u00e9\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nc_"
      "codecs\nencode\np5\n"
      "(Vb\np6\nVlatin1\np7\ntp8\nRp9\ntp10\nRp11\n(I1\n(L2L\ntp12\ncnumpy\ndtype\np13\n(S'u1'"
      "\np14\nI00\nI01\ntp15\nRp16\n"
      "(I3\nS'|'\np17\nNNNI-1\nI-1\nI0\ntp18\nbI00\nS'\\x07\\n'\np19\ntp20\nbs.";
  const Checkpoint checkpoint = read(file);
  CHECK(checkpoint.tensors.at(0).name == "w\xc3\xa9");
  CHECK(bytes_of(checkpoint.tensors[0]) == "\x07\n");
}

}  // namespace
}  // namespace cuhue::testing
