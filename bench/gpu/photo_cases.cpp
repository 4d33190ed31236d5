// Photo bytes to network input, colours to photo bytes.
#include "bench/gpu/gpu_bench.h"
#include "kernels/fuse/fuse.h"
#include "kernels/heat/heat.h"
#include "kernels/letterbox/letterbox.h"
#include "kernels/merge/merge.h"
#include "kernels/prepare/prepare.h"

namespace cuhue::bench {
namespace {

constexpr std::int64_t kSide = 256;

struct Size {
  const char* name;
  std::int64_t width, height;
};
constexpr Size kSizes[] = {{"1920x1080", 1920, 1080}, {"4000x3000", 4000, 3000}};

PhotoRef random_photo(Set& set, const Size& size) {
  return rgb_photo<const std::uint8_t>(set.random_bytes(size.width * size.height * 3), size.width,
                                       size.height);
}

Case prepare_case(const Size& size) {
  Case c;
  c.name = std::string("prepare/") + size.name + " rgb";
  c.bytes = static_cast<double>(size.width * size.height * 3 + kSide * kSide * 4);
  c.make = [=](Set& set) {
    PrepareDeviceParams p;
    p.photo = random_photo(set, size);
    p.out_h = p.out_w = kSide;
    p.out = set.floats(kSide * kSide);
    const std::size_t bytes = prepare_table_bytes(size.height, size.width, kSide, kSide);
    std::vector<std::byte> tables(bytes + 16);
    fill_prepare_tables(size.height, size.width, kSide, kSide, tables.data());
    p.tables = set.upload(tables.data(), static_cast<std::int64_t>(bytes));
    p.scratch = set.bytes(
        static_cast<std::int64_t>(prepare_device_scratch_bytes(size.height, size.width, kSide, kSide)));
    return [p](Stream stream) { prepare_cuda(p, stream); };
  };
  return c;
}

Case merge_case(const Size& size, std::int64_t ab_side, AbUpsampling upsampling, Element element,
                ColorSpace space = ColorSpace::lab) {
  Case c;
  const char* map = space == ColorSpace::yuv ? "uv " : space == ColorSpace::rgb ? "rgb " : "ab ";
  c.name = std::string("merge/") + size.name + " rgb, " + map + std::to_string(ab_side) +
           (element == Element::f16 ? " f16" : " f32");
  c.bytes = static_cast<double>(2 * size.width * size.height * 3 +
                                ab_side * ab_side * color_planes(space) * element_bytes(element));
  c.make = [=](Set& set) {
    MergeDeviceParams p;
    p.photo = random_photo(set, size);
    p.out = rgb_photo(set.random_bytes(size.width * size.height * 3), size.width, size.height);
    const float range = space == ColorSpace::yuv ? 0.3f : space == ColorSpace::rgb ? 1.0f : 60.0f;
    p.ab = set.tensor({1, color_planes(space), ab_side, ab_side}, element, range);
    p.space = space;
    p.upsampling = upsampling;
    p.factor = upsampling == AbUpsampling::none ? 1 : static_cast<int>(kSide / ab_side);
    return [p](Stream stream) { merge_cuda(p, stream); };
  };
  return c;
}

Case letterbox_case(const Size& size) {
  constexpr std::int64_t kBox = 299;
  Case c;
  c.name = std::string("letterbox/") + size.name + " rgb";
  c.bytes = static_cast<double>(size.width * size.height * 3 + kBox * kBox * 3 * 4);
  c.make = [=](Set& set) {
    LetterboxDeviceParams p;
    p.photo = random_photo(set, size);
    p.side = kBox;
    p.planes = 3;
    p.out = set.floats(kBox * kBox * 3);
    const std::size_t bytes = letterbox_table_bytes(size.height, size.width, kBox);
    std::vector<std::int32_t> tables(bytes / sizeof(std::int32_t));
    fill_letterbox_tables(size.height, size.width, kBox, reinterpret_cast<std::byte*>(tables.data()));
    p.tables = set.upload(tables.data(), static_cast<std::int64_t>(bytes));
    p.scratch = set.bytes(static_cast<std::int64_t>(letterbox_scratch_bytes(size.height, size.width, kBox)));
    return [p](Stream stream) { letterbox_cuda(p, stream); };
  };
  return c;
}

Case heat_case(const Size& size) {
  constexpr std::int64_t kMap = 512;
  Case c;
  c.name = std::string("heat/") + size.name + " rgb";
  c.bytes = static_cast<double>(2 * size.width * size.height * 3 + kMap * kMap * 4);
  c.make = [=](Set& set) {
    HeatParams p;
    p.photo = random_photo(set, size);
    p.out = rgb_photo(set.random_bytes(size.width * size.height * 3), size.width, size.height);
    p.map = set.floats(kMap * kMap);
    p.map_h = p.map_w = p.map_pitch = kMap;
    return [p](Stream stream) { heat_cuda(p, stream); };
  };
  return c;
}

// Ten objects of 256 x 240 on a photo of 1280 x 960.
constexpr std::int64_t kObjects = 10, kObjectW = 256, kObjectH = 240, kFusedW = 1280, kFusedH = 960;

Case crops_case() {
  Case c;
  c.name = "prepare/10 crops of 1280x960 rgb";
  c.bytes = static_cast<double>(kObjects * (kObjectW * kObjectH * 3 + kSide * kSide * 4));
  c.make = [](Set& set) {
    std::vector<PrepareCrop> crops;
    for (std::int32_t i = 0; i < kObjects; ++i) crops.push_back({100 * i, 60 * i, kObjectW, kObjectH, 0, 0});
    const CropsMemory memory = place_crops(crops, kSide, kSide);
    std::vector<std::byte> tables(memory.tables + 16);
    fill_crop_tables(crops, kSide, kSide, tables.data());
    PrepareCropsDeviceParams p;
    p.photo.data = set.random_bytes(kFusedW * kFusedH * 3);
    p.photo.width = kFusedW;
    p.photo.height = kFusedH;
    p.photo.stride = kFusedW * 3;
    p.crops = reinterpret_cast<const PrepareCrop*>(
        set.upload(crops.data(), static_cast<std::int64_t>(crops.size() * sizeof(PrepareCrop))));
    p.count = kObjects;
    p.largest_w = kObjectW;
    p.largest_h = kObjectH;
    p.out_h = p.out_w = kSide;
    p.out = set.floats(kObjects * kSide * kSide);
    p.tables = set.upload(tables.data(), static_cast<std::int64_t>(memory.tables));
    p.scratch = set.bytes(static_cast<std::int64_t>(memory.scratch));
    return [p](Stream stream) { prepare_crops_cuda(p, stream); };
  };
  return c;
}

Case fuse_case() {
  Case c;
  c.name = "fuse/10 objects in 1280x960";
  c.bytes = static_cast<double>(kFusedW * kFusedH * 8 + kObjects * kObjectW * kObjectH +
                                (kObjects + 1) * 2 * kSide * kSide * 4);
  c.make = [](Set& set) {
    std::vector<FuseObject> objects;
    for (std::int32_t i = 0; i < kObjects; ++i) {
      FuseObject o;
      o.x = o.mask_x = 100 * i;
      o.y = o.mask_y = 60 * i;
      o.w = o.mask_w = kObjectW;
      o.h = o.mask_h = kObjectH;
      o.map = i + 1;
      o.coverage = kObjectW * kObjectH * i;
      objects.push_back(o);
    }
    const std::vector<std::uint8_t> coverage(kObjects * kObjectW * kObjectH, 255);
    FuseDeviceParams p;
    p.maps = set.floats((kObjects + 1) * 2 * kSide * kSide, 60.0f);
    p.map_h = p.map_w = kSide;
    p.h = kFusedH;
    p.w = kFusedW;
    p.objects = reinterpret_cast<const FuseObject*>(
        set.upload(objects.data(), static_cast<std::int64_t>(objects.size() * sizeof(FuseObject))));
    p.object_count = kObjects;
    p.coverage = reinterpret_cast<const std::uint8_t*>(
        set.upload(coverage.data(), static_cast<std::int64_t>(coverage.size())));
    p.out = set.floats(kFusedW * kFusedH * 2);
    return [p](Stream stream) { fuse_cuda(p, stream); };
  };
  return c;
}

Case keep_maps_case() {
  constexpr std::int64_t kCount = 8, kFloats = 2 * kSide * kSide;
  Case c;
  c.name = "fuse/keep 8 maps";
  c.bytes = 2.0 * 4 * kCount * kFloats;
  c.make = [](Set& set) {
    const std::int32_t places[kCount] = {7, 3, 1, 0, 2, 6, 5, 4};
    KeepMapsParams p;
    p.from = set.floats(kCount * kFloats);
    p.floats = kFloats;
    p.count = kCount;
    p.places = reinterpret_cast<const std::int32_t*>(set.upload(places, sizeof places));
    p.maps = set.floats(kCount * kFloats);
    p.not_finite = reinterpret_cast<int*>(set.bytes(4));
    return [p](Stream stream) { keep_maps_cuda(p, stream); };
  };
  return c;
}

}  // namespace

std::vector<Case> photo_cases() {
  std::vector<Case> cases;
  for (const Size& size : kSizes) {
    cases.push_back(prepare_case(size));
    cases.push_back(merge_case(size, 256, AbUpsampling::none, Element::f32));
    cases.push_back(merge_case(size, 64, AbUpsampling::bilinear, Element::f32));
    cases.push_back(merge_case(size, 128, AbUpsampling::nearest, Element::f16));
    cases.push_back(merge_case(size, 256, AbUpsampling::none, Element::f32, ColorSpace::yuv));
    cases.push_back(merge_case(size, 512, AbUpsampling::none, Element::f32, ColorSpace::rgb));
    cases.push_back(letterbox_case(size));
    cases.push_back(heat_case(size));
  }
  cases.push_back(crops_case());
  cases.push_back(fuse_case());
  cases.push_back(keep_maps_case());
  return cases;
}

}  // namespace cuhue::bench
