// What the layers of Inception-ResNet-v2 are called in TF-slim, in its PyTorch port and in Keras.
#pragma once

#include <string>
#include <vector>

namespace cuhue {

struct InceptionLayer {
  enum class Kind { norm, linear, classifier };  // convolution and batch norm; 1x1 with bias; the last matrix
  Kind kind = Kind::norm;
  std::string scope;   // "InceptionResnetV2/Repeat/block35_1/Branch_0/Conv2d_1x1"
  std::string module;  // "repeat.0.branch0"
  std::string keras;   // "block35_1_conv"; empty = a convolution numbered in the order of this list
};
// All 245, in the order in which Keras numbers its convolutions.
std::vector<InceptionLayer> inception_layers();

}  // namespace cuhue
