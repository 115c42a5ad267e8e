// The planes of a JPEG turned into rows of red, green and blue, with the bits of libjpeg-turbo's own pixels: its "fancy"
// enlargement of Cb and Cr (jdsample.c) and its colours (jdcolor.c), in the same whole numbers.
#ifndef GRAFT_RESAMPLE_PLANES_H_
#define GRAFT_RESAMPLE_PLANES_H_

#include <cstdint>

#include "registers.h"

namespace graft {

// One sample of Cb and of Cr for `across` × `down` pixels, each 1 or 2.
struct Sampling {
  int64_t across;
  int64_t down;
};

// Y, Cb and Cr of a picture, rows of `lumaBytes` and `chromaBytes`. What lies behind a row is read, but has no meaning.
struct Planes {
  uint8_t* luma;
  uint8_t* chroma[2];
  int64_t lumaBytes;
  int64_t chromaBytes;
  // Of the picture, in pixels.
  int64_t width;
  int64_t height;
  Sampling sampling;
  int64_t chromaWidth() const { return (width + sampling.across - 1) / sampling.across; }
  int64_t chromaHeight() const { return (height + sampling.down - 1) / sampling.down; }
};

// The rows of Cb and Cr for one row of the picture: with `down` 2 the nearer one counts ¾, the next one to it ¼.
struct NearRows {
  int64_t near;
  int64_t far;
  bool isUpper;
  NearRows(const Planes& planes, int64_t row) : near(row / planes.sampling.down), far(near), isUpper(row % 2 == 0) {
    if (planes.sampling.down == 1) return;
    const int64_t last = planes.chromaHeight() - 1, next = isUpper ? near - 1 : near + 1;
    far = next < 0 ? 0 : next > last ? last : next;
  }
};

inline Vector threefold(Vector a) { return add16(a, add16(a, a)); }

// Cb or Cr of `kBytes` pixels less 128: of the first, third, … pixel and of the second, fourth, …
struct Pairs {
  Vector even;
  Vector odd;
};

// Enlarges one row of Cb or Cr; from pixel `x` on, a multiple of `kBytes`. `sums` has room for a row and for one more on
// each side.
template <int Across, int Down>
class Enlarged;

template <>
class Enlarged<1, 1> {
 public:
  Enlarged(const Planes& planes, int which, NearRows rows, int16_t*)
      : at_(planes.chroma[which] + rows.near * planes.chromaBytes) {}
  Pairs from(int64_t x) const {
    const Vector bytes = load(at_ + x), middle = repeated16(128);
    return {subtract16(evenBytes(bytes), middle), subtract16(oddBytes(bytes), middle)};
  }

 private:
  const uint8_t* at_;
};

template <>
class Enlarged<1, 2> {
 public:
  Enlarged(const Planes& planes, int which, NearRows rows, int16_t*)
      : near_(planes.chroma[which] + rows.near * planes.chromaBytes),
        far_(planes.chroma[which] + rows.far * planes.chromaBytes),
        bias_(repeated16((rows.isUpper ? 1 : 2) - 4 * 128)) {}
  Pairs from(int64_t x) const {
    const Vector near = load(near_ + x), far = load(far_ + x);
    return {weighed(evenBytes(near), evenBytes(far)), weighed(oddBytes(near), oddBytes(far))};
  }

 private:
  Vector weighed(Vector near, Vector far) const { return shifted16<2>(add16(add16(threefold(near), far), bias_)); }
  const uint8_t *near_, *far_;
  Vector bias_;
};

template <int Down>
class Enlarged<2, Down> {
 public:
  Enlarged(const Planes& planes, int which, NearRows rows, int16_t* sums) : sums_(sums) {
    const uint8_t* near = planes.chroma[which] + rows.near * planes.chromaBytes;
    const uint8_t* far = planes.chroma[which] + rows.far * planes.chromaBytes;
    const int64_t width = planes.chromaWidth();
    for (int64_t x = 0; x < width; x += kBytes / 2) {
      const Vector value = loadWidened(near + x);
      store(sums + x, Down == 1 ? value : add16(threefold(value), loadWidened(far + x)));
    }
    // Beside the picture the outermost again: what jdsample.c has as special cases comes to the same.
    sums[-1] = sums[0];
    sums[width] = sums[width - 1];
  }
  Pairs from(int64_t x) const {
    const int16_t* at = sums_ + x / 2;
    const Vector here = threefold(load(at));
    return {shifted16<kBits>(add16(add16(here, load(at - 1)), repeated16((Down == 1 ? 1 : 8) - kMiddle))),
            shifted16<kBits>(add16(add16(here, load(at + 1)), repeated16((Down == 1 ? 2 : 7) - kMiddle)))};
  }

