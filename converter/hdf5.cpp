#include "converter/hdf5.h"

#include <algorithm>
#include <unordered_set>

#include "converter/state_dict.h"
#include "converter/strided.h"
#include "weights/text.h"

namespace cuhue {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n"sv;
constexpr std::uint64_t kNowhere = ~std::uint64_t{0};  // an address that is not set
constexpr const char* kDamaged = "; the file is damaged, get it again";
constexpr const char* kRewrite =
    "; write the file again with h5py's default settings, without compression, links or virtual data";

// Kinds of messages in an object header.
enum Message : std::uint64_t {
  kDataspace = 0x01,
  kLinkInfo = 0x02,
  kDatatype = 0x03,
  kLink = 0x06,
  kExternalFiles = 0x07,
  kLayout = 0x08,
  kFilters = 0x0b,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
};

struct Part {
  std::uint64_t at = kNowhere, size = 0;
  bool found() const { return at != kNowhere; }
};

// What an object header says that matters here.
struct Object {
  Part dataspace, datatype, layout, symbol_table;
};

class Reader {
 public:
  explicit Reader(const ByteSource& file) : file_(file) {}
  std::vector<Hdf5Dataset> run();

 private:
  static constexpr std::uint64_t kMaxWork = 2'000'000;  // messages and entries of all objects together
  static constexpr int kMaxDepth = 16;
  static constexpr std::size_t kMaxObjects = 40'000, kMaxPath = 255, kMaxClaims = 120'000;

  std::uint64_t number(std::uint64_t at, int bytes, const char* what) const {
    return file_.number(at, bytes, what);
  }
  void expect(std::uint64_t at, std::string_view signature, const char* what) const;
  void expect_version(std::uint64_t at, std::uint64_t version, const char* what) const;
  void work(std::uint64_t at);

  std::uint64_t read_superblock();  // the address of the root group's object header
  Object read_object(std::uint64_t at, const std::string& path);
  void take_message(Object& object, std::uint64_t kind, std::uint64_t flags, Part part,
                    const std::string& path) const;
  void read_link(std::uint64_t at, const std::string& path, int depth);
  void read_group(const Object& object, const std::string& path, int depth);
  void read_tree(std::uint64_t at, std::uint64_t heap, int level, const std::string& path, int depth);
  void read_symbols(std::uint64_t at, std::uint64_t heap, const std::string& path, int depth);
  std::string read_name(std::uint64_t heap, std::uint64_t offset) const;
  void read_dataset(const Object& object, std::uint64_t at, const std::string& path);
  std::vector<std::int64_t> read_shape(const Part& part, const std::string& path) const;
  void read_type(const Part& part, Hdf5Dataset& dataset) const;
  std::span<const std::byte> read_data(const Part& part, std::uint64_t bytes, const std::string& path);
  // Bytes that belong to one structure or dataset and to no other.
  void claim(std::uint64_t at, std::uint64_t size);
  void check_overlaps();

