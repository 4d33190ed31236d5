// Where the contents of parameters come from: a weight file or the formula.
#pragma once

#include <span>
#include <vector>

#include "runtime/graph/graph.h"
#include "weights/weight_file.h"

namespace cuhue {

class ParamSource {
 public:
  virtual ~ParamSource() = default;
  // The parameter as float32, C order, PyTorch layout. Points into the source or into `scratch`, valid until
  // the next call with the same scratch or release(). Thread-safe with different scratches.
  virtual std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const = 0;
  // The contents were packed for a device and are not needed for now.
  virtual void release(const Param&) const {}
};

// Strict: every param of the schema (but ignored ones) is in the file with its shape and a float dtype, no
// tensor of the file is outside the schema. Error(Status::weights) names the tensor, what was expected and
// what was found.
void check_weights(const std::vector<Param>& schema, const WeightFile& file);

class WeightFileSource final : public ParamSource {
 public:
  explicit WeightFileSource(const WeightFile& file) : file_(file) {}  // file must outlive the source
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override;
  void release(const Param& p) const override;

 private:
  const WeightFile& file_;
};

}  // namespace cuhue
