import { describe, expect, it } from 'vitest';
import { chooseDevice } from './devices.ts';
import { withoutChatter } from './hush.ts';

const gpu = 'NVIDIA H200, 143771 MiB';

describe('chooseDevice', () => {
  it.each([
    ['auto', null, true, 'cpu'],
    ['auto', gpu, true, 'gpu'],
    ['auto', gpu, false, 'cpu'],
    ['cpu', gpu, true, 'cpu'],
    ['gpu', null, false, 'gpu'],
    ['js', gpu, true, 'js'],
  ] as const)('%s with GPU %s and package %s is %s', (requested, found, hasGpuPackage, expected) => {
    const choice = chooseDevice(requested, { gpu: found, hasGpuPackage });
    expect(choice.kind === 'js' ? 'js' : choice.variant).toBe(expected);
    expect(choice.why).not.toBe('');
  });

  it('says which package is missing beside a GPU', () => {
    expect(chooseDevice('auto', { gpu, hasGpuPackage: false }).why).toContain('@tensorflow/tfjs-node-gpu');
  });
});

describe('withoutChatter', () => {
  it('drops greetings and keeps what somebody may have to act on', () => {
    const said = [
      'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n',
      'I0000 00:00:1795487568.226879   30129 port.cc:153] oneDNN custom operations are on.\n',
      'E0000 00:00:1 2 cuda_fft.cc:1] Unable to register cuFFT factory\n',
      'E0000 00:00:1 2 cuda_diagnostics.cc:1] the driver is too old\n',
      'libcudart.so.12: cannot open',
    ];
    expect(withoutChatter(said.join(''))).toBe(`${said[3] ?? ''}${said[4] ?? ''}`);
  });
});