  const ByteSource& file_;
  std::uint64_t work_ = 0;
  std::unordered_set<std::uint64_t> visited_;  // addresses of object headers
  std::vector<Part> claimed_;
  std::vector<Hdf5Dataset> datasets_;
};

std::string object_name(const std::string& path) {
  return in_quotes(path.empty() ? "/" : path, 300) + " ";
}

void Reader::expect(std::uint64_t at, std::string_view signature, const char* what) const {
  if (file_.text(at, signature.size(), what) != signature)
    file_.fail(at, std::string(what) + " is not where it should be" + kDamaged);
}

void Reader::expect_version(std::uint64_t at, std::uint64_t version, const char* what) const {
  const std::uint64_t found = number(at, 1, what);
  if (found != version)
    file_.fail(at, std::string(what) + " of version " + std::to_string(found) + ", of which " +
                       std::to_string(version) + " is read" + kRewrite);
}

void Reader::work(std::uint64_t at) {
  if (++work_ > kMaxWork) file_.fail(at, std::string("more objects than a checkpoint has") + kDamaged);
}

std::uint64_t Reader::read_superblock() {
  constexpr const char* kWhat = "the superblock";
  const std::uint64_t version = number(8, 1, kWhat);
  if (version > 1)
    file_.fail(8, "the file begins with a superblock of version " + std::to_string(version) +
                      ", of which 0 and 1 are read" + kRewrite);
  if (number(9, 1, kWhat) != 0 || number(10, 1, kWhat) != 0 || number(12, 1, kWhat) != 0)
    file_.fail(9, std::string("the superblock names unknown versions") + kDamaged);
  if (number(13, 1, kWhat) != 8 || number(14, 1, kWhat) != 8)
    file_.fail(13, std::string("offsets or lengths that do not have 8 bytes") + kRewrite);
  const std::uint64_t at = version == 0 ? 24 : 28;
  if (number(at, 8, kWhat) != 0)
    file_.fail(at, std::string("the file does not begin at its first byte") + kRewrite);
  const std::uint64_t end = number(at + 16, 8, kWhat);
  if (end > file_.size())
    file_.fail(at + 16, "the file has " + std::to_string(file_.size()) + " of its " + std::to_string(end) +
                            " bytes; it is cut short or damaged, get it again");
  if (number(at + 24, 8, kWhat) != kNowhere)
    file_.fail(at + 24, std::string("the data lies in other files (a file driver)") + kRewrite);
  claim(0, at + 72);  // to the end of the root's entry
  return number(at + 40, 8, "the root group's address");
}

void Reader::take_message(Object& object, std::uint64_t kind, std::uint64_t flags, Part part,
                          const std::string& path) const {
  Part* to = nullptr;
  switch (kind) {
    case kDataspace: to = &object.dataspace; break;
    case kDatatype: to = &object.datatype; break;
    case kLayout: to = &object.layout; break;
    case kSymbolTable: to = &object.symbol_table; break;
    case kExternalFiles:
      file_.fail(part.at,
                 object_name(path) + "has its data in other files, which are never opened" + kRewrite);
    case kFilters:
      file_.fail(part.at, object_name(path) + "is compressed or filtered, which is not read" + kRewrite);
    case kLinkInfo:
    case kLink:
      file_.fail(part.at, object_name(path) +
                              "is a group of the newer kind, which may hold external links and is not read" +
                              kRewrite);
    default: return;  // attributes, times, fill values
  }
  constexpr std::uint64_t kShared = 2;
  if ((flags & kShared) != 0)
    file_.fail(part.at,
               object_name(path) + "shares its description with others, which is not read" + kRewrite);
  if (to->found()) file_.fail(part.at, object_name(path) + "is described twice" + kDamaged);
  *to = part;
}

Object Reader::read_object(std::uint64_t at, const std::string& path) {
  constexpr const char* kWhat = "an object header";
  constexpr std::uint64_t kHeader = 16, kMessage = 8;
  if (file_.text(at, 4, kWhat) == "OHDR")
    file_.fail(at, object_name(path) + "has an object header of version 2, of which 1 is read" + kRewrite);
  expect_version(at, 1, kWhat);
  claim(at, kHeader);
  std::uint64_t left = number(at + 2, 2, kWhat);
  Object object;
  std::vector<Part> blocks{{at + kHeader, number(at + 8, 4, kWhat)}};
  for (std::size_t i = 0; i < blocks.size(); ++i) {  // which grows by continuations
    Part block = blocks[i];
    (void)file_.part(block.at, block.size, kWhat);
    claim(block.at, block.size);
    while (left > 0 && block.size >= kMessage) {
      work(block.at);
      --left;
      const std::uint64_t kind = number(block.at, 2, kWhat), size = number(block.at + 2, 2, kWhat),
                          flags = number(block.at + 4, 1, kWhat);
      if (size > block.size - kMessage)
        file_.fail(block.at, object_name(path) + "has a message that reaches beyond its header" + kDamaged);
      const Part part{block.at + kMessage, size};
      if (kind == kContinuation) {
        blocks.push_back({number(part.at, 8, kWhat), number(part.at + 8, 8, kWhat)});
      } else {
        take_message(object, kind, flags, part, path);
      }
      block = {part.at + size, block.size - kMessage - size};
    }
    if (block.size >= kMessage)
      file_.fail(block.at, object_name(path) + "has more messages than it says" + kDamaged);
  }
  if (left > 0) file_.fail(at, object_name(path) + "has fewer messages than it says" + kDamaged);
  return object;
}

void Reader::read_link(std::uint64_t at, const std::string& path, int depth) {
  if (depth > kMaxDepth || path.size() > kMaxPath)
    file_.fail(at, object_name(path) + "lies in too many groups or has too long a name" + kDamaged);
  if (visited_.size() >= kMaxObjects)
    file_.fail(at, std::string("more objects than a checkpoint has") + kDamaged);
  if (!visited_.insert(at).second)
    file_.fail(at, object_name(path) +
                       "is an object that has another name already, or a group that contains "
                       "itself (a cyclic link)" +
                       kRewrite);
  const Object object = read_object(at, path);
  if (object.symbol_table.found()) return read_group(object, path, depth);
  if (object.layout.found()) return read_dataset(object, at, path);
  file_.fail(at, object_name(path) + "is neither a group nor a dataset" + kDamaged);
}

void Reader::read_group(const Object& object, const std::string& path, int depth) {
  constexpr const char* kWhat = "a group's description";
  if (object.symbol_table.size < 16)
    file_.fail(object.symbol_table.at, std::string(kWhat) + " is too short" + kDamaged);
  const std::uint64_t tree = number(object.symbol_table.at, 8, kWhat);
  const std::uint64_t heap = number(object.symbol_table.at + 8, 8, kWhat);
  expect(heap, "HEAP", "a group's heap of names");
  expect_version(heap + 4, 0, "a heap of names");
  claim(heap, 32);
  claim(number(heap + 24, 8, kWhat), number(heap + 8, 8, kWhat));
  read_tree(tree, heap, -1, path, depth);
}

// level: the one that this node must have; -1 = any.
void Reader::read_tree(std::uint64_t at, std::uint64_t heap, int level, const std::string& path, int depth) {
  constexpr const char* kWhat = "a group's tree of names";
  constexpr std::uint64_t kFirst = 32, kStep = 16;
  work(at);
  expect(at, "TREE", kWhat);
  const std::uint64_t kind = number(at + 4, 1, kWhat), here = number(at + 5, 1, kWhat),
                      count = number(at + 6, 2, kWhat);
  if (kind != 0 || (level >= 0 && here != static_cast<std::uint64_t>(level)) || here > 8)
    file_.fail(at + 4, std::string(kWhat) + " is of another kind or level than it should be" + kDamaged);
  claim(at, kFirst - 8 + kStep * count + 8);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t child = number(at + kFirst + kStep * i, 8, kWhat);
    if (here == 0) {
      read_symbols(child, heap, path, depth);
    } else {
      read_tree(child, heap, static_cast<int>(here) - 1, path, depth);
    }
  }
}

