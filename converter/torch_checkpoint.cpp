#include "converter/torch_checkpoint.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "converter/pickle.h"
#include "converter/pickle_state_dict.h"
#include "converter/zip.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

using pickle::Document;
using pickle::Kind;
using pickle::NodeId;
using pickle::Source;

constexpr std::string_view kMagicBytes("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
                                       10);  // 0x1950a86a20f9469cfc6c
constexpr std::string_view kMagicDigits = "119547037146038801333356";
constexpr std::int64_t kLegacyProtocol = 1001;
constexpr const char* kStateDictOnly = "save only the tensors: torch.save(model.state_dict(), FILE)";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string entry_list(const ZipArchive& archive) {
  std::string names;
  for (std::size_t i = 0; i < archive.entries().size() && i < 3; ++i)
    names += (i == 0 ? "'" : ", '") + clean_text(archive.entries()[i].name, 60) + "'";
  if (archive.entries().size() > 3) names += ", ...";
  return names;
}

// ARCHIVE/data.pkl, with every other entry below ARCHIVE/.
const ZipEntry& find_pickle(const ZipArchive& archive, const std::string& label) {
  constexpr std::string_view kName = "data.pkl";
  const ZipEntry* found = nullptr;
  for (const ZipEntry& e : archive.entries()) {
    if (!e.name.ends_with(kName)) continue;
    const std::string_view folder = e.name.substr(0, e.name.size() - kName.size());
    if (!folder.empty() && folder.find('/') != folder.size() - 1) continue;
    if (found != nullptr)
      throw Error(Status::weights, label + ": the archive holds several checkpoints ('" +
                                       clean_text(found->name, 60) + "', '" + clean_text(e.name, 60) +
                                       "'); unpack the wanted one");
    found = &e;
  }
  if (found != nullptr) return *found;
  if (archive.entries().empty())
    throw Error(Status::weights, label + ": an empty zip archive; get the file again");
  throw Error(Status::weights, label + ": a zip archive, but no PyTorch checkpoint: it holds " +
                                   entry_list(archive) +
                                   " and no 'data.pkl'; if a checkpoint is inside, unpack it first");
}

void check_zip_kind(const ZipArchive& archive, const ZipEntry& pickle_entry, const std::string& prefix,
                    const std::string& label) {
  if (archive.find(prefix + "constants.pkl") != nullptr)
    throw Error(Status::weights, label + ": a TorchScript program, not a checkpoint; " + kStateDictOnly);
  const ZipEntry* order = archive.find(prefix + "byteorder");
  if (order != nullptr && text_of(order->data) != "little")
    throw Error(Status::weights, archive.label_of(*order) + ": byte order '" +
                                     clean_text(text_of(order->data), 20) +
                                     "' is not read; save the model again on a little-endian machine");
  if (text_of(pickle_entry.data).starts_with("PK\x03\x04"))
    throw Error(Status::weights,
                archive.label_of(pickle_entry) +
                    ": is itself a zip archive where a pickle should be; unpack it and try what is inside");
}

}  // namespace

void read_torch_zip(Checkpoint& checkpoint) {
  checkpoint.format = "PyTorch (zip)";
  const ZipArchive archive = ZipArchive::open(checkpoint.file, checkpoint.label);
  const ZipEntry& pickle_entry = find_pickle(archive, checkpoint.label);
  const std::string prefix(pickle_entry.name.substr(0, pickle_entry.name.size() - 8));
  check_zip_kind(archive, pickle_entry, prefix, checkpoint.label);
  for (const ZipEntry& e : archive.entries()) archive.check_contents(e);

  const auto document = std::make_shared<Document>(checkpoint.file.size());
  const Source source{pickle_entry.data, archive.label_of(pickle_entry)};
  const pickle::Parsed parsed = pickle::parse(*document, source, 0, pickle::PersistentIds::keep);
  if (parsed.end != source.bytes.size())
    fail_at(source, parsed.end, "data after the end of the pickle; the file is damaged");
  const auto find_storage = [&](NodeId persistent) -> pickle::TorchStorage {
    const pickle::StorageId id = read_storage_id(*document, source, persistent);
    const std::string name = prefix + "data/" + std::string(id.key);
    const ZipEntry* entry = archive.find(name);
    if (entry == nullptr)
      fail_at(source, (*document)[persistent].offset,
              "storage '" + clean_text(name, 100) + "' is not in the archive; the file is damaged");
    if (entry->data.size() != id.bytes)
      throw Error(Status::weights, archive.label_of(*entry) + ": has " + std::to_string(entry->data.size()) +
                                       " bytes where its tensor needs " + std::to_string(id.bytes) +
                                       "; the file is damaged");
    return {
        entry->data.subspan(static_cast<std::size_t>(id.view_at), static_cast<std::size_t>(id.view_bytes)),
        id.dtype};
  };
  read_state_dict(checkpoint, *document, source, parsed.root, find_storage);
  document->drop_values();
  checkpoint.keep_alive.push_back(document);
}

