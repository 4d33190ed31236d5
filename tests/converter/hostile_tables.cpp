// Broken and hostile TensorFlow and HDF5 files.
#include <functional>

#include "tests/converter/hostile_cases.h"
#include "tests/support/hdf5_writer.h"
#include "tests/support/tensorflow_writer.h"

namespace cuhue::testing {
namespace {

constexpr std::int64_t kThree[] = {3};

std::string v1_of(const std::string& declaration, const std::string& record) {
  return sorted_table({{"", v1_header(declaration)}, {"a", record}}, Compression::none);
}
std::string one_block(const std::string& stored) {
  const std::string blocks[] = {stored}, keys[] = {"a"};
  return table_of_blocks(blocks, keys);
}
std::string replaced(std::string s, std::size_t at, const std::string& with) {
  return s.replace(at, with.size(), with);
}
std::string table_with_index(const std::string& entry_of_index) {
  const std::string block = stored_block(table_block({{"", v1_header("")}}), 0);
  const std::string index = stored_block(table_block({{"a", entry_of_index}}), 0);
  std::string metaindex = stored_block(table_block({}), 0);
  std::string footer = varint(block.size()) + varint(metaindex.size() - 5) +
                       varint(block.size() + metaindex.size()) + varint(index.size() - 5);
  footer.resize(40, '\0');
  return block + metaindex + index + footer + le(0xdb4775248b80fb57, 8);
}

}  // namespace

std::vector<HostileCase> broken_tables() {
  const std::string floats = proto_bytes(5, std::string(12, '\1'));
  const std::string good = v1_of(v1_declaration("a", 1, kThree), v1_record("a", 1, floats));
  const std::string snappy_header = table_block({{"", v1_header("")}});
  const std::string bomb = varint(0xffffffff) + std::string(40, '\xfe');
  std::string long_key = varint(0) + varint(5000) + varint(0) + std::string(5000, 'k') + le(0, 4) + le(1, 4);
  const std::int64_t huge[] = {1 << 20, 1 << 20}, wrapping[] = {INT64_MAX, 4},
                     nine[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const std::string partial = proto_bytes(
      2, proto_bytes(1, "a") + proto_bytes(2, proto_bytes(1, proto_number(2, 2))) + proto_bytes(3, floats));
  return {
      {"a table without a footer's handles", std::string(40, '\xff') + le(0xdb4775248b80fb57, 8),
       "byte 0: a block's offset is not a number of 64 bits"},
      {"a footer that is not filled with zeros", replaced(good, good.size() - 9, "\1"),
       "the footer is not filled with zeros"},
      {"a block beyond the file", table_with_index(varint(0) + varint(1u << 30)),
       "a block is said to lie at 0 with 1073741824 bytes"},
      {"a block of exabytes", table_with_index(varint(0) + varint(~std::uint64_t{0})),
       "a block is said to lie at 0"},
      {"a block that comes later", table_with_index(varint(5) + varint(2)), "a block is said to lie at 5"},
      {"a handle with more behind it", table_with_index(varint(0) + varint(2) + "x"), "is no handle"},
      {"a flipped byte in a block", replaced(good, 20, "\x7f"),
       "byte 0: a block does not have its recorded CRC-32C"},
      {"an unknown compression", one_block(stored_block("zstd", 2)), "a block is compressed by method 2"},
      {"a block without restarts", one_block(stored_block("abc", 0)), "a block without its restart points"},
      {"a block with more restarts than bytes", one_block(stored_block(le(9, 4), 0)),
       "a block cannot hold 9 restarts"},
      {"an entry that shares more than there is",
       one_block(stored_block(varint(4) + varint(0) + varint(0) + le(0, 4) + le(1, 4), 0)),
       "an entry reaches beyond its block"},
      {"an entry longer than its block",
       one_block(stored_block(varint(0) + varint(1) + varint(0xffffffff) + "a" + le(0, 4) + le(1, 4), 0)),
       "an entry reaches beyond its block"},
      {"a key of 5000 bytes", one_block(stored_block(long_key, 0)), "a key of 5000 bytes"},
      {"keys out of order", sorted_table({{"", v1_header("")}, {"b", ""}, {"a", ""}}, Compression::none),
       "keys are not in order"},
      {"a key twice", sorted_table({{"", v1_header("")}, {"b", ""}, {"b", ""}}, Compression::none),
       "keys are not in order"},
      {"a table without a header", sorted_table({{"a", "b"}}, Compression::none),
       "without the header of a TensorFlow checkpoint (its first key is 'a')"},
      {"a table without entries", table_of_blocks({}, {}), "a TensorFlow checkpoint without any entry"},
      {"a snappy bomb", one_block(stored_block(bomb, 1)),
       "says that it holds 4294967295, which is impossible"},
      {"a snappy block without a length", one_block(stored_block("\xff\xff\xff\xff\xff\xff", 1)),
       "a compressed block's length is not a number of 32 bits"},
      {"a snappy block that copies from nowhere", one_block(stored_block(std::string("\x08\x09\x01"), 1)),
       "a compressed block copies from before its start"},
      {"a snappy block that holds more",
       one_block(stored_block("\x01\x08"
                              "abc",
                              1)),
       "holds more than it says"},
      {"a snappy block that holds less",
       one_block(stored_block("\x20\x08"
                              "abc",
                              1)),
       "holds less than it says"},
      {"a snappy literal cut short",
       one_block(stored_block("\x20\x28"
                              "abc",
                              1)),
       "reaches beyond the end"},
      {"a V2 index without files", sorted_table({{"", bundle_header(1)}}, Compression::none),
       "is nothing without its data files"},
      {"V2 in big-endian", sorted_table({{"", bundle_header(1, 1)}}, Compression::none),
       "a big-endian checkpoint"},
      {"V2 of billions of files", sorted_table({{"", bundle_header(1u << 30)}}, Compression::none),
       "a checkpoint of 1073741824 data files"},
      {"V2 of no file", sorted_table({{"", bundle_header(0)}}, Compression::none),
       "a checkpoint of 0 data files"},
      {"a header with a broken field", sorted_table({{"", "\x0b"}}, Compression::none),
       "an unknown wire type"},
      {"a field beyond its record",
       sorted_table({{"", proto_bytes(1, "").substr(0, 1) + "\x7f"}}, Compression::none),
       "a field of a record of 127 bytes reaches beyond the end"},
      {"V1 with a tensor that is not there",
       sorted_table({{"", v1_header(v1_declaration("a", 1, kThree))}}, Compression::none),
       "tensor 'a' is listed but not in the file"},
      {"V1 with an undeclared tensor", v1_of("", v1_record("a", 1, floats)),
       "tensor 'a' is not in the list of tensors"},
      {"V1 with a tensor declared twice",
       v1_of(v1_declaration("a", 1, kThree) + v1_declaration("a", 1, kThree), v1_record("a", 1, floats)),
       "tensor 'a' is declared twice"},
      {"V1 in slices", v1_of(v1_declaration("a", 1, kThree, 2), v1_record("a", 1, floats)),
       "tensor 'a' is stored in 2 slices"},
      {"V1 with a part of a tensor", v1_of(v1_declaration("a", 1, kThree), partial),
       "tensor 'a' is stored as a slice"},
      {"V1 with fewer values",
       v1_of(v1_declaration("a", 1, kThree), v1_record("a", 1, proto_bytes(5, std::string(8, '\1')))),
       "tensor 'a' has 8 bytes of values where its shape [3] needs 12"},
      {"V1 with more values", v1_of(v1_declaration("a", 1, kThree), v1_record("a", 1, floats + floats)),
       "tensor 'a' has more values than its shape [3]"},
      {"V1 with values of another type",
       v1_of(v1_declaration("a", 1, kThree),
             v1_record("a", 1, proto_number(5, 1ull << 60) + proto_number(5, 1))),
       "tensor 'a' has values of another type"},
      {"V1 with terabytes", v1_of(v1_declaration("a", 1, huge), v1_record("a", 2, floats)),
       "needs 4398046511104 bytes, which its record cannot hold"},
      {"V1 with a wrapping shape", v1_of(v1_declaration("a", 1, wrapping), v1_record("a", 2, floats)),
       "tensor 'a' has an impossible shape"},
      {"V1 with nine dimensions", v1_of(v1_declaration("a", 1, nine), v1_record("a", 9, floats)),
       "more than 8 dimensions"},
  };
}

namespace {

struct Sample {
  Hdf5Writer writer;
  SavedTensor tensor{"a", DType::f32, {3}, std::string(12, '\1')};

  std::string with(std::uint64_t dataset) { return writer.finish(writer.group({{"a", {dataset, 0}}})); }
  std::string messages(const std::vector<Hdf5Writer::Message>& more) {
    return with(writer.dataset(tensor, more));
  }
};
std::string of_shape(std::vector<std::int64_t> shape, std::uint64_t claimed) {
  Sample s;
  const std::uint64_t data = s.writer.raw(std::string(12, '\1'));
  return s.with(s.writer.object({Hdf5Writer::dataspace(shape), Hdf5Writer::datatype(DType::f32),
                                 Hdf5Writer::contiguous(data, claimed)}));
}
// The only entry of the root's names points at `address`, chosen with the finished file known.
std::string with_link(const std::function<std::uint64_t(const std::string&)>& address) {
  Sample s;
  std::string file = s.messages({});
  const std::size_t entry = file.rfind("SNOD") + 8;
  return file.replace(entry + 8, 8, le(address(file), 8));
}
std::uint64_t root_of(const std::string& file) {
  std::uint64_t address = 0;
  for (std::size_t i = 8; i-- > 0;) address = address << 8 | static_cast<unsigned char>(file[64 + i]);
  return address;
}
std::string layout_of(const std::string& bytes) {
  Sample s;
  return s.with(
      s.writer.object({Hdf5Writer::dataspace(kThree), Hdf5Writer::datatype(DType::f32), {8, bytes}}));
}

}  // namespace

std::vector<HostileCase> broken_hdf5() {
  Sample shared, linked;
  const std::uint64_t data = shared.writer.raw(std::string(12, '\1'));
  const auto description = [&](Hdf5Writer& w) {
    return w.object(
        {Hdf5Writer::dataspace(kThree), Hdf5Writer::datatype(DType::f32), Hdf5Writer::contiguous(data, 12)});
  };
  const std::uint64_t first = description(shared.writer), second = description(shared.writer);
  const std::string twice =
      shared.writer.finish(shared.writer.group({{"a", {first, 0}}, {"b", {second, 0}}}));
  const std::uint64_t only = linked.writer.dataset(linked.tensor);
  const std::string two_names =
      linked.writer.finish(linked.writer.group({{"a", {only, 0}}, {"b", {only, 0}}}));
  Sample soft;
  const std::string soft_link =
      soft.writer.finish(soft.writer.group({{"a", {soft.writer.dataset(soft.tensor), 2}}}));
  Sample deep_writer;
  std::uint64_t below = deep_writer.writer.dataset(deep_writer.tensor);
  for (int i = 0; i < 20; ++i) below = deep_writer.writer.group({{"g", {below, 0}}});
  const std::string deep = deep_writer.writer.finish(below), good = Sample().messages({});
  Sample big;
  std::string big_type = Hdf5Writer::datatype(DType::f32).data;
  big_type[1] = static_cast<char>(big_type[1] | 1);
  const std::string big_endian =
      big.with(big.writer.object({Hdf5Writer::dataspace(kThree),
                                  {3, big_type},
                                  Hdf5Writer::contiguous(big.writer.raw(std::string(12, '\1')), 12)}));
  return {
      {"HDF5 cut after its signature", good.substr(0, 8),
       "byte 8: the superblock of 1 bytes reaches beyond the end"},
      {"HDF5 of a later superblock", replaced(good, 8, "\3"), "a superblock of version 3"},
      {"HDF5 cut short", good.substr(0, good.size() - 1), "it is cut short or damaged"},
      {"HDF5 with its data elsewhere", replaced(good, 48, le(100, 8)),
       "the data lies in other files (a file driver)"},
      {"HDF5 with an external file list", Sample().messages({{7, std::string(16, '\0')}}),
       "'a' has its data in other files, which are never opened"},
      {"HDF5 with a filter", Sample().messages({{0x0b, std::string(16, '\0')}}),
       "'a' is compressed or filtered"},
      {"HDF5 with a link message", Sample().messages({{6, std::string(16, '\0')}}),
       "which may hold external links"},
      {"HDF5 with a link info", Sample().messages({{2, std::string(16, '\0')}}),
       "is a group of the newer kind"},
      {"HDF5 with a shared type", Sample().messages({{3, std::string(16, '\0'), 2}}),
       "'a' shares its description with others"},
      {"HDF5 with two shapes", Sample().messages({{1, std::string(16, '\0')}}), "'a' is described twice"},
      {"HDF5 with a soft link", soft_link, "'a' is a soft link, which is not followed"},
      {"HDF5 with a cyclic link", with_link(root_of),
       "'a' is an object that has another name already, or a group"},
      {"HDF5 with two names of one object", two_names, "'b' is an object that has another name already"},
      {"HDF5 with data of two datasets", twice, "these bytes belong to two structures"},
      {"HDF5 with a link beyond the file", with_link([](const std::string& f) { return f.size() + 8; }),
       "an object header of 4 bytes reaches beyond the end"},
      {"HDF5 with a link to nowhere", with_link([](const std::string&) { return ~std::uint64_t{0}; }),
       "an object header of 4 bytes reaches beyond the end"},
      {"HDF5 with twenty groups in each other", deep, "lies in too many groups"},
      {"HDF5 with a virtual dataset", layout_of(le(4, 1) + le(3, 1) + std::string(12, '\0')),
       "'a' is virtual"},
      {"HDF5 with chunks", layout_of(le(3, 1) + le(2, 1) + std::string(12, '\0')), "'a' is stored in chunks"},
      {"HDF5 with a layout of the future", layout_of(le(5, 1) + std::string(12, '\0')),
       "a layout of version 5"},
      {"HDF5 with values never written",
       layout_of(le(3, 1) + le(1, 1) + le(~std::uint64_t{0}, 8) + le(12, 8)),
       "'a' has no values: it was never written"},
      {"HDF5 with data beyond the file", layout_of(le(3, 1) + le(1, 1) + le(1 << 20, 8) + le(12, 8)),
       "a dataset's data of 12 bytes reaches beyond the end"},
      {"HDF5 with terabytes", of_shape({1 << 20, 1 << 20}, 12),
       "'a' has 12 bytes of data where its shape needs"},
      {"HDF5 with a terabyte that it claims", of_shape({1 << 20, 1 << 18}, std::uint64_t{1} << 40),
       "reaches beyond the end"},
      {"HDF5 with a wrapping shape", of_shape({INT64_MAX, 4}, 12), "'a' has an impossible shape"},
      {"HDF5 with a negative shape", of_shape({-1, 4}, 12), "'a' has an impossible shape"},
      {"HDF5 with nine dimensions", of_shape({1, 1, 1, 1, 1, 1, 1, 1, 1}, 4), "'a' has 9 dimensions"},
      {"HDF5 in big-endian", big_endian, "'a' is not little-endian"},
      {"HDF5 with an endless header",
       [&] {
         std::string file = good;
         const std::size_t header = root_of(file);
         file.replace(header + 2, 2, le(0xffff, 2));
         return file;
       }(),
       "has fewer messages than it says"},
      {"HDF5 with a header that continues in itself",
       [] {
         Sample s;
         const std::uint64_t at = s.writer.raw("");
         const std::string file = s.writer.finish(s.writer.object({{0x10, le(at + 16, 8) + le(24, 8)}}));
         return replaced(file, at + 2, le(0xffff, 2));
       }(),
       "'/' has more messages than it says"},
  };
}

}  // namespace cuhue::testing