void Reader::read_symbols(std::uint64_t at, std::uint64_t heap, const std::string& path, int depth) {
  constexpr const char* kWhat = "a group's names";
  constexpr std::uint64_t kFirst = 8, kStep = 40, kSoftLink = 2;
  expect(at, "SNOD", kWhat);
  expect_version(at + 4, 1, kWhat);
  const std::uint64_t count = number(at + 6, 2, kWhat);
  claim(at, kFirst + kStep * count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t entry = at + kFirst + kStep * i;
    work(entry);
    (void)file_.part(entry, kStep, kWhat);
    const std::string name = read_name(heap, number(entry, 8, kWhat));
    const std::string below = std::string(path).append(path.empty() ? "" : "/").append(name);
    if (number(entry + 16, 4, kWhat) == kSoftLink)
      file_.fail(entry, object_name(below) + "is a soft link, which is not followed" + kRewrite);
    read_link(number(entry + 8, 8, kWhat), below, depth + 1);
  }
}

std::string Reader::read_name(std::uint64_t heap, std::uint64_t offset) const {
  constexpr const char* kWhat = "a name";
  constexpr std::uint64_t kMaxName = 255;
  const std::uint64_t size = number(heap + 8, 8, kWhat), data = number(heap + 24, 8, kWhat);
  (void)file_.part(data, size, "a group's heap of names");
  if (offset >= size) file_.fail(heap, std::string("a name lies outside of its heap") + kDamaged);
  const std::string_view rest = file_.text(data + offset, std::min(size - offset, kMaxName + 1), kWhat);
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos || end == 0 || rest.substr(0, end).find('/') != std::string_view::npos ||
      !is_clean_text(rest.substr(0, end)))
    file_.fail(data + offset, std::string("a name is empty, too long or not plain text") + kDamaged);
  return std::string(rest.substr(0, end));
}