bool is_legacy_torch(std::span<const std::byte> bytes) {
  const std::string_view start = text_of(bytes.first(std::min<std::size_t>(bytes.size(), 40)));
  if (start.starts_with('\x80')) return start.find(kMagicBytes) != std::string_view::npos;
  return start.substr(std::min<std::size_t>(start.size(), 1)).starts_with(kMagicDigits);
}

namespace {

// The storages of a legacy file: declared by the pickle's persistent ids, then listed, then written raw.
class LegacyStorages {
 public:
  LegacyStorages(const Document& document, const Source& source) : document_(document), source_(source) {}

  void declare(NodeId from, NodeId to);        // every persistent id among these values
  void locate(NodeId keys, std::uint64_t at);  // the raw part, in the order of the key list
  pickle::TorchStorage find(NodeId persistent) const;

 private:
  struct Storage {
    pickle::StorageId id;
    std::span<const std::byte> bytes;
    bool located = false;
  };
  Storage* lookup(std::string_view key);
  std::span<const std::byte> read_raw(const Storage& storage, std::uint64_t& at) const;

  const Document& document_;
  const Source& source_;
  std::vector<Storage> storages_;  // by key
};

std::string storage_name(std::string_view key) {
  return "storage '" + clean_text(key, pickle::kMaxShownText) + "' ";
}

void LegacyStorages::declare(NodeId from, NodeId to) {
  for (NodeId id = from; id < to; ++id) {
    if (document_[id].kind != Kind::persistent) continue;
    if (storages_.size() >= 2 * Checkpoint::kMaxTensors)
      fail_at(source_, document_[id].offset, "more than " + std::to_string(storages_.size()) + " storages");
    storages_.push_back({read_storage_id(document_, source_, id), {}, false});
  }
  const auto less = [](const Storage& a, const Storage& b) { return a.id.key < b.id.key; };
  std::sort(storages_.begin(), storages_.end(), less);
  for (std::size_t i = 1; i < storages_.size(); ++i) {
    const pickle::StorageId &a = storages_[i - 1].id, &b = storages_[i].id;
    if (a.key == b.key && (a.dtype != b.dtype || a.bytes != b.bytes))
      fail_at(source_, 0,
              storage_name(a.key) + "is declared twice with different types or sizes; the file is damaged");
  }
  const auto same = [](const Storage& a, const Storage& b) { return a.id.key == b.id.key; };
  storages_.erase(std::unique(storages_.begin(), storages_.end(), same), storages_.end());
}

LegacyStorages::Storage* LegacyStorages::lookup(std::string_view key) {
  const auto found = std::lower_bound(storages_.begin(), storages_.end(), key,
                                      [](const Storage& s, std::string_view k) { return s.id.key < k; });
  return found != storages_.end() && found->id.key == key ? &*found : nullptr;
}

std::span<const std::byte> LegacyStorages::read_raw(const Storage& storage, std::uint64_t& at) const {
  const std::string name = storage_name(storage.id.key);
  const std::uint64_t left = source_.bytes.size() - at;
  if (left < 8) fail_at(source_, at, name + "is missing, the file is cut short; get it again");
  std::uint64_t count = 0;
  for (std::uint64_t i = 8; i-- > 0;)
    count = count << 8 | std::to_integer<std::uint64_t>(source_.bytes[at + i]);
  const std::uint64_t declared = storage.id.bytes / size_of(storage.id.dtype);
  if (count != declared)
    fail_at(source_, at,
            name + "says it has " + std::to_string(count) + " elements, the pickle says " +
                std::to_string(declared) + "; the file is damaged");
  if (storage.id.bytes > left - 8)
    fail_at(source_, at,
            name + "needs " + std::to_string(storage.id.bytes) + " bytes where only " +
                std::to_string(left - 8) + " are left, the file is cut short; get it again");
  const auto data =
      source_.bytes.subspan(static_cast<std::size_t>(at + 8), static_cast<std::size_t>(storage.id.bytes));
  at += 8 + storage.id.bytes;
  return data;
}

void LegacyStorages::locate(NodeId keys, std::uint64_t at) {
  if (document_[keys].kind != Kind::list)
    fail_at(source_, document_[keys].offset, "the list of storages is missing; the file is damaged");
  for (Document::Walk walk(document_, keys); !walk.done();) {
    const NodeId key = walk.next();
    if (!document_.is_text(key))
      fail_at(source_, document_[key].offset, "a storage's key is not a text; the file is damaged");
    Storage* storage = lookup(document_.text(key));
    const std::string name = storage_name(document_.text(key));
    if (storage == nullptr)
      fail_at(source_, document_[key].offset, name + "is listed but no tensor uses it; the file is damaged");
    if (storage->located)
      fail_at(source_, document_[key].offset, name + "is listed twice; the file is damaged");
    storage->bytes = read_raw(*storage, at);
    storage->located = true;
  }
  if (at != source_.bytes.size()) fail_at(source_, at, "data after the last storage; the file is damaged");
}

pickle::TorchStorage LegacyStorages::find(NodeId persistent) const {
  const pickle::StorageId id = read_storage_id(document_, source_, persistent);
  const Storage* storage = const_cast<LegacyStorages*>(this)->lookup(id.key);
  if (storage == nullptr || !storage->located)
    fail_at(source_, document_[persistent].offset,
            storage_name(id.key) + "is not in the file; the file is damaged");
  return {
      storage->bytes.subspan(static_cast<std::size_t>(id.view_at), static_cast<std::size_t>(id.view_bytes)),
      id.dtype};
}

bool is_magic(const Document& document, NodeId id) {
  return document[id].kind == Kind::big_integer &&
         (document.text(id) == kMagicBytes || document.text(id) == kMagicDigits);
}

void check_system(const Document& document, const Source& source, NodeId info) {
  if (document[info].kind != Kind::dict)
    fail_at(source, document[info].offset,
            "the description of the writing system is missing; the file is damaged");
  for (Document::Walk walk(document, info); !walk.done();) {
    const NodeId key = walk.next(), value = walk.next();
    if (!document.is_text(key, "little_endian")) continue;
    if (document[value].kind != Kind::boolean || !document[value].flag)
      fail_at(source, document[value].offset,
              "a big-endian checkpoint is not read; save it again on a little-endian machine");
  }
}

}  // namespace

