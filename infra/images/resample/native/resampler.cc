// The resampler (../resampler.ts) for processors with longer registers than WebAssembly has. Whole numbers throughout, with
// the roundings of ../kernel.ts at the same places, so the bits are the same.

#include <node_api.h>

#include <cstdint>
#include <cstring>

#include "registers.h"

namespace graft {
namespace {

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

// Two registers of 32-bit sums, rounded and with `Places` less, as one of 16 bits.
template <int Places>
inline Vector rounded(Vector low, Vector high) {
  const Vector half = repeated(1 << (Places - 1));
  return narrow32(shifted<Places>(add32(low, half)), shifted<Places>(add32(high, half)));
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

// `kBytes` columns of one row of the result: `left` gets the lower eight of every sixteen, `right` the others.
inline void sumRow(const uint8_t* at, int64_t rowBytes, Entry entry, int64_t taps, Vector* left, Vector* right) {
  const Vector zero = repeated(0);
  Vector s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  at += entry.offset();
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
  *left = rounded<kPlaces - kPlacesBetween>(s0, s1);
  *right = rounded<kPlaces - kPlacesBetween>(s2, s3);
}

// What is resampled into what, and where it lies; in this order as resampler.ts names it.
struct Picture {
  const uint8_t* source;
  int64_t rowBytes;
  int64_t height;
  int64_t width;
  int64_t channels;
  Plan rows;
  Plan columns;
  int16_t* turned;
  int16_t* wide;
  uint8_t* result;
  int64_t resultRowBytes;
};

// From row `first` of the result on, `kRows` of them, column by column.
void vertical(const Picture& picture, int64_t first) {
  for (int64_t column = 0; column < picture.rowBytes; column += kBytes) {
    for (int group = 0; group < kRows; group += 8) {
      Vector sums[2][8], out[8];
      for (int i = 0; i < 8; ++i) {
        // Behind the last row the last one again.
        const int64_t row = first + group + i < picture.height ? first + group + i : picture.height - 1;
        sumRow(picture.source + column, picture.rowBytes, picture.rows.entry(row), picture.rows.taps, &sums[0][i],
               &sums[1][i]);
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

// All columns of the result from what `vertical` left: whole numbers, not yet clamped.
template <int Channels>
void horizontal(const Picture& picture) {
  const Vector zero = repeated(0);
  for (int64_t x = 0; x < picture.width; ++x) {
    const Entry entry = picture.columns.entry(x);
    const int16_t* at = picture.turned + entry.offset() / static_cast<int64_t>(sizeof *at);
    Vector low[Channels], high[Channels];
    for (int c = 0; c < Channels; ++c) low[c] = high[c] = zero;
    for (int64_t tap = 0; tap < picture.columns.taps; tap += 2, at += 2 * Channels * kRows) {
      const Vector pair = entry.pair(tap);
      for (int c = 0; c < Channels; ++c) {
        const Vector left = load(at + c * kRows), right = load(at + (Channels + c) * kRows);
        low[c] = addProducts(low[c], low16(left, right), pair);
        high[c] = addProducts(high[c], high16(left, right), pair);
      }
    }
    for (int c = 0; c < Channels; ++c) {
      store(picture.wide + (x * Channels + c) * kRows, rounded<kPlaces + kPlacesBetween>(low[c], high[c]));
    }
  }
}

// Back to rows of bytes, from row `first` of the result on.
void toRows(const Picture& picture, int64_t first) {
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

void resample(const Picture& picture) {
  for (int64_t row = 0; row < picture.height; row += kRows) {
    vertical(picture, row);
    if (picture.channels == 3) {
      horizontal<3>(picture);
    } else {
      horizontal<1>(picture);
    }
    toRows(picture, row);
  }
}

// resample(memory, numbers): `numbers` holds the fields of a Picture, pointers as offsets in `memory`.
napi_value call(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  void *memory = nullptr, *given = nullptr;
  constexpr size_t kNumbers = 15;
  size_t length = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok ||
      napi_get_typedarray_info(env, arguments[0], nullptr, nullptr, &memory, nullptr, nullptr) != napi_ok ||
      napi_get_typedarray_info(env, arguments[1], nullptr, &length, &given, nullptr, nullptr) != napi_ok ||
      length != kNumbers) {
    napi_throw_error(env, nullptr, "resample: bytes and 15 whole numbers");
    return nullptr;
  }
  uint8_t* base = static_cast<uint8_t*>(memory);
  const int32_t* n = static_cast<const int32_t*>(given);
  const auto values = [&](int32_t offset) { return reinterpret_cast<int16_t*>(base + offset); };
  resample({base + n[0], n[1], n[2], n[3], n[4], {base + n[5], n[6], n[7]}, {base + n[8], n[9], n[10]}, values(n[11]),
            values(n[12]), base + n[13], n[14]});
  return nullptr;
}

napi_value init(napi_env env, napi_value exports) {
  napi_value function, rows;
  napi_create_function(env, "resample", NAPI_AUTO_LENGTH, call, nullptr, &function);
  napi_set_named_property(env, exports, "resample", function);
  napi_create_int32(env, kRows, &rows);
  napi_set_named_property(env, exports, "rows", rows);
  return exports;
}

}  // namespace
}  // namespace graft

extern "C" {
static napi_value initResampler(napi_env env, napi_value exports) { return graft::init(env, exports); }
NAPI_MODULE(resampler, initResampler)
}