std::vector<std::int64_t> Reader::read_shape(const Part& part, const std::string& path) const {
  constexpr const char* kWhat = "a dataset's shape";
  const std::uint64_t version = number(part.at, 1, kWhat), rank = number(part.at + 1, 1, kWhat);
  if (version != 1 && version != 2)
    file_.fail(part.at, object_name(path) + "has a shape of an unknown version" + kRewrite);
  if (version == 2 && number(part.at + 3, 1, kWhat) > 1)
    file_.fail(part.at, object_name(path) + "has no shape at all (an empty dataspace)" + kRewrite);
  const std::uint64_t first = version == 1 ? 8 : 4;
  if (rank > Checkpoint::kMaxRank || part.size < first + 8 * rank)
    file_.fail(part.at, object_name(path) + "has " + std::to_string(rank) +
                            " dimensions (8 at most) or a shape that is cut short" + kDamaged);
  std::vector<std::int64_t> shape;
  for (std::uint64_t i = 0; i < rank; ++i)
    shape.push_back(static_cast<std::int64_t>(number(part.at + first + 8 * i, 8, kWhat)));
  return shape;
}

// A float's fields, as IEEE 754 has them: bit offset, precision, exponent's place and size, mantissa's place
// and size, bias.
bool is_ieee(const ByteSource& file, std::uint64_t at, std::uint64_t size) {
  struct Form {
    std::uint64_t size, exponent, exponent_size, mantissa_size, bias;
  };
  constexpr Form kForms[] = {{2, 10, 5, 10, 15}, {4, 23, 8, 23, 127}, {8, 52, 11, 52, 1023}};
  constexpr const char* kWhat = "a dataset's type";
  return std::ranges::any_of(kForms, [&](const Form& f) {
    return f.size == size && file.number(at, 2, kWhat) == 0 && file.number(at + 2, 2, kWhat) == 8 * size &&
           file.number(at + 4, 1, kWhat) == f.exponent && file.number(at + 5, 1, kWhat) == f.exponent_size &&
           file.number(at + 6, 1, kWhat) == 0 && file.number(at + 7, 1, kWhat) == f.mantissa_size &&
           file.number(at + 8, 4, kWhat) == f.bias;
  });
}

void Reader::read_type(const Part& part, Hdf5Dataset& dataset) const {
  constexpr const char* kWhat = "a dataset's type";
  constexpr std::uint64_t kInteger = 0, kFloat = 1, kText = 3, kVariable = 9, kSigned = 8;
  const std::uint64_t kind = number(part.at, 1, kWhat) & 15, bits = number(part.at + 1, 3, kWhat),
                      size = number(part.at + 4, 4, kWhat);
  dataset.is_text = kind == kText || kind == kVariable;
  if (kind != kInteger && kind != kFloat) return;
  constexpr std::uint64_t kOrder = 1 | 1 << 6;
  if ((bits & kOrder) != 0)
    file_.fail(part.at, object_name(dataset.path) + "is not little-endian" + kRewrite);
  if (part.size < (kind == kFloat ? 20u : 12u))
    file_.fail(part.at, object_name(dataset.path) + "has a type that is cut short" + kDamaged);
  if (kind == kFloat) {
    if (!is_ieee(file_, part.at + 8, size))
      file_.fail(part.at, object_name(dataset.path) + "has floats of an unknown form" + kRewrite);
    dataset.dtype = size == 2 ? DType::f16 : size == 4 ? DType::f32 : DType::f64;
    return;
  }
  if (number(part.at + 8, 2, kWhat) != 0 || number(part.at + 10, 2, kWhat) != 8 * size)
    file_.fail(part.at, object_name(dataset.path) + "has integers of an unknown form" + kRewrite);
  const bool is_signed = (bits & kSigned) != 0;
  if (size == 1) dataset.dtype = is_signed ? DType::i8 : DType::u8;
  if (is_signed && size == 2) dataset.dtype = DType::i16;
  if (is_signed && size == 4) dataset.dtype = DType::i32;
  if (is_signed && size == 8) dataset.dtype = DType::i64;
}

