// How much two pictures differ. Double precision; the same values as scikit-image within 1e-6.
#pragma once

#include "runtime/image/pixels.h"

namespace cuhue {

struct Metrics {
  double psnr = 0;              // dB over all RGB samples, peak 255; infinity when equal
  double ssim = 0;              // mean over R, G and B; 1 when equal
  double colorfulness_a = 0;    // of each picture; 0 when grey
  double colorfulness_b = 0;    //
  double mean_delta_e2000 = 0;  // over pixels; 1 is about a just noticeable difference
  int max_difference = 0;       // levels, over all RGB samples
  double nrmse = 0;          // root of the mean squared difference over that of a's squares; a is the truth
  double ssim_floats = 0;    // ssim with data range 510: what scikit-image gives for floats without one
  double naturalness_a = 0;  // of each picture, 0..1; 0 where no pixel counts
  double naturalness_b = 0;  //
};

// Compares 8-bit RGB values: grey is repeated, 16-bit samples become round(v / 257), alpha is ignored.
//
// ssim: Wang et al. 2004 with a uniform 7x7 window, sample covariance, K1 0.01, K2 0.03, data range 255, mean
//   over the positions where the whole window lies inside the picture. In a picture with a side below 7 the
//   window is the largest odd square that fits.
// colorfulness: Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images", metric M(3).
//   The colourfulness index CCI of SCGAN's evaluation is this number.
// nrmse: infinity when a is black and b is not, 0 when both are.
// naturalness: the colour naturalness index CNI of SCGAN's evaluation. Pixels with HSL saturation
//   above 0.1 and lightness between 0.2 and 0.8 count as skin (hue 25 to 70 degrees), grass (95 to 135) or
//   sky (185 to 260); of each kind N = exp(-((s - m) / d)^2 / 2) of its mean saturation s, with m and d 0.76
//   and 0.52, 0.81 and 0.53, 0.43 and 0.22; the mean of the three N weighted with the numbers of pixels.
// mean_delta_e2000: CIEDE2000 as in Sharma, Wu and Dalal 2005, kL = kC = kH = 1, on CIE L*a*b* of sRGB, D65.
//
// Throws Error: Status::usage when a picture is empty or the sizes differ. Thread-safe; uses the calling
// thread's OpenMP pool, and gives the same bits for any number of threads.
Metrics compare_pixels(const ConstPixelView& a, const ConstPixelView& b);

// CIE L*a*b*, and the colour difference of two of them: for tests against published values.
struct Lab {
  double l = 0, a = 0, b = 0;
};
double delta_e2000(const Lab& x, const Lab& y);

}  // namespace cuhue
