// The operations of this folder. Each adds itself to the TensorFlow of this process; false where that fails.
#ifndef GRAFT_KERNELS_OPERATIONS_H_
#define GRAFT_KERNELS_OPERATIONS_H_

namespace graft {

bool addBatchNorm();
bool addBatchNormParts();
bool addDepthwise();
bool addDepthwiseParts();
bool addMaxPool();
bool addPatches();
bool addPointwise();
bool addPointwiseParts();
bool addScalePart();
bool addShortcutParts();
bool addWinograd();
bool addWinogradParts();

}  // namespace graft

#endif  // GRAFT_KERNELS_OPERATIONS_H_
