// The resampler (../resampler.ts) for processors with longer registers than WebAssembly has, and JPEGs on their way
// through it.

#include <node_api.h>

#include <cstdint>

#include "passes.h"
#include "planes.h"
#include "turbo.h"
#include "window.h"

namespace graft {
namespace {

// Memory and what lies where in it: what ../layout.ts wrote down, number by number.
class Numbers {
 public:
  Numbers(void* memory, const void* numbers)
      : memory_(static_cast<uint8_t*>(memory)), next_(static_cast<const int32_t*>(numbers)) {}
  int64_t number() { return *next_++; }
  uint8_t* bytes() { return memory_ + number(); }
  int16_t* values() { return reinterpret_cast<int16_t*>(bytes()); }
  // In an initialiser in braces the order of these is that of the text.
  Plan plan() { return Plan{bytes(), number(), number()}; }
  Picture picture() {
    return Picture{number(), number(), number(), number(), number(),  number(),
                   plan(),   plan(),   values(), values(), bytes(), number()};
  }
  Planes planes() {
    return Planes{bytes(), {bytes(), bytes()}, number(), number(), number(), number(), {number(), number()}};
  }

 private:
  uint8_t* memory_;
  const int32_t* next_;
};

constexpr size_t kPictureNumbers = 16, kPlanesNumbers = 9;

Turbo turbo;

napi_value nothing(napi_env env, const char* wrong) {
  napi_throw_error(env, nullptr, wrong);
  return nullptr;
}

bool isArray(napi_env env, napi_value value, void** data, size_t* length) {
  return napi_get_typedarray_info(env, value, nullptr, length, data, nullptr, nullptr) == napi_ok;
}

// resample(memory, numbers): those of the picture, and where its pixels lie.
napi_value callResample(napi_env env, napi_callback_info info) {
  size_t count = 2, length = 0;
  napi_value given[2];
  void *memory = nullptr, *numbers = nullptr;
  if (napi_get_cb_info(env, info, &count, given, nullptr, nullptr) != napi_ok ||
      !isArray(env, given[0], &memory, nullptr) || !isArray(env, given[1], &numbers, &length) ||
      length != kPictureNumbers + 1) {
    return nothing(env, "resample: memory, and the numbers of a picture");
  }
  Numbers read(memory, numbers);
  const Picture picture = read.picture();
  const Source source{read.bytes(), 0};
  resample(picture, [&](int64_t, int64_t) { return source; });
  return nullptr;
}

// resampleJpeg(file, memory, numbers): those of the picture and of its planes, and where there is room for colours and
// two rows of sums. False where libjpeg-turbo is not at hand, or finds the file damaged or another than the numbers say.
napi_value callResampleJpeg(napi_env env, napi_callback_info info) {
  size_t count = 3, length = 0, size = 0;
  napi_value given[3], result;
  void *file = nullptr, *memory = nullptr, *numbers = nullptr;
  if (napi_get_cb_info(env, info, &count, given, nullptr, nullptr) != napi_ok ||
      !isArray(env, given[0], &file, &size) || !isArray(env, given[1], &memory, nullptr) ||
      !isArray(env, given[2], &numbers, &length) || length != kPictureNumbers + kPlanesNumbers + 3) {
    return nothing(env, "resampleJpeg: a file, memory, and the numbers of a picture and of its planes");
  }
  Numbers read(memory, numbers);
  const Picture picture = read.picture();
  const Planes planes = read.planes();
  uint8_t* const colours = read.bytes();
  int16_t* const sums[2] = {read.values(), read.values()};
  const bool decoded = turbo.decode(static_cast<const uint8_t*>(file), size, planes);
  if (decoded) {
    Window window(planes, picture, colours, sums);
    resample(picture, [&](int64_t first, int64_t last) { return window(first, last); });
  }
  napi_get_boolean(env, decoded, &result);
  return result;
}

// openTurbo(path): whether libjpeg-turbo is at hand from now on.
napi_value callOpenTurbo(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value given[1], result;
  char path[4096];
  if (napi_get_cb_info(env, info, &count, given, nullptr, nullptr) != napi_ok ||
      napi_get_value_string_utf8(env, given[0], path, sizeof path, &length) != napi_ok) {
    return nothing(env, "openTurbo: a path");
  }
  napi_get_boolean(env, turbo.open(path), &result);
  return result;
}

napi_value init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"resample", nullptr, callResample, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"resampleJpeg", nullptr, callResampleJpeg, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"openTurbo", nullptr, callOpenTurbo, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, 3, functions);
  napi_value rows;
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
