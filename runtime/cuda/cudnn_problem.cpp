#include "runtime/cuda/cudnn_problem.h"

#include <array>

namespace cuhue::cuda {
namespace {

using Sizes = std::array<std::int64_t, 4>;  // n, c, h, w, whatever the layout
constexpr std::int64_t kAlignment = 16;

cudnnDataType_t data_type(Element e) {
  return e == Element::f32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_HALF;
}

Sizes sizes_of(const Dims& d) {
  return {d.n, d.c, d.h, d.w};
}

Sizes channels_last(const Sizes& s, std::int64_t pitch) {
  return {s[2] * s[3] * pitch, 1, s[3] * pitch, pitch};
}

// The padding behind: as in front where that gives `out` from `in`, as cuDNN's fast kernels want it.
std::int64_t pad_behind(std::int64_t in, std::int64_t out, int kernel, const ConvolutionShape& s, int front) {
  const std::int64_t window = static_cast<std::int64_t>(s.dilation) * (kernel - 1) + 1;
  if (in + 2 * front >= window && (in + 2 * front - window) / s.stride + 1 == out) return front;
  return (out - 1) * s.stride + window - in - front;
}

// Makes the parts one after another.
class Writer {
 public:
  explicit Writer(const ConvolutionProblem& problem) : problem_(problem) {}
  OperationGraph write(cudnnHandle_t handle);

 private:
  std::size_t keep(Descriptor d) {
    graph_.parts.push_back(std::move(d));
    return graph_.parts.size() - 1;
  }
  const Descriptor& part(std::size_t i) const { return graph_.parts[i]; }
  std::size_t tensor(std::int64_t uid, const Sizes& sizes, const Sizes& strides, cudnnDataType_t type);
  std::size_t vector(std::int64_t uid);
  std::size_t next_result();
  std::size_t convolution_geometry();
  void convolution();
  void pointwise(cudnnPointwiseMode_t mode, std::size_t operand);
  void activation(const Activation& a);

  const ConvolutionProblem& problem_;
  OperationGraph graph_;
  std::vector<std::size_t> operations_;
  std::size_t current_ = 0;  // the tensor that holds what was computed so far
  int left_ = 0;             // operations still to come
};

std::size_t Writer::tensor(std::int64_t uid, const Sizes& sizes, const Sizes& strides, cudnnDataType_t type) {
  Descriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
  t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment);
  t.set(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes);
  t.set(CUDNN_ATTR_TENSOR_STRIDES, strides);
  t.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, uid >= kUidFirstVirtual);
  t.finalize();
  return keep(std::move(t));
}

std::size_t Writer::vector(std::int64_t uid) {
  const std::int64_t k = problem_.shape.out.c;
  return tensor(uid, {1, k, 1, 1}, {k, 1, k, k}, data_type(vector_element(problem_)));
}

// Where the next operation puts its result: the last one in memory, others in fp32 and nowhere.
std::size_t Writer::next_result() {
  const Sizes sizes = sizes_of(problem_.shape.out);
  if (--left_ == 0)
    return tensor(kUidOut, sizes, channels_last(sizes, problem_.out_pitch), data_type(problem_.out));
  const auto uid = kUidFirstVirtual + static_cast<std::int64_t>(operations_.size());
  return tensor(uid, sizes, channels_last(sizes, sizes[1]), CUDNN_DATA_FLOAT);
}

std::size_t Writer::convolution_geometry() {
  const ConvolutionShape& s = problem_.shape;
  const Dims &from = s.transposed ? s.out : s.in, &to = s.transposed ? s.in : s.out;
  const std::array<std::int64_t, 2> strides{s.stride, s.stride}, dilations{s.dilation, s.dilation};
  const std::array<std::int64_t, 2> front{s.pad_top, s.pad_left};
  const std::array<std::int64_t, 2> behind{pad_behind(from.h, to.h, s.kernel_h, s, s.pad_top),
                                           pad_behind(from.w, to.w, s.kernel_w, s, s.pad_left)};
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  Descriptor d(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  d.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
  d.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  d.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  d.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, front);
  d.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, behind);
  d.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, dilations);
  d.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, strides);
  d.finalize();
  return keep(std::move(d));
}

