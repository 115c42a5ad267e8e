import { describe, expect, it } from 'vitest';
import { asRunId } from '../../core/ids.ts';
import { approvalLink, approvalToken, readApprovalToken } from './link.ts';

const SECRET = 'a secret of the workers';
const claim = { runId: asRunId('pets-1'), round: 1, by: 'anna@clinic.org', expires: 2_000 };

describe('an approval link', () => {
  it('says which run, which comparison and in whose name', () => {
    const link = approvalLink('https://graft.example/', approvalToken(claim, SECRET));
    expect(link).toMatch(/^https:\/\/graft\.example\/approvals\/[\w-]+\.[\w-]+$/);
    expect(readApprovalToken(link, SECRET, 1_000_000)).toEqual(claim);
  });

  it('ends', () => {
    expect(() => readApprovalToken(approvalToken(claim, SECRET), SECRET, 2_000_000)).toThrow(/^LINK_EXPIRED/);
  });

  it('is refused where one character of it was changed', () => {
    const token = approvalToken(claim, SECRET);
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      // The last character of base64url may hold bits that say nothing.
      if (
        Buffer.from(changed.split('.')[1] ?? '', 'base64url').equals(
          Buffer.from(token.split('.')[1] ?? '', 'base64url'),
        )
      )
        if (changed.split('.')[0] === token.split('.')[0]) continue;
      expect(() => readApprovalToken(changed, SECRET, 0)).toThrow(/^LINK_INVALID/);
    }
  });

  it.each(['', '.', 'abc', 'https://graft.example/approvals/', `${approvalToken(claim, SECRET)}.x`, 'ééé.ééé'])(
    'is no link: %j',
    (text) => {
      expect(() => readApprovalToken(text, SECRET, 0)).toThrow(/^LINK_INVALID/);
    },
  );

  it('is refused under another secret, and without one', () => {
    const token = approvalToken(claim, SECRET);
    expect(() => readApprovalToken(token, 'another secret of workers', 0)).toThrow(/^LINK_INVALID/);
    expect(() => readApprovalToken(token, '', 0)).toThrow(/^NOTIFY_SECRET: .*unset/);
    expect(() => approvalToken(claim, 'short')).toThrow(/^NOTIFY_SECRET: .*too short/);
  });
});
