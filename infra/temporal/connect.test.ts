import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectTemporal, tlsOptions } from './connect.ts';
import { isTemporalAway, temporalFault } from './faults.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** A port that takes connections and never speaks. */
async function mutePort(): Promise<string> {
  const opened = createServer(() => undefined);
  server = opened;
  await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve));
  const { port } = opened.address() as AddressInfo;
  return `127.0.0.1:${port}`;
}

const grpcError = (code: number, details: string): Error =>
  Object.assign(new Error(details), { code, details, metadata: {} });
const wrapped = (cause: Error): Error => new Error('Failed to describe namespace', { cause });
const here = { address: 'temporal.example.org:7233', namespace: 'vision', apiKey: 'canary-key' };

describe('connectTemporal', () => {
  it('says at once that nothing listens on this machine, and how to start it', async () => {
    const address = await mutePort();
    await new Promise((resolve) => server?.close(resolve));
    await expect(connectTemporal({ address, namespace: 'default' })).rejects.toThrowError(
      /^TEMPORAL_UNREACHABLE: 127\.0\.0\.1:\d+ — connection refused.* — is it up\? start it with graft up$/,
    );
  });

  it('tells a port that is not Temporal from one that is closed', async () => {
    const address = await mutePort();
    await expect(connectTemporal({ address, namespace: 'default' }, { timeoutMs: 300 })).rejects.toThrowError(
      /^TEMPORAL_UNREACHABLE: .* — the port answers, but not as Temporal does — .*TEMPORAL_TLS=true/,
    );
  });

  it('names the variable of a PEM file that cannot be read', async () => {
    const tls = { caPath: '/no/ca.pem' };
    await expect(tlsOptions({ ...here, tls })).rejects.toThrowError(
      /^TEMPORAL_TLS_FILE: TEMPORAL_TLS_CA=\/no\/ca\.pem — /,
    );
    await expect(tlsOptions({ ...here, tls: {} })).resolves.toEqual({});
    await expect(tlsOptions(here)).resolves.toBeUndefined();
  });
});

describe('temporalFault', () => {
  it.each([
    [5, 'Namespace vision is not found.', 'TEMPORAL_NAMESPACE', 'input'],
    [7, 'Request unauthorized.', 'TEMPORAL_DENIED', 'input'],
    [16, 'invalid token', 'TEMPORAL_DENIED', 'input'],
    [14, 'connection reset', 'TEMPORAL_UNREACHABLE', 'transient'],
    [4, 'Deadline exceeded', 'TEMPORAL_UNREACHABLE', 'transient'],
  ])('gRPC status %i (%s) is %s', (code, details, graft, kind) => {
    const fault = temporalFault(wrapped(grpcError(code, details)), here);
    expect(fault).toMatchObject({ code: graft, kind });
    expect(fault?.message).toContain('temporal.example.org:7233');
    expect(fault?.message).not.toContain('canary-key');
    expect(isTemporalAway(grpcError(code, details))).toBe(kind === 'transient');
  });

  it('leaves alone what it does not know', () => {
    expect(temporalFault(new TypeError('x'), here)).toBeNull();
    expect(temporalFault(grpcError(5, 'workflow not found'), here)).toBeNull();
  });
});
