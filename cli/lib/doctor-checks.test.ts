import { describe, expect, it } from 'vitest';
import { checkNode } from './doctor-checks.ts';

describe('checkNode', () => {
  it.each([
    ['18.20.0', 'bad'],
    ['20.5.1', 'bad'],
    ['20.6.0', 'ok'],
    ['21.7.0', 'note'],
    ['22.11.0', 'ok'],
    ['24.1.0', 'ok'],
    ['26.0.0', 'note'],
  ])('calls %s %s', (version, status) => {
    expect(checkNode(version).status).toBe(status);
  });
});
