// libjpeg-turbo as a library that is found at run time: the few calls of turbojpeg.h (version 3) that hand out the planes
// of a JPEG.
#ifndef GRAFT_RESAMPLE_TURBO_H_
#define GRAFT_RESAMPLE_TURBO_H_

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>

#include "planes.h"

namespace graft {

class Turbo {
 public:
  // False where there is no such library, or one that lacks a call.
  bool open(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    isOpen_ = library != nullptr && find(library, "tj3Init", &init_) && find(library, "tj3Destroy", &destroy_) &&
              find(library, "tj3Set", &set_) && find(library, "tj3Get", &get_) &&
              find(library, "tj3DecompressHeader", &readHeader_) &&
              find(library, "tj3DecompressToYUVPlanes8", &decompress_);
    return isOpen_;
  }

  // By the quick inverse transform. False where the file is damaged in any way, or is not what `planes` have room for.
  bool decode(const uint8_t* file, size_t size, const Planes& planes) const {
    if (!isOpen_) return false;
    // One for each picture: tables, and what a damaged file left, would outlive it.
    void* handle = init_(kDecompress);
    if (handle == nullptr) return false;
    uint8_t* to[] = {planes.luma, planes.chroma[0], planes.chroma[1]};
    int strides[] = {static_cast<int>(planes.lumaBytes), static_cast<int>(planes.chromaBytes),
                     static_cast<int>(planes.chromaBytes)};
    const bool done = set_(handle, kStopOnWarning, 1) == 0 && set_(handle, kFastDct, 1) == 0 &&
                      readHeader_(handle, file, size) == 0 && isAsExpected(handle, planes) &&
                      decompress_(handle, file, size, to, strides) == 0;
    destroy_(handle);
    return done;
  }

 private:
  // TJINIT and TJPARAM.
  static constexpr int kDecompress = 1;
  static constexpr int kStopOnWarning = 0, kSubsampling = 4, kWidth = 5, kHeight = 6, kColourSpace = 8, kFastDct = 10;
  static constexpr int kYcc = 1;

  template <class Call>
  static bool find(void* library, const char* name, Call** call) {
    *call = reinterpret_cast<Call*>(dlsym(library, name));
    return *call != nullptr;
  }

  // Of TJSAMP.
  static int codeOf(Sampling sampling) {
    if (sampling.across == 1) return sampling.down == 1 ? 0 : 4;
    return sampling.down == 1 ? 1 : 2;
  }

  // By what libjpeg-turbo itself makes of the header: so much will it write.
  bool isAsExpected(void* handle, const Planes& planes) const {
    return get_(handle, kWidth) == planes.width && get_(handle, kHeight) == planes.height &&
           get_(handle, kColourSpace) == kYcc && get_(handle, kSubsampling) == codeOf(planes.sampling);
  }

  bool isOpen_ = false;
  void* (*init_)(int) = nullptr;
  void (*destroy_)(void*) = nullptr;
  int (*set_)(void*, int, int) = nullptr;
  int (*get_)(void*, int) = nullptr;
  int (*readHeader_)(void*, const uint8_t*, size_t) = nullptr;
  int (*decompress_)(void*, const uint8_t*, size_t, uint8_t**, int*) = nullptr;
};

}  // namespace graft

#endif  // GRAFT_RESAMPLE_TURBO_H_
