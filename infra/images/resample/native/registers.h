// The processor's longest registers of whole numbers, under names that do not say how long they are.
#ifndef GRAFT_RESAMPLE_REGISTERS_H_
#define GRAFT_RESAMPLE_REGISTERS_H_

#include <immintrin.h>

#include <cstdint>

namespace graft {

#if defined(__AVX512BW__)
constexpr int kBytes = 64;
using Vector = __m512i;
inline Vector load(const void* at) { return _mm512_loadu_si512(at); }
inline void store(void* at, Vector v) { _mm512_storeu_si512(at, v); }
inline Vector repeated(int32_t v) { return _mm512_set1_epi32(v); }
inline Vector low8(Vector a, Vector b) { return _mm512_unpacklo_epi8(a, b); }
inline Vector high8(Vector a, Vector b) { return _mm512_unpackhi_epi8(a, b); }
inline Vector low16(Vector a, Vector b) { return _mm512_unpacklo_epi16(a, b); }
inline Vector high16(Vector a, Vector b) { return _mm512_unpackhi_epi16(a, b); }
inline Vector low32(Vector a, Vector b) { return _mm512_unpacklo_epi32(a, b); }
inline Vector high32(Vector a, Vector b) { return _mm512_unpackhi_epi32(a, b); }
inline Vector low64(Vector a, Vector b) { return _mm512_unpacklo_epi64(a, b); }
inline Vector high64(Vector a, Vector b) { return _mm512_unpackhi_epi64(a, b); }
inline Vector add32(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
template <int Bits>
inline Vector shifted(Vector a) {
  return _mm512_srai_epi32(a, Bits);
}
inline Vector narrow32(Vector a, Vector b) { return _mm512_packs_epi32(a, b); }
inline Vector narrow16(Vector a, Vector b) { return _mm512_packus_epi16(a, b); }
inline Vector addProducts(Vector sum, Vector a, Vector b) { return add32(sum, _mm512_madd_epi16(a, b)); }
inline Vector add16(Vector a, Vector b) { return _mm512_add_epi16(a, b); }
inline Vector subtract16(Vector a, Vector b) { return _mm512_sub_epi16(a, b); }
inline Vector repeated16(int16_t v) { return _mm512_set1_epi16(v); }
// Products with 15 binary places, rounded to whole numbers.
inline Vector products16(Vector a, Vector b) { return _mm512_mulhrs_epi16(a, b); }
template <int Bits>
inline Vector shifted16(Vector a) {
  return _mm512_srai_epi16(a, Bits);
}
// Every second byte in 16 bits, from the first on and from the second on.
inline Vector evenBytes(Vector a) { return _mm512_and_si512(a, repeated16(0xff)); }
inline Vector oddBytes(Vector a) { return _mm512_srli_epi16(a, 8); }
// As many bytes as there is room for, in 16 bits each.
inline Vector loadWidened(const void* at) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(at)));
}
// In each 128 bits: the first eight bytes and the last eight in turns.
inline Vector alternating(Vector a) {
  return _mm512_shuffle_epi8(
      a, _mm512_broadcast_i32x4(_mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15)));
}
// Its parts of 128 bits, each to a place of its own.
template <class Place>
inline void storeParts(Vector v, const Place& place) {
  _mm_storeu_si128(place(0), _mm512_castsi512_si128(v));
  _mm_storeu_si128(place(1), _mm512_extracti32x4_epi32(v, 1));
  _mm_storeu_si128(place(2), _mm512_extracti32x4_epi32(v, 2));
  _mm_storeu_si128(place(3), _mm512_extracti32x4_epi32(v, 3));
}

#else
constexpr int kBytes = 32;
using Vector = __m256i;
inline Vector load(const void* at) { return _mm256_loadu_si256(static_cast<const Vector*>(at)); }
inline void store(void* at, Vector v) { _mm256_storeu_si256(static_cast<Vector*>(at), v); }
inline Vector repeated(int32_t v) { return _mm256_set1_epi32(v); }
inline Vector low8(Vector a, Vector b) { return _mm256_unpacklo_epi8(a, b); }
inline Vector high8(Vector a, Vector b) { return _mm256_unpackhi_epi8(a, b); }
inline Vector low16(Vector a, Vector b) { return _mm256_unpacklo_epi16(a, b); }
inline Vector high16(Vector a, Vector b) { return _mm256_unpackhi_epi16(a, b); }
inline Vector low32(Vector a, Vector b) { return _mm256_unpacklo_epi32(a, b); }
inline Vector high32(Vector a, Vector b) { return _mm256_unpackhi_epi32(a, b); }
inline Vector low64(Vector a, Vector b) { return _mm256_unpacklo_epi64(a, b); }
inline Vector high64(Vector a, Vector b) { return _mm256_unpackhi_epi64(a, b); }
inline Vector add32(Vector a, Vector b) { return _mm256_add_epi32(a, b); }
template <int Bits>
inline Vector shifted(Vector a) {
  return _mm256_srai_epi32(a, Bits);
}
inline Vector narrow32(Vector a, Vector b) { return _mm256_packs_epi32(a, b); }
inline Vector narrow16(Vector a, Vector b) { return _mm256_packus_epi16(a, b); }
inline Vector addProducts(Vector sum, Vector a, Vector b) { return add32(sum, _mm256_madd_epi16(a, b)); }
inline Vector add16(Vector a, Vector b) { return _mm256_add_epi16(a, b); }
inline Vector subtract16(Vector a, Vector b) { return _mm256_sub_epi16(a, b); }
inline Vector repeated16(int16_t v) { return _mm256_set1_epi16(v); }
inline Vector products16(Vector a, Vector b) { return _mm256_mulhrs_epi16(a, b); }
template <int Bits>
inline Vector shifted16(Vector a) {
  return _mm256_srai_epi16(a, Bits);
}
inline Vector evenBytes(Vector a) { return _mm256_and_si256(a, repeated16(0xff)); }
inline Vector oddBytes(Vector a) { return _mm256_srli_epi16(a, 8); }
inline Vector loadWidened(const void* at) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(at)));
}
inline Vector alternating(Vector a) {
  return _mm256_shuffle_epi8(
      a, _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15)));
}
template <class Place>
inline void storeParts(Vector v, const Place& place) {
  _mm_storeu_si128(place(0), _mm256_castsi256_si128(v));
  _mm_storeu_si128(place(1), _mm256_extracti128_si256(v, 1));
}
#endif

}  // namespace graft

#endif  // GRAFT_RESAMPLE_REGISTERS_H_
