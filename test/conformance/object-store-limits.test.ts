import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MIN_PART_BYTES } from '../../infra/s3/options.ts';
import { probeConditionalWrites } from '../../infra/s3/probe.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import type { Fault } from '../faults/faulty-proxy.ts';
import { faultyNetwork, on } from './faulty-network.ts';
import { all, bytes, collect, keysUnder, outcome, sha256 } from './object-store-kit.ts';

/** Where retries end: time, refusals, callers that give up, conditions that are ignored. */
describe('object store at the end of its patience', () => {
  const net = faultyNetwork();

  it('30 % of answers are 503: everything is written and read all the same', async () => {
    net.proxy().inject({ fault: { kind: 'status', status: 503 }, share: 0.3 });
    const patient = createS3ObjectStore(net.viaProxy({ retry: { attempts: 20, baseMs: 1, capMs: 5 } }));
    const before = net.proxy().counts();
    const under = `busy/${net.newKey()}/`;
    const objects = Array.from({ length: 100 }, (_, i) => [`${under}${i}`, randomBytes(1000 + i)] as const);
    for (const [key, body] of objects) await patient.put(key, body);
    for (const [key, body] of objects) {
      expect(Buffer.compare((await patient.get(key, { sha256: sha256(body) }))!.body, body)).toBe(0);
    }
    expect((await keysUnder(patient, under)).length).toBe(100);
    const after = net.proxy().counts();
    const share = (after.struck - before.struck) / (after.requests - before.requests);
    expect(share).toBeGreaterThan(0.2);
  });

  it('waits as long as Retry-After says, not longer than its own cap', async () => {
    const key = net.newKey();
    const waits: number[] = [];
    const options = net.viaProxy({ retry: { attempts: 3, baseMs: 1, capMs: 1500 } });
    const tools = { random: () => 0, sleep: (ms: number) => Promise.resolve(void waits.push(ms)) };
    const watched = createS3ObjectStore(options, tools);
    for (const after of ['1', '60']) {
      const fault = { kind: 'status', status: 503, headers: { 'retry-after': after } } as const;
      net.proxy().inject({ fault, times: 1 });
      await watched.put(key, bytes('x'));
    }
    expect(waits).toEqual([1000, 1500]);
  });

  describe('what no retry mends', () => {
    it.each([
      [403, 'AccessDenied', 'STORE_DENIED'],
      [403, 'InvalidAccessKeyId', 'STORE_DENIED'],
      [507, 'InsufficientStorage', 'STORE_FULL'],
      [404, 'NoSuchBucket', 'STORE_BUCKET'],
      [400, 'MalformedXML', 'STORE_REFUSED'],
    ])('HTTP %i %s is %s at the first attempt', async (status, s3Code, code) => {
      net.proxy().inject({ fault: { kind: 'status', status, s3Code } });
      const before = net.proxy().counts().requests;
      const calm = createS3ObjectStore(net.viaProxy({ timeouts: {} }));
      expect(await outcome(calm.put(net.newKey(), bytes('x')))).toBe(code);
      expect(net.proxy().counts().requests - before).toBe(1);
    });

    it('shows neither keys nor signatures, however deep one looks', async () => {
      const canaries = { accessKey: 'canary-access-key', secretKey: 'canary-secret-key', sessionToken: 'canary-token' };
      const stranger = createS3ObjectStore(net.viaProxy(canaries));
      const calls = [stranger.put('a', bytes('x')), stranger.get('a'), all(stranger.list(''))];
      for (const settled of await Promise.allSettled(calls)) {
        const error: unknown = settled.status === 'rejected' ? settled.reason : undefined;
        expect(error).toMatchObject({ code: 'STORE_DENIED' });
        const shown = inspect(error, { depth: 12, showHidden: true, getters: true }) + JSON.stringify(error);
        expect(shown).not.toMatch(/canary|AWS4-HMAC|Signature=/);
      }
    });
  });

  describe('If-* lost on the way', () => {
    it.each([true, false])('is refused at start (signed anew by the proxy: %s)', async (resign) => {
      const fault = {
        kind: 'strip-conditions',
        ...(resign ? { resign: net.server().options('faults') } : {}),
      } as const;
      net.proxy().inject({ fault });
      const probed = await probeConditionalWrites(net.store());
      expect(probed.ok ? 'ok' : probed.error.message).toMatch(/^STORE_CONDITIONAL: s3:\/\/faults at http/);
      expect(await keysUnder(net.direct(), '.graft-probe/')).toEqual([]);
    });

    it('a pointer that is not there is a conflict even so', async () => {
      const key = net.newKey();
      net.proxy().inject({ fault: { kind: 'strip-conditions', resign: net.server().options('faults') } });
      expect(await net.store().putIfMatch(key, bytes('x'), '0123456789abcdef')).toEqual({ kind: 'conflict' });
      expect(await net.direct().head(key)).toBeNull();
    });

    it('a probe that can not ask says why', async () => {
      net.proxy().inject({ fault: { kind: 'status', status: 403, s3Code: 'AccessDenied' } });
      const probed = await probeConditionalWrites(net.store());
      expect(probed.ok ? 'ok' : probed.error.code).toBe('STORE_DENIED');
    });

    it('a probe does not take a lost acknowledgement for a refusal', async () => {
      net.proxy().inject({ fault: { kind: 'drop-ack' }, when: on('PUT'), times: 1 });
      expect((await probeConditionalWrites(net.store())).ok).toBe(true);
      expect(net.proxy().clear()).toEqual([]);
      let puts = 0;
      net
        .proxy()
        .inject({ fault: { kind: 'drop-ack' }, when: ({ method }) => method === 'PUT' && ++puts === 4, times: 1 });
      expect((await probeConditionalWrites(net.store())).ok).toBe(true);
    });
  });

  describe('giving up', () => {
    it('in the middle of a read, a write, a wait', async () => {
      const key = net.newKey();
      await net.direct().put(key, randomBytes(300_000));
      const calls: [Fault, (signal: AbortSignal) => Promise<unknown>][] = [
        [{ kind: 'stall', afterBytes: 1000 }, (signal) => net.store().get(key, { signal })],
        [{ kind: 'stall' }, (signal) => net.store().put(key, randomBytes(200_000), { signal })],
        [{ kind: 'stall' }, (signal) => net.store().head(key, { signal })],
        [{ kind: 'stall', afterBytes: 1000 }, async (signal) => collect(await net.store().stream(key, { signal }))],
        [{ kind: 'status', status: 503, headers: { 'retry-after': '3600' } }, (signal) => hopeful.get(key, { signal })],
      ];
      const hopeful = createS3ObjectStore(net.viaProxy({ retry: { attempts: 9, baseMs: 1, capMs: 3_600_000 } }));
      for (const [fault, call] of calls) {
        const stop = new AbortController();
        net.proxy().inject({ fault });
        const before = net.proxy().counts().struck;
        const running = outcome(call(stop.signal));
        while (net.proxy().counts().struck === before) await new Promise((resolve) => setTimeout(resolve, 5));
        stop.abort(new Error('enough'));
        expect(await running).toBe('CANCELLED');
        expect(net.proxy().clear()).toEqual([]);
      }
    });

    it('of an upload in parts, three on the way, leaves no upload behind', async () => {
      const key = net.newKey();
      const body = randomBytes(6 * MIN_PART_BYTES);
      const stop = new AbortController();
      const before = net.proxy().counts().struck;
      const onTheWay = (): number => net.proxy().counts().struck - before;
      net.proxy().inject({ fault: { kind: 'stall' }, when: ({ url }) => url.includes('partNumber=') });
      const patient = createS3ObjectStore(net.viaProxy({ timeouts: { idleMs: 60_000 } }));
      const running = outcome(patient.putFile(key, await net.fileOf(body), sha256(body), { signal: stop.signal }));
      while (onTheWay() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(onTheWay(), 'memory stays bounded').toBe(3);
      expect(await all(net.direct().unfinishedUploads(key))).toHaveLength(1);
      stop.abort();
      expect(await running).toBe('CANCELLED');
      expect(await all(net.direct().unfinishedUploads(key))).toEqual([]);
      expect(await net.direct().head(key)).toBeNull();
    });
  });
});