void read_torch_legacy(Checkpoint& checkpoint) {
  checkpoint.format = "PyTorch (legacy)";
  const auto document = std::make_shared<Document>(checkpoint.file.size());
  const Source source{checkpoint.file, checkpoint.label};
  std::size_t at = 0;
  const auto next = [&](pickle::PersistentIds ids = pickle::PersistentIds::refuse) {
    const pickle::Parsed parsed = pickle::parse(*document, source, at, ids);
    at = parsed.end;
    return parsed.root;
  };
  if (!is_magic(*document, next()))
    fail_at(source, 0, "the magic number of PyTorch is missing; the file is damaged");
  const std::size_t protocol_at = at;
  const NodeId protocol = next();
  if ((*document)[protocol].kind != Kind::integer || (*document)[protocol].integer != kLegacyProtocol)
    fail_at(source, protocol_at, "an unknown version of PyTorch's legacy format (1001 is read)");
  check_system(*document, source, next());
  const NodeId first = document->size();
  const NodeId root = next(pickle::PersistentIds::keep);
  const NodeId end = document->size();
  const NodeId keys = next();
  LegacyStorages storages(*document, source);
  storages.declare(first, end);
  storages.locate(keys, at);
  read_state_dict(checkpoint, *document, source, root,
                  [&](NodeId persistent) { return storages.find(persistent); });
  document->drop_values();
  checkpoint.keep_alive.push_back(document);
}

}  // namespace cuhue
