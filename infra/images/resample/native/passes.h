// The two passes of the resampler: down, then across, in whole numbers throughout, with the roundings of ../kernel.ts
// at the same places, so the bits are the same.
#ifndef GRAFT_RESAMPLE_PASSES_H_
#define GRAFT_RESAMPLE_PASSES_H_

#include <cstdint>
#include <cstring>

#include "registers.h"

namespace graft {

// Rows of the result that are done at once: as many as a register has 16-bit values.
constexpr int kRows = kBytes / 2;
// Bytes that the cache takes at once.
constexpr int kLine = 64;
// Columns that `toRows` does at once.
constexpr int kColumns = 16;
// As in ../kernel.ts: binary places of the coefficients, and of the values between the two passes.
constexpr int kPlaces = 14, kPlacesBetween = 6;

// In each 128-bit part: eight rows of eight values, turned.
inline void turn(const Vector* in, Vector* out) {
  Vector a[8], b[8];
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = low16(in[2 * i], in[2 * i + 1]);
    a[2 * i + 1] = high16(in[2 * i], in[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = low32(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = high32(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = low32(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = high32(a[4 * i + 1], a[4 * i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    out[2 * i] = low64(b[i], b[i + 4]);
    out[2 * i + 1] = high64(b[i], b[i + 4]);
  }
}

// What sums begin with that are to have `Places` less in the end, so that they are rounded.
template <int Places>
inline Vector half() {
  return repeated(1 << (Places - 1));
}

// Two registers of 32-bit sums with `Places` less, as one of 16 bits.
template <int Places>
inline Vector narrowed(Vector low, Vector high) {
  return narrow32(shifted<Places>(low), shifted<Places>(high));
}

// One place of an axis, as ../coefficients.ts wrote it: the offset of the first tap, and the coefficients of 16 bits.
struct Entry {
  const uint8_t* bytes;
  int64_t offset() const { return four(0); }
  // Two coefficients, in every pair of 16 bits.
  Vector pair(int64_t tap) const { return repeated(four(4 + 2 * tap)); }

 private:
  int32_t four(int64_t at) const {
    int32_t value;
    memcpy(&value, bytes + at, sizeof value);
    return value;
  }
};
struct Plan {
  const uint8_t* bytes;
  int64_t entryBytes;
  int64_t taps;
  Entry entry(int64_t place) const { return {bytes + place * entryBytes}; }
};

// `kBytes` columns of one row of the result, from the row of the first tap on: `left` gets the lower eight of every
// sixteen, `right` the others.
inline void sumRow(const uint8_t* at, int64_t rowBytes, Entry entry, int64_t taps, Vector* left, Vector* right) {
  constexpr int kLess = kPlaces - kPlacesBetween;
  const Vector zero = repeated(0);
  Vector s0 = half<kLess>(), s1 = s0, s2 = s0, s3 = s0;
  for (int64_t tap = 0; tap < taps; tap += 2, at += 2 * rowBytes) {
    // The next columns of these rows: no processor foresees steps of a row's length.
    __builtin_prefetch(at + kBytes + kLine - 1);
    __builtin_prefetch(at + rowBytes + kBytes + kLine - 1);
    const Vector pair = entry.pair(tap), upper = load(at), lower = load(at + rowBytes);
    const Vector low = low8(upper, lower), high = high8(upper, lower);
    s0 = addProducts(s0, low8(low, zero), pair);
    s1 = addProducts(s1, high8(low, zero), pair);
    s2 = addProducts(s2, low8(high, zero), pair);
    s3 = addProducts(s3, high8(high, zero), pair);
  }
  *left = narrowed<kLess>(s0, s1);
  *right = narrowed<kLess>(s2, s3);
}

// What is resampled into what. A row of the source has the channels of a pixel side by side, or all of one channel
// before all of the next.
struct Picture {
  int64_t rowBytes;
  int64_t height;
  int64_t width;
  int64_t channels;
  // Columns from one channel of a pixel to the next, and from a pixel to the next.
  int64_t channelStep;
  int64_t pixelStep;
  Plan rows;
  Plan columns;
  int16_t* turned;
  int16_t* wide;
  uint8_t* result;
  int64_t resultRowBytes;
};

// Rows of the source, of which the first lies `skippedBytes` behind its beginning.
struct Source {
  const uint8_t* at;
  int64_t skippedBytes;
};

// From row `first` of the result on, `kRows` of them, column by column.
inline void vertical(const Picture& picture, Source source, int64_t first) {
  for (int64_t column = 0; column < picture.rowBytes; column += kBytes) {
    for (int group = 0; group < kRows; group += 8) {
      Vector sums[2][8], out[8];
      for (int i = 0; i < 8; ++i) {
        // Behind the last row the last one again.
        const int64_t row = first + group + i < picture.height ? first + group + i : picture.height - 1;
        const Entry entry = picture.rows.entry(row);
        sumRow(source.at + (entry.offset() - source.skippedBytes) + column, picture.rowBytes, entry, picture.rows.taps,
               &sums[0][i], &sums[1][i]);
      }
      for (int side = 0; side < 2; ++side) {
        turn(sums[side], out);
        for (int i = 0; i < 8; ++i) {
          int16_t* to = picture.turned + (column + 8 * side + i) * kRows + group;
          storeParts(out[i], [&](int part) { return reinterpret_cast<__m128i*>(to + 16 * part * kRows); });
        }
      }
    }
  }
}

// All columns of the result from what `vertical` left: whole numbers, not yet clamped, the channels of a pixel side by
// side.
template <int Channels>
void horizontal(const Picture& picture) {
  constexpr int kLess = kPlaces + kPlacesBetween;
  const int64_t channelStep = picture.channelStep * kRows, pixelStep = picture.pixelStep * kRows;
  for (int64_t x = 0; x < picture.width; ++x) {
    const Entry entry = picture.columns.entry(x);
    const int16_t* at = picture.turned + entry.offset() / static_cast<int64_t>(sizeof *at);
    Vector low[Channels], high[Channels];
    for (int c = 0; c < Channels; ++c) low[c] = high[c] = half<kLess>();
    for (int64_t tap = 0; tap < picture.columns.taps; tap += 2, at += 2 * pixelStep) {
      const Vector pair = entry.pair(tap);
      for (int c = 0; c < Channels; ++c) {
        const Vector left = load(at + c * channelStep), right = load(at + c * channelStep + pixelStep);
        low[c] = addProducts(low[c], low16(left, right), pair);
        high[c] = addProducts(high[c], high16(left, right), pair);
      }
    }
    for (int c = 0; c < Channels; ++c) {
      store(picture.wide + (x * Channels + c) * kRows, narrowed<kLess>(low[c], high[c]));
    }
  }
}

// Back to rows of bytes, from row `first` of the result on.
inline void toRows(const Picture& picture, int64_t first) {
  const int64_t columns = picture.width * picture.channels;
  for (int64_t column = 0; column < columns; column += kColumns) {
    Vector in[2][8], out[2][8];
    for (int i = 0; i < kColumns; ++i) in[i / 8][i % 8] = load(picture.wide + (column + i) * kRows);
    turn(in[0], out[0]);
    turn(in[1], out[1]);
    const int64_t width = columns - column < kColumns ? columns - column : kColumns;
    for (int i = 0; i < 8; ++i) {
      uint8_t bytes[kBytes];
      store(bytes, narrow16(out[0][i], out[1][i]));
      for (int64_t part = 0, row = first + i; part < kBytes / 16 && row < picture.height; ++part, row += 8) {
        uint8_t* to = picture.result + row * picture.resultRowBytes + column;
        // Of a length that the compiler knows: one instruction.
        if (width == kColumns) {
          memcpy(to, bytes + 16 * part, kColumns);
        } else {
          memcpy(to, bytes + 16 * part, width);
        }
      }
    }
  }
}

// `sourceOf` is asked for the rows of the source that some rows of the result are made of, by the first and the last of
// those.
template <class SourceOf>
void resample(const Picture& picture, const SourceOf& sourceOf) {
  for (int64_t row = 0; row < picture.height; row += kRows) {
    const int64_t last = row + kRows < picture.height ? row + kRows - 1 : picture.height - 1;
    vertical(picture, sourceOf(row, last), row);
    if (picture.channels == 3) {
      horizontal<3>(picture);
    } else {
      horizontal<1>(picture);
    }
    toRows(picture, row);
  }
}

}  // namespace graft

#endif  // GRAFT_RESAMPLE_PASSES_H_
