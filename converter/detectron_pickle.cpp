#include "converter/detectron_pickle.h"

#include <memory>

#include "converter/pickle.h"
#include "converter/pickle_state_dict.h"

namespace cuhue {

void read_detectron_pickle(Checkpoint& checkpoint) {
  checkpoint.format = "pickle of NumPy arrays";
  const auto document = std::make_shared<pickle::Document>(checkpoint.file.size());
  const pickle::Source source{checkpoint.file, checkpoint.label};
  const pickle::Parsed parsed = pickle::parse(*document, source, 0, pickle::PersistentIds::refuse);
  if (parsed.end != source.bytes.size())
    fail_at(source, parsed.end, "data after the end of the pickle; the file is damaged");
  read_state_dict(checkpoint, *document, source, parsed.root, {});
  document->drop_values();
  checkpoint.keep_alive.push_back(document);
}

}  // namespace cuhue
