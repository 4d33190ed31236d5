#include "converter/inception_names.h"

#include <string_view>

namespace cuhue {
namespace {

using Kind = InceptionLayer::Kind;
using Branch = std::vector<std::string_view>;  // the scopes of its layers

struct List {
  std::vector<InceptionLayer> layers;

  void add(Kind kind, const std::string& scope, std::string module, std::string keras = {}) {
    layers.push_back({kind, "InceptionResnetV2/" + scope, std::move(module), std::move(keras)});
  }
  // A branch of one layer is a module itself; of several, a list of modules.
  void branches(const std::string& scope, const std::string& module, const std::vector<Branch>& all) {
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t k = 0; k < all[i].size(); ++k)
        add(Kind::norm, scope + "/Branch_" + std::to_string(i) + "/" + std::string(all[i][k]),
            module + ".branch" + std::to_string(i) + (all[i].size() > 1 ? "." + std::to_string(k) : ""));
  }
  void residual(const std::string& scope, const std::string& module, const std::string& keras,
                const std::vector<Branch>& all) {
    branches(scope, module, all);
    add(Kind::linear, scope + "/Conv2d_1x1", module + ".conv2d", keras + "_conv");
  }
  void repeat(const std::string& scope, const std::string& module, const std::string& block, int count,
              const std::vector<Branch>& all) {
    for (int i = 1; i <= count; ++i) {
      const std::string name = (block + "_").append(std::to_string(i));
      residual(scope + "/" + name, module + "." + std::to_string(i - 1), name, all);
    }
  }
};

}  // namespace

std::vector<InceptionLayer> inception_layers() {
  const std::vector<Branch> block35 = {{"Conv2d_1x1"},
                                       {"Conv2d_0a_1x1", "Conv2d_0b_3x3"},
                                       {"Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"}};
  const std::vector<Branch> block17 = {{"Conv2d_1x1"}, {"Conv2d_0a_1x1", "Conv2d_0b_1x7", "Conv2d_0c_7x1"}};
  const std::vector<Branch> block8 = {{"Conv2d_1x1"}, {"Conv2d_0a_1x1", "Conv2d_0b_1x3", "Conv2d_0c_3x1"}};
  List list;
  for (const char* kernel : {"1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"})
    list.add(Kind::norm, std::string("Conv2d_") + kernel, "conv2d_" + std::string(kernel).substr(0, 2));
  list.branches("Mixed_5b", "mixed_5b",
                {{"Conv2d_1x1"},
                 {"Conv2d_0a_1x1", "Conv2d_0b_5x5"},
                 {"Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"}});
  // Behind a pooling, which is module 0 of the branch.
  list.add(Kind::norm, "Mixed_5b/Branch_3/Conv2d_0b_1x1", "mixed_5b.branch3.1");
  list.repeat("Repeat", "repeat", "block35", 10, block35);
  list.branches("Mixed_6a", "mixed_6a",
                {{"Conv2d_1a_3x3"}, {"Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_3x3"}});
  list.repeat("Repeat_1", "repeat_1", "block17", 20, block17);
  list.branches("Mixed_7a", "mixed_7a",
                {{"Conv2d_0a_1x1", "Conv2d_1a_3x3"},
                 {"Conv2d_0a_1x1", "Conv2d_1a_3x3"},
                 {"Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_3x3"}});
  list.repeat("Repeat_2", "repeat_2", "block8", 9, block8);
  list.residual("Block8", "block8", "block8_10", block8);
  list.add(Kind::norm, "Conv2d_7b_1x1", "conv2d_7b", "conv_7b");
  list.add(Kind::classifier, "Logits/Logits", "last_linear", "predictions");
  return std::move(list.layers);
}

}  // namespace cuhue
