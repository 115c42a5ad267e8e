"""model.fit as its users write it, timed step by step."""

import keras
import tensorflow as tf

from common import Clock, answer, peak_mb, read_safetensors, spec
from keras_nets import classifier

SPEC = spec()
# TensorFlow refuses random operations without a seed where deterministic ones are asked for, as graft's environment does.
keras.utils.set_random_seed(1)


class StepClock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.clock = Clock(SPEC)

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = self.clock.tick()


tensors = read_safetensors(SPEC["imagesPath"])
images, labels = tensors["images"], tensors["labels"]
data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images)).repeat()
data = data.batch(SPEC["batchSize"]).prefetch(tf.data.AUTOTUNE)
model = classifier(SPEC["backbone"], SPEC["strategy"], SPEC["sidePx"], SPEC["classes"])
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
    **({"jit_compile": True} if SPEC["jit"] == "on" else {}),
)
clock = StepClock()
model.fit(data, epochs=1, steps_per_epoch=1_000_000, verbose=0, callbacks=[clock])
answer(stepMs=clock.clock.step_ms, peakMb=peak_mb(), xla=bool(model.jit_compile))
