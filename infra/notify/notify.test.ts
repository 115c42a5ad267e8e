import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NotifyConfig } from '../../contracts/notify-config.ts';
import type { NotifyMessage } from '../../contracts/notify-config.ts';
import { allowedHosts } from '../sources/url/address.ts';
import { createNotifier } from './notifier.ts';

interface Seen {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
let http: Server;
let url = '';
let seen: Seen[] = [];
/** What the server does with a request: a status, or silence. */
let answer: number | 'hang' | { redirect: string } = 200;
let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-notify-'));
  seen = [];
  answer = 200;
  http = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      seen.push({ headers: request.headers, body });
      if (answer === 'hang') return;
      if (typeof answer === 'number') response.writeHead(answer).end('whatever it says');
      else response.writeHead(302, { location: answer.redirect }).end();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/hook`;
});
afterEach(async () => {
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
  await rm(dir, { recursive: true });
});

const message: NotifyMessage = {
  ...{ kind: 'graft.notification/1', event: 'finished', runId: 'pets-1', pipeline: 'pets', model: 'pets', version: 3 },
  ...{ alias: 'champion', promoted: true, accuracy: 0.91234, reason: 'gate passed', requestedBy: 'ada' },
  at: '2026-01-01T00:00:00.000Z',
};
const SECRET = `whsec_${Buffer.from('a secret of some length').toString('base64')}`;

function deliver(
  target: object,
  env: Readonly<Record<string, string>> = {},
  allow: readonly string[] = ['127.0.0.1'],
): Promise<void> {
  const variables: Readonly<Record<string, string>> = { GRAFT_NOTIFY_SECRET: SECRET, ...env };
  const [parsed] = NotifyConfig.parse([target]);
  const notifier = createNotifier({
    allowed: allowedHosts(allow),
    variable: (name) => variables[name],
    nowMs: () => Date.now(),
    env: { PATH: process.env['PATH'] ?? '' },
  });
  return notifier.deliver(parsed!, message, 'msg_1', new AbortController().signal);
}

describe('a webhook', () => {
  it('is signed as the Standard Webhooks specification says: its own library verifies it', async () => {
    await deliver({ kind: 'webhook', url });
    const [{ headers, body } = { headers: {}, body: '' }] = seen;
    const verified = new Webhook(SECRET).verify(body, headers as Record<string, string>);
    expect(verified).toMatchObject({
      event: 'finished',
      runId: 'pets-1',
      text: expect.stringContaining('accuracy 0.9123'),
    });
    expect(() => new Webhook(SECRET).verify(`${body} `, headers as Record<string, string>)).toThrow();
  });

  it('that answers 5xx, or hangs, may be tried again; one that answers 4xx may not', async () => {
    answer = 500;
    await expect(deliver({ kind: 'webhook', url })).rejects.toMatchObject({ code: 'NOTIFY_FAILED', kind: 'transient' });
    answer = 'hang';
    await expect(deliver({ kind: 'webhook', url, timeoutSeconds: 0.2 })).rejects.toMatchObject({
      code: 'NOTIFY_FAILED',
      parts: { seen: 'no answer in time' },
    });
    answer = 404;
    await expect(deliver({ kind: 'webhook', url })).rejects.toMatchObject({ code: 'NOTIFY_REFUSED', kind: 'input' });
  });

  it('is not followed to another address', async () => {
    answer = { redirect: `${url}/elsewhere` };
    await expect(deliver({ kind: 'webhook', url })).rejects.toMatchObject({ code: 'NOTIFY_REFUSED' });
    expect(seen).toHaveLength(1);
  });

  it.each([
    ['a private address', 'https://10.0.0.1/x', 'URL_BLOCKED_ADDRESS'],
    ['the metadata of a cloud', 'https://169.254.169.254/latest', 'URL_BLOCKED_ADDRESS'],
    ['a name of a private address', 'https://localhost:1/x', 'URL_BLOCKED_ADDRESS'],
    ['a file', 'file:///etc/passwd', 'URL_BLOCKED'],
    ['a user name', 'https://user:password@example.org/', 'URL_BLOCKED'],
  ])('does not go to %s', async (_, to, code) => {
    await expect(deliver({ kind: 'webhook', url: to }, {}, [])).rejects.toMatchObject({ code, kind: 'input' });
  });

  it('shows no address that is a secret', async () => {
    const target = { kind: 'webhook', urlEnv: 'GRAFT_NOTIFY_URL' };
    const failure = deliver(target, { GRAFT_NOTIFY_URL: 'https://10.0.0.1/canary' }, []);
    await expect(failure).rejects.toThrow(/^URL_BLOCKED_ADDRESS: GRAFT_NOTIFY_URL/);
    await expect(failure).rejects.not.toThrow(/canary/);
    await expect(deliver(target)).rejects.toMatchObject({ code: 'NOTIFY_SECRET', kind: 'input' });
  });
});

describe('the others', () => {
  it('Slack gets a text', async () => {
    await deliver(
      { kind: 'slack', text: '{{model}} v{{ version }} by {{requestedBy}}' },
      { GRAFT_NOTIFY_SLACK_URL: url },
    );
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ text: 'pets v3 by ada' });
  });

  it('a program gets the message on its standard input, and its exit code is the answer', async () => {
    const program = join(dir, 'tell');
    await writeFile(program, `#!/bin/sh\ncat > ${dir}/got\nexit $(cat ${dir}/code)\n`);
    await chmod(program, 0o755);
    const env = { GRAFT_NOTIFY_COMMAND: program };
    await writeFile(join(dir, 'code'), '0');
    await deliver({ kind: 'command' }, env);
    expect(JSON.parse(await readFile(join(dir, 'got'), 'utf8'))).toMatchObject({ event: 'finished', version: 3 });
    await writeFile(join(dir, 'code'), '1');
    await expect(deliver({ kind: 'command' }, env)).rejects.toMatchObject({ code: 'NOTIFY_FAILED' });
    await writeFile(join(dir, 'code'), '64');
    await expect(deliver({ kind: 'command' }, env)).rejects.toMatchObject({ code: 'NOTIFY_REFUSED' });
    const relative = deliver({ kind: 'command' }, { GRAFT_NOTIFY_COMMAND: 'tell' });
    await expect(relative).rejects.toMatchObject({ code: 'NOTIFY_SECRET' });
  });

  it('a mail goes through the server, with a subject of one line', async () => {
    const mails: string[] = [];
    const smtp = new SMTPServer({
      authOptional: true,
      onRcptTo: ({ address }, _, done) => {
        const refusal = Object.assign(new Error('nobody of that name'), { responseCode: 550 });
        done(address.startsWith('nobody') ? refusal : null);
      },
      onData: (stream, _, done) => {
        let text = '';
        stream.on('data', (chunk) => (text += String(chunk)));
        stream.on('end', () => {
          mails.push(text);
          done();
        });
      },
    });
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    const { port } = smtp.server.address() as AddressInfo;
    const env = { GRAFT_NOTIFY_SMTP_URL: `smtp://127.0.0.1:${port}/?ignoreTLS=true` };
    const mail = { kind: 'email', from: 'graft@example.org', subject: '{{pipeline}}\n{{event}}' };
    await deliver({ ...mail, to: ['ada@example.org'] }, env);
    expect(mails[0]).toMatch(/^Subject: pets finished\r$/m);
    expect(mails[0]).toMatch(/accuracy 0\.9123/);
    const refused = deliver({ ...mail, to: ['nobody@example.org'] }, env);
    await expect(refused).rejects.toMatchObject({ code: 'NOTIFY_REFUSED' });
    await new Promise<void>((resolve) => smtp.close(() => resolve()));
    await expect(deliver({ ...mail, to: ['ada@example.org'] }, env)).rejects.toMatchObject({ code: 'NOTIFY_FAILED' });
  });
});

describe('a pipeline file', () => {
  it.each([
    [{ kind: 'webhook', url: 'https://example.org', urlEnv: 'GRAFT_NOTIFY_URL' }, /url or urlEnv/],
    [{ kind: 'webhook' }, /url or urlEnv/],
    [{ kind: 'webhook', url: 'https://example.org', secretEnv: 'AWS_SECRET_ACCESS_KEY' }, /GRAFT_NOTIFY_/],
    [{ kind: 'slack', text: 'hello {{modle}}' }, /\{\{modle\}\} is unknown/],
    [{ kind: 'email', to: ['nobody'], from: 'graft@example.org' }, /email/i],
  ])('%j is wrong', (target, why) => {
    expect(NotifyConfig.safeParse([target]).error?.message).toMatch(why);
  });
});
