// Rewrites of a graph. Each is a pure function of the graph: no device, no weights' contents, unit-tested
// alone, and never needed for correctness: a backend must give the same result (within rounding) when none
// has run. A value that is a graph output, or is used more than once, is never fused away.
#pragma once

#include <span>
#include <string>

#include "runtime/graph/graph.h"

namespace cuhue {

// Pooling windows of one pixel -> conv: a conv that passes over pixels itself, with its taps farther apart.
void fold_subsampling(Graph& g);
void fold_batch_norm(Graph& g);     // conv -> batch norm: into the conv's weight and bias at load
void fuse_annealed_mean(Graph& g);  // 1x1 conv -> softmax -> 1x1 conv without bias, to few channels
void fuse_epilogues(Graph& g);  // conv/matmul/instance norm -> activation, batch norm, affine, residual add
void fuse_scale(Graph& g);      // upsample -> affine without shift: Upsample::scale
void fuse_enlarging(Graph& g);  // nearest upsampling by 2 -> 3x3 conv: Convolution::enlarged
void remove_dead(Graph& g);     // nodes and values no output depends on (params stay: they are the schema)

// All of them in the order that works.
void optimize(Graph& g);

// Not a rewrite, but an order, behind all others: puts first what reads no inputs but those named, so that a
// program that keeps it can run the rest alone. Error(Status::usage) names an input that is not there.
void keep_first(Graph& g, std::span<const std::string> inputs);

}  // namespace cuhue
