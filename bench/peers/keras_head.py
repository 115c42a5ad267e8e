"""A frozen backbone with a new head, as Keras's transfer-learning guide trains it; says when each epoch was over."""

import time

import keras
import tensorflow as tf

from common import answer, peak_mb, read_safetensors, spec
from keras_nets import classifier, efficientnet_lite0, load_graft_weights

SPEC = spec()
started = time.perf_counter()


class EpochClock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append({"seconds": time.perf_counter() - started, "accuracy": float(logs["val_accuracy"])})


def side(path):
    tensors = read_safetensors(path)
    return tf.data.Dataset.from_tensor_slices((tensors["images"], tensors["labels"]))


training, validation = side(SPEC["trainPath"]), side(SPEC["validationPath"])
training = training.shuffle(SPEC["rows"], seed=1).batch(SPEC["batchSize"]).prefetch(tf.data.AUTOTUNE)
validation = validation.batch(SPEC["batchSize"]).prefetch(tf.data.AUTOTUNE)
trunk = efficientnet_lite0(SPEC["sidePx"])
load_graft_weights(trunk, read_safetensors(SPEC["weightsPath"]))
model = classifier("efficientnet-lite0", "head", SPEC["sidePx"], SPEC["classes"], trunk)
model.compile(
    optimizer=keras.optimizers.Adam(SPEC["learningRate"]),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
clock = EpochClock()
model.fit(training, epochs=SPEC["epochs"], validation_data=validation, verbose=0, callbacks=[clock])
answer(epochs=clock.epochs, seconds=time.perf_counter() - started, peakMb=peak_mb())