void Writer::convolution() {
  const ConvolutionShape& s = problem_.shape;
  const Element weight = problem_.math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  const std::size_t geometry = convolution_geometry();
  const Sizes in = sizes_of(s.in);
  const std::size_t x = tensor(kUidX, in, channels_last(in, problem_.in_pitch), data_type(problem_.in));
  // [K, C, R, S] of the forward direction: a transposed convolution's K is its input's channels.
  const Sizes filter = s.transposed ? Sizes{s.in.c, s.out.c, s.kernel_h, s.kernel_w}
                                    : Sizes{s.out.c, s.in.c, s.kernel_h, s.kernel_w};
  const std::size_t w = tensor(kUidWeight, filter, channels_last(filter, filter[1]), data_type(weight));
  const std::size_t y = next_result();
  const float alpha = 1.0f, beta = 0.0f;
  if (s.transposed) {
    Descriptor op(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, part(geometry));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, part(x));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, part(w));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, part(y));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_TYPE_FLOAT, 1, &alpha);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_TYPE_FLOAT, 1, &beta);
    op.finalize();
    operations_.push_back(keep(std::move(op)));
  } else {
    Descriptor op(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, part(geometry));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, part(x));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, part(w));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, part(y));
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &alpha);
    op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &beta);
    op.finalize();
    operations_.push_back(keep(std::move(op)));
  }
  current_ = y;
}

Descriptor pointwise_mode(cudnnPointwiseMode_t mode) {
  Descriptor d(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  d.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  d.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  return d;
}

void Writer::pointwise(cudnnPointwiseMode_t mode, std::size_t operand) {
  Descriptor how = pointwise_mode(mode);
  how.finalize();
  const std::size_t kept = keep(std::move(how));
  const std::size_t y = next_result();
  Descriptor op(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, part(kept));
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, part(current_));
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, part(operand));
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, part(y));
  op.finalize();
  operations_.push_back(keep(std::move(op)));
  current_ = y;
}

cudnnPointwiseMode_t mode_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::tanh: return CUDNN_POINTWISE_TANH_FWD;
    case ActivationKind::sigmoid: return CUDNN_POINTWISE_SIGMOID_FWD;
    case ActivationKind::relu:
    case ActivationKind::leaky_relu: break;
  }
  return CUDNN_POINTWISE_RELU_FWD;
}

void Writer::activation(const Activation& a) {
  Descriptor how = pointwise_mode(mode_of(a.kind));
  if (a.kind == ActivationKind::leaky_relu) {
    const double slope = static_cast<double>(a.alpha);
    how.set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, CUDNN_TYPE_DOUBLE, 1, &slope);
  }
  how.finalize();
  const std::size_t kept = keep(std::move(how));
  const std::size_t y = next_result();
  Descriptor op(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, part(kept));
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, part(current_));
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, part(y));
  op.finalize();
  operations_.push_back(keep(std::move(op)));
  current_ = y;
}

OperationGraph Writer::write(cudnnHandle_t handle) {
  const LibraryEpilogue& e = problem_.epilogue;
  left_ = 1 + (e.bias ? 1 : 0) + (e.residual ? 1 : 0) + (e.activated ? 1 : 0) + (e.affine ? 2 : 0);
  convolution();
  if (e.bias) pointwise(CUDNN_POINTWISE_ADD, vector(kUidBias));
  if (e.residual) {
    const Sizes sizes = sizes_of(problem_.shape.out);
    pointwise(CUDNN_POINTWISE_ADD, tensor(kUidResidual, sizes, channels_last(sizes, problem_.residual_pitch),
                                          data_type(problem_.residual)));
  }
  if (e.activated) activation(e.activation);
  if (e.affine) {
    pointwise(CUDNN_POINTWISE_MUL, vector(kUidScale));
    pointwise(CUDNN_POINTWISE_ADD, vector(kUidShift));
  }

  std::vector<const Descriptor*> operations;
  for (const std::size_t i : operations_) operations.push_back(&part(i));
  graph_.graph = Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph_.graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
  if (handle != nullptr) graph_.graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
  graph_.graph.finalize();
  return std::move(graph_);
}

}  // namespace

Element vector_element(const ConvolutionProblem& p) {
  return p.in == Element::f16 && p.out == Element::f16 ? Element::f16 : Element::f32;
}

OperationGraph operation_graph(const ConvolutionProblem& problem, cudnnHandle_t handle) {
  return Writer(problem).write(handle);
}

}  // namespace cuhue::cuda
