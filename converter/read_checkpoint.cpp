// Which reader a file needs, judged by its first bytes.
#include <algorithm>
#include <cstring>

#include "converter/detectron_pickle.h"
#include "converter/hdf5.h"
#include "converter/keras.h"
#include "converter/safetensors.h"
#include "converter/sorted_table.h"
#include "converter/state_dict.h"
#include "converter/tensorflow.h"
#include "converter/torch_checkpoint.h"
#include "weights/file_kind.h"
#include "weights/mapped_file.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

using namespace std::string_view_literals;

struct Unreadable {
  std::size_t at;
  std::string_view bytes;
  std::string_view what;
};

constexpr Unreadable kUnreadable[] = {
    {257, "ustar",
     "a tar archive; PyTorch 0.1 checkpoints in tar form are not read, load and save it again with a newer "
     "PyTorch"},
    {0, "model_checkpoint_path:",
     "a list of TensorFlow checkpoints; give the newest, which its first line names"},
    {0, "\x1f\x8b"sv, "a gzip archive; unpack it first"},
    {0, "BZh", "a bzip2 archive; unpack it first"},
    {0, "\xfd\x37zXZ\0"sv, "an xz archive; unpack it first"},
    {0, "\x28\xb5\x2f\xfd"sv, "a Zstandard archive; unpack it first"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive; unpack it first"},
    {0, "Rar!", "a RAR archive; unpack it first"},
    {0, "PK\x05\x06"sv, "an empty zip archive; get the file again"},
    {0, "\x93NUMPY"sv, "a single NumPy array without a name; a checkpoint of the whole network is needed"},
    {0,
     "\x7f"
     "ELF",
     "a program; a checkpoint is needed"},
    {0, "GGUF", "a GGUF file, which is not read; give the original checkpoint"},
};

[[noreturn]] void refuse(const Checkpoint& checkpoint, std::string_view text) {
  for (const Unreadable& u : kUnreadable)
    if (text.size() >= u.at && text.substr(u.at).starts_with(u.bytes))
      throw Error(Status::weights, checkpoint.label + " is " + std::string(u.what));
  std::string_view trimmed = text.substr(0, 4096);
  if (trimmed.starts_with("\xef\xbb\xbf")) trimmed.remove_prefix(3);
  while (!trimmed.empty() && std::strchr(" \t\r\n", trimmed.front()) != nullptr) trimmed.remove_prefix(1);
  std::string lower(trimmed.substr(0, 16));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<head") ||
      lower.starts_with("<?xml"))
    throw Error(Status::weights,
                checkpoint.label +
                    " is a web page, not a checkpoint: the download failed; open the address in a browser");
  if (lower.starts_with("{\""))
    throw Error(Status::weights, checkpoint.label + " is a JSON text (" + clean_text(trimmed, 60) +
                                     "), not a checkpoint: the download failed");
  if (const auto kind = known_file_kind(std::as_bytes(std::span<const char>(text.substr(0, 64)))))
    throw Error(Status::weights,
                checkpoint.label + " is " + std::string(kind->what) + "; " + std::string(kind->remedy));
  throw Error(Status::weights, checkpoint.label +
                                   " is not a checkpoint of a kind that is read (PyTorch, Detectron2 pickle, "
                                   "safetensors, TensorFlow, Keras HDF5): it begins with '" +
                                   clean_text(text.substr(0, 16)) + "'");
}

// Protocols 2 to 5 begin with their number. Protocols 0 and 1 have no header: a pickle of a dict begins with
// one of these.
bool looks_like_pickle(std::string_view text) {
  if (text.size() > 1 && text[0] == '\x80' && text[1] <= '\x05') return true;
  return text.starts_with("(d") || text.starts_with("}q") || text.starts_with("}(") ||
         text.starts_with("}.") || text.starts_with("ccollections\n") || text.starts_with("(l") ||
         text.starts_with("(i") || text.starts_with("cos\n") || text.starts_with("c__builtin__\n") ||
         text.starts_with("cbuiltins\n") || text.starts_with("cposix\n");
}

void read(Checkpoint& checkpoint, const OpenShard& open_shard) {
  const std::string_view text(reinterpret_cast<const char*>(checkpoint.file.data()), checkpoint.file.size());
  if (text.starts_with("PK\x03\x04"))
    read_torch_zip(checkpoint);
  else if (is_legacy_torch(checkpoint.file))
    read_torch_legacy(checkpoint);
  else if (looks_like_safetensors(checkpoint.file))
    read_safetensors(checkpoint);
  else if (looks_like_hdf5(checkpoint.file))
    read_keras(checkpoint);
  else if (looks_like_sorted_table(checkpoint.file))
    read_tensorflow(checkpoint, open_shard);
  else if (looks_like_pickle(text))
    read_detectron_pickle(checkpoint);
  else
    refuse(checkpoint, text);
  finish_names(checkpoint);
}

}  // namespace

void finish_names(Checkpoint& checkpoint) {
  constexpr std::string_view kModule = "module.";
  std::vector<CheckpointTensor>& tensors = checkpoint.tensors;
  if (tensors.empty()) throw Error(Status::weights, checkpoint.label + " holds no tensors");
  for (const CheckpointTensor& t : tensors)
    if (t.name.empty() || t.name.size() > 255 || !is_clean_text(t.name))
      throw Error(Status::weights, checkpoint.label + ": tensor name '" + clean_text(t.name, 255) +
                                       "' is empty, too long or not plain text; the file is damaged");
  const bool strip = std::all_of(tensors.begin(), tensors.end(), [&](const CheckpointTensor& t) {
    return t.name.size() > kModule.size() && t.name.starts_with(kModule);
  });
  if (strip)
    for (CheckpointTensor& t : tensors) t.name.erase(0, kModule.size());
  checkpoint.module_prefix_stripped = strip;
  std::vector<std::string_view> names(tensors.size());
  std::transform(tensors.begin(), tensors.end(), names.begin(),
                 [](const CheckpointTensor& t) { return std::string_view(t.name); });
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    throw Error(Status::weights, checkpoint.label + ": tensor '" + std::string(*twice) +
                                     "' stands in the state dict twice; the file is damaged");
}

Checkpoint read_checkpoint(const std::filesystem::path& given) {
  Checkpoint checkpoint;
  const std::filesystem::path path = tensorflow_index_of(given);
  const auto file = std::make_shared<const MappedFile>(MappedFile::open(path));
  checkpoint.label = in_quotes(path.string());
  if (file->bytes().empty()) throw Error(Status::weights, checkpoint.label + " is empty; get the file again");
  checkpoint.file = file->bytes();
  checkpoint.keep_alive.push_back(file);
  read(checkpoint, shards_beside(checkpoint, path));
  return checkpoint;
}

Checkpoint read_checkpoint(std::span<const std::byte> bytes, std::string label) {
  Checkpoint checkpoint;
  checkpoint.label = std::move(label);
  checkpoint.file = bytes;
  if (bytes.empty()) throw Error(Status::weights, checkpoint.label + " is empty; get the file again");
  read(checkpoint, no_shards(checkpoint));
  return checkpoint;
}

}  // namespace cuhue
