import { describe, expect, it } from 'vitest';
import { completeBody, createBucketBody, parseErrorBody, parseList, parseUploadId, parseUploads } from './xml.ts';

const listing = (contents: string, encoding = '<EncodingType>url</EncodingType>'): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${encoding}` +
  `<IsTruncated>true</IsTruncated>${contents}</ListBucketResult>`;
const item = (key: string): string =>
  `<Contents><Key>${key}</Key><LastModified>2026-11-24T02:25:09.000Z</LastModified>` +
  `<ETag>&#34;0123&#34;</ETag><Size>12</Size><Owner><ID>7</ID></Owner></Contents>`;

describe('parseList', () => {
  it('keeps keys that look like numbers as text', () => {
    const keys = parseList(listing(item('007') + item('0x10') + item('1e3'))).objects.map((object) => object.key);
    expect(keys).toEqual(['007', '0x10', '1e3']);
  });

  it('reads one object, its size, tag and time', () => {
    const page = parseList(listing(item('a%2Fb')));
    expect(page.truncated).toBe(true);
    expect(page.objects).toEqual([
      { key: 'a/b', sizeBytes: 12, etag: '0123', modifiedAt: new Date('2026-11-24T02:25:09Z') },
    ]);
  });

  it('decodes percent and plus only where the server says that it encoded', () => {
    const key = 'a+b%2Bc&amp;d';
    expect(parseList(listing(item(key))).objects[0]?.key).toBe('a b+c&d');
    expect(parseList(listing(item(key), '')).objects[0]?.key).toBe('a+b%2Bc&d');
  });

  it('is empty without contents, and refuses what is no listing', () => {
    expect(parseList(listing('')).objects).toEqual([]);
    for (const text of ['', '<html><body>Welcome</body></html>', 'not xml <<']) {
      expect(() => parseList(text)).toThrow(/the answer is not/);
    }
  });
});

describe('the other documents', () => {
  it('reads error codes, and none from what is not an error document', () => {
    const body = '<Error><Code>SlowDown</Code><Message>wait</Message><Key>007</Key></Error>';
    expect(parseErrorBody(body)).toEqual({ code: 'SlowDown', message: 'wait' });
    for (const text of ['', '<html>502</html>', '{"Code":"x"}', '<Error>']) {
      expect(parseErrorBody(text).code).toBe('');
    }
  });

  it('reads pages of uploads', () => {
    const upload =
      '<Upload><Key>x%20y</Key><UploadId>12</UploadId><Initiated>2026-01-02T03:04:05Z</Initiated></Upload>';
    const text = (tail: string): string =>
      `<ListMultipartUploadsResult><EncodingType>url</EncodingType>${upload}${tail}</ListMultipartUploadsResult>`;
    const last = parseUploads(text('<IsTruncated>false</IsTruncated>'));
    expect(last.uploads).toEqual([{ key: 'x y', uploadId: '12', startedAt: new Date('2026-01-02T03:04:05Z') }]);
    expect(last.next).toBeNull();
    const more = text(
      '<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>9</NextUploadIdMarker>',
    );
    expect(parseUploads(more).next).toEqual({ keyMarker: 'k', uploadIdMarker: '9' });
  });

  it('keeps an upload id of digits as text, and asks for one', () => {
    const text = (id: string): string =>
      `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
    expect(parseUploadId(text('0012'))).toBe('0012');
    expect(() => parseUploadId(text(''))).toThrow(/no UploadId/);
  });

  it('writes bodies that the protocol knows', () => {
    expect(completeBody(['a', 'b'])).toBe(
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>' +
        '<Part><PartNumber>2</PartNumber><ETag>&quot;b&quot;</ETag></Part></CompleteMultipartUpload>',
    );
    expect(createBucketBody('eu-west-1')).toContain('<LocationConstraint>eu-west-1</LocationConstraint>');
  });
});
