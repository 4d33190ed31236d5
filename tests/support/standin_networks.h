// Small networks with the ends of deep-koalarization's two: what runs them cannot tell them apart, and the
// host executor is done with them in no time.
#pragma once

#include "runtime/networks/network.h"

namespace cuhue::test {

// image [1, 3, 299, 299] -> logits [1, 1001]
inline Network standin_features() {
  Network n;
  n.name = "features";
  n.inputs = {{"image", "", ""}};
  n.outputs = {{"logits", "", ""}};
  n.default_size = 299;
  n.one_size = true;
  n.build = [](Builder& b, std::int64_t batch, std::int64_t h, std::int64_t w, const Settings&) {
    ValueId x = b.pool(b.input("image", {batch, 3, h, w}), {PoolKind::max, 23, 23, 0});
    x = b.relu(b.conv(x, "places", {.out = 16, .kernel = 13}));
    b.output("logits", b.linear(x, "classes", 1001));
  };
  return n;
}

// l [n, 1, h, w], embedding [n, 1001] -> ab [n, 2, h, w]
inline Network standin_colours() {
  Network n;
  n.name = "colours";
  n.inputs = {{"l", "", "0..100"}, {"embedding", "", ""}};
  n.outputs = {{"ab", "", ""}};
  n.settings = {{"units", "", 0, 0, 1, {"published", "lab"}}};
  n.default_size = 224;
  n.size_multiple = 8;
  n.build = [](Builder& b, std::int64_t batch, std::int64_t h, std::int64_t w, const Settings&) {
    ValueId x = b.affine(b.input("l", {batch, 1, h, w}), 0.02f, -1.0f);
    const ValueId embedding = b.input("embedding", {batch, 1001, 1, 1});
    x = b.relu(b.conv(x, "first", {.out = 16, .stride = 8, .pad = 1}));
    x = b.relu(b.conv(x, "second", {.out = 8, .pad = 1}));
    x = b.relu(b.add(b.conv(x, "local", {.out = 8, .kernel = 1}), b.linear(embedding, "global", 8)));
    x = b.activation(b.conv(x, "last", {.out = 2, .kernel = 1}), {ActivationKind::tanh});
    b.output("ab", b.affine(b.upsample(x, UpsampleKind::nearest, 8), 40.0f, 0.0f));
  };
  return n;
}

}  // namespace cuhue::test