std::span<const std::byte> Reader::read_data(const Part& part, std::uint64_t bytes, const std::string& path) {
  constexpr const char* kWhat = "a dataset's layout";
  constexpr std::uint64_t kCompact = 0, kContiguous = 1, kChunked = 2;
  const std::uint64_t version = number(part.at, 1, kWhat), kind = number(part.at + 1, 1, kWhat);
  if (version == 4 && kind == 3)
    file_.fail(part.at,
               object_name(path) + "is virtual: its data is that of other datasets or files" + kRewrite);
  if (version != 3)
    file_.fail(part.at, object_name(path) + "has a layout of version " + std::to_string(version) +
                            ", of which 3 is read" + kRewrite);
  if (kind == kChunked)
    file_.fail(part.at, object_name(path) +
                            "is stored in chunks (compressed or resizable), which is not read" + kRewrite);
  if (kind != kCompact && kind != kContiguous)
    file_.fail(part.at, object_name(path) + "has an unknown layout" + kDamaged);
  const bool compact = kind == kCompact;
  const std::uint64_t at = compact ? part.at + 4 : number(part.at + 2, 8, kWhat);
  const std::uint64_t size = number(part.at + (compact ? 2 : 10), compact ? 2 : 8, kWhat);
  if (size != bytes)
    file_.fail(part.at, object_name(path) + "has " + std::to_string(size) +
                            " bytes of data where its shape needs " + std::to_string(bytes) + kDamaged);
  if (bytes == 0) return {};
  if (at == kNowhere)
    file_.fail(part.at, object_name(path) + "has no values: it was never written" + kDamaged);
  const std::span<const std::byte> data = file_.part(at, size, "a dataset's data");
  if (!compact) claim(at, size);
  return data;
}

void Reader::read_dataset(const Object& object, std::uint64_t at, const std::string& path) {
  if (datasets_.size() >= Checkpoint::kMaxTensors)
    file_.fail(at, std::string("more than 20000 datasets") + kDamaged);
  if (!object.datatype.found() || !object.dataspace.found())
    file_.fail(at, object_name(path) + "has no type or no shape" + kDamaged);
  Hdf5Dataset dataset;
  dataset.path = path;
  dataset.at = at;
  read_type(object.datatype, dataset);
  if (dataset.dtype) {
    dataset.shape = read_shape(object.dataspace, path);
    const std::optional<std::uint64_t> count = count_elements(dataset.shape, size_of(*dataset.dtype));
    if (!count)
      file_.fail(object.dataspace.at,
                 object_name(path) + "has an impossible shape " + shape_text(dataset.shape) + kDamaged);
    dataset.data = read_data(object.layout, *count * size_of(*dataset.dtype), path);
  }
  datasets_.push_back(std::move(dataset));
}

void Reader::claim(std::uint64_t at, std::uint64_t size) {
  if (claimed_.size() >= kMaxClaims)
    file_.fail(at, std::string("more structures than a checkpoint has") + kDamaged);
  if (size > 0) claimed_.push_back({at, size});
}

void Reader::check_overlaps() {
  std::ranges::sort(claimed_, {}, &Part::at);
  for (std::size_t i = 1; i < claimed_.size(); ++i)
    if (claimed_[i].at - claimed_[i - 1].at < claimed_[i - 1].size)
      file_.fail(claimed_[i].at, "these bytes belong to two structures, the other one at " +
                                     std::to_string(claimed_[i - 1].at) + kDamaged);
}

std::vector<Hdf5Dataset> Reader::run() {
  read_link(read_superblock(), "", 0);
  check_overlaps();
  return std::move(datasets_);
}

}  // namespace

bool looks_like_hdf5(std::span<const std::byte> bytes) {
  return bytes.size() >= kSignature.size() &&
         std::equal(kSignature.begin(), kSignature.end(), bytes.begin(),
                    [](char a, std::byte b) { return static_cast<std::byte>(a) == b; });
}

std::vector<Hdf5Dataset> read_hdf5(const ByteSource& file) {
  return Reader(file).run();
}

}  // namespace cuhue
