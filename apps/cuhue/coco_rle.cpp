#include "apps/cuhue/coco_rle.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

namespace cuhue::app {
namespace {

// A digit has five bits; the highest of the last one is the number's sign.
constexpr int kDigitBits = 5;
constexpr std::int64_t kDigit = 31, kMore = 32, kSign = 16;
constexpr char kZero = '0';
constexpr int kMostDigits = 8;  // 40 bits: no photo has as many pixels

// The rows and columns that the covered pixels take.
struct Bounds {
  std::int64_t left = 0, right = -1, top = 0, bottom = -1;

  void add(std::int64_t x0, std::int64_t x1, std::int64_t y0, std::int64_t y1) {
    const bool first = right < left;
    left = first ? x0 : std::min(left, x0);
    right = first ? x1 : std::max(right, x1);
    top = first ? y0 : std::min(top, y0);
    bottom = first ? y1 : std::max(bottom, y1);
  }
};

}  // namespace

Runs parse_runs(std::string_view text) {
  Runs runs;
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t value = 0;
    for (int digit = 0;; ++digit) {
      if (at == text.size()) throw std::invalid_argument("its counts end within a number");
      const std::int64_t c = text[at] - kZero;
      if (c < 0 || c > kDigit + kMore)
        throw std::invalid_argument("its counts have a character that none has");
      if (digit == kMostDigits) throw std::invalid_argument("its counts have a number that is too large");
      ++at;
      value |= (c & kDigit) << kDigitBits * digit;
      if ((c & kMore) != 0) continue;
      if ((c & kSign) != 0) value |= -(std::int64_t{1} << kDigitBits * (digit + 1));
      break;
    }
    // From the fourth on a number is the difference to the run before the last.
    if (runs.size() > 2) value += runs[runs.size() - 2];
    if (value < 0) throw std::invalid_argument("its counts have a run below 0");
    runs.push_back(value);
  }
  return runs;
}

std::string runs_text(std::span<const std::int64_t> runs) {
  std::string text;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::int64_t value = i > 2 ? runs[i] - runs[i - 2] : runs[i];
    for (bool more = true; more;) {
      const std::int64_t digit = value & kDigit;
      value >>= kDigitBits;
      more = (digit & kSign) != 0 ? value != -1 : value != 0;
      text += static_cast<char>(kZero + digit + (more ? kMore : 0));
    }
  }
  return text;
}

MaskRectangle mask_of_runs(std::span<const std::int64_t> runs, std::int64_t width, std::int64_t height,
                           std::int64_t at_most) {
  const std::int64_t pixels = width * height;
  Bounds bounds;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i] < 0) throw std::invalid_argument("its counts have a run below 0");
    if (runs[i] > pixels - at)
      throw std::invalid_argument("its counts are of more pixels than the photo has");
    const std::int64_t end = at + runs[i];
    if (i % 2 == 1 && end > at) {
      const std::int64_t first = at / height, last = (end - 1) / height;
      const bool columns = last > first;
      bounds.add(first, last, columns ? 0 : at % height, columns ? height - 1 : (end - 1) % height);
    }
    at = end;
  }
  if (at != pixels) throw std::invalid_argument("its counts are of fewer pixels than the photo has");
  MaskRectangle mask{
      bounds.left, bounds.top, bounds.right - bounds.left + 1, bounds.bottom - bounds.top + 1, {}};
  if (mask.w * mask.h > at_most) throw std::invalid_argument("the masks take too much memory");
  mask.bytes.resize(static_cast<std::size_t>(mask.w * mask.h));
  at = 0;
  for (std::size_t i = 0; i < runs.size(); at += runs[i++]) {
    if (i % 2 == 0) continue;
    std::int64_t x = at / height - mask.x, y = at % height - mask.y;
    for (std::int64_t left = runs[i]; left > 0; --left) {
      mask.bytes[static_cast<std::size_t>(y * mask.w + x)] = 1;
      if (++y + mask.y < height) continue;
      y = -mask.y;
      ++x;
    }
  }
  return mask;
}

Runs runs_of_mask(const std::uint8_t* mask, std::ptrdiff_t stride, const MaskRectangle& place,
                  std::int64_t width, std::int64_t height) {
  Runs runs;
  std::int64_t begin = 0, at = place.x * height;  // of the run that goes on, now
  bool covered = false;
  const auto turn = [&](bool to) {
    if (to == covered) return;
    runs.push_back(at - begin);
    begin = at;
    covered = to;
  };
  for (std::int64_t x = 0; x < place.w; ++x) {
    at = (place.x + x) * height;
    if (place.y > 0) turn(false);
    for (std::int64_t y = 0; y < place.h; ++y) {
      at = (place.x + x) * height + place.y + y;
      turn(mask[y * stride + x] != 0);
    }
    at = (place.x + x) * height + place.y + place.h;
    if (place.y + place.h < height) turn(false);
  }
  at = (place.x + place.w) * height;
  turn(false);
  if (begin < width * height || runs.empty()) runs.push_back(width * height - begin);
  return runs;
}

}  // namespace cuhue::app
