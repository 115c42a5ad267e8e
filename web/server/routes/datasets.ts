import {
  Dataset,
  DatasetDiffQuery,
  DatasetDiffView,
  DatasetItems,
  DatasetItemsQuery,
  Datasets,
} from '../../../contracts/web.ts';
import type { DatasetItemRow } from '../../../contracts/web.ts';
import type { DatasetItem, DatasetManifest } from '../../../contracts/manifests.ts';
import { diffItems } from '../../../core/dataset/diff.ts';
import type { Context } from '../context.ts';
import { datasetView, listDatasets, readItems, requireDataset } from '../read/datasets.ts';
import { lately } from '../read/lately.ts';
import { pageOf } from '../read/paging.ts';
import { StageIndex } from '../read/stage-index.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

interface Whole {
  readonly manifest: DatasetManifest;
  readonly items: readonly DatasetItem[];
}

const MAX_PATHS = 500;

export function datasetRoutes({ backend: { store } }: Context): Route[] {
  const stages = new StageIndex(store);
  const wholes = lately<Whole>(3);
  const wholeOf = ({ name = '', version = '' }: Readonly<Record<string, string>>): Promise<Whole> =>
    wholes(`${name}/${version}`, async () => {
      const manifest = await requireDataset(store, name, version);
      return { manifest, items: await readItems(store, manifest) };
    });
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/datasets',
      summary: 'Data sets that runs have read, with their versions.',
      answer: Datasets,
      handle: async () => {
        const found = [...(await listDatasets(store))].sort(([a], [b]) => (a < b ? -1 : 1));
        return { datasets: found.map(([name, versions]) => ({ name, versions })) };
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/datasets/:name/:version',
      summary: 'Classes, sizes, quarantine, duplicates and split of a version.',
      answer: Dataset,
      handle: async ({ params }) => {
        const { manifest, items } = await wholeOf(params);
        return datasetView(store, stages, manifest, items);
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/datasets/:name/:version/items',
      summary: 'Its pictures, by path.',
      query: DatasetItemsQuery,
      answer: DatasetItems,
      handle: async ({ params, query: { label, search = '', cursor, limit } }) => {
        const { items } = await wholeOf(params);
        const wanted = items.filter((item) => isLabelled(item, label) && item.path.includes(search));
        const { part, ...rest } = pageOf(wanted, cursor, limit);
        return { items: part.map(itemRow), ...rest };
      },
    }),
    diffRoute(wholeOf),
  ];
}

function diffRoute(wholeOf: (params: Readonly<Record<string, string>>) => Promise<Whole>): Route {
  return route({
    ...noInput,
    method: 'GET',
    path: '/api/datasets/:name/:version/diff',
    summary: 'What changed since another version.',
    query: DatasetDiffQuery,
    answer: DatasetDiffView,
    handle: async ({ params, query: { from } }) => {
      const [before, after] = [await wholeOf({ ...params, version: from }), await wholeOf(params)];
      const { same, classes, ...lists } = diffItems(before.items, after.items);
      const listed = (paths: readonly string[]) => ({ total: paths.length, paths: paths.slice(0, MAX_PATHS) });
      return {
        ...{ from, to: after.manifest.version, same, classes: classes.map((each) => ({ ...each })) },
        ...{ added: listed(lists.added), removed: listed(lists.removed), moved: listed(lists.moved) },
        ...{ changed: listed(lists.changed), relabelled: listed(lists.relabelled) },
      };
    },
  });
}

const isLabelled = ({ label, labels = [], boxes = [] }: DatasetItem, wanted: string | undefined): boolean =>
  wanted === undefined || label === wanted || labels.includes(wanted) || boxes.some((box) => box.label === wanted);

function itemRow({ path, label, sha256, width, height, sizeBytes, boxes }: DatasetItem): DatasetItemRow {
  return { path, label, sha256, width, height, sizeBytes, boxes: boxes ?? null };
}
