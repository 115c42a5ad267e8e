// Makes the operations of this folder known to the TensorFlow of the process that loads it.

#include <node_api.h>

#include "operations.h"

extern "C" {

static napi_value init(napi_env env, napi_value exports) {
  napi_value ready;
  const bool added = graft::addBatchNorm() && graft::addBatchNormParts() && graft::addDepthwise() &&
                     graft::addDepthwiseParts() && graft::addPointwise() && graft::addPointwiseParts() && graft::addWinograd() &&
                     graft::addWinogradParts() && graft::addScalePart() && graft::addShortcutParts() &&
                     graft::addMaxPool() && graft::addPatches();
  napi_get_boolean(env, added, &ready);
  napi_set_named_property(env, exports, "ready", ready);
  return exports;
}

NAPI_MODULE(kernels, init)
}
