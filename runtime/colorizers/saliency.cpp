#include "runtime/colorizers/saliency.h"

#include "kernels/core/parallel.h"
#include "kernels/heat/heat.h"
#include "kernels/resample/bilinear.h"
#include "runtime/image/photo_ref.h"
#include "weights/status.h"

namespace cuhue {

void resize_saliency(const SaliencyMap& map, std::int64_t height, std::int64_t width, float* values) {
  const float scale_y = static_cast<float>(map.h) / static_cast<float>(height);
  const float scale_x = static_cast<float>(map.w) / static_cast<float>(width);
  parallel_for(height, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const BilinearTap row = bilinear_tap(y, scale_y, map.h);
      const float* top = map.data + row.i0 * map.pitch;
      const float* bottom = map.data + row.i1 * map.pitch;
      for (std::int64_t x = 0; x < width; ++x) {
        const BilinearTap t = bilinear_tap(x, scale_x, map.w);
        values[y * width + x] = bilinear_mix(top[t.i0], top[t.i1], bottom[t.i0], bottom[t.i1], row.w1, t.w1);
      }
    }
  });
}

void view_saliency(const SaliencyMap& map, const ConstPixelView& photo, const PixelView& out) {
  if (photo.width != out.width || photo.height != out.height ||
      bytes_per_sample(photo.format) != bytes_per_sample(out.format)) {
    throw Error(Status::usage,
                "a view of saliency has another size or depth than its photo; give it the photo's");
  }
  if (is_grey(out.format) || is_video(out.format))
    throw Error(Status::usage, "a view of saliency is in colour; give an RGB, RGBA, BGR or BGRA format");
  HeatParams p;
  p.photo = photo_ref(photo);
  p.out = photo_ref(out);
  p.map = map.data;
  p.map_h = map.h;
  p.map_w = map.w;
  p.map_pitch = map.pitch;
  heat_cpu(p);
}

}  // namespace cuhue