 private:
  static constexpr int kBits = Down == 1 ? 2 : 4, kMiddle = 128 << kBits;
  const int16_t* sums_;
};

// Of jdcolor.c, in 16 binary places: R = Y + 1.402 Cr, G = Y − 0.34414 Cb − 0.71414 Cr, B = Y + 1.772 Cb, each product
// rounded, for G their sum.
constexpr int32_t kRedOfCr = 91881, kBlueOfCb = 116130, kGreenOfCb = 22554, kGreenOfCr = 46802;
// The same with one place less, of twice Cr or Cb, which products in 16 bits have room for; for G without a whole Cr.
constexpr int16_t kRedOfTwice = 22970, kBlueOfTwice = 29033, kGreenOfRest = 65536 - kGreenOfCr;

constexpr bool givesTheSame(int32_t factor, int16_t ofTwice) {
  for (int32_t x = -128; x < 128; ++x) {
    if ((x * factor + (1 << 15)) >> 16 != (2 * x * ofTwice + (1 << 14)) >> 15) return false;
  }
  return true;
}
static_assert(givesTheSame(kRedOfCr, kRedOfTwice) && givesTheSame(kBlueOfCb, kBlueOfTwice));

struct Colours {
  Vector red;
  Vector green;
  Vector blue;
};

// Cb and Cr less 128.
inline Colours coloursOf(Vector y, Vector cb, Vector cr) {
  const Vector red = add16(y, products16(add16(cr, cr), repeated16(kRedOfTwice)));
  const Vector blue = add16(y, products16(add16(cb, cb), repeated16(kBlueOfTwice)));
  const Vector half = repeated(1 << 15), factors = repeated((kGreenOfRest << 16) + (65536 - kGreenOfCb));
  const Vector low = shifted<16>(addProducts(half, low16(cb, cr), factors));
  const Vector high = shifted<16>(addProducts(half, high16(cb, cr), factors));
  return {red, add16(subtract16(y, cr), narrow32(low, high)), blue};
}

// Clamped to bytes, in the order of the pixels.
inline Vector inOrder(Vector even, Vector odd) { return alternating(narrow16(even, odd)); }

// One row of the picture: red, green and blue, each `stride` bytes behind the last, written in whole registers.
template <int Across, int Down>
void rowOfColours(const Planes& planes, int64_t row, int16_t* const sums[2], uint8_t* to, int64_t stride) {
  const uint8_t* luma = planes.luma + row * planes.lumaBytes;
  const NearRows rows(planes, row);
  const Enlarged<Across, Down> enlargedCb(planes, 0, rows, sums[0]), enlargedCr(planes, 1, rows, sums[1]);
  for (int64_t x = 0; x < planes.width; x += kBytes, to += kBytes) {
    const Vector y = load(luma + x);
    const Pairs cb = enlargedCb.from(x), cr = enlargedCr.from(x);
    const Colours even = coloursOf(evenBytes(y), cb.even, cr.even), odd = coloursOf(oddBytes(y), cb.odd, cr.odd);
    store(to, inOrder(even.red, odd.red));
    store(to + stride, inOrder(even.green, odd.green));
    store(to + 2 * stride, inOrder(even.blue, odd.blue));
  }
}

inline void rowOfColours(const Planes& planes, int64_t row, int16_t* const sums[2], uint8_t* to, int64_t stride) {
  const auto [across, down] = planes.sampling;
  const auto convert = across == 2 ? (down == 2 ? rowOfColours<2, 2> : rowOfColours<2, 1>)
                                   : (down == 2 ? rowOfColours<1, 2> : rowOfColours<1, 1>);
  convert(planes, row, sums, to, stride);
}

}  // namespace graft

#endif  // GRAFT_RESAMPLE_PLANES_H_
