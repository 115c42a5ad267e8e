import { readdir, symlink, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errnoOf, inputError } from '../../core/errors.ts';
import { LIBRARY_FOLDER } from './addon.ts';
import type { Placement } from './archives.ts';
import { makeFolder, sizeOf } from './files.ts';

/** A library is known by its shared-object name: the linker writes that one into the addon. */
const CORE = /^libtensorflow(_cc)?\.(so\.2|2\.dylib)$/;
const FRAMEWORK = /^libtensorflow_framework\.(so\.2|2\.dylib)$/;
/** All that the binding includes, out of the 13,000 headers of a wheel. */
const HEADERS = /^(tensorflow\/c\/|(tensorflow\/core|tsl)\/platform\/ctstring|(xla\/)?tsl\/c\/).*\.h$/;

/** The members of the Python wheel that are needed. */
export const wheelPlacement: Placement = (member) => {
  const inside = /^tensorflow\/(.*)$/.exec(member)?.[1];
  if (inside === undefined) return null;
  if (CORE.test(inside) || FRAMEWORK.test(inside)) return join(LIBRARY_FOLDER, inside);
  const header = /^include\/(.*)$/.exec(inside)?.[1];
  return header !== undefined && HEADERS.test(header) ? inside : null;
};

/** The members of the official archive that are needed; `libtensorflow.so.2.18.0` becomes `libtensorflow.so.2`. */
export const archivePlacement: Placement = (member) => {
  if (member.startsWith('include/') && member.endsWith('.h')) return member;
  const library = /^lib\/(libtensorflow(?:_framework)?)\.(?:(so\.2)\.[\d.]+|(2)\.[\d.]+\.(dylib))$/.exec(member);
  if (library === null) return null;
  return join(LIBRARY_FOLDER, `${library[1] ?? ''}.${library[2] ?? '2.dylib'}`);
};

/** The two libraries among the files of a folder: their base names, or null when one is missing. */
export async function findLibraries(folder: string): Promise<{ core: string; framework: string } | null> {
  const names = await readdir(folder).catch(() => []);
  const core = names.find((name) => CORE.test(name));
  const framework = names.find((name) => FRAMEWORK.test(name));
  return core === undefined || framework === undefined ? null : { core, framework };
}

/** Gives the libraries of `<dir>/deps/lib` the names that `-ltensorflow` looks for. */
export async function linkLibraries(dir: string): Promise<void> {
  const folder = join(dir, LIBRARY_FOLDER);
  const found = await findLibraries(folder);
  if (found === null) throw librariesMissing(folder);
  await link(join(folder, found.core), join(folder, plainName(found.core.replace('_cc', ''))));
  await link(join(folder, found.framework), join(folder, plainName(found.framework)));
}

function plainName(name: string): string {
  return name.replace('.so.2', '.so').replace('.2.dylib', '.dylib');
}

async function link(target: string, path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
  await symlink(basename(target), path);
}

/** Where a folder that a person names keeps its libraries and headers; null when it holds none. */
export async function findInFolder(dir: string): Promise<{ libraries: string; headers: string } | null> {
  for (const inside of ['.', 'deps/lib', 'lib', 'tensorflow']) {
    const libraries = join(dir, inside);
    if ((await findLibraries(libraries)) === null) continue;
    for (const include of ['include', '../include', '../../include']) {
      const headers = join(libraries, include);
      if ((await sizeOf(join(headers, 'tensorflow/c/c_api.h'))) !== null) return { libraries, headers };
    }
  }
  return null;
}

/** `<dir>/deps/lib` made of links into a folder that holds the libraries. */
export async function borrowLibraries(dir: string, folder: string): Promise<void> {
  const found = await findLibraries(folder);
  if (found === null) throw librariesMissing(folder);
  const own = join(dir, LIBRARY_FOLDER);
  await makeFolder(own);
  for (const name of [found.core, found.framework]) {
    await unlink(join(own, name)).catch(() => undefined);
    await symlink(join(folder, name), join(own, name));
  }
  await linkLibraries(dir);
}

function librariesMissing(folder: string): Error {
  return inputError(
    'TENSORFLOW_DIR',
    folder,
    'no TensorFlow libraries',
    'libtensorflow_cc.so.2 or libtensorflow.so.2, with libtensorflow_framework.so.2',
    'point GRAFT_TENSORFLOW_DIR to site-packages/tensorflow or an unpacked libtensorflow archive',
  );
}
