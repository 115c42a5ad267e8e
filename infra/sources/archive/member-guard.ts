import { isContainedPath, isHiddenName } from '../../../core/dataset/names.ts';
import { inputError } from '../../../core/errors.ts';
import type { GraftError } from '../../../core/errors.ts';

/** Pictures don't compress; tables do tenfold. A hundredfold is a bomb. */
const MAX_RATIO = 100;
/** Below this nothing is a bomb: a small archive of empty label files is not. */
const FREE_BYTES = 16 * 2 ** 20;
const MAX_MEMBERS = 20_000_000;
/** Longest path of a member in UTF-16 units, and of a name in it in bytes: what file systems take. */
const MAX_PATH = 1024;
const MAX_NAME_BYTES = 255;

/** Judges the members of one archive before anything of them is written. Every refusal is of the whole archive. */
export class MemberGuard {
  private readonly where: string;
  private readonly packedBytes: number;
  private readonly seen = new Set<string>();
  private unpackedBytes = 0;

  constructor(where: string, packedBytes: number) {
    this.where = where;
    this.packedBytes = packedBytes;
  }

  /**
   * The relative path that a regular file goes to; null for what systems leave behind (`__MACOSX`). ARCHIVE_PATH for a name
   * that leads elsewhere, ARCHIVE_DUPLICATE for names equal but for case or Unicode form, which some disks can't tell apart.
   */
  place(name: string): string | null {
    const path = this.contained(name);
    if (path.split('/').some(isHiddenName)) return null;
    const folded = path.toLowerCase();
    if (this.seen.has(folded)) {
      throw this.refuse('ARCHIVE_DUPLICATE', `${path} twice, but for case or accents`, 'every name once');
    }
    this.seen.add(folded);
    if (this.seen.size <= MAX_MEMBERS) return path;
    throw this.refuse('ARCHIVE_SIZE', `more than ${MAX_MEMBERS} members`, 'fewer');
  }

  /** The path in form NFC; ARCHIVE_PATH. Folders need no more: they are made with the files in them. */
  contained(name: string): string {
    const path = name.replace(/^(?:\.\/)+/, '').normalize('NFC');
    const contained = isContainedPath(path) && !/\p{Cc}|\ufffd/u.test(path) && path.length <= MAX_PATH;
    if (!contained || path.split('/').some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
      const seen = `a member called ${JSON.stringify(name.slice(0, 120))}`;
      throw this.refuse('ARCHIVE_PATH', seen, 'names below the archive’s own folder');
    }
    return path;
  }

  /** Told of bytes before they are written: ARCHIVE_RATIO. */
  unpacked(bytes: number): void {
    this.unpackedBytes += bytes;
    if (this.unpackedBytes <= FREE_BYTES || this.unpackedBytes <= MAX_RATIO * this.packedBytes) return;
    const seen = `more than ${MAX_RATIO} times its ${this.packedBytes} bytes`;
    throw this.refuse('ARCHIVE_RATIO', seen, `at most ${MAX_RATIO}:1 above ${FREE_BYTES / 2 ** 20} MiB`);
  }

  link(name: string, kind: string): GraftError {
    return this.refuse('ARCHIVE_LINK', `${JSON.stringify(name.slice(0, 120))} is a ${kind}`, 'regular files');
  }

  corrupt(seen: string): GraftError {
    return this.refuse('ARCHIVE_CORRUPT', seen.slice(0, 200), 'a whole archive');
  }

  private refuse(code: string, seen: string, expected: string): GraftError {
    return inputError(code, this.where, seen, expected, 'unpack it yourself, look at it, and name the folder');
  }
}
