import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { ProtocolFault } from './faults.ts';

/*
 * The few documents of the S3 protocol that graft reads. Values stay text (minio-js turns the key `007` into the
 * number 7), and a document that does not fit is an error, not an empty list.
 */
const LISTS = new Set(['Contents', 'Upload']);
const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  ignoreAttributes: true,
  // Numeric entities too: servers in Go write a quote as &#34;.
  htmlEntities: true,
  isArray: (name) => LISTS.has(name),
});
const builder = new XMLBuilder({});

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedAt: Date;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly truncated: boolean;
}

export interface ListedUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly startedAt: Date;
}

export interface UploadPage {
  readonly uploads: readonly ListedUpload[];
  /** Where the next page starts; null on the last. */
  readonly next: { readonly keyMarker: string; readonly uploadIdMarker: string } | null;
}

/** Code and message of an error document; empty where it is none (a proxy's HTML, nothing at all). */
export function parseErrorBody(text: string): { code: string; message: string } {
  try {
    const root = child(parser.parse(text), 'Error');
    return { code: textOf(root, 'Code'), message: textOf(root, 'Message').slice(0, 300) };
  } catch {
    return { code: '', message: '' };
  }
}

/** A page of ListObjectsV2 asked for with `encoding-type=url`. */
export function parseList(text: string): ListPage {
  const root = need(text, 'ListBucketResult');
  const decode = keyDecoder(root);
  return {
    objects: listOf(root, 'Contents').map((item) => ({
      key: decode(textOf(item, 'Key')),
      sizeBytes: Number(textOf(item, 'Size')),
      etag: unquote(textOf(item, 'ETag')),
      modifiedAt: new Date(textOf(item, 'LastModified')),
    })),
    truncated: textOf(root, 'IsTruncated') === 'true',
  };
}

/** A page of ListMultipartUploads asked for with `encoding-type=url`. */
export function parseUploads(text: string): UploadPage {
  const root = need(text, 'ListMultipartUploadsResult');
  const decode = keyDecoder(root);
  return {
    uploads: listOf(root, 'Upload').map((item) => ({
      key: decode(textOf(item, 'Key')),
      uploadId: textOf(item, 'UploadId'),
      startedAt: new Date(textOf(item, 'Initiated')),
    })),
    next:
      textOf(root, 'IsTruncated') === 'true'
        ? { keyMarker: decode(textOf(root, 'NextKeyMarker')), uploadIdMarker: textOf(root, 'NextUploadIdMarker') }
        : null,
  };
}

export function parseUploadId(text: string): string {
  const id = textOf(need(text, 'InitiateMultipartUploadResult'), 'UploadId');
  if (id === '') throw new ProtocolFault('the answer has no UploadId');
  return id;
}

export function completeBody(etags: readonly string[]): string {
  const parts = etags.map((etag, index) => ({ PartNumber: index + 1, ETag: `"${etag}"` }));
  return builder.build({ CompleteMultipartUpload: { Part: parts } });
}

export function createBucketBody(region: string): string {
  return builder.build({ CreateBucketConfiguration: { LocationConstraint: region } });
}

export const unquote = (etag: string): string => etag.replace(/^(W\/)?"|"$/g, '');

/** Servers say in the answer whether they honoured `encoding-type=url`; AWS encodes a space as +. */
function keyDecoder(root: unknown): (key: string) => string {
  if (textOf(root, 'EncodingType') !== 'url') return (key) => key;
  return (key) => decodeURIComponent(key.replaceAll('+', ' '));
}

function need(text: string, name: string): unknown {
  let root: unknown;
  try {
    root = child(parser.parse(text), name);
  } catch (error) {
    throw new ProtocolFault(`the answer is not XML: ${JSON.stringify(text.slice(0, 80))}`, error);
  }
  if (root === undefined) throw new ProtocolFault(`the answer is not a ${name}: ${JSON.stringify(text.slice(0, 80))}`);
  return root;
}

function child(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null && Object.hasOwn(node, name) ? Reflect.get(node, name) : undefined;
}

function textOf(node: unknown, name: string): string {
  const value = child(node, name);
  return typeof value === 'string' ? value : '';
}

function listOf(node: unknown, name: string): readonly unknown[] {
  const value = child(node, name);
  return Array.isArray(value) ? value : [];
}
