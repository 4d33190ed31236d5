#include "runtime/cpu/onednn.h"

#include <dnnl.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <vector>

#include "weights/status.h"

namespace cuhue::onednn {
namespace {

template <class T, dnnl_status_t (*destroy)(T)>
class Handle {
 public:
  Handle() = default;
  ~Handle() {
    if (value_ != nullptr) destroy(value_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  T* out() { return &value_; }
  T get() const { return value_; }
  explicit operator bool() const { return value_ != nullptr; }

 private:
  T value_ = nullptr;
};
using EngineHandle = Handle<dnnl_engine_t, dnnl_engine_destroy>;
using StreamHandle = Handle<dnnl_stream_t, dnnl_stream_destroy>;
using AttrHandle = Handle<dnnl_primitive_attr_t, dnnl_primitive_attr_destroy>;
using PostOpsHandle = Handle<dnnl_post_ops_t, dnnl_post_ops_destroy>;
using DescHandle = Handle<dnnl_primitive_desc_t, dnnl_primitive_desc_destroy>;
using PrimitiveHandle = Handle<dnnl_primitive_t, dnnl_primitive_destroy>;
using MemoryHandle = Handle<dnnl_memory_t, dnnl_memory_destroy>;

void check(dnnl_status_t status, std::string_view layer, const char* doing) {
  if (status == dnnl_success) return;
  const bool memory = status == dnnl_out_of_memory;
  throw Error(memory ? Status::out_of_memory : Status::internal,
              std::string(layer) + ": oneDNN could not " + doing +
                  (memory ? ": out of memory; use a smaller size or batch"
                          : " (status " + std::to_string(static_cast<int>(status)) + ")"));
}

// oneDNN 2.6 crashes when memory for its own books or code runs out, so it is only asked when there is room.
void require_headroom(std::string_view layer) {
  constexpr std::size_t kRoom = std::size_t{64} << 20;
  void* const room = mmap(nullptr, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    throw Error(
        Status::out_of_memory,
        std::string(layer) + ": less than 64 MB are left for preparing it; use a smaller size or batch");
  }
  munmap(room, kRoom);
}

dnnl_engine_t engine() {
  static const EngineHandle* const handle = [] {
    auto* made = new EngineHandle;
    check(dnnl_engine_create(made->out(), dnnl_cpu, 0), "cpu", "start");
    return made;  // never destroyed: primitives of other static objects may outlive this one
  }();
  return handle->get();
}

using Md = dnnl_memory_desc_t;

Md tagged_desc(const Dims& d, dnnl_format_tag_t tag) {
  const dnnl_dims_t dims = {d.n, d.c, d.h, d.w};
  Md md;
  check(dnnl_memory_desc_init_by_tag(&md, 4, dims, dnnl_f32, tag), "tensor", "describe a layout");
  return md;
}

Md tensor_desc(const Dims& d, std::int64_t block) {
  dnnl_format_tag_t tag = dnnl_nchw;
  if (block == kAnyBlock) tag = dnnl_format_tag_any;
  if (block == 8) tag = dnnl_nChw8c;
  if (block == 16) tag = dnnl_nChw16c;
  if (block > 1 && block != 8 && block != 16) tag = dnnl_nhwc;
  return tagged_desc(d, tag);
}

// [n, c] of a matrix product.
Md matrix_desc(std::int64_t rows, std::int64_t columns, dnnl_format_tag_t tag) {
  const dnnl_dims_t dims = {rows, columns};
  Md md;
  check(dnnl_memory_desc_init_by_tag(&md, 2, dims, dnnl_f32, tag), "matrix", "describe a layout");
  return md;
}

Md vector_desc(std::int64_t count) {
  const dnnl_dims_t dims = {count};
  Md md;
  check(dnnl_memory_desc_init_by_tag(&md, 1, dims, dnnl_f32, dnnl_x), "vector", "describe a layout");
  return md;
}

// TensorRef::block of a descriptor; -1 when TensorRef cannot express it.
std::int64_t block_of(const Md& md, const Dims& d) {
  for (const std::int64_t block : {std::int64_t{1}, std::int64_t{8}, std::int64_t{16}}) {
    const Md same = tensor_desc(d, block);
    if (dnnl_memory_desc_equal(&md, &same) != 0) return block;
  }
  // Of 8 or 16 channels too, where that is the same memory under another name.
  const Md last = tagged_desc(d, dnnl_nhwc);
  return dnnl_memory_desc_equal(&md, &last) != 0 ? d.c : -1;
}

// Has oneDNN a tag for it? Not for channels last of a part alone.
bool expressible(std::int64_t block, const Dims& d) {
  return block == kAnyBlock || block == 1 || is_channel_block(block) || block == d.c;
}

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace

struct WeightLayout::Impl {
  Md md{};
  bool transposed = false;
};

std::size_t WeightLayout::bytes() const {
  return impl_ ? dnnl_memory_desc_get_size(&impl_->md) : 0;
}

std::string WeightLayout::id() const {
  if (!impl_) return {};
  const Md& md = impl_->md;
  std::string id = impl_->transposed ? "t" : "n";
  const auto list = [&id](const dnnl_dim_t* values, int count) {
    for (int i = 0; i < count; ++i) {
      id += i == 0 ? ':' : ',';
      id += std::to_string(values[i]);
    }
  };
  list(md.dims, md.ndims);
  const auto& blocking = md.format_desc.blocking;
  list(blocking.strides, md.ndims);
  list(blocking.inner_blks, blocking.inner_nblks);
  list(blocking.inner_idxs, blocking.inner_nblks);
  return id;
}

namespace {

class PrimitiveImpl final : public Primitive {
 public:
  bool choose(const Request& request);

  std::int64_t in_block() const override { return in_block_; }
  std::int64_t out_block() const override { return out_block_; }
  std::size_t scratch_bytes() const override { return scratch_bytes_; }
  const WeightLayout& weight_layout() const override { return weights_; }
  const std::string& implementation() const override { return implementation_; }
  bool fast() const override {
    if (begins_with(implementation_, "ref") || begins_with(implementation_, "simple")) return false;
    return matrix_ || implementation_.find("gemm") == std::string::npos;
  }

  void build() override;
  void bind(const Operands& operands) override;
  void unbind() override {
    memories_.clear();
    runs_.clear();
  }
  void run() override {
    for (const auto& args : runs_)
      check(
          dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(args.size()), args.data()),
          layer_, "run");
  }

 private:
  struct OpDesc {
    dnnl_convolution_desc_t convolution;  // a deconvolution's is the same type
    dnnl_inner_product_desc_t inner_product;
    dnnl_pooling_v2_desc_t pooling;
  };
  dnnl_status_t describe(const Request& r, const Md& src, const Md& dst, OpDesc& op,
                         const void*& which) const;
  bool set_post_ops(const Request& request, dnnl_primitive_attr_t attr);
  void add(int arg, const Md& md, const void* data);
  Md query(dnnl_query_t what) const {
    const Md* md = dnnl_primitive_desc_query_md(desc_.get(), what, 0);
    return md != nullptr ? *md : Md{};
  }

  std::string layer_, implementation_;
  DescHandle desc_;
  PrimitiveHandle primitive_;
  StreamHandle stream_;
  std::vector<std::unique_ptr<MemoryHandle>> memories_;
  std::vector<std::vector<dnnl_exec_arg_t>> runs_;
  std::vector<Md> post_mds_;  // ndims 0 where a post-op has no operand
  WeightLayout weights_;
  std::int64_t in_block_ = 1, out_block_ = 1, out_channels_ = 0;
  std::size_t scratch_bytes_ = 0;
  bool bias_ = false, matrix_ = false;
};

dnnl_status_t PrimitiveImpl::describe(const Request& r, const Md& src, const Md& dst, OpDesc& op,
                                      const void*& which) const {
  const bool matrix = r.kind == Kind::inner_product;
  Md weights{};
  if (r.weights != nullptr) {
    weights = r.weights->impl()->md;
  } else if (matrix) {
    weights = matrix_desc(r.out.c, r.in.c, dnnl_format_tag_any);
  } else {
    const dnnl_dims_t dims = {r.out.c, r.in.c, r.kernel_h, r.kernel_w};
    const auto status = dnnl_memory_desc_init_by_tag(&weights, 4, dims, dnnl_f32, dnnl_format_tag_any);
    if (status != dnnl_success) return status;
  }
  const Md bias = r.bias ? vector_desc(r.out.c) : Md{};
  const Md* bias_or_none = r.bias ? &bias : nullptr;
  if (matrix) {
    which = &op.inner_product;
    return dnnl_inner_product_forward_desc_init(&op.inner_product, dnnl_forward_inference, &src, &weights,
                                                bias_or_none, &dst);
  }
  // What the window needs at the far side follows from the sizes; oneDNN counts dilation from 0.
  const bool transposed = r.kind == Kind::transposed_convolution;
  const Dims& big = transposed ? r.out : r.in;
  const Dims& small = transposed ? r.in : r.out;
  const std::int64_t span_h = std::int64_t{r.dilation} * (r.kernel_h - 1) + 1;
  const std::int64_t span_w = std::int64_t{r.dilation} * (r.kernel_w - 1) + 1;
  const dnnl_dims_t strides = {r.stride, r.stride}, kernel = {r.kernel_h, r.kernel_w};
  const dnnl_dims_t dilates = {r.dilation - 1, r.dilation - 1}, before = {r.pad_top, r.pad_left};
  const dnnl_dims_t after = {(small.h - 1) * r.stride + span_h - big.h - r.pad_top,
                             (small.w - 1) * r.stride + span_w - big.w - r.pad_left};
  switch (r.kind) {
    case Kind::convolution:
      which = &op.convolution;
      return dnnl_dilated_convolution_forward_desc_init(&op.convolution, dnnl_forward_inference,
                                                        dnnl_convolution_direct, &src, &weights, bias_or_none,
                                                        &dst, strides, dilates, before, after);
    case Kind::transposed_convolution:
      which = &op.convolution;
      return dnnl_dilated_deconvolution_forward_desc_init(
          &op.convolution, dnnl_forward_inference, dnnl_deconvolution_direct, &src, &weights, bias_or_none,
          &dst, strides, dilates, before, after);
    default: break;
  }
  which = &op.pooling;
  const auto kind = r.kind == Kind::max_pool       ? dnnl_pooling_max
                    : r.kind == Kind::average_pool ? dnnl_pooling_avg_include_padding
                                                   : dnnl_pooling_avg_exclude_padding;
  return dnnl_pooling_v2_forward_desc_init(&op.pooling, dnnl_forward_inference, kind, &src, &dst, strides,
                                           kernel, dilates, before, after);
}

// oneDNN 2.6 generates one set of constants for each elementwise algorithm: the second of two with different
// constants would silently compute with the first one's.
bool constants_clash(std::span<const PostOp> post) {
  for (std::size_t i = 0; i < post.size(); ++i) {
    if (post[i].kind != PostKind::relu && post[i].kind != PostKind::linear) continue;
    for (std::size_t j = 0; j < i; ++j) {
      if (post[j].kind == post[i].kind && (post[j].alpha != post[i].alpha || post[j].beta != post[i].beta)) {
        return true;
      }
    }
  }
  return false;
}

bool PrimitiveImpl::set_post_ops(const Request& request, dnnl_primitive_attr_t attr) {
  PostOpsHandle chain;
  check(dnnl_post_ops_create(chain.out()), layer_, "create post-ops");
  for (const PostOp& post : request.post) {
    Md operand{};
    dnnl_status_t status = dnnl_success;
    const auto eltwise = [&](dnnl_alg_kind_t kind) {
      status = dnnl_post_ops_append_eltwise(chain.get(), 1.0f, kind, post.alpha, post.beta);
    };
    const auto binary = [&](dnnl_alg_kind_t kind, const Md& md) {
      operand = md;
      status = dnnl_post_ops_append_binary(chain.get(), kind, &operand);
    };
    const Md channels =
        matrix_ ? matrix_desc(1, request.out.c, dnnl_ab) : tensor_desc({1, request.out.c, 1, 1}, 1);
    const auto whole = [&] {
      return matrix_ ? matrix_desc(request.out.n, request.out.c, dnnl_ab)
                     : tensor_desc(request.out, post.block);
    };
    switch (post.kind) {
      case PostKind::relu: eltwise(dnnl_eltwise_relu); break;
      case PostKind::tanh: eltwise(dnnl_eltwise_tanh); break;
      case PostKind::sigmoid: eltwise(dnnl_eltwise_logistic); break;
      case PostKind::linear: eltwise(dnnl_eltwise_linear); break;
      case PostKind::sum: status = dnnl_post_ops_append_sum(chain.get(), 1.0f); break;
      case PostKind::mul_channel: binary(dnnl_binary_mul, channels); break;
      case PostKind::add_channel: binary(dnnl_binary_add, channels); break;
      case PostKind::add_tensor: binary(dnnl_binary_add, whole()); break;
    }
    if (status != dnnl_success) return false;
    post_mds_.push_back(operand);
  }
  return dnnl_primitive_attr_set_post_ops(attr, chain.get()) == dnnl_success;
}

bool PrimitiveImpl::choose(const Request& request) {
  layer_ = request.layer;
  require_headroom(layer_);
  bias_ = request.bias;
  matrix_ = request.kind == Kind::inner_product;
  out_channels_ = request.out.c;
  if (!matrix_ &&
      (!expressible(request.in_block, request.in) || !expressible(request.out_block, request.out)))
    return false;
  AttrHandle attr;
  check(dnnl_primitive_attr_create(attr.out()), layer_, "create attributes");
  check(dnnl_primitive_attr_set_scratchpad_mode(attr.get(), dnnl_scratchpad_mode_user), layer_,
        "take the arena's scratchpad");
  if (constants_clash(request.post) || !set_post_ops(request, attr.get())) return false;

  const Md src =
      matrix_ ? matrix_desc(request.in.n, request.in.c, dnnl_ab) : tensor_desc(request.in, request.in_block);
  const Md dst = matrix_ ? matrix_desc(request.out.n, request.out.c, dnnl_ab)
                         : tensor_desc(request.out, request.out_block);
  OpDesc op{};
  const void* which = nullptr;
  if (describe(request, src, dst, op, which) != dnnl_success) return false;
  const auto status = dnnl_primitive_desc_create(desc_.out(), which, attr.get(), engine(), nullptr);
  if (status == dnnl_out_of_memory) check(status, layer_, "choose an implementation");
  if (status != dnnl_success) return false;

  if (!matrix_) {
    in_block_ = block_of(query(dnnl_query_src_md), request.in);
    out_block_ = block_of(query(dnnl_query_dst_md), request.out);
  }
  if (in_block_ < 0 || out_block_ < 0) return false;
  const Md weights = query(dnnl_query_weights_md);
  if (weights.ndims != 0) {
    if (weights.format_kind != dnnl_blocked || weights.extra.flags != 0) return false;
    auto impl = std::make_shared<WeightLayout::Impl>();
    impl->md = weights;
    impl->transposed = request.kind == Kind::transposed_convolution;
    weights_ = WeightLayout(std::move(impl));
  }
  const Md scratch = query(dnnl_query_scratchpad_md);
  scratch_bytes_ = scratch.ndims != 0 ? dnnl_memory_desc_get_size(&scratch) : 0;
  const char* name = nullptr;
  check(dnnl_primitive_desc_query(desc_.get(), dnnl_query_impl_info_str, 0, static_cast<void*>(&name)),
        layer_, "name its implementation");
  implementation_ = name;
  return true;
}

void PrimitiveImpl::build() {
  require_headroom(layer_);
  check(dnnl_primitive_create(primitive_.out(), desc_.get()), layer_, "generate code");
  check(dnnl_stream_create(stream_.out(), engine(), dnnl_stream_default_flags), layer_, "create a stream");
}

void PrimitiveImpl::add(int arg, const Md& md, const void* data) {
  memories_.push_back(std::make_unique<MemoryHandle>());
  check(dnnl_memory_create(memories_.back()->out(), &md, engine(), const_cast<void*>(data)), layer_,
        "take a buffer");
  runs_.back().push_back({arg, memories_.back()->get()});
}

void PrimitiveImpl::bind(const Operands& operands) {
  runs_.emplace_back();
  add(DNNL_ARG_SRC, query(dnnl_query_src_md), operands.src);
  add(DNNL_ARG_DST, query(dnnl_query_dst_md), operands.dst);
  if (weights_.impl() != nullptr) add(DNNL_ARG_WEIGHTS, weights_.impl()->md, operands.weights);
  if (bias_) add(DNNL_ARG_BIAS, vector_desc(out_channels_), operands.bias);
  if (scratch_bytes_ > 0) add(DNNL_ARG_SCRATCHPAD, query(dnnl_query_scratchpad_md), operands.scratch);
  for (std::size_t i = 0; i < post_mds_.size(); ++i) {
    if (post_mds_[i].ndims == 0) continue;
    add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(i)) | DNNL_ARG_SRC_1, post_mds_[i], operands.post[i]);
  }
}

}  // namespace

std::unique_ptr<Primitive> Primitive::create(const Request& request) {
  auto primitive = std::make_unique<PrimitiveImpl>();
  if (!primitive->choose(request)) return nullptr;
  return primitive;
}

void pack_weights(std::string_view layer, const float* plain, const WeightLayout& layout, float* packed) {
  require_headroom(layer);
  const Md& to = layout.impl()->md;
  Md from{};
  const auto tag = to.ndims == 2 ? dnnl_ab : layout.impl()->transposed ? dnnl_iohw : dnnl_oihw;
  check(dnnl_memory_desc_init_by_tag(&from, to.ndims, to.dims, dnnl_f32, tag), layer, "describe a weight");
  DescHandle desc;
  PrimitiveHandle primitive;
  StreamHandle stream;
  MemoryHandle source, target;
  check(dnnl_reorder_primitive_desc_create(desc.out(), &from, engine(), &to, engine(), nullptr), layer,
        "pack a weight");
  check(dnnl_primitive_create(primitive.out(), desc.get()), layer, "pack a weight");
  check(dnnl_stream_create(stream.out(), engine(), dnnl_stream_default_flags), layer, "create a stream");
  check(dnnl_memory_create(source.out(), &from, engine(), const_cast<float*>(plain)), layer, "read a weight");
  check(dnnl_memory_create(target.out(), &to, engine(), packed), layer, "store a weight");
  const std::array<dnnl_exec_arg_t, 2> args = {{{DNNL_ARG_FROM, source.get()}, {DNNL_ARG_TO, target.get()}}};
  check(dnnl_primitive_execute(primitive.get(), stream.get(), static_cast<int>(args.size()), args.data()),
        layer, "pack a weight");
}

}  // namespace cuhue::onednn
